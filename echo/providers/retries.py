"""Trying again what failed for a moment: only ever before the first word of an answer has come."""

import asyncio
import random

from echo.providers.constants import MAX_PAUSE_SECONDS
from echo.providers.failures import ProviderFailure


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
