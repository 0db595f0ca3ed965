"""Answers to HTTP/1.0, which knows no chunks.

Uvicorn sends whatever has no `Content-Length` (event streams, exports) in chunks, whichever version was asked in.
RFC 9112 forbids that (section 6.1): to HTTP/1.0 such a body ends with the connection (section 6.3). So speak nginx to
what is behind it, unless it is told otherwise, ApacheBench and many small clients.
"""

import socket
import struct
from typing import Any

from starlette.types import Message
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

# Closing resets the connection (SO_LINGER of nothing, see socket(7)).
RESET = struct.pack("ii", 1, 0)


class ResponseCycle(RequestResponseCycle):
    """Uvicorn's cycle of a request and its response, with the end of the connection as that of an HTTP/1.0 body."""

    _ends_with_connection = False

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """Send one message of the application."""
        if message["type"] == "http.response.start":
            if self.scope["http_version"] < "1.1" and not has_length(message):
                self._ends_with_connection = True
                self.chunked_encoding = False
        elif self._ends_with_connection:
            # Whatever comes is as long as it should be.
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)  # type: ignore[arg-type]

    async def run_asgi(self, app: Any) -> None:
        """Run the application; a body that breaks off ends in a reset, or it would look like a whole one."""
        await super().run_asgi(app)
        if self._ends_with_connection and not self.response_complete and not self.disconnected:
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()


def has_length(start: Message) -> bool:
    """Whether a response says how long its body is."""
    return any(name.lower() == b"content-length" for name, _ in start.get("headers", ()))


def answer_http10() -> None:
    """Let uvicorn's protocol use this cycle: it has no parameter for it, and looks it up by this name."""
    httptools_impl.RequestResponseCycle = ResponseCycle  # type: ignore[misc]
