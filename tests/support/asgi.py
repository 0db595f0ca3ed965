"""Requests straight at the ASGI application: quick ones, and those that no HTTP client would send or show."""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx2
from starlette.testclient import TestClient

# Whether somebody reads an answer while it comes.
STREAMED = "echo.tests.streamed"


class QuickClient(TestClient):
    """Starlette's client, whose thread calls the application's once for each request and not eight times.

    That is for an answer that is read when it is complete; one that is read while it comes is Starlette's to make.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._transport = _QuickTransport(self, self._transport)

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Send the request; its transport hears whether the answer is streamed."""
        request.extensions = {**request.extensions, STREAMED: stream}
        return super().send(request, stream=stream, **options)


class _QuickTransport(httpx2.BaseTransport):
    def __init__(self, client: TestClient, starlette: Any) -> None:
        self._client = client
        self._starlette = starlette
        self._loop: AbstractEventLoop | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The application's answer, once it has come to its end."""
        portal = self._client.portal
        if portal is None or request.extensions[STREAMED] or request.url.scheme != "http":
            return self._starlette.handle_request(request)
        if self._loop is None:
            self._loop = portal.call(_running_loop)
        scope = _scope(request, self._starlette.client, self._client.app_state)
        answer = _Answer(request)
        running = asyncio.run_coroutine_threadsafe(
            self._client.app(scope, answer.receive, answer.send), self._loop
        )
        error = running.exception()
        if error is not None and self._starlette.raise_server_exceptions:
            raise error
        return answer.response()

    def close(self) -> None:
        self._starlette.close()


async def _running_loop() -> AbstractEventLoop:
    return asyncio.get_running_loop()


def _scope(request: httpx2.Request, client: tuple[str, int], state: Mapping[str, Any]) -> dict[str, Any]:
    """What Starlette makes of a request."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "path": unquote(request.url.path),
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "root_path": "",
        "scheme": "http",
        "query_string": request.url.query,
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.multi_items()],
        "client": client,
        "server": [request.url.host, request.url.port or 80],
        "extensions": {},
        "state": dict(state),
    }


@dataclass
class _Answer:
    """An answer that is being made."""

    request: httpx2.Request
    start: dict[str, Any] | None = None
    body: list[bytes] = field(default_factory=list)
    asked: bool = False
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> dict[str, Any]:
        if self.asked:
            # The client stays until it has its answer.
            await self.complete.wait()
            return {"type": "http.disconnect"}
        self.asked = True
        return {"type": "http.request", "body": self.request.read()}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert self.start is None, "a second answer"
            self.start = message
            return
        assert message["type"] == "http.response.body", message["type"]
        assert self.start is not None, "a body before its answer"
        assert not self.complete.is_set(), "something after the end"
        self.body.append(bytes(message.get("body", b"")))
        if not message.get("more_body"):
            self.complete.set()

    def response(self) -> httpx2.Response:
        """What a client has of it; nothing but a 500 if nothing was sent."""
        if self.start is None:
            return httpx2.Response(500, stream=httpx2.ByteStream(b""), request=self.request)
        return httpx2.Response(
            self.start["status"],
            headers=[(name.decode(), value.decode()) for name, value in self.start.get("headers", ())],
            stream=httpx2.ByteStream(b"" if self.request.method == "HEAD" else b"".join(self.body)),
            request=self.request,
        )


@dataclass(frozen=True)
class Exchange:
    """What the application sent: the body is there even where a client would throw it away (HEAD)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def exchange(
    running: TestClient, method: str, path: str, *, headers: Mapping[str, str], body: bytes = b""
) -> Exchange:
    """One request to a started application, its headers exactly as given."""
    sent: list[dict[str, Any]] = []
    received = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in received:
            return message
        # The client stays until it has its answer.
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
    }
    assert running.portal is not None, "the application is not started"
    running.portal.call(running.app, scope, receive, send)
    start, *rest = sent
    given = {name.decode(): value.decode() for name, value in start["headers"]}
    return Exchange(start["status"], given, b"".join(message.get("body", b"") for message in rest))
