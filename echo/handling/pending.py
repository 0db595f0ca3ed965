"""A response that is still being made, on the event loop."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import flask


@dataclass(frozen=True)
class Pending:
    """What a handler returns to answer later, so that waiting (for a provider, say) holds no thread.

    `make` is called on the event loop. Its result is what a handler may return: a body, an `EventStream`, either with
    status and headers; what it raises becomes the error response. It is cancelled when the client goes away.
    """

    make: Callable[[], Awaitable[Any]]


class PendingResponse(flask.Response):
    """The Flask response that carries a pending one to the bridge; `respond` makes a response of the result."""

    def __init__(self, pending: Pending, respond: Callable[[Any], flask.Response]) -> None:
        super().__init__(b"")
        self._pending = pending
        self._respond = respond

    async def finish(self) -> flask.Response:
        """The response itself; raises what making it raises."""
        return self._respond(await self._pending.make())
