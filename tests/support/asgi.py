"""Requests straight at the ASGI application: what an HTTP client would not send, and what it would hide."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient


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
