"""Small HTTP servers on loopback that play a provider."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.threaded import serving


@dataclass
class Received:
    """A request as the server got it."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Provider:
    """A running server."""

    url: str
    requests: list[Received] = field(default_factory=list)


Answer = Callable[[BaseHTTPRequestHandler], None]


def answer_with(
    body: Any, *, status: int = 200, headers: dict[str, str] | None = None, raw: bytes | None = None
) -> Answer:
    """An answer with a JSON body, or with raw bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = raw if raw is not None else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@contextmanager
def provider(answer: Answer) -> Iterator[Provider]:
    """Serve the answer to every GET and POST."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            running.requests.append(Received(self.path, dict(self.headers), body))
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    with serving(server):
        yield running
