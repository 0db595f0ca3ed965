"""The runs of one process: started here, stopped from anywhere, written down for everybody."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, TypeVar

import structlog

from echo.background import Background
from echo.chat.finishing import Tools
from echo.chat.injecting import Injecting, LoadFiles
from echo.chat.journal import Journal
from echo.chat.prepared import Prepared
from echo.chat.presence import Presence
from echo.chat.refusals import predecessor_mismatch
from echo.chat.remembering import Remembering
from echo.chat.run import Run
from echo.chat.run_places import RunPlaces
from echo.chat.running import milliseconds
from echo.credits import Credits
from echo.errors import ServiceUnavailable
from echo.observation import metrics
from echo.providers.moderation import Moderation
from echo.providers.titles import TitleService
from echo.tools.sources import Sources
from storage.conversations.chats import ChatRepository
from storage.core.errors import StorageError
from storage.runs.pieces import PieceRepository
from storage.runs.runs import RUNNING, RunRepository
from storage.runs.steers import SteerRepository
from storage.runs.workers import WorkerRepository

log = structlog.get_logger(__name__)

Json = dict[str, Any]
T = TypeVar("T")
# What runs say is written down so often, and who wants one to end is asked so often.
WRITE_SECONDS = 0.15
ASK_SECONDS = 0.4
THREADS = 4
# At the end, for storing what came so far.
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class RunStores:
    """Where runs are written down."""

    chats: ChatRepository
    runs: RunRepository
    pieces: PieceRepository
    workers: WorkerRepository
    steers: SteerRepository


class RunHub:
    """Runs of this process. `start` is for threads; the rest belongs to the event loop."""

    def __init__(
        self,
        stores: RunStores,
        titles: TitleService,
        ledger: Credits,
        background: Background,
        count_tokens: Callable[[str], int],
        *,
        sources: Sources,
        moderation: Moderation,
        load_files: LoadFiles,
        remembering: Remembering,
        most_at_once: int | None,
    ) -> None:
        self.presence = Presence(stores.workers)
        self.closing = asyncio.Event()
        self._stores = stores
        self._background = background
        self._places = RunPlaces(stores.runs, self.alive, most_at_once)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="echo-chat")
        self._journal = Journal(stores.chats, stores.runs, stores.pieces, self.in_thread)
        self._tools = Tools(
            stores.chats,
            stores.runs,
            stores.steers,
            titles,
            ledger,
            count_tokens,
            self.in_thread,
            self._keep_title,
            self._journal.pause,
            sources,
            Injecting(stores.steers, moderation, load_files, self.in_thread),
            remembering,
        )
        self._local: dict[str, Run] = {}
        # The same by owner, conversation, and when they began.
        self._begun: dict[tuple[str, str, int], Run] = {}
        self._titling: dict[str, asyncio.Task[None]] = {}
        self._tending: asyncio.Task[None] | None = None
        self._staying: asyncio.Task[None] | None = None
        self._urgent = asyncio.Event()

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """The result of a function that waits for the database, from a thread of the runs' own."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *arguments))

    def local(self, run_id: str) -> Run | None:
        """A run of this process that has not ended, or whose end is not yet written down."""
        return self._local.get(run_id)

    def begun(self, owner: str, conversation_id: str, created_at: int) -> Run | None:
        """The same for the run that began in a conversation at that time, in milliseconds."""
        return self._begun.get((owner, conversation_id, created_at))

    def alive(self, runs: list[Json]) -> list[Json]:
        """Those runs whose processes are there; for threads."""
        there, own = self.presence.there(run["worker"] for run in runs), self.presence.worker
        return [
            run for run in runs if run["worker"] in there and (run["worker"] != own or self._goes_on(run))
        ]

    def _goes_on(self, run: Json) -> bool:
        local = self._local.get(run["_id"])
        return local is not None and not local.transcript.ended

    def start(self, prepared: Prepared) -> Mapping[str, Any]:
        """Store what begins and run it; the run as it is written down.

        Raises `storage.core.errors.Conflict` when the client's request has a run already, `TooManyRequests` when its
        owner has as many as allowed, `storage.core.errors.NotFound` when the conversation is gone,
        `ServiceUnavailable`.
        """
        if self.closing.is_set():
            raise ServiceUnavailable("The server is stopping.")
        self.presence.beat()
        about = {**prepared.about, "worker": self.presence.worker, "titling": prepared.titling}
        document = self._places.insert(prepared, about)
        run = Run(prepared, document["createdAt"], self._tools)
        self._local[run.id] = self._begun[place_of(run)] = run
        try:
            self._check_predecessor(prepared, run)
            self._stores.chats.begin(prepared.owner, prepared.conversation_id, prepared.begun)
            self._background.submit(self._execute(run))
        except BaseException:
            self._forget(run)
            self._stores.runs.delete(prepared.owner, run.id)
            raise
        return document

    def _check_predecessor(self, prepared: Prepared, run: Run) -> None:
        """Of turns that are to follow one run only the first may begin."""
        if prepared.predecessor is None:
            return
        between = self._stores.runs.between(
            prepared.owner, prepared.conversation_id, prepared.predecessor, run.created_at, run.id
        )
        if between is not None:
            began = milliseconds(between["createdAt"])
            active = between["status"] == RUNNING and bool(self.alive([between]))
            raise predecessor_mismatch(prepared.conversation_id, began, active=active)

    async def _execute(self, run: Run) -> None:
        self._journal.watch(run)
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._tend())
        if self._staying is None or self._staying.done():
            self._staying = asyncio.create_task(self.presence.stay(lambda: self._local))
        if self.closing.is_set():
            run.stop("interrupted")
        with metrics.jobs.running("chat"):
            await run.execute()
        if run.is_written_down:
            self._forget(run)
        else:
            self._urgent.set()

    async def _tend(self) -> None:
        """Write and listen, as long as there is a run."""
        asked = 0.0
        while self._local or not self._journal.is_idle:
            await self._wait()
            try:
                await self._write()
                if self._local and time.monotonic() - asked >= ASK_SECONDS:
                    asked = time.monotonic()
                    await self._listen()
            except Exception:
                # A fault of ours in one run: the others are written down all the same.
                log.exception("runs cannot be written down")
                await asyncio.sleep(ASK_SECONDS)

    async def _wait(self) -> None:
        """For the next time to write; an end is written at once."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._urgent.wait()
        except TimeoutError:
            return
        self._urgent.clear()

    async def _write(self) -> None:
        for run in await self._journal.write():
            self._forget(run)

    def _forget(self, run: Run) -> None:
        self._local.pop(run.id, None)
        if self._begun.get(place := place_of(run)) is run:
            del self._begun[place]

    async def _listen(self) -> None:
        try:
            for run_id in await self.in_thread(self._stores.runs.abort_requests, self.presence.worker):
                if run := self._local.get(run_id):
                    run.stop("aborted")
        except StorageError as error:
            log.warning("runs of this process cannot be reached", cause=repr(error))

    def _keep_title(self, run: Run, task: asyncio.Task[None]) -> None:
        """Let a title be made to its end, which may be after the run's."""
        kept = asyncio.create_task(self._after_title(run, task))
        self._titling[run.id] = kept
        kept.add_done_callback(lambda _: self._titling.pop(run.id, None))

    async def _after_title(self, run: Run, task: asyncio.Task[None]) -> None:
        try:
            await task
        except Exception as error:
            log.warning("a title could not be stored", cause=repr(error))
        run.titling = False
        if run.is_closing or run.over.is_set():
            # The end may be written down with the title still to come.
            while run.id in self._local:
                await asyncio.sleep(WRITE_SECONDS)
            await self.in_thread(self._stores.runs.end_titling, run.owner, run.id)

    def begin(self, stop: Callable[[], None]) -> None:
        """Call `stop` as soon as the process is asked to end.

        Uvicorn waits for open streams before it tells the application, and streams wait for it: so the signal tells.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        loop, previous = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

        def stopping(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(stop)
            if callable(previous):
                previous(number, frame)

        if callable(previous):
            signal.signal(signal.SIGTERM, stopping)

    def stop(self) -> None:
        """End the streams of all readers, and the runs; what came so far is kept."""
        self.closing.set()
        for run in tuple(self._local.values()):
            run.stop("interrupted")
            for wake in tuple(run.transcript.watchers):
                wake()

    async def close(self) -> None:
        """Wait until everything is stored and written down."""
        self.stop()
        running = [run.over.wait() for run in self._local.values()]
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*running)
                await self._write()
        except TimeoutError:
            log.error("not everything that runs said could be stored", runs=len(self._local))
        left = [*self._titling.values(), *(each for each in (self._tending, self._staying) if each)]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._threads.shutdown(wait=True)


def place_of(run: Run) -> tuple[str, str, int]:
    """By what a client that has started a run asks for it."""
    return run.owner, run.prepared.conversation_id, milliseconds(run.created_at)
