"""What plays LibreChat's code interpreter: its paths, its fields, whose files are whose, and programs of few words.

A program is lines: `print TEXT`, `show NAME` (of a file that it finds), `write NAME TEXT`, `picture NAME`, `loud`.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from tests.files import samples
from tests.support.routes import Answer, Asked, Route, Service, service

KEY = "code-tests-only"
LOUD = "x" * 200_000


@dataclass
class Held:
    """A file that the service has."""

    name: str
    content: bytes
    kind: str
    of: str
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))


class Interpreter(dict[str, Route]):
    """The service's routes. `held` is by session and id; `programs` are the bodies of `/exec`."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Held] = {}
        self.programs: list[dict[str, Any]] = []
        self.is_down = False

    def get(self, path: str, _default: Any = None) -> Any:
        """What answers a path, whatever ids are in it."""
        found = {
            "exec": self._run,
            "upload": self._upload,
            "sessions": self._about,
            "download": self._download,
        }
        return lambda asked: self._answer(found[path.split("/")[1]], asked)

    def hold(self, held: Held) -> tuple[str, str]:
        """Keep a file; its session and its id."""
        ref = secrets.token_urlsafe(16)[:21], secrets.token_urlsafe(16)[:21]
        self.held[ref] = held
        return ref

    def age(self, ref: tuple[str, str], hours: float) -> None:
        """Make a file so old."""
        self.held[ref].changed -= timedelta(hours=hours)

    def of(self, name: str) -> list[tuple[str, str]]:
        """Where files of a name are."""
        return [ref for ref, held in self.held.items() if held.name == name]

    def _answer(self, route: Any, asked: Asked) -> Answer:
        if self.is_down:
            return Answer({"error": "down"}, 503)
        if asked.headers.get("X-API-Key") != KEY:
            return Answer({"error": "who is that?"}, 401)
        found: Answer = route(asked)
        return found

    def _upload(self, asked: Asked) -> Answer:
        head = f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n".encode()
        parts = {
            str(part.get_param("name", header="content-disposition")): part
            for part in BytesParser(policy=HTTP).parsebytes(head + asked.body).iter_parts()  # type: ignore[attr-defined]
        }
        kind, of = (parts[name].get_payload(decode=True).decode() for name in ("kind", "id"))
        name, content = parts["file"].get_filename(), parts["file"].get_payload(decode=True)
        session, file_id = self.hold(Held(name, content, kind, of))
        files = [{"fileId": file_id, "filename": name}]
        return Answer({"message": "success", "storage_session_id": session, "files": files})

    def _found(self, asked: Asked, session: str, file_id: str) -> Held | None:
        held = self.held.get((session, file_id))
        whose = (asked.query.get("kind"), asked.query.get("id"))
        return held if held and (held.kind, held.of) == whose else None

    def _about(self, asked: Asked) -> Answer:
        _, _, session, _, file_id = asked.path.split("/")
        held = self._found(asked, session, file_id)
        if held and asked.method == "DELETE":
            del self.held[session, file_id]
        return Answer({"lastModified": held.changed.isoformat()} if held else {}, 200 if held else 404)

    def _download(self, asked: Asked) -> Answer:
        _, _, session, file_id = asked.path.split("/")
        held = self._found(asked, session, file_id)
        return Answer(held.content) if held else Answer({"error": "not found"}, 404)

    def _run(self, asked: Asked) -> Answer:
        body = asked.json
        self.programs.append(body)
        there = {}
        for each in body.get("files", ()):
            held = self.held.get((each["storage_session_id"], each["id"]))
            if held is None or (held.kind, held.of) != (each["kind"], each["resource_id"]):
                return Answer({"error": "no such file"}, 400)
            there[each["name"]] = held.content
        out, files = [], []
        for line in body["code"].splitlines():
            word, _, rest = line.partition(" ")
            name, _, text = rest.partition(" ")
            if word == "print":
                out.append(rest)
            elif word == "loud":
                out.append(LOUD)
            elif word == "show":
                out.append(there[name].decode() if name in there else f"no {name}")
            elif word in {"write", "picture"}:
                content = samples.picture("PNG", (2, 1)) if word == "picture" else text.encode()
                session, file_id = self.hold(Held(name, content, "user", body["user_id"]))
                files.append({"id": file_id, "name": name, "storage_session_id": session})
        passed = [{**each, "inherited": True} for each in body.get("files", ())]
        answer = {"session_id": "run", "stdout": "\n".join(out), "stderr": "", "files": [*passed, *files]}
        return Answer(answer)


@contextmanager
def code_interpreter() -> Iterator[tuple[Service, Interpreter]]:
    """A running one."""
    with service() as running:
        routes = Interpreter()
        running.routes = routes
        yield running, routes
