"""What is measured: each scenario is a list of requests that is sent over and over."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests

from tests.bench.load import Request
from tests.bench.seed import RARE

PAGE = 25
DEPTH = 100
MEGABYTE = 1024 * 1024
# LibreChat refuses what does not look like a browser.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 benchmark"
TEXT = (
    "A message of the benchmark, about as long as what people ask: why is the sea salt, and rivers are not? "
    * 2
)


@dataclass(frozen=True)
class User:
    """Who sends the requests."""

    token: str
    email: str = ""
    password: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What each request of the user's carries."""
        return {"Authorization": f"Bearer {self.token}", "User-Agent": AGENT}


@dataclass(frozen=True)
class Scenario:
    """Requests to be sent in turn."""

    name: str
    requests: tuple[Request, ...]
    writes: bool = False
    connections: int = 16


def get(user: User, *paths: str) -> tuple[Request, ...]:
    """Reads."""
    return tuple(Request("GET", path, user.headers) for path in paths)


def post(user: User, path: str, body: Mapping[str, Any]) -> Request:
    """A JSON body."""
    return Request(
        "POST", path, {**user.headers, "Content-Type": "application/json"}, json.dumps(body).encode()
    )


class Discovery:
    """Finds out by the API itself what there is to ask for."""

    def __init__(self, url: str, user: User) -> None:
        self._url = url
        self._user = user
        self.ids = [each["conversationId"] for page in self._pages(100, 5) for each in page["conversations"]]

    def _pages(self, limit: int, count: int) -> list[dict[str, Any]]:
        pages: list[dict[str, Any]] = []
        cursor = None
        while len(pages) < count and (cursor or not pages):
            answer = requests.get(
                f"{self._url}/api/convos",
                params={"limit": limit, **({"cursor": cursor} if cursor else {})},
                headers=self._user.headers,
                timeout=60,
            )
            answer.raise_for_status()
            pages.append(answer.json())
            cursor = pages[-1].get("nextCursor")
        return pages

    def deep_page(self) -> str:
        """The query of the hundredth page, or of the last one."""
        pages = self._pages(PAGE, DEPTH)
        cursors = [page["nextCursor"] for page in pages[: DEPTH - 1] if page.get("nextCursor")]
        return urlencode({"limit": PAGE, "cursor": cursors[-1]})


def reads(url: str, user: User) -> list[Scenario]:
    """The two that every service of the comparison has."""
    ids = Discovery(url, user).ids
    return [
        Scenario("conversation list", get(user, f"/api/convos?limit={PAGE}")),
        Scenario("message list", get(user, *(f"/api/messages/{each}" for each in ids))),
    ]


def others(url: str, user: User) -> list[Scenario]:
    """Everything else of one user's, the costly last."""
    ids = Discovery(url, user).ids
    scenarios = [
        Scenario("health", get(user, "/health")),
        Scenario("user", get(user, "/api/user")),
        Scenario("config", get(user, "/api/config")),
        # One person at a time: what counts here is how long that one waits.
        Scenario("message search", get(user, f"/api/messages?pageSize={PAGE}&search={RARE}"), connections=1),
        Scenario("conversation search", get(user, f"/api/convos?limit={PAGE}&search={RARE}"), connections=1),
        Scenario("rename", tuple(rename(user, each) for each in ids), writes=True),
        Scenario("new message", tuple(new_message(user, each) for each in ids), writes=True),
        Scenario("mixed", mixed(user, ids), writes=True),
        Scenario("upload of 1 MB", (upload(user),), writes=True),
    ]
    if user.password:
        scenarios.append(Scenario("login", (login(user),), writes=True))
    return scenarios


def depths(url: str, few: User, many: User) -> list[Scenario]:
    """Whether a page's time grows with the number of conversations, or with its depth."""
    return [
        Scenario("first page of 1 000", get(few, f"/api/convos?limit={PAGE}")),
        Scenario("first page of 100 000", get(many, f"/api/convos?limit={PAGE}")),
        Scenario("page 100 of 100 000", get(many, f"/api/convos?{Discovery(url, many).deep_page()}")),
    ]


def rename(user: User, conversation_id: str) -> Request:
    """A new title."""
    return post(
        user,
        "/api/convos/update",
        # Twice: the contract's body, and within it LibreChat's own.
        {
            "conversationId": conversation_id,
            "title": "Renamed",
            "arg": {"conversationId": conversation_id, "title": "Renamed"},
        },
    )


def new_message(user: User, conversation_id: str) -> Request:
    """One more message of the user's."""
    return post(user, f"/api/messages/{conversation_id}", {"text": TEXT, "sender": "user"})


def login(user: User) -> Request:
    """A login with the right password."""
    body = json.dumps({"email": user.email, "password": user.password}).encode()
    return Request("POST", "/api/auth/login", {"Content-Type": "application/json", "User-Agent": AGENT}, body)


def upload(user: User) -> Request:
    """A text file of one megabyte."""
    boundary = uuid.uuid4().hex
    line = b"Text that a person may want to ask a model about, line by line.\n"
    content = (line * (MEGABYTE // len(line) + 1))[:MEGABYTE]
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n'
        "Content-Type: text/plain\r\n\r\n"
    ).encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    headers = {**user.headers, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    return Request("POST", "/api/files", headers, body)


def mixed(user: User, ids: list[str]) -> tuple[Request, ...]:
    """What a client of a busy server does: mostly reading, some writing, now and then a search."""
    block: list[Request] = []
    for number, conversation_id in enumerate(ids):
        block += get(user, f"/api/convos?limit={PAGE}", f"/api/messages/{conversation_id}")
        if number % 5 == 0:
            block += (*get(user, "/api/user", "/api/config"), new_message(user, conversation_id))
        if number % 10 == 0:
            block += (rename(user, conversation_id), *get(user, f"/api/convos?search={RARE}"))
    return tuple(block)
