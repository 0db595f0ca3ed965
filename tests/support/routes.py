"""A server on loopback that plays services which tools ask: what it answers stands in a table, and can be changed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.threaded import serving


@dataclass
class Asked:
    """A request as the server got it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A body (bytes as they are, else JSON), its status, and headers."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


# An answer, or what makes one of a request.
Route = Answer | Callable[[Asked], Answer]


@dataclass
class Service:
    """The running server: its `routes` by path, and what it was asked."""

    url: str
    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Its host and port."""
        return self.url.removeprefix("http://")

    def reset(self) -> "Service":
        """As it was at first."""
        self.routes.clear()
        self.asked.clear()
        return self


@contextmanager
def service() -> Iterator[Service]:
    """A server without any routes: everything is a 404."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0) or 0))
            split = urlsplit(self.path)
            query = {
                name: values[-1] for name, values in parse_qs(split.query, keep_blank_values=True).items()
            }
            asked = Asked(self.command, split.path, query, dict(self.headers), body)
            running.asked.append(asked)
            route = running.routes.get(split.path, Answer({"error": "no route"}, 404))
            self.answer(route if isinstance(route, Answer) else route(asked))

        def answer(self, answer: Answer) -> None:
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", answer.media_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_any)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Service(f"http://127.0.0.1:{server.server_address[1]}")
    with serving(server):
        yield running
