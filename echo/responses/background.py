"""Responses that are made in the background: they go on when nobody waits, in the process that took the request.

What becomes of one is in `echo_responses`, where every process finds it, and may cancel it. What a streamed one says
is written down piece by piece, as for runs of chats (`storage.runs.pieces`).
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta

import orjson
import structlog

from echo.chat.presence import Presence
from echo.completions.answering import Answering
from echo.completions.under_way import OpenCompletions
from echo.errors import ApiError, ServiceUnavailable
from echo.handling.failures import to_api_error
from echo.observation import metrics
from echo.responses.items import Json
from echo.responses.output import IN_PROGRESS
from echo.responses.work import Work, at, changed, dumped
from storage.conversations.responses import KeptResponse, ResponseRepository
from storage.core.errors import StorageError
from storage.runs.pieces import Piece, PieceRepository

log = structlog.get_logger(__name__)

# So many of one process ask a model at once, whoever's they are; others wait, up to so many in all.
MOST_AT_ONCE, MOST_OPEN = 64, 1000
# What they say is written down so often; whether someone has cancelled one is asked so often.
WRITE_SECONDS = 0.2
ASK_SECONDS = 0.4
# An end is written again after so long, as long as the database is away.
RETRY_SECONDS = 2.0
# For the ends to be written when the process stops.
STOP_SECONDS = 10.0
# How long after the end the stream can be read.
STREAM_KEPT = timedelta(minutes=5)
STOPPED = "The server that worked on this response was stopped."
GONE = {"code": "server_error", "message": "The server that worked on this response is gone."}


class BackgroundResponses:
    """Those of one process; an account may have `most_open` of them. Belongs to the event loop, but for `current`."""

    def __init__(
        self,
        answering: Answering,
        responses: ResponseRepository,
        pieces: PieceRepository,
        presence: Presence,
        *,
        most_open: int,
    ) -> None:
        self._answering = answering
        self._responses = responses
        self._pieces = pieces
        self._presence = presence
        self._open = OpenCompletions(most_open)
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._works: dict[str, Work] = {}
        self._unwritten: list[Piece] = []
        self._writing = asyncio.Lock()
        self._tending: asyncio.Task[None] | None = None
        self._staying: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self, work: Callable[[str], Work]) -> Json:
        """Begin to make a response, by the name of this process; the response as it is now.

        Raises `TooManyRequests`, `ServiceUnavailable`, and what `Reach.choose` does.
        """
        made = work(self._presence.worker)
        if self._closing or len(self._works) >= MOST_OPEN:
            raise ServiceUnavailable
        await made.job.reach.choose(made.job.question.model)
        # Who leaves now does not take it along.
        made.task = asyncio.create_task(self._run(made))
        await asyncio.shield(made.begun)
        response: Json = orjson.loads(made.kept.response)
        return response

    async def _run(self, work: Work) -> None:
        try:
            with self._open.one(work.owner), metrics.jobs.running("response"):
                await asyncio.to_thread(self._begin, work)
                self._works[work.kept.id] = work
                self._tend()
                work.begun.set_result(None)
                await self._make(work)
        except Exception as exc:
            if work.begun.done():
                log.exception("a response in the background failed", response=work.kept.id)
            else:
                work.begun.set_exception(exc)
        finally:
            self._works.pop(work.kept.id, None)

    def _begin(self, work: Work) -> None:
        self._presence.beat()
        self._responses.add(work.owner, work.kept)

    async def _make(self, work: Work) -> None:
        for frame in work.teller.queued():
            work.say(frame)
        if error := await self._attempt(work):
            await self._fail(work, error)
        await self._close(work)

    async def _attempt(self, work: Work) -> ApiError | None:
        """Why it has failed, if it has."""
        try:
            async with self._at_once:
                await self._answer(work)
        except asyncio.CancelledError:
            # By `_listen`, of one that was cancelled or deleted: no more is to be said of it.
            if work.task:
                work.task.uncancel()
            return ServiceUnavailable(STOPPED) if work.interrupted else None
        except Exception as exc:
            return to_api_error(exc)
        return work.teller.failure

    async def _answer(self, work: Work) -> None:
        started = at(work.teller, IN_PROGRESS)
        if not await asyncio.to_thread(
            self._responses.advance, work.owner, work.kept.id, IN_PROGRESS, started
        ):
            return
        work.say(work.teller.started())
        frames = self._answering.frames(work.job, work.teller, work.finish, counted=False)
        async with aclosing(frames):
            async for frame in frames:
                work.say(frame)

    async def _fail(self, work: Work, error: ApiError) -> None:
        work.finishing = True
        if work.teller.failure is None:
            for frame in work.teller.failed(error):
                work.say(frame)
        failed = dumped(work.teller.broken(error))
        ended = replace(work.kept, status="failed", response=failed)
        while True:
            try:
                await asyncio.to_thread(self._responses.end, work.owner, ended)
                return
            except StorageError as cause:
                log.warning("the end of a response cannot be stored", cause=repr(cause))
                if self._closing:
                    return
                await asyncio.sleep(RETRY_SECONDS)

    async def _close(self, work: Work) -> None:
        """Write down the last of what it said."""
        self._unwritten += work.last()
        if work.kept.streamed:
            with suppress(StorageError):
                await self._write()
                await asyncio.to_thread(self._pieces.keep_for, work.owner, work.kept.id, STREAM_KEPT)

    def _tend(self) -> None:
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._keep_tending())
        if self._staying is None or self._staying.done():
            self._staying = asyncio.create_task(self._presence.stay(lambda: self._works))

    async def _keep_tending(self) -> None:
        asked = 0.0
        clock = asyncio.get_running_loop().time
        while self._works:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await self._write()
                if clock() - asked >= ASK_SECONDS:
                    asked = clock()
                    await self._listen()
            except StorageError as error:
                log.warning("responses in the background cannot be written down", cause=repr(error))

    async def _write(self) -> None:
        async with self._writing:
            for work in self._works.values():
                self._unwritten += work.take()
            if pieces := tuple(self._unwritten):
                await asyncio.to_thread(self._pieces.append_all, pieces)
                del self._unwritten[: len(pieces)]

    async def _listen(self) -> None:
        making = [each for each in self._works.values() if not each.finishing]
        there = await asyncio.to_thread(self._responses.under_way, [each.kept.id for each in making])
        for work in making:
            if work.kept.id not in there and not work.finishing and work.task:
                # Once: what follows is the end, which takes as long as it takes.
                work.finishing = True
                work.task.cancel()

    def current(self, owner: str, response_id: str) -> KeptResponse:
        """A response as it is; one whose process is gone has failed. For threads. Raises `NotFound`."""
        kept = self._responses.get(owner, response_id)
        if not kept.is_under_way or self._goes_on(kept):
            return kept
        self._responses.end(owner, changed(kept, "failed", error=GONE))
        return self._responses.get(owner, response_id)

    def _goes_on(self, kept: KeptResponse) -> bool:
        if kept.worker == self._presence.worker:
            return kept.id in self._works
        return bool(kept.worker and kept.worker in self._presence.there([kept.worker]))

    def cancel(self, owner: str, response_id: str) -> KeptResponse:
        """Cancel a response, whichever process makes it; one that has ended stays as it is. For threads.

        Its process stops to ask the model within half a second. Raises `NotFound`.
        """
        kept = self.current(owner, response_id)
        if kept.is_under_way:
            self._responses.end(owner, changed(kept, "cancelled"))
            return self._responses.get(owner, response_id)
        return kept

    async def close(self) -> None:
        """End what is still being made: called when the application ends. What is said of each is that."""
        self._closing = True
        tasks = []
        for work in tuple(self._works.values()):
            if work.task and not work.finishing:
                work.interrupted = True
                work.task.cancel()
            tasks += [work.task] if work.task else []
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        left = [each for each in (self._tending, self._staying) if each]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
