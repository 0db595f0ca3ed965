"""A server without a state: the examples of a document for answers, for the first hour of work on a client."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from echo.providers.offline.schemas import example_of
from echo.testing.operations import Operation, Operations
from echo.testing.references import Json, resolve

# RFC 7240, section 2; Prism takes the same preference.
PREFERENCE = "Prefer"


class StubServer(ThreadingHTTPServer):
    """Listens at once; `serve_forever` answers."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], document: Json) -> None:
        super().__init__(address, StubHandler)
        self.operations = Operations(document)


class StubHandler(BaseHTTPRequestHandler):
    """Answers with the first success that an operation has, or with the status of `Prefer: code=404`."""

    protocol_version = "HTTP/1.1"
    server: StubServer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        # One that stays unread would be taken for the next request.
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
        method = "GET" if self.command == "HEAD" else self.command
        found = self.server.operations.find(method, self.path)
        if isinstance(found, Operation):
            self._send(*answer_of(self.server.operations, found, self.headers.get(PREFERENCE, "")))
        elif found:
            self._send(204 if method == "OPTIONS" else 405, "", b"", {"Allow": ", ".join(found)})
        else:
            self._send(404, "text/plain", b"The document has no such path.\n")

    def _send(
        self, status: int, media_type: str, content: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        # So that a page of any origin can be tried with it.
        told = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*", **(headers or {})}
        told |= {"Content-Type": media_type} if media_type else {}
        for name, value in told.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as `http.server` has it
        """Nothing: the client knows what it asked."""


def answer_of(operations: Operations, operation: Operation, preference: str = "") -> tuple[int, str, bytes]:
    """Status, media type and body of an answer."""
    wanted = preference.partition("code=")[2][:3]
    statuses = sorted(each for each in operation.raw["responses"] if each.isdigit())
    status = wanted if wanted in statuses else next((each for each in statuses if each < "4"), "200")
    answer = operations.answer(operation, int(status)) or {}
    for media_type, media in answer.get("content", {}).items():
        example = example_in(operations.document, media)
        text = example if isinstance(example, str) and "json" not in media_type else json.dumps(example)
        return int(status), media_type, text.encode()
    return int(status), "", b""


def example_in(document: Json, media: Json) -> Any:
    """The example of a media type, the first of several, or a value that its schema allows."""
    if "example" in media:
        return media["example"]
    for each in media.get("examples", {}).values():
        return resolve(document, each).get("value")
    return example_of(media.get("schema", {"type": "string"}), document)
