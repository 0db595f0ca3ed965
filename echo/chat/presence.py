"""Whether the processes that make answers are there: each says so while it makes one."""

import time
import uuid
from collections.abc import Iterable

from storage.runs.workers import WorkerRepository

BEAT_SECONDS = 2.0


class Presence:
    """This process, by the name under which it works, and the others; for threads that may wait for the database."""

    def __init__(self, workers: WorkerRepository) -> None:
        self.worker = uuid.uuid4().hex
        self._workers = workers
        self._said_at = 0.0

    def beat(self) -> None:
        """Say that this process is there, unless it has just said so."""
        if time.monotonic() - self._said_at >= BEAT_SECONDS:
            self._workers.beat(self.worker)
            self._said_at = time.monotonic()

    def there(self, workers: Iterable[str]) -> set[str]:
        """Those of the processes that are there; this one is."""
        others = set(workers) - {self.worker}
        return self._workers.alive(others) | {self.worker} if others else {self.worker}
