"""Writing down what runs say: all runs of a process together, a few times a second."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import structlog

from echo.chat.finishing import MAX_WHOLE_BYTES
from echo.chat.frames import TEXT, THINK, TOOL_CALL
from echo.chat.run import Run
from echo.chat.transcript import Frame, pack
from storage.conversations.chats import ChatRepository, Progress
from storage.core.errors import Unavailable
from storage.runs.pieces import Piece, PieceRepository
from storage.runs.runs import RunEnd, RunRepository

log = structlog.get_logger(__name__)

# An answer under way is stored so often; a very long one (in characters) less often.
SAVE_SECONDS = 2.0
SIZE_PER_SECOND = 200_000
# Followers in other processes have read the last pieces by then; who comes later reads the whole.
PIECES_KEPT_SECONDS = 10.0

InThread = Callable[..., Awaitable[Any]]
T = TypeVar("T")


@dataclass
class Batch:
    """What is to be written at one time."""

    said: list[tuple[Run, int, list[Frame]]] = field(default_factory=list)
    progress: list[tuple[Run, Progress]] = field(default_factory=list)
    ended: list[Run] = field(default_factory=list)
    old: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.said or self.progress or self.ended or self.old)


class Journal:
    """What other processes, and a later start, know of the runs of this one."""

    def __init__(
        self, chats: ChatRepository, runs: RunRepository, pieces: PieceRepository, in_thread: InThread
    ) -> None:
        self._chats = chats
        self._runs = runs
        self._pieces = pieces
        self._in_thread = in_thread
        self._changed: dict[str, Run] = {}
        # What they said last is not in their answers yet: a model may pause before it says more.
        self._unsaved: dict[str, Run] = {}
        self._old: list[tuple[float, str]] = []
        self._batch = Batch()
        self._writing = asyncio.Lock()

    def watch(self, run: Run) -> None:
        """Write down what the run says from now on."""
        run.transcript.watchers.add(lambda: self._changed.setdefault(run.id, run))

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing left to write, now or later."""
        return self._batch.is_empty and not (self._changed or self._unsaved or self._old)

    async def write(self) -> list[Run]:
        """Write what is new; the runs that have ended and are written wholly. What fails is tried again next time."""
        async with self._writing:
            batch = self._collect()
            return [] if batch.is_empty else await self._try(batch)

    async def pause(self) -> None:
        """Wait until nothing is being written: what a run that is finishing stores is not followed by less."""
        async with self._writing:
            return

    async def _try(self, batch: Batch) -> list[Run]:
        try:
            await self._in_thread(self._write, batch)
        except Unavailable:
            log.warning("what runs say could not be written down", runs=len(batch.said))
            return []
        now = asyncio.get_running_loop().time()
        for run in batch.ended:
            self._let_go(run, now)
        self._batch = Batch()
        return batch.ended

    def _let_go(self, run: Run, now: float) -> None:
        """Have the pieces of a run deleted, whose end is written down with all that it said."""
        if run.pieces:
            self._old.append((now + PIECES_KEPT_SECONDS, run.id))

    def _collect(self) -> Batch:
        """What failed before, and what is new."""
        batch, now = self._batch, asyncio.get_running_loop().time()
        while self._changed:
            # One after the other: what fails with one keeps the others.
            _, run = self._changed.popitem()
            if run.is_written_down:
                self._unsaved.pop(run.id, None)
                self._let_go(run, now)
                continue
            found, run.written = run.transcript.since(run.written)
            if found:
                batch.said.append((run, run.pieces, found))
                run.pieces += 1
            if run.transcript.ended:
                batch.ended.append(run)
                self._unsaved.pop(run.id, None)
            else:
                self._unsaved[run.id] = run
        for run in [each for each in self._unsaved.values() if self._is_due(each, now)]:
            del self._unsaved[run.id]
            batch.progress += self._progress(run, now)
        batch.progress = [(run, each) for run, each in batch.progress if not run.finishing]
        batch.old += [run_id for due, run_id in self._old if due <= now]
        self._old = [(due, run_id) for due, run_id in self._old if due > now]
        return batch

    @staticmethod
    def _is_due(run: Run, now: float) -> bool:
        return now - run.saved_at >= SAVE_SECONDS + run.saved_size / SIZE_PER_SECOND

    @staticmethod
    def _progress(run: Run, now: float) -> list[tuple[Run, Progress]]:
        content = run.transcript.content()
        size = sum(map(size_of, content))
        run.saved_at, is_new, run.saved_size = now, size > run.saved_size, size
        if not is_new:
            return []
        about = run.prepared.about
        message_id, conversation_id = str(about["responseMessageId"]), run.prepared.conversation_id
        return [(run, Progress(run.owner, conversation_id, message_id, {"content": content}))]

    def _write(self, batch: Batch) -> None:
        # For a piece that cannot be stored followers elsewhere lose the stream; the answers are stored anyhow.
        pieces = [Piece(run.owner, run.id, number, pack(found)) for run, number, found in batch.said]
        write_all(self._pieces.append_all, pieces)
        write_all(self._chats.save_all, [each for _, each in batch.progress])
        # A run that is not known to be over counts as going on: at least its end must get there.
        for end in write_all(self._runs.end_all, [end_of(run) for run in batch.ended]):
            write_all(self._runs.end_all, [replace(end, frames=b"")])
        write_all(self._pieces.delete_all, batch.old)


def size_of(part: Mapping[str, Any]) -> int:
    """About how much a part holds. Before what the run adds there may be parts of any shape."""
    call = part.get(TOOL_CALL)
    held = [part.get(TEXT), part.get(THINK)]
    if isinstance(call, Mapping):
        # A call that has ended is another thing than one that has not.
        held += [call.get("args"), call.get("output"), call.get("runStepStatus"), "call"]
    return sum(len(text) for text in held if isinstance(text, str))


def write_all(write: Callable[[Sequence[T]], None], items: Sequence[T]) -> list[T]:
    """Write all at once, or each alone where one cannot be stored, so that it takes none of another run with it.

    Those that cannot be. Raises `Unavailable`: a second attempt may write them, and does no harm.
    """
    if not items:
        return []
    try:
        write(items)
    except Unavailable:
        raise
    except Exception as error:
        if len(items) == 1:
            log.error("what a run says cannot be written down", cause=repr(error)[:500])
            return list(items)
        return [each for item in items for each in write_all(write, [item])]
    return []


def end_of(run: Run) -> RunEnd:
    """How a run ended, for the other processes."""
    status, whole = run.ending or "error", run.transcript.everything()
    return RunEnd(
        run.owner, run.id, status, whole if len(whole) <= MAX_WHOLE_BYTES else b"", titling=run.titling
    )
