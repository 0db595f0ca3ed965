"""Searches: few at a time, each with a time limit, and ended when its client leaves."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from echo.errors import TooManyRequests
from echo.handling.pending import Pending
from echo.http.pools import Pool
from storage.core.errors import StorageError
from storage.core.stop import Stop

log = logging.getLogger(__name__)

# A search keeps a core of the database busy; other requests must not wait for its thread.
THREADS = 2
WAITING = 100
# Of one account one search runs in a process, so that all of its searches leave a thread to the others.
WAITING_OF_ONE_ACCOUNT = 5
# How soon the database is told again of a search that nobody waits for and that has not ended.
REMINDER_SECONDS = 0.25


class Searches:
    """Runs the searches of one process, beside its other work; `seconds` is how long one may take."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._pool = Pool("search", THREADS, waiting=WAITING)
        self._locks: dict[str, asyncio.Lock] = {}
        self._present: Counter[str] = Counter()

    def pending(self, owner: str, work: Callable[[Stop], Any]) -> Pending:
        """What a handler returns for a search: the result of `work`, which is given what can end it.

        Raises `TooManyRequests` when the account has several that wait already, `ServiceUnavailable` when all
        accounts together have too many.
        """
        return Pending(lambda: self._in_turn(owner, work))

    async def _in_turn(self, owner: str, work: Callable[[Stop], Any]) -> Any:
        if self._present[owner] > WAITING_OF_ONE_ACCOUNT:
            raise TooManyRequests(1, "Other searches of yours are still running.", code="too_many_searches")
        self._present[owner] += 1
        try:
            async with self._locks.setdefault(owner, asyncio.Lock()):
                return await self._run(work)
        finally:
            self._present[owner] -= 1
            if not self._present[owner]:
                del self._present[owner]
                del self._locks[owner]

    async def _run(self, work: Callable[[Stop], Any]) -> Any:
        stops: list[Stop] = []

        def begin() -> Any:
            # Its time begins when its turn has come.
            stops.append(Stop(self._seconds))
            return work(stops[0])

        running = asyncio.ensure_future(self._pool.run(begin))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await _end(running, stops)
            raise

    def close(self) -> None:
        """Finish what has begun."""
        self._pool.close()


async def _end(running: asyncio.Future[Any], stops: list[Stop]) -> None:
    """End the search that nobody waits for; its turn is over only when its thread is free."""
    while not running.done():
        for stop in stops:
            try:
                await asyncio.to_thread(stop.tell)
            except StorageError as error:
                # It ends by its time limit.
                log.warning("a search could not be ended: %s", type(error).__name__)
        await asyncio.wait({running}, timeout=REMINDER_SECONDS)
    running.exception()
