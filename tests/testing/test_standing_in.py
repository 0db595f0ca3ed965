"""The stub answers with a document's examples; the proxy passes on, and says what departs from a document."""

import copy
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from echo.testing.documents import load_document
from echo.testing.proxy import ProxyServer
from echo.testing.stub import StubServer
from tests.support.threaded import serving

STREAM = "event: message\ndata: 1\n\nevent: other\ndata: 2\n\n"
THING = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
BODY = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/things": {
            "post": {
                "requestBody": BODY,
                "responses": {
                    "404": {
                        "description": "no",
                        "content": {"application/json": {"example": {"code": "none"}}},
                    },
                    "201": {"description": "made", "content": BODY["content"]},
                },
            }
        },
        "/things/{id}": {
            "get": {
                "parameters": [{"name": "page", "in": "query", "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {"application/json": {"examples": {"one": {"value": {"name": "é"}}}}},
                    }
                },
            },
            "delete": {"responses": {"204": {"description": "gone"}}},
        },
        "/things/events": {
            "get": {
                "responses": {
                    "200": {"description": "ok", "content": {"text/event-stream": {"example": STREAM}}}
                }
            }
        },
    },
    "components": {"schemas": {"Thing": THING}},
}


@pytest.fixture(scope="module")
def stub() -> Iterator[str]:
    with serving(StubServer(("127.0.0.1", 0), DOCUMENT)) as url:
        yield url


class TestStub:
    def test_answers_with_examples_and_makes_the_rest(self, stub: str) -> None:
        answer = requests.get(f"{stub}/things/7", timeout=5)
        assert (answer.status_code, answer.json()) == (200, {"name": "é"})
        made = requests.post(f"{stub}/things", json={"name": "a"}, timeout=5)
        assert (made.status_code, made.json()) == (201, {"name": "offline"})
        gone = requests.delete(f"{stub}/things/7", timeout=5)
        assert (gone.status_code, gone.content) == (204, b"")
        assert requests.get(f"{stub}/things/events", timeout=5).text == STREAM
        assert requests.head(f"{stub}/things/7", timeout=5).headers["Content-Length"] == "18"

    def test_answers_with_the_status_that_is_preferred(self, stub: str) -> None:
        answer = requests.post(f"{stub}/things", headers={"Prefer": "code=404"}, timeout=5)
        assert (answer.status_code, answer.json()) == (404, {"code": "none"})

    def test_knows_no_more_than_the_document(self, stub: str) -> None:
        assert requests.get(f"{stub}/others", timeout=5).status_code == 404
        refused = requests.put(f"{stub}/things/7", timeout=5)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, DELETE")


@pytest.mark.parametrize("name", ["echo", "librechat"])
def test_our_documents_keep_what_they_say(name: str) -> None:
    """Of a few operations of each: what the stub answers passes the proxy without a finding."""
    document = load_document(name)
    told: list[str] = []
    with (
        serving(StubServer(("127.0.0.1", 0), document)) as stub,
        serving(
            ProxyServer(("127.0.0.1", 0), stub, document, lambda *each: told.append(" ".join(each)))
        ) as url,
    ):
        for path in ("/api/user", "/api/convos", "/api/presets", "/api/config", "/api/balance"):
            assert requests.get(url + path, timeout=5).status_code == 200
        events = [path for path in document["paths"] if "stream/{" in path]
        assert requests.get(url + events[0].replace("{", "").replace("}", ""), timeout=5).status_code == 200
    assert told == []


class TestProxy:
    @pytest.fixture
    def document(self) -> dict[str, Any]:
        return copy.deepcopy(DOCUMENT)

    def found(self, stub: str, document: dict[str, Any], method: str, path: str, **options: Any) -> set[str]:
        """What the proxy says of one exchange, which it passes on unchanged."""
        told = set()
        server = ProxyServer(("127.0.0.1", 0), stub, document, lambda operation, what: told.add(what))
        with serving(server) as url:
            direct = requests.request(method, stub + path, timeout=5, **options)
            passed = requests.request(method, url + path, timeout=5, **options)
        assert (passed.status_code, passed.content) == (direct.status_code, direct.content)
        assert told == {what for _, what in server.found}
        return told

    def test_says_nothing_of_what_is_as_it_should_be(self, stub: str, document: dict[str, Any]) -> None:
        assert self.found(stub, document, "POST", "/things", json={"name": "a"}) == set()
        assert self.found(stub, document, "DELETE", "/things/1") == set()

    def test_looks_at_requests(self, stub: str, document: dict[str, Any]) -> None:
        assert self.found(stub, document, "POST", "/things") == {"the request has no body"}
        assert self.found(stub, document, "POST", "/things", json={}) == {
            'the request does not fit its schema: all of it: "name" is a required property'
        }
        assert self.found(stub, document, "POST", "/things", data="a") == {
            "the request has a body of no media type, which the document does not have"
        }
        assert self.found(stub, document, "GET", "/things/1?pgae=2") == {
            "the request has a query parameter pgae, which the document does not have"
        }
        assert self.found(stub, document, "GET", "/others") == {"the document has no such operation"}

    def test_looks_at_answers(self, stub: str, document: dict[str, Any]) -> None:
        answers = document["paths"]["/things/{id}"]["get"]["responses"]
        answers["200"]["content"]["application/json"]["schema"] = {"required": ["id"]}
        assert self.found(stub, document, "GET", "/things/1") == {
            'the answer does not fit its schema: all of it: "id" is a required property'
        }
        del answers["200"]
        assert self.found(stub, document, "GET", "/things/1") == {
            "the answer has the status 200, which the document does not have"
        }

    def test_tells_of_what_events_have_in_common_once_and_counts_it(
        self, stub: str, document: dict[str, Any]
    ) -> None:
        media = document["paths"]["/things/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
        media["x-echo-item-schema"] = {"required": ["id"]}
        told: list[str] = []
        server = ProxyServer(("127.0.0.1", 0), stub, document, lambda _, what: told.append(what))
        with serving(server) as url:
            requests.get(f"{url}/things/events", timeout=5)
        what = 'an event does not fit its schema: "id" is a required property'
        assert told == [what]
        assert server.found == {("GET /things/events", what): 2}

    def test_a_body_in_chunks_is_passed_on_whole(self, document: dict[str, Any]) -> None:
        got: list[tuple[str | None, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = self.headers["Content-Length"]
                got.append((self.headers["Transfer-Encoding"], self.rfile.read(int(length))))
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b'{"name": "a"}')

            def log_message(self, *_: object) -> None:
                """Nothing."""

        def chunks() -> Iterator[bytes]:
            yield b'{"name":'
            yield b" 1}"

        with (
            serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as behind,
            serving(server := ProxyServer(("127.0.0.1", 0), behind, document, lambda *_: None)) as url,
        ):
            headers = {"Content-Type": "application/json"}
            answer = requests.post(f"{url}/things", data=chunks(), headers=headers, timeout=5)
        assert (answer.status_code, answer.content) == (201, b'{"name": "a"}')
        assert got == [(None, b'{"name": 1}')]
        wrong = 'the request does not fit its schema: name: 1 is not of type "string"'
        assert list(server.found) == [("POST /things", wrong)]

    @pytest.mark.parametrize(
        "framing", ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked", "Content-Length: x"]
    )
    def test_a_body_that_is_framed_in_no_way_is_refused(
        self, stub: str, document: dict[str, Any], framing: str
    ) -> None:
        server = ProxyServer(("127.0.0.1", 0), stub, document, lambda *_: None)
        with serving(server) as url, socket.create_connection(("127.0.0.1", server.server_port), 5) as client:
            client.sendall(f"POST /things HTTP/1.1\r\nHost: {url}\r\n{framing}\r\n\r\nno\r\n".encode())
            assert client.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert server.found == {}

    def test_a_server_that_does_not_answer_is_told(self, document: dict[str, Any]) -> None:
        server = ProxyServer(("127.0.0.1", 0), "http://127.0.0.1:9", document, lambda *_: None)
        with serving(server) as url:
            assert requests.get(f"{url}/things/1?a=b", timeout=5).status_code == 502
        assert server.found == {("GET /things/1", "the server does not answer"): 1}

    def test_looks_at_events(self, stub: str, document: dict[str, Any]) -> None:
        media = document["paths"]["/things/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
        media["x-echo-item-schema"] = {"properties": {"event": {"const": "message"}}}
        assert self.found(stub, document, "GET", "/things/events") == {
            'an event does not fit its schema: "message" was expected'
        }
