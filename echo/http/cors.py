"""Cross-origin requests: Starlette's middleware, with refusals in the one error body."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from echo.error_bodies import render
from echo.errors import BadRequest

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EXPOSED_HEADERS = ("X-Request-Id", "Retry-After", "Content-Disposition")
PRIVATE_NETWORK = "access-control-allow-private-network"
MAX_AGE_SECONDS = 600


class Cors(CORSMiddleware):
    """CORS for the configured origins; credentials (cookies) only where origins are named one by one.

    So is Private Network Access (https://wicg.github.io/private-network-access/), by which a page of the public web
    reaches a server on the visitor's own machine or network: for named origins only. Where all are allowed, the
    preflight is answered without that permission, and a browser that insists on it goes no further.
    """

    def __init__(self, app: ASGIApp, *, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=("*",),
            allow_credentials="*" not in origins,
            allow_private_network=True,
            expose_headers=EXPOSED_HEADERS,
            max_age=MAX_AGE_SECONDS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight request."""
        response = super().preflight_response(request_headers)
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        if response.status_code >= 400 or self.allow_all_origins:
            headers.pop(PRIVATE_NETWORK, None)
        if response.status_code < 400:
            return Response(status_code=204, headers=headers)
        refusal = render(BadRequest("This origin or method is not allowed.", code="cors_refused"))
        return Response(refusal.body, refusal.status, {**headers, **refusal.headers})
