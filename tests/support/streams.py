"""Chats as tests hold them: an Echo on a real port in this process, and its streams of events read as they come."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import uvicorn

from echo.app import Application
from echo.testing.events import sent
from tests.support.event_streams import events_of
from tests.support.waiting import PATIENCE

NO_PARENT = "00000000-0000-0000-0000-000000000000"
# The kinds of events of an answer that comes to its end, in LibreChat's order.
WHOLE_ANSWER = [
    "created",
    "on_context_usage",
    "on_run_step",
    "on_message_delta",
    "on_token_usage",
    "on_run_step_closed",
    "title",
    "final",
]


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    data: dict[str, Any]

    @property
    def kind(self) -> str:
        """What LibreChat's clients tell it by."""
        keys = ("created", "sync", "final", "error")
        return str(self.data.get("event") or next((key for key in keys if key in self.data), "?"))


def parse(lines: Iterable[str], operation: str = "follow_chat") -> Iterator[Event]:
    """Events out of the lines of a chat's stream, each held against the document; comments are left out."""
    checker = events_of(operation)
    for name, data in sent(lines):
        event = Event(name, checker.check(name, data))
        assert (event.name == "error") == (event.kind == "error"), event
        yield event


def kinds(events: Iterable[Event]) -> list[str]:
    """The kinds of events, neighbours of one kind as one: how pieces are cut is left to the network."""
    found: list[str] = []
    for event in events:
        if not found or found[-1] != event.kind:
            found.append(event.kind)
    return found


def spoken(events: Iterable[Event], kind: str = "text") -> str:
    """What the model has said in these events."""
    return "".join(
        part[kind]
        for event in events
        if event.kind in ("on_message_delta", "on_reasoning_delta")
        for part in event.data["data"]["delta"]["content"]
        if part["type"] == kind
    )


@dataclass
class Talker:
    """A user at a server; `operation` is the one that sends the events."""

    url: str
    headers: dict[str, str]
    operation: str = "follow_chat"
    http: requests.Session = field(default_factory=requests.Session)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.http.request(method, self.url + path, headers=self.headers, timeout=PATIENCE, **options)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.request("GET", path, params=params)

    def start(self, text: str = "Hello", *, endpoint: str = "openAI", **body: Any) -> dict[str, Any]:
        """Ask; what the start answers."""
        answer = self.request("POST", f"/api/agents/chat/{endpoint}", json={"text": text, **body})
        assert answer.status_code == 200, answer.text
        started: dict[str, Any] = answer.json()
        return started

    def follow(self, stream_id: str, **params: Any) -> Iterator[Event]:
        """The events as they come; closing the iterator leaves the stream."""
        with self.http.get(
            f"{self.url}/api/agents/chat/stream/{stream_id}",
            headers=self.headers,
            params=params,
            stream=True,
            timeout=PATIENCE,
        ) as answer:
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield from parse(answer.iter_lines(chunk_size=1, decode_unicode=True), self.operation)

    def ask(self, text: str = "Hello", **body: Any) -> list[Event]:
        """Ask, and wait for the end."""
        return list(self.follow(self.start(text, **body)["streamId"]))

    def abort(self, stream_id: str) -> requests.Response:
        return self.request("POST", "/api/agents/chat/abort", json={"streamId": stream_id})

    def steer(self, stream_id: str, text: str, **body: Any) -> requests.Response:
        message = {"conversationId": stream_id, "text": text, **body}
        return self.request("POST", "/api/agents/chat/steer", json=message)

    def messages(self, conversation_id: str) -> list[dict[str, Any]]:
        answer = self.get(f"/api/messages/{conversation_id}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found


def librechats(talker: Talker) -> Talker:
    """The same user with LibreChat's contract."""
    return Talker(f"{talker.url}/chat", talker.headers, "librechat.follow_chat")


@contextmanager
def listening(application: Application) -> Iterator[str]:
    """The application on a real port, in a thread; its address."""
    config = uvicorn.Config(application.asgi, host="127.0.0.1", port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def new_id() -> str:
    return str(uuid.uuid4())


async def played(events: Iterable[Any]) -> AsyncIterator[Any]:
    """What a model says: each event in its turn; one of asyncio's is waited for, and an error raised."""
    for event in events:
        if isinstance(event, asyncio.Event):
            await event.wait()
        elif isinstance(event, Exception):
            raise event
        else:
            yield event
