"""HTTP/1.1 connections with limits: uvicorn's protocol over httptools, which sets none.

The parser calls `on_...` for what it has read; here bytes and time are counted beside that, and a request that is
over a limit is refused with the error body of every other error, after the answers to those before it.
"""

import asyncio
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from echo.errors import (
    ApiError,
    BadRequest,
    HeadersTooLarge,
    RequestTimeout,
    ServiceUnavailable,
    UriTooLong,
)
from echo.serving.config import ServerConfig
from echo.serving.head import head_error, without_upgrade
from echo.serving.refusal import refusal
from echo.serving.taking import Taking, reset

# The parser gets no more at a time, so that what it has not handed on yet stays small. Far above an ordinary request.
PIECE = 16 * 1024
# Of requests that a client sends before the one under way is answered, so many wait. RFC 9112, section 9.3.2: it must
# be ready to send them again where the connection ends before.
MOST_QUEUED = 16
# For each byte of a chunked body, the most that its frame takes: a chunk of one byte has a size of up to 16 digits,
# and four bytes of line ends.
FRAME = 24
# A client that still sends when it is refused gets so long to read why.
LINGER_SECONDS = 2.0


class Reading(Enum):
    """What of a request is being read."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class Full(Exception):
    """Raised in a callback to stop the parser: what comes is not read any more."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    config: ServerConfig

    def __init__(self, config: ServerConfig, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._limits = config.limits
        self._crowd = config.crowd
        self._reading = Reading.NOTHING
        self.url = b""
        # The request that the application answers, or answered last; `cycle` is the one that came last.
        self._running: RequestResponseCycle | None = None
        self._deaf, self._upgrading = False, False
        self._refusal: ApiError | None = None
        # Bytes: of this request beside its body, of its body, and of the piece that the parser has.
        self._beside, self._body, self._piece = 0, 0, 0
        # Times: since when it is read, of the last byte, of the last look, of the end after a refusal.
        self._since = self._heard = self._looked = self.loop.time()
        self._leaves: float | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit it, or say that there are too many."""
        super().connection_made(transport)
        self._taking = Taking(transport)
        if self._crowd.admit(self, self.client[0] if self.client else "", self.loop):
            return
        if self._crowd.overrun:
            transport.abort()
            return
        self.refuse(
            ServiceUnavailable("There are too many connections at the moment.", code="too_many_connections")
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever answers; uvicorn tells only the request that came last."""
        self._crowd.leave(self)
        self._abandon(self._running)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Have it parsed, in pieces."""
        self._unset_keepalive_if_required()
        if self._deaf:
            return
        self._heard = self.loop.time()
        if len(data) <= PIECE:
            self._feed(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), PIECE):
            self._feed(view[start : start + PIECE])
            if self._deaf:
                return

    def _feed(self, piece: bytes | memoryview) -> None:
        self._piece = len(piece)
        self._beside += self._piece
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_without_upgrade(piece[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self.refuse(BadRequest("This is not HTTP/1.1 as it should be.", code="malformed_request"))
            return
        if self._beside > self._limits.header_bytes:
            self._check_beside()

    def _check_beside(self) -> None:
        """Refuse what is too large before it is complete; a piece may count for two requests."""
        limits = self._limits
        if self._reading is Reading.BODY:
            if self._beside > limits.header_bytes + PIECE + FRAME * self._body:
                self.refuse(HeadersTooLarge())
        elif len(self.url) > limits.url_bytes:
            self.refuse(UriTooLong())
        elif self._beside > limits.url_bytes + limits.header_bytes + PIECE:
            self.refuse(HeadersTooLarge())

    def _read_without_upgrade(self, rest: bytes | memoryview) -> None:
        """Read a request that asks for another protocol as if it did not, which is allowed (RFC 9110, section 7.8).

        The parser stops at its head, and takes its body for the other protocol. So another one reads the head,
        without that header, and the body. To read on behind the head would make a request of a body.
        """
        parser = self.parser
        head = without_upgrade(parser.get_method(), self.url, parser.get_http_version(), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._beside, self._upgrading = 0, False
        self._feed(head)
        if rest and not self._deaf:
            self._feed(rest)

    # What the parser finds

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._reading, self._since, self._beside = Reading.HEAD, self._heard, self._piece

    def on_headers_complete(self) -> None:
        """A request can be answered, if its head is within the limits, and not too many wait."""
        if self._deaf:
            raise Full
        if error := head_error(self.url, self.headers, self._beside, self._limits):
            self.refuse(error)
            raise Full
        if len(self.pipeline) >= MOST_QUEUED:
            self.pipeline[0][0].keep_alive = False
            self._deaf = True
            raise Full
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._upgrading = True
            return
        super().on_headers_complete()
        # What comes after a body must not pass for what came before it (RFC 9110, section 6.5.1).
        self.headers = []
        self._reading, self._since, self._beside, self._body = Reading.BODY, self._heard, self._piece, 0

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._beside -= len(body)
        self._body += len(body)
        super().on_body(body)
        if self.cycle.response_complete and self._body > self.config.largest_body:
            # Read on for a client that reads the answer only afterwards; but no operation takes as much.
            self.transport.close()

    def on_message_complete(self) -> None:
        """A request was read."""
        if self._upgrading:
            return
        super().on_message_complete()
        self._reading, self._beside = Reading.NOTHING, 0

    # Answers and refusals

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    @property
    def _answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def on_response_complete(self) -> None:
        """An answer is out: the next request, or a refusal that waited for it."""
        super().on_response_complete()
        self._since = self._heard = self.loop.time()
        if self._refusal is not None and not self._answering:
            self._send_refusal(self._refusal)

    def refuse(self, error: ApiError) -> None:
        """Read nothing more, answer what came before, then with the error, and end the connection."""
        if self._deaf:
            return
        self._deaf, self._refusal = True, error
        # The request that is refused, where the application has it already.
        refused = self.cycle if self._reading is Reading.BODY else None
        if refused is not None and refused.response_started:
            # A second status line would pass for a part of the answer.
            self.transport.close()
        elif refused is not None and refused is self._running:
            self._abandon(refused)
            self._send_refusal(error)
        elif not self._answering:
            self._send_refusal(error)
        elif refused is not None:
            self.pipeline.popleft()

    def _abandon(self, cycle: RequestResponseCycle | None) -> None:
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _send_refusal(self, error: ApiError) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(
            refusal(error, url=self.url, client=self.client, headers=self.server_state.default_headers)
        )
        self.transport.write_eof()
        self.flow.resume_reading()
        self._leaves = self.loop.time() + LINGER_SECONDS

    # Time

    def look(self, now: float) -> None:
        """End the connection if the client takes too long over something."""
        passed, self._looked = now - self._looked, now
        if self._takes_nothing(now) or (self._leaves is not None and now > self._leaves):
            reset(self.transport)
        elif self._deaf or self.transport.is_closing():
            return
        elif self._reading is Reading.BODY and self.cycle is self._running:
            self._look_at_body(now, passed)
        elif not self._answering and self.timeout_keep_alive_task is None:
            self._look_at_head(now)

    def _takes_nothing(self, now: float) -> bool:
        """Whether what was sent waits for nothing but the client, and has been waiting too long."""
        waiting = self.flow.write_paused or self.transport.is_closing() or not self._answering
        if waiting and self.transport.get_write_buffer_size():
            return self._taking.stopped_for(now) > self._limits.reading_seconds
        self._taking.unasked()
        return False

    def _look_at_head(self, now: float) -> None:
        if now - self._since <= self._limits.header_seconds:
            return
        if self._reading is Reading.HEAD:
            self.refuse(RequestTimeout())
        else:
            # Nothing was asked, so nothing is answered: a browser would take that for the answer to its next request.
            self.transport.close()

    def _look_at_body(self, now: float, passed: float) -> None:
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            # It is the server that is waited for.
            self._since, self._heard = self._since + passed, now
            return
        late = now - self._since > self._limits.body_seconds + self._body / self._limits.body_rate
        if late or now - self._heard > self._limits.pause_seconds:
            self.refuse(RequestTimeout())
