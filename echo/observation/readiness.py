"""Whether a process can work: each of its dependencies is asked, all at once, each with a time limit of its own.

As in Kinto's heartbeat. What asks and what answers `GET /ready` shares no thread with requests: a dependency that
hangs holds the one thread that asked it.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import structlog

log = structlog.get_logger(__name__)


class Dependency:
    """One dependency, for one event loop; `ask` raises where it cannot be used.

    However many want to know, it is asked by one thread at a time, and what was found is good for `fresh_seconds`.
    """

    def __init__(self, ask: Callable[[], object], *, seconds: float, fresh_seconds: float = 0.0) -> None:
        self._ask = ask
        self._seconds = seconds
        self._fresh_seconds = fresh_seconds
        self._asked: asyncio.Future[bool] | None = None
        self._asked_at = 0.0

    async def answers(self) -> bool:
        """Whether it can be used; False also where that is not known in time."""
        asked = self._asked
        if asked is None or (asked.done() and time.monotonic() - self._asked_at >= self._fresh_seconds):
            asked = self._asked = asyncio.wrap_future(self._begin())
            self._asked_at = time.monotonic()
        await asyncio.wait((asked,), timeout=self._seconds)
        return asked.done() and asked.result()

    def _begin(self) -> "Future[bool]":
        found: Future[bool] = Future()

        def run() -> None:
            try:
                self._ask()
            except Exception as error:
                log.warning("a dependency cannot be used", cause=repr(error))
                found.set_result(False)
            else:
                found.set_result(True)

        # A daemon: one that hangs must not keep the process from ending.
        threading.Thread(target=run, name="echo-ready", daemon=True).start()
        return found


class Readiness:
    """All dependencies of a process, by name."""

    def __init__(self, dependencies: Mapping[str, Dependency]) -> None:
        self._dependencies = dict(dependencies)

    async def ask(self) -> Mapping[str, bool]:
        """Whether each can be used; takes as long as the slowest of the time limits, at most."""
        answers = await asyncio.gather(*(each.answers() for each in self._dependencies.values()))
        return dict(zip(self._dependencies, answers, strict=True))
