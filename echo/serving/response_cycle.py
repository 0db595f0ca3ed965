"""How answers are written: a short one at once, and to HTTP/1.0, which knows no chunks, as that has it.

Uvicorn writes the head of an answer and its body by two system calls. Its event loop sends each at once, so that they
travel in two packets, and a client that waits for the answer wakes twice.

Uvicorn sends whatever has no `Content-Length` (event streams, exports) in chunks, whichever version was asked in.
RFC 9112 forbids that (section 6.1): to HTTP/1.0 such a body ends with the connection (section 6.3). So speak nginx to
what is behind it, unless it is told otherwise, ApacheBench and many small clients.
"""

import asyncio
import socket
import struct
from typing import Any

from starlette.types import Message
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

# A longer body is not copied behind its head.
MOST_JOINED_BYTES = 64 * 1024
# Closing resets the connection (SO_LINGER of nothing, see socket(7)).
RESET = struct.pack("ii", 1, 0)


class Kept:
    """In the place of a transport: keeps what is written."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, content: bytes) -> None:
        """Keep it."""
        self.content += content


class HeadFirst:
    """The transport of a cycle until something is written, which goes behind the head."""

    def __init__(self, cycle: RequestResponseCycle, head: bytes) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head = head
        self._alone = asyncio.get_running_loop().call_soon(self.flush)

    def write(self, content: bytes) -> None:
        """Write the head and this; from now on the transport is the connection's own."""
        self._alone.cancel()
        self._cycle.transport = self._transport
        if len(content) <= MOST_JOINED_BYTES:
            self._transport.write(self._head + content)
            return
        self._transport.write(self._head)
        self._transport.write(content)

    def flush(self) -> None:
        """Write the head alone: its body comes later."""
        if not self._transport.is_closing():
            self.write(b"")

    def close(self) -> None:
        """Close the connection behind the head."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class ResponseCycle(RequestResponseCycle):
    """Uvicorn's cycle of a request and its response.

    A head goes with the first of its body where that comes at once. The end of the connection is that of an HTTP/1.0
    body.
    """

    _ends_with_connection = False

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """Send one message of the application."""
        if message["type"] == "http.response.start":
            if self.scope["http_version"] < "1.1" and not has_length(message):
                self._ends_with_connection = True
                self.chunked_encoding = False
            # An answer to HEAD has nothing behind its head.
            if self.scope["method"] != "HEAD":
                await self._keep_head(message)
                return
        elif self._ends_with_connection:
            # Whatever comes is as long as it should be.
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)  # type: ignore[arg-type]

    async def _keep_head(self, start: Message) -> None:
        # Waited for here: nothing else may come between while the transport is another.
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        transport, kept = self.transport, Kept()
        self.transport = kept  # type: ignore[assignment]
        try:
            await super().send(start)  # type: ignore[arg-type]
        finally:
            self.transport = transport
        if kept.content:
            self.transport = HeadFirst(self, kept.content)  # type: ignore[assignment]

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


def use_response_cycle() -> None:
    """Let uvicorn's protocol use this cycle: it has no parameter for it, and looks it up by this name."""
    httptools_impl.RequestResponseCycle = ResponseCycle  # type: ignore[misc]
