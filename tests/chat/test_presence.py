"""Whether the processes that make answers are there."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat import presence as module
from echo.chat.presence import Presence
from storage.core.database import Database
from storage.core.errors import Unavailable
from storage.runs.workers import WorkerRepository


class Workers:
    """Notes who says that it is there; `away` counts the times that the database is."""

    def __init__(self, away: int = 0) -> None:
        self.beats: list[str] = []
        self.threads: set[str] = set()
        self.away = away

    def beat(self, worker: str) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable
        self.beats.append(worker)
        self.threads.add(threading.current_thread().name)


def test_a_process_says_so_every_other_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    workers: Any = Workers()
    presence = Presence(workers)
    said = []
    for clock.now in (1000.0, 1001.9, 1002.0, 1003.0, 1004.5):
        presence.beat()
        said.append(len(workers.beats))
    assert said == [1, 1, 2, 2, 3]
    assert set(workers.beats) == {presence.worker}


def test_two_processes_have_two_names() -> None:
    workers: Any = Workers()
    assert Presence(workers).worker != Presence(workers).worker


def test_a_process_says_so_as_long_as_it_is_needed_though_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.0)
    workers: Any = Workers(away=2)
    presence = Presence(workers)
    asyncio.run(presence.stay(lambda: len(workers.beats) < 3))
    assert workers.beats == [presence.worker] * 3
    # In a thread of its own.
    assert workers.threads == {"echo-beat_0"}


def test_a_process_looks_twice_as_often_as_it_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    workers: Any = Workers()
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    asyncio.run(Presence(workers).stay(lambda: len(slept) < 2))
    assert slept == [1.0, 1.0]


def test_this_process_is_there_and_others_that_have_said_so(database: Database) -> None:
    workers = WorkerRepository(database)
    here, there, silent = (Presence(workers) for _ in range(3))
    there.beat()
    assert here.there([]) == {here.worker}
    assert here.there([here.worker]) == {here.worker}
    assert here.there([there.worker, silent.worker]) == {here.worker, there.worker}
