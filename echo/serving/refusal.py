"""The answer to a request that goes no further than its connection, in bytes."""

import uuid
from collections.abc import Iterable

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from echo.error_bodies import render
from echo.errors import ApiError
from echo.http.edge import SECURITY_HEADERS

log = structlog.get_logger("echo.access")

MOST_LOGGED = 200


def refusal(
    error: ApiError, *, url: bytes, client: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """A complete response that ends its connection, with the body and headers of every error; it is logged.

    `url` is what is known of the request's, `headers` are the server's own.
    """
    path = url.partition(b"?")[0].decode("latin-1")
    request_id = uuid.uuid4().hex
    log.info(
        "request",
        request_id=request_id,
        path=path[:MOST_LOGGED],
        status=error.status,
        code=error.code,
        client=client[0] if client else None,
    )
    rendered = render(error, request_id=request_id, path=path)
    own = {
        **SECURITY_HEADERS,
        **rendered.headers,
        "X-Request-Id": request_id,
        "Content-Length": str(len(rendered.body)),
        "Connection": "close",
    }
    lines = [*headers, *((name.lower().encode(), value.encode("latin-1")) for name, value in own.items())]
    head = b"".join(b"%b: %b\r\n" % line for line in lines)
    return b"%b%b\r\n%b" % (STATUS_LINE[error.status], head, rendered.body)
