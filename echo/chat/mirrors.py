"""Following runs of other processes: one poller for all of them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

import structlog

from echo.chat import frames
from echo.chat.follow import Reading, follow
from echo.chat.transcript import Transcript
from storage.core.errors import StorageError
from storage.runs.pieces import Piece, PieceRepository
from storage.runs.runs import RUNNING, RunRepository
from storage.runs.workers import WorkerRepository

log = structlog.get_logger(__name__)

InThread = Callable[..., Awaitable[Any]]
States = dict[str, Mapping[str, Any] | None]
POLL_SECONDS = 0.2
# How often it is asked whether the processes are there.
CHECK_SECONDS = 1.0
# After the database was away, for the processes to say again that they are there.
GRACE_SECONDS = 5.0
LOST = frames.failed(
    "The server that worked on this answer is gone. What came so far is kept.", "interrupted"
)


class Mirror:
    """A run of another process, as far as it has been read."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.run_id, self.owner = str(document["_id"]), str(document["user"])
        self.transcript = Transcript(document)
        self.number = 0
        self.readers = 0
        self.ready = asyncio.Event()

    def take(self, piece: Piece) -> None:
        """Add the next piece; one that is not the next is left for when it is its turn."""
        if piece.number == self.number and not self.transcript.ended:
            self.transcript.load(piece.frames)
            self.number += 1

    def catch_up(self, whole: Transcript) -> None:
        """Add what is missing of a run that is over: a piece of it was lost with the database's server."""
        for missing in whole.since(self.transcript.end)[0]:
            self.transcript.add(missing.name, missing.payload)

    def lose(self) -> None:
        """End the transcript of a run that says nothing any more."""
        if not self.transcript.ended:
            self.transcript.add(frames.ERROR, LOST)


class Mirrors:
    """The mirrors of one process; everything belongs to the event loop."""

    def __init__(
        self,
        runs: RunRepository,
        pieces: PieceRepository,
        workers: WorkerRepository,
        *,
        in_thread: InThread,
        closing: asyncio.Event,
    ) -> None:
        self._runs = runs
        self._pieces = pieces
        self._workers = workers
        self._in_thread = in_thread
        self._closing = closing
        self._mirrors: dict[str, Mirror] = {}
        # Of runs that are over, as long as somebody reads.
        self._past: WeakValueDictionary[str, Transcript] = WeakValueDictionary()
        self._polling: asyncio.Task[None] | None = None

    async def follow(self, document: Mapping[str, Any], reading: Reading) -> AsyncGenerator[bytes, None]:
        """The bytes of a run's stream for one reader; see `echo.chat.follow`."""
        if document["status"] != RUNNING:
            transcript = self._shared(document)
            # As large as the answer: one for all readers is enough, however slow they are.
            del document
            async for each in follow(transcript, self._closing, reading):
                yield each
            return
        mirror = self._mirrors.setdefault(str(document["_id"]), Mirror(document))
        mirror.readers += 1
        try:
            if self._polling is None or self._polling.done():
                self._polling = asyncio.create_task(self._poll())
            await mirror.ready.wait()
            async for each in follow(mirror.transcript, self._closing, reading):
                yield each
        finally:
            mirror.readers -= 1
            if not mirror.readers:
                self._mirrors.pop(mirror.run_id, None)

    def _shared(self, document: Mapping[str, Any]) -> Transcript:
        run_id = str(document["_id"])
        transcript = self._past.get(run_id)
        if transcript is None:
            transcript = self._past[run_id] = past(document)
        return transcript

    def stop(self) -> None:
        """Wake every reader, so that it sees the end."""
        for mirror in self._mirrors.values():
            mirror.ready.set()
            for wake in tuple(mirror.transcript.watchers):
                wake()

    async def close(self) -> None:
        """Poll no more."""
        self.stop()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def _poll(self) -> None:
        checked = 0.0
        while self._mirrors:
            try:
                states = await self._states()
                await self._read()
                await self._end(states)
                if time.monotonic() - checked >= CHECK_SECONDS:
                    checked = time.monotonic()
                    await self._check(states)
            except StorageError as error:
                log.warning("runs of other processes cannot be read", cause=repr(error))
                checked = time.monotonic() + GRACE_SECONDS
            await asyncio.sleep(POLL_SECONDS)

    def _open(self) -> list[Mirror]:
        return [each for each in self._mirrors.values() if not each.transcript.ended]

    async def _states(self) -> States:
        """What has become of the runs, None of those that are not there; asked before their pieces are read."""
        ids = [each.run_id for each in self._open()]
        found = await self._in_thread(self._runs.states, ids) if ids else {}
        return {each: found.get(each) for each in ids}

    async def _read(self) -> None:
        mirrors = self._open()
        positions = [(each.owner, each.run_id, each.number) for each in mirrors]
        if not positions:
            return
        for piece in await self._in_thread(self._pieces.read_all, positions):
            if mirror := self._mirrors.get(piece.run_id):
                mirror.take(piece)
        for mirror in mirrors:
            mirror.ready.set()

    async def _end(self, states: States) -> None:
        """End the mirrors of runs that are over: what a run says last is no piece, but among all that it keeps."""
        for mirror in self._open():
            if mirror.run_id not in states:
                continue
            state = states[mirror.run_id]
            if state is None:
                mirror.lose()
            elif state["status"] != RUNNING:
                await self._finish(mirror)

    async def _finish(self, mirror: Mirror) -> None:
        document = await self._in_thread(self._runs.get, mirror.owner, mirror.run_id)
        if document is not None and not mirror.transcript.ended:
            mirror.catch_up(past(document))
        mirror.lose()

    async def _check(self, states: States) -> None:
        """End the mirrors of runs whose processes are gone, and the runs."""
        known = {each: state["worker"] for each in self._open() if (state := states.get(each.run_id))}
        if not known:
            return
        alive = await self._in_thread(self._workers.alive, known.values())
        await self._read()
        for mirror, worker in known.items():
            if worker in alive:
                continue
            if await self._in_thread(self._runs.end, mirror.owner, mirror.run_id, "interrupted"):
                mirror.lose()
            else:
                await self._finish(mirror)


def past(document: Mapping[str, Any]) -> Transcript:
    """The transcript of a run that is over; one whose process died has kept none."""
    transcript = Transcript({name: value for name, value in document.items() if name != "frames"})
    if document.get("frames"):
        transcript.load(bytes(document["frames"]))
    if not transcript.ended:
        transcript.add(frames.ERROR, LOST)
    return transcript
