"""Work on the event loop that a handler, in its thread, starts or waits for."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from echo.errors import ServiceUnavailable

T = TypeVar("T")


class Background:
    """The event loop of one process, from the application's start to its end."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """Take the running loop: called when the application starts."""
        self._loop = asyncio.get_running_loop()

    @property
    def is_running(self) -> bool:
        """Whether there is a loop to work on."""
        return self._loop is not None

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start the work on the loop; it goes on when nobody waits for it.

        Raises `ServiceUnavailable` before the start and after the end.
        """
        if self._loop is None:
            work.close()
            raise ServiceUnavailable
        return asyncio.run_coroutine_threadsafe(self._kept(work), self._loop)

    async def _kept(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await task

    def wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """The result of the work, for a thread that is not the loop's; raises `TimeoutError` after so long."""
        future = self.submit(work)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise

    async def close(self) -> None:
        """Cancel what still runs, and wait until it has ended: called when the application ends."""
        self._loop = None
        running = tuple(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
