"use strict";

// Relative addresses: the page also works behind a proxy that serves Echo under a path of its own.
window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    urls: [
      { url: "openapi.json", name: "Echo" },
      { url: "openapi.librechat.json", name: "LibreChat" },
    ],
    dom_id: "#swagger-ui",
    deepLinking: true,
    persistAuthorization: false,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    layout: "StandaloneLayout",
    // Swagger's public validator is another server; it shall learn nothing of this one.
    validatorUrl: null,
  });
});
