"use strict";

// Relative addresses: the page also works behind a proxy that serves Echo under a path of its own.
window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    persistAuthorization: false,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    layout: "BaseLayout",
    // Swagger's public validator is another server; it shall learn nothing of this one.
    validatorUrl: null,
  });
});
