"""Whether who was let in may still be here: asked when a request comes, and while a long answer is made."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from echo.accounts.api_keys import ApiKeyGuard
from echo.accounts.sessions import SessionGuard
from echo.errors import ApiError, Unauthorized
from echo.handling.caller import Caller
from storage.core.errors import StorageError

# What the guards remember is good for three seconds: with these, an end is felt within five, and costs no more reads.
LOOK_SECONDS = 2.0

T = TypeVar("T")
Refusal = asyncio.Future[ApiError]


class Standing:
    """Asks after callers' sessions and API keys, which end with a ban and with the account too."""

    def __init__(
        self, sessions: SessionGuard, api_keys: ApiKeyGuard, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._sessions = sessions
        self._api_keys = api_keys
        self._look_seconds = look_seconds

    async def check(self, caller: Caller) -> None:
        """Raise `Unauthorized` unless the caller may be here; `storage.core.errors.Unavailable`."""
        if caller.key_hash:
            if await self._api_keys.holder(caller.key_hash) is None:
                raise key_refused()
        elif not await self._sessions.is_alive(caller.id, caller.session_id):
            raise Unauthorized("The session has ended; log in again.", code="session_expired")

    @asynccontextmanager
    async def watched(self, caller: Caller) -> AsyncIterator[Refusal]:
        """Look again and again while the context lasts: the future has a result, why, once the caller must go."""
        looking = asyncio.ensure_future(self._refusal(caller))
        try:
            yield looking
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def while_here(self, caller: Caller, pieces: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The pieces, until the caller must go: what comes after that is not handed on any more.

        Nothing is waited for beside the pieces, so it ends with the next of them.
        """
        async with aclosing(pieces), self.watched(caller) as refusal:
            async for piece in pieces:
                if refusal.done():
                    return
                yield piece

    async def _refusal(self, caller: Caller) -> ApiError:
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                await self.check(caller)
            except Unauthorized as error:
                return error
            except StorageError:
                # Nobody has to go because the database is away.
                continue


async def unless(refusal: Refusal, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work; raises the refusal if that comes first, and cancels the work."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait((working, refusal), return_when=asyncio.FIRST_COMPLETED)
        if refusal.done():
            raise refusal.result()
        return working.result()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def key_refused() -> Unauthorized:
    """What is answered to a key that opens nothing; why it does not is not told."""
    return Unauthorized("The API key is not one of this server's, or has expired.", code="invalid_api_key")
