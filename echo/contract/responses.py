"""Response validation: what leaves the server is what the contract promises, or a plain 500.

It sits outside of everything that can answer for an operation, errors included, so no answer goes round it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

from echo.contract.compiled import ANY_MEDIA_TYPE, Operation, Response
from echo.error_bodies import RenderedError, render
from echo.errors import InternalError
from echo.handling.event_stream import MEDIA_TYPE as EVENT_STREAM

log = structlog.get_logger(__name__)

MAX_LOGGED_ANSWER = 64 * 1024
# In the first message of an answer whose body has been held against the contract where it was made.
CHECKED = "echo.checked"


class ContractBreach(Exception):
    """An answer that the contract does not allow; the text says why, for the log only."""


class CheckedSend:
    """An ASGI `send` that lets through what the contract promises and replaces anything else by a 500.

    A JSON or text answer is held back until it is complete and checked; any other kind (files, event streams)
    is checked by status, media type and headers, and passes through as it comes. Of event streams that holds
    whatever the contract says of them: they have no end that could be waited for. Large JSON passes through as
    well: `echo.contract.streaming` has checked it piece by piece.
    """

    def __init__(self, send: Send, operation: Operation, scope: Scope) -> None:
        self._send = send
        self._operation = operation
        self._scope = scope
        self._start: Message | None = None
        self._response: Response | None = None
        self._chunks: list[bytes] = []
        self._passing = False
        self._broken = False
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Take one message of the application."""
        if self._broken:
            return
        if self._passing:
            await self._send(message)
            return
        try:
            await self._take(message)
        except ContractBreach as breach:
            await self._refuse(breach)

    async def _take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begin(message)
            if not self._held_back:
                self._passing = self.started = True
                await self._send(message)
            return
        self._chunks.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._check_body(body)
        self._passing = self.started = True
        assert self._start is not None  # noqa: S101 - ASGI sends the start first
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})

    def _begin(self, message: Message) -> None:
        self._start = message
        headers = Headers(raw=message["headers"])
        response = self._operation.responses.get(message["status"])
        if response is None:
            raise ContractBreach(f"status {message['status']} is not declared")
        if missing := [name for name in response.required_headers if name not in headers]:
            raise ContractBreach(f"header {missing[0]} is missing")
        self._media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        allowed = response.media_types
        if allowed and self._media_type not in allowed and ANY_MEDIA_TYPE not in allowed:
            raise ContractBreach(f"media type {self._media_type!r} is not declared")
        self._response = response

    @property
    def _held_back(self) -> bool:
        assert self._response is not None  # noqa: S101 - set by _begin
        if not self._response.media_types:
            return True
        assert self._start is not None  # noqa: S101 - set by _begin
        if self._media_type == EVENT_STREAM or self._start.get(CHECKED):
            return False
        return self._response.media_types.get(self._media_type) is not None and (
            self._media_type == "application/json" or self._media_type.startswith("text/")
        )

    def _check_body(self, body: bytes) -> None:
        assert self._response is not None  # noqa: S101 - set by _begin
        if not self._response.media_types:
            if body:
                raise ContractBreach("a body where none is declared")
            return
        validator = self._response.media_types[self._media_type]
        if validator is None:
            return
        instance = _parse(body) if self._media_type == "application/json" else body.decode()
        if not validator.is_valid(instance):
            raise ContractBreach("; ".join(validator.details(instance)))

    async def _refuse(self, breach: ContractBreach) -> None:
        self._broken = self.started = True
        log.error(
            "response breaks the contract",
            operation=self._operation.id,
            breach=str(breach),
            status=self._start["status"] if self._start else None,
            answer=b"".join(self._chunks)[:MAX_LOGGED_ANSWER],
        )
        request_id, path = self._scope.get("echo.request_id"), self._scope["path"]
        await send_rendered(self._send, render(InternalError(), request_id=request_id, path=path))


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ContractBreach("the body is not JSON") from error


async def send_rendered(send: Callable[[Message], Awaitable[None]], rendered: RenderedError) -> None:
    """Send a complete error response."""
    headers = {**rendered.headers, "Content-Length": str(len(rendered.body))}
    await send(
        {
            "type": "http.response.start",
            "status": rendered.status,
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": rendered.body})
