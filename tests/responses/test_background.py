"""How responses in the background end."""

import asyncio
from typing import Any

from starlette.testclient import TestClient

from echo.chat.presence import Presence
from echo.responses.background import BackgroundResponses
from echo.responses.work import Work
from storage.conversations.responses import KeptResponse, ResponseRepository
from storage.core.database import Database
from storage.runs.pieces import PieceRepository
from storage.runs.workers import WorkerRepository

# No model is asked here.
NOTHING: Any = None
KEPT = KeptResponse("resp_gone", [], "[]", "{}", status="in_progress")


def test_one_that_is_gone_is_cancelled_once(running: TestClient, app_database: Database) -> None:
    """Its end may take long, as while the database is away; another cancellation would cut that off."""
    cancelled = 0

    async def end_slowly(may_end: asyncio.Event) -> None:
        nonlocal cancelled
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                cancelled += 1

    async def run() -> None:
        works = BackgroundResponses(
            NOTHING,
            ResponseRepository(app_database),
            PieceRepository(app_database),
            Presence(WorkerRepository(app_database)),
            most_open=1,
        )
        may_end = asyncio.Event()
        # It is not in the database: somebody has deleted it.
        work = Work(NOTHING, NOTHING, NOTHING, KEPT)
        work.task = asyncio.create_task(end_slowly(may_end))
        works._works[work.kept.id] = work
        await asyncio.sleep(0)
        for _ in range(3):
            await works._listen()
            await asyncio.sleep(0)
        may_end.set()
        await work.task

    asyncio.run(run())
    assert cancelled == 1
