"""The last step before the handler: the body within its limit, the request as typed arguments."""

import asyncio
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo.contract.compiled import FORM, Operation
from echo.contract.requests import read_arguments
from echo.errors import PayloadTooLarge, ServiceUnavailable
from echo.handling.scope import ARGUMENTS, CALLER, CLIENT, OPERATION
from echo.handling.upload import Upload
from echo.http.rate_limits import RateLimiter
from echo.settings import Settings

# The value of `x-echo-body-limit` for files that are read as a stream.
IMPORT = "import"
# Room for the boundaries, part headers and text parts of a form around its file.
FORM_OVERHEAD_BYTES = 1024 * 1024
# A client that is still sending when it is refused must be able to read the answer: so much, and so long, is read on.
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 5.0


class RequestReader:
    """Turns the request into the handler's arguments before Flask is entered; see `read_arguments`.

    What is sent to an operation that declares no body is not read, whatever it is and says of its length: it means
    nothing (RFC 9110, section 9.3.1), and the server throws it away as it comes.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, limiter: RateLimiter) -> None:
        self._app = app
        self._settings = settings
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, check and pass on. Raises `PayloadTooLarge` and whatever `read_arguments` raises."""
        if scope["type"] == "http":
            operation: Operation = scope[OPERATION]
            body = LimitedBody(receive, self._limit(operation))
            try:
                if operation.body is not None:
                    body.check_declared(Headers(scope=scope))
                arguments = await read_arguments(operation, scope, body)
            except (PayloadTooLarge, ServiceUnavailable, OSError):
                # The last two where the disk takes no temporary file.
                await body.drain()
                raise
            try:
                await self._hand_on(arguments, scope, receive, send)
            finally:
                close_uploads(arguments)
            return
        await self._app(scope, receive, send)

    async def _hand_on(self, arguments: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
        """Count, and pass on to the handler what was read and who asks."""
        context = scope["extensions"].get("connexion_context", {})
        await self._limiter.check_arguments(
            scope[OPERATION], arguments, scope[CLIENT].address, context.get("user")
        )
        token = context.get("token_info", {})
        scope[CALLER] = token.get("caller")
        scope[ARGUMENTS] = arguments | token.get("arguments", {})
        await self._app(scope, receive, send)

    def _limit(self, operation: Operation) -> int:
        if operation.body_limit == IMPORT:
            return self._settings.max_import_bytes + FORM_OVERHEAD_BYTES
        if operation.body and FORM in operation.body.media_types:
            return self._settings.max_upload_bytes + FORM_OVERHEAD_BYTES
        return self._settings.max_body_bytes


def close_uploads(arguments: dict[str, Any]) -> None:
    """Let go of the temporary files of a form."""
    for value in arguments.values():
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, Upload):
                each.stream.close()


class LimitedBody:
    """An ASGI `receive` that raises `PayloadTooLarge` once the body is over the limit, chunked or not."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._received = 0
        self._ended = False

    async def __call__(self) -> Message:
        """The next message of the request."""
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._received > self._limit:
            raise PayloadTooLarge
        return message

    def check_declared(self, headers: Headers) -> None:
        """Refuse early what says itself that it is too large."""
        declared = headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared) > self._limit:
            raise PayloadTooLarge

    async def drain(self) -> None:
        """Read on for a while and throw away, so that the client gets to see the answer."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._ended and self._received < self._limit + DRAIN_BYTES:
                    message = await self._receive()
                    self._received += len(message.get("body", b""))
                    self._ended = not message.get("more_body", False)
        except TimeoutError:
            return
