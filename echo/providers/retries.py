"""Trying again what failed for a moment: only ever before the first word of an answer has come."""

import asyncio
import random
from collections.abc import Callable

from echo.providers.adapting import Adapting
from echo.providers.constants import MAX_PAUSE_SECONDS
from echo.providers.failures import ProviderFailure
from echo.providers.sites import Access, Turn
from echo.providers.transport import Call


class Attempts:
    """The attempts of one request: so many at most, with a pause before each further one that doubles."""

    def __init__(self, most: int, pause_seconds: float) -> None:
        self._left = most - 1
        self._pause = pause_seconds

    async def wait(self, failure: ProviderFailure) -> None:
        """Return when it is time to try again. Raises the failure where that would not help, or takes too long.

        A pause is at least what the provider asked for, and shortened at random by up to a half otherwise, so that
        requests that failed together do not come back together.
        """
        pause = self._pause * random.uniform(0.5, 1)  # noqa: S311 - no secret
        pause = max(pause, failure.retry_after or 0)
        if not failure.transient or self._left <= 0 or pause > MAX_PAUSE_SECONDS:
            raise failure
        self._left -= 1
        self._pause *= 2
        await asyncio.sleep(pause)


class Tries:
    """One request and how it is sent now: `make` makes it for a key or deployment, with what is to be left out.

    After a failure it is first sent without what was refused, then with each other key that there is, then once more
    after a pause, as often as there are `attempts`.
    """

    def __init__(self, turn: Turn, make: Callable[[Access], Adapting], attempts: Attempts) -> None:
        self._turn = turn
        self._make = make
        self._attempts = attempts
        self._sending = make(turn.access)

    @property
    def call(self) -> Call:
        """The request itself."""
        return self._sending.call

    def worked(self) -> None:
        """The provider has begun to answer."""
        self._sending.worked()

    def broke_off(self, failure: ProviderFailure) -> None:
        """It failed after that: nothing is tried again."""
        self._turn.failed(failure)

    async def again(self, failure: ProviderFailure) -> None:
        """Return when it is to be sent again. Raises a failure where that would not help."""
        if self._sending.adapt(failure):
            return
        before = self._turn.access
        if not self._turn.pass_on(failure):
            await self._attempts.wait(self._turn.failure)
            self._turn.begin_again()
        if self._turn.access is not before:
            self._sending = self._make(self._turn.access)
