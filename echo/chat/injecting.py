"""Messages that came during a run, put before its model between two of its requests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from echo.chat import frames
from echo.errors import ApiError
from echo.providers.chat import Attachment, Turn
from echo.providers.moderation import Moderation
from storage.core.errors import StorageError
from storage.runs.steers import SteerRepository

log = structlog.get_logger(__name__)

Json = dict[str, Any]
# The owner and a message that names files; the files.
LoadFiles = Callable[[str, Mapping[str, Any]], Sequence[Attachment]]


class Injecting:
    """Takes messages out of the queues of runs; belongs to the event loop."""

    def __init__(
        self,
        steers: SteerRepository,
        moderation: Moderation,
        load_files: LoadFiles,
        in_thread: Callable[..., Awaitable[Any]],
    ) -> None:
        self._steers = steers
        self._moderation = moderation
        self._load_files = load_files
        self._in_thread = in_thread

    async def take(self, owner: str, run_id: str) -> list[tuple[Json, Turn]]:
        """The messages that a model may get now, each with the turn that it is, the oldest first.

        One that a model may not get stays in its queue, with those after it: sent as the next turn it is refused. It
        raises nothing where the database is away: the run goes on without.
        """
        try:
            waiting = await self._in_thread(self._steers.pending, owner, run_id)
            allowed = await self._allowed(waiting)
            if not allowed:
                return []
            rows = await self._in_thread(self._steers.apply, owner, run_id, allowed)
            return [(row, await self._turn(owner, row)) for row in rows]
        except StorageError as error:
            log.warning("what was sent during a run cannot be read", run=run_id, cause=repr(error))
            return []

    async def _allowed(self, waiting: Sequence[Json]) -> list[str]:
        allowed: list[str] = []
        for row in waiting:
            try:
                await self._moderation.check(row["text"])
            except ApiError:
                break
            allowed.append(row["steerId"])
        return allowed

    async def _turn(self, owner: str, row: Json) -> Turn:
        files = await self._in_thread(self._load_files, owner, row) if row.get("files") else ()
        return Turn.of_text("user", row["text"], files)


def part_of(row: Mapping[str, Any]) -> Json:
    """The part of the answer that such a message is."""
    kept = {name: row[name] for name in ("steerId", "clientSteerId", "createdAt", "files") if name in row}
    return {"type": frames.STEER, frames.STEER: row["text"], **kept}
