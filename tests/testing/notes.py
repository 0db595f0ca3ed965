"""A small server of notes that keeps its document, or breaks it in one way that it is asked for."""

import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from echo.testing.sweeps.exchanges import Answer, Request

NOTE = {"$ref": "#/components/schemas/Note"}
LINKED = {
    name: {"operationId": name, "parameters": {"noteId": "$response.body#/id"}}
    for name in ("get_note", "put_note", "delete_note")
}
REFUSAL = {
    "description": "Refused",
    "content": {"application/json": {"schema": {"type": "object", "required": ["code"]}}},
}
EVENT = {"properties": {"data": {"contentSchema": {"type": "object", "required": ["word"]}}}}
USERS = {"of ada": "ada", "of bob": "bob"}


def operation(name: str, success: str, schema: Any, *refusals: str, **more: Any) -> dict[str, Any]:
    """An operation of the document."""
    answer: dict[str, Any] = {"description": "Done", "links": more.pop("links", {})}
    if schema:
        answer["content"] = {"application/json": {"schema": schema}}
    refused = dict.fromkeys(("401", *refusals), REFUSAL)
    return {"operationId": name, "responses": {success: answer, **refused}, **more}


def body(schema: Any, example: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema, "example": example}}}


ID = {"name": "noteId", "in": "path", "required": True, "schema": {"type": "string"}}
PAGES = [
    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 50}},
    {"name": "cursor", "in": "query", "schema": {"type": "string"}},
]
WRITTEN = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "clientRequestId": {"type": "string"}},
}
LIST = {"type": "object", "properties": {"notes": {"type": "array", "items": NOTE}}}
SPOKEN = {"type": "object", "properties": {"stream": {"type": "boolean"}}}
WRONG_BODY = ("400", "413", "415")
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "security": [{"bearer": []}],
    "paths": {
        "/notes": {
            "get": operation("list_notes", "200", LIST, parameters=PAGES),
            "post": operation(
                "create_note", "201", NOTE, *WRONG_BODY, links=LINKED,
                requestBody=body(WRITTEN, {"name": "a", "clientRequestId": "one"}),
            ),
        },
        "/notes/{noteId}": {
            "parameters": [ID],
            "get": operation("get_note", "200", NOTE, "403", "404"),
            "put": operation("put_note", "200", NOTE, "404", *WRONG_BODY, requestBody=body(WRITTEN, {"name": "b"})),
            "delete": operation("delete_note", "204", None, "404"),
        },
        "/words": {
            "post": {
                "operationId": "say",
                "requestBody": body(SPOKEN, {}),
                "responses": {
                    "200": {"description": "Events", "content": {"text/event-stream": {"x-echo-item-schema": EVENT}}},
                    **dict.fromkeys(("401", *WRONG_BODY), REFUSAL),
                },
            }
        },
    },
    "components": {
        "schemas": {"Note": {"type": "object", "required": ["id", "name"]}},
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
    },
}  # fmt: skip
ALLOWED = {"/notes": "GET, POST", "/notes/": "GET, PUT, DELETE", "/words": "POST"}


@dataclass
class Notes:
    """The server; `fault` is one of those that its methods ask for."""

    fault: str = ""
    notes: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: dict[str, dict[str, str]] = field(default_factory=dict)
    puts: int = 0
    looks: Counter[str] = field(default_factory=Counter)

    def __call__(self, _url: str, request: Request) -> Answer:
        """As the transport of a session."""
        status, headers, content = self.answer(
            request.method, request.target, dict(request.headers), request.body or b""
        )
        return Answer(
            status, headers, content, cut=self.fault == "endless-stream" and "words" in request.target
        )

    def answer(
        self, method: str, target: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        path = urlsplit(target).path
        place = "/notes/" if path.startswith("/notes/") else path
        if method == "OPTIONS":
            return (500 if self.fault == "options" else 204), {"allow": ALLOWED[place]}, b""
        if method == "HEAD":
            status, told, _ = self.answer("GET", target, headers, content)
            return (status if self.fault != "head" else 404), told, b""
        if method not in ALLOWED[place].split(", "):
            allowed = "GET" if self.fault == "allow" else ALLOWED[place]
            return self.refuse(404 if self.fault == "method" else 405, allow=allowed)
        return self.known(method, target, headers, content)

    def known(
        self, method: str, target: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """The answer to a method that the path has."""
        path = urlsplit(target).path
        user = USERS.get(headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None and self.fault != "open":
            return self.refuse(403 if self.fault == "other-status" and "/notes/" in path else 401)
        if (wrong := self.wrong(method, headers, content)) is not None:
            return wrong
        value = json.loads(content) if content[-1:] == b"}" and method in ("POST", "PUT") else {}
        if path == "/words":
            return self.words()
        if path == "/notes":
            return self.make(user, value) if method == "POST" else self.page(user, target)
        return self.one(method, user, path.rpartition("/")[2], value)

    def wrong(
        self, method: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, dict[str, str], bytes] | None:
        if method not in ("POST", "PUT") or self.fault == "takes-anything":
            return None
        if len(content) > 1_000_000:
            return self.refuse(413)
        if headers.get("Content-Type") != "application/json":
            return self.refuse(418 if self.fault == "undeclared" else 415)
        if content[-1:] != b"}":
            return self.refuse(500 if self.fault == "server" else 400)
        return None

    @staticmethod
    def refuse(status: int, **headers: str) -> tuple[int, dict[str, str], bytes]:
        return status, {"content-type": "application/json", **headers}, b'{"code": "no"}'

    @staticmethod
    def tell(value: Any, status: int = 200) -> tuple[int, dict[str, str], bytes]:
        return status, {"content-type": "application/json"}, json.dumps(value).encode()

    def words(self) -> tuple[int, dict[str, str], bytes]:
        said = b"" if self.fault == "silent" else b'data: {"word": "a"}\n\ndata: {"word": "b"}\n\n'
        if self.fault == "event":
            said += b'data: {"sound": 1}\n\n'
        kind = "text/plain" if self.fault == "not-streamed" else "text/event-stream"
        return 200, {"content-type": kind}, said

    def make(self, user: str | None, value: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        key = str(value.get("clientRequestId"))
        if key in self.seen and self.fault != "twice":
            return self.tell(self.seen[key], 201)
        note = {"id": str(uuid.uuid4()), "name": value.get("name", ""), "owner": str(user)}
        self.notes[note["id"]] = self.seen[key] = note
        return self.tell(note, 201)

    def page(self, user: str | None, target: str) -> tuple[int, dict[str, str], bytes]:
        query = parse_qs(urlsplit(target).query)
        limit, start = int(query.get("limit", ["10"])[0]), int(query.get("cursor", ["0"])[0])
        mine = [each for each in self.notes.values() if each["owner"] == user]
        if self.fault == "large":
            limit += 1
        shown = mine[start : start + limit]
        following = start + limit
        if self.fault == "loses" and limit == 1:
            following += 1
        if self.fault == "repeats" and start == 1:
            shown = mine[:1]
        if self.fault == "pages" and limit == 1:
            return self.tell({"notes": mine[:1], "nextCursor": "1"})
        more = {"nextCursor": str(following)} if following < len(mine) else {}
        return self.tell({"notes": shown, **more})

    def one(
        self, method: str, user: str | None, note_id: str, value: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        note = self.notes.get(note_id)
        if note is not None and note["owner"] != user and self.fault != "serves":
            if method == "DELETE" and self.fault == "deletes":
                del self.notes[note_id]
            return self.refuse(403 if self.fault == "forbids" and method == "GET" else 404)
        if note is None:
            return self.refuse(500 if self.fault == "gone" and method == "DELETE" else 404)
        if method == "DELETE":
            if self.fault != "stays":
                del self.notes[note_id]
            return 204, {}, b""
        if method == "PUT":
            self.puts += 1
            note["name"] = value.get("name", "") + (str(self.puts) if self.fault == "counts" else "")
        elif self.fault == "news":
            # Told once, to the second look: no fault.
            self.looks[note_id] += 1
            return self.tell({**note, "news": self.looks[note_id] == 2})
        return self.tell(note)


class NotesHandler(BaseHTTPRequestHandler):
    """The same over HTTP, with the document at `/openapi.json`."""

    protocol_version = "HTTP/1.1"
    notes: Notes

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        known = self.path.startswith(("/notes", "/words"))
        if self.path == "/openapi.json":
            status, headers, told = Notes.tell(DOCUMENT)
        elif known:
            status, headers, told = self.notes.answer(self.command, self.path, dict(self.headers), content)
        else:
            status, headers, told = Notes.refuse(404)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Nothing."""
