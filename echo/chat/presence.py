"""Whether the processes that make answers are there: each says so while it makes one."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import structlog

from storage.core.errors import StorageError
from storage.runs.workers import WorkerRepository

log = structlog.get_logger(__name__)

BEAT_SECONDS = 2.0


class Presence:
    """This process, by the name under which it works, and the others; for threads that may wait for the database."""

    def __init__(self, workers: WorkerRepository) -> None:
        self.worker = uuid.uuid4().hex
        self._workers = workers
        self._said_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="echo-beat")

    def beat(self) -> None:
        """Say that this process is there, unless it has just said so."""
        if time.monotonic() - self._said_at >= BEAT_SECONDS:
            self._workers.beat(self.worker)
            self._said_at = time.monotonic()

    async def stay(self, needed: Callable[[], object]) -> None:
        """Say so again and again, as long as it is needed.

        In a thread of its own: where thousands of answers are made, what is to be written down may keep the others
        busy for longer than a process may be silent (`storage.runs.workers`). Others would end all of its answers.
        """
        while needed():
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self.beat)
            except StorageError as error:
                log.warning("nobody is told that this process is there", cause=repr(error))
            await asyncio.sleep(BEAT_SECONDS / 2)

    def there(self, workers: Iterable[str]) -> set[str]:
        """Those of the processes that are there; this one is."""
        others = set(workers) - {self.worker}
        return self._workers.alive(others) | {self.worker} if others else {self.worker}
