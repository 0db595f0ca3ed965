"""Requests as a sweep sends them, what a server answered, and both as a line for curl."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from echo.testing.accounts import HEADERS

SHOWN = 600
# Of a body, in a line for curl.
SENT = 16 * 1024


@dataclass(frozen=True)
class Request:
    """What is sent. `target` is path and query; a `form` has texts, and files as (name, content, media type)."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    form: Mapping[str, str | tuple[str, bytes, str]] | None = None

    @classmethod
    def of_json(cls, method: str, target: str, value: Any) -> "Request":
        """One with a JSON body."""
        return cls(method, target, {"Content-Type": "application/json"}, json.dumps(value).encode())

    @property
    def json(self) -> Any:
        """The body as a value; None if there is none."""
        return json.loads(self.body) if self.body else None

    def changed(self, **changes: Any) -> "Request":
        """The same but for that."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Answer:
    """What came back; `headers` by their names in lower case. `cut` if its body was too long or took too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked for."""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """The type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as a text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as a value, None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def shown(self) -> str:
        """Status and body, cut, for people."""
        more = "..." if len(self.text) > SHOWN else ""
        return f"{self.status} {self.text[:SHOWN]}{more}".rstrip()


@dataclass(frozen=True)
class Exchange:
    """A request by a user (None: anonymous), and its answer."""

    url: str
    user: str | None
    request: Request
    answer: Answer

    @property
    def curl(self) -> str:
        """A line that sends it again; the token is in a variable: `$ADA_TOKEN`."""
        request = self.request
        words = ["curl", "-X", request.method]
        if request.method == "HEAD":
            words = ["curl", "--head"]
        # LibreChat answers browsers only.
        line = f"{' '.join(words)} -A {shlex.quote(HEADERS['User-Agent'])}"
        if self.user:
            line += f' -H "Authorization: Bearer ${self.user.upper()}_TOKEN"'
        for name, value in request.headers.items():
            line += f" -H {shlex.quote(f'{name}: {value}')}"
        body = request.body or b""
        if request.body is not None:
            line += f" --data-raw {shlex.quote(body[:SENT].decode('utf-8', 'replace'))}"
        for name, part in (request.form or {}).items():
            text = part if isinstance(part, str) else f"@{part[0]};type={part[2]}"
            line += f" -F {shlex.quote(f'{name}={text}')}"
        cut = f" # and {len(body) - SENT} more bytes of body" if len(body) > SENT else ""
        return f"{line} {shlex.quote(self.url + request.target)}{cut}"
