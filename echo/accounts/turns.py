"""One after the other: who renews a login of a user's, among all processes."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storage.accounts.renewals import RenewalRepository

LOOK_SECONDS = 0.1


class Turns:
    """Whoever has the turn reads again what is stored: the one before may have renewed it."""

    def __init__(self, stored: RenewalRepository) -> None:
        self._stored = stored

    @asynccontextmanager
    async def of(self, owner: str, login: str) -> AsyncIterator[None]:
        """The turn at a user's login, waited for as long as another has it: for less than a minute each."""
        holder = secrets.token_urlsafe(12)
        while not await asyncio.to_thread(self._stored.take, owner, login, holder):
            await asyncio.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            await asyncio.shield(asyncio.to_thread(self._stored.end, owner, login, holder))
