"""Stands between a client and a server, changes nothing, and says how both depart from a document."""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from echo.testing.departures import Departures
from echo.testing.operations import Operation
from echo.testing.references import Json

# Of one connection alone (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
SECONDS = 600
ENDING_SECONDS = 3
PIECE_BYTES = 64 * 1024
LINE_BYTES = 8 * 1024
# What is longer is passed on, and its body is not looked at.
HELD_BYTES = 16 * 1024 * 1024


class ProxyServer(ThreadingHTTPServer):
    """Passes on to `to`; `tell` gets each departure when it is found, with its operation."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], to: str, document: Json, tell: Callable[[str, str], None]
    ) -> None:
        super().__init__(address, ProxyHandler)
        self.to = urlsplit(to.rstrip("/"))
        self.departures = Departures(document)
        self.found: Counter[tuple[str, str]] = Counter()
        self.requests = 0
        self._tell = tell
        self._change = threading.Condition()
        self._under_way = 0

    def note(self, operation: str, departures: Iterator[str]) -> None:
        """Count what was found in one exchange, and tell of it, of what all events have in common once."""
        told = set[str]()
        for each in departures:
            with self._change:
                self.found[operation, each] += 1
            if each not in told:
                told.add(each)
                self._tell(operation, each)

    @contextmanager
    def exchange(self) -> Iterator[None]:
        """One exchange, which is over once it has been looked at."""
        with self._change:
            self.requests += 1
            self._under_way += 1
        try:
            yield
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()

    def server_close(self) -> None:
        """Stop listening, and wait for a moment for what is still being looked at; streams may go on for ever."""
        super().server_close()
        with self._change:
            self._change.wait_for(lambda: not self._under_way, ENDING_SECONDS)

    def connect(self) -> http.client.HTTPConnection:
        """A new connection to the server."""
        secure = self.to.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(str(self.to.hostname), self.to.port, timeout=SECONDS)


class ProxyHandler(BaseHTTPRequestHandler):
    """One exchange: passed on as it comes, looked at when it is over."""

    protocol_version = "HTTP/1.1"
    server: ProxyServer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._pass_on
        raise AttributeError(name)

    def _pass_on(self) -> None:
        with self.server.exchange():
            self._exchange()

    def _exchange(self) -> None:
        try:
            body = self._received()
        except ValueError:
            self.close_connection = True
            self.send_error(400, "The body has no length, and no chunks as HTTP/1.1 has them")
            return
        connection = self.server.connect()
        try:
            if answer := self._asked(connection, body):
                self._look(body, answer, self._send(answer))
        except (OSError, http.client.HTTPException):
            # Of whichever side has gone; the other one sees a connection that breaks off.
            self.close_connection = True
        finally:
            connection.close()

    def _received(self) -> bytes:
        """The request's body. Raises `ValueError` for one that is framed in no way that HTTP has."""
        if "Transfer-Encoding" not in self.headers:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers["Transfer-Encoding"].strip().lower() != "chunked":
            raise ValueError
        pieces = []
        while size := int(self.rfile.readline(LINE_BYTES).partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline(LINE_BYTES)
        # What may follow the last chunk, to an empty line.
        while self.rfile.readline(LINE_BYTES).strip():
            pass
        return b"".join(pieces)

    def _asked(self, connection: http.client.HTTPConnection, body: bytes) -> http.client.HTTPResponse | None:
        """The server's answer. None if there is none: the client is told, and it counts as a departure."""
        try:
            return self._ask(connection, body)
        except (OSError, http.client.HTTPException):
            path = f"{self.command} {urlsplit(self.path).path}"
            self.server.note(path, iter(("the server does not answer",)))
            self.close_connection = True
            self.send_error(502, "The server behind the proxy does not answer")
            return None

    def _ask(self, connection: http.client.HTTPConnection, body: bytes) -> http.client.HTTPResponse:
        connection.putrequest(
            self.command, self.server.to.path + self.path, skip_host=True, skip_accept_encoding=True
        )
        connection.putheader("Host", self.server.to.netloc)
        for name, value in self.headers.items():
            # Compressed, an answer could not be looked at.
            if name.lower() not in HOP_BY_HOP | {"host", "accept-encoding"}:
                connection.putheader(name, value)
        if "Transfer-Encoding" in self.headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse()

    def _send(self, answer: http.client.HTTPResponse) -> bytes | None:
        """The body that was sent, None if it was too long to keep."""
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        has_body = self.command != "HEAD" and answer.status not in (204, 304)
        chunked = has_body and answer.getheader("Content-Length") is None
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        kept: list[bytes] | None = []
        size = 0
        while piece := answer.read1(PIECE_BYTES):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            size += len(piece)
            kept = [*kept, piece] if kept is not None and size <= HELD_BYTES else None
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        return None if kept is None else b"".join(kept)

    def _look(self, sent: bytes, answer: http.client.HTTPResponse, got: bytes | None) -> None:
        departures = self.server.departures
        method = "GET" if self.command == "HEAD" else self.command
        operation = departures.operations.find(method, self.path)
        if not isinstance(operation, Operation):
            # Every path answers it, for browsers.
            if method != "OPTIONS":
                path = f"{method} {urlsplit(self.path).path}"
                self.server.note(path, iter(("the document has no such operation",)))
            return
        asked = lowered(dict(self.headers.items()))
        self.server.note(operation.label, departures.of_request(operation, self.path, asked, sent))
        told = lowered(dict(answer.getheaders()))
        self.server.note(operation.label, departures.of_answer(operation, answer.status, told, got or b""))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as `http.server` has it
        """Nothing: departures are told."""


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}
