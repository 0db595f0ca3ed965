"""What the operations of chats do."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from echo.background import Background
from echo.chat.follow import Reading, follow
from echo.chat.frames import INTERRUPTED
from echo.chat.hub import RunHub, RunStores
from echo.chat.mirrors import Mirrors
from echo.chat.running import Running, milliseconds
from echo.chat.starting import Starting
from echo.chat.steering import Steering
from echo.chat.transcript import Transcript
from echo.errors import NotFound
from storage.conversations.conversations import UNTITLED
from storage.core.errors import StorageError
from storage.runs.runs import RUNNING

log = structlog.get_logger(__name__)

Json = dict[str, Any]
# How long a client waits for a title, and for the end of a run that it aborts, and how often that is looked for.
TITLE_SECONDS = 15.0
ABORT_SECONDS = 5.0
LOOK_SECONDS = 0.2
# LibreChat's client of protocol 2 asks for the state of a run when the last event comes, and only then shows the
# event. If the answer to its abort arrives in between, it drops the event, and keeps an answer without an id and a
# chat without an address. LibreChat has work to do there that takes longer than the client's question.
LAST_EVENT_SECONDS = 1.0


class ChatService:
    """Starting, following and ending runs, for their owners only. What is `async` belongs to the event loop."""

    def __init__(
        self,
        starting: Starting,
        hub: RunHub,
        stores: RunStores,
        background: Background,
        steering: Steering,
    ) -> None:
        self.steering = steering
        self.starting = starting
        self._hub = hub
        self._stores = stores
        self._background = background
        self._running = Running(stores.runs, hub)
        self._mirrors = Mirrors(
            stores.runs, stores.pieces, stores.workers, in_thread=hub.in_thread, closing=hub.closing
        )

    @property
    def hub(self) -> RunHub:
        """The runs of this process."""
        return self._hub

    def follow(
        self,
        owner: str,
        stream_id: str,
        *,
        created_at: int | None = None,
        resume: bool = False,
        protocol: int = 1,
        reconnects: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """The events of a conversation's newest run, or of the one that began at `created_at`.

        `protocol` is the version of LibreChat's that the reader speaks; for `reconnects` see `echo.chat.follow`.
        Raises `NotFound` for a run that is not there, or was forgotten some minutes after its end.
        """
        reading = Reading(resume, protocol, reconnects=reconnects)
        if created_at is not None and (local := self._hub.begun(owner, stream_id, created_at)):
            # No other one is meant, whatever has begun in other processes.
            return follow(local.transcript, self._hub.closing, self._with_pending(reading, owner, local.id))
        run = self._running.get(owner, stream_id, created_at)
        if reconnects and run["status"] == INTERRUPTED:
            raise NotFound
        if run["status"] == RUNNING:
            reading = self._with_pending(reading, owner, run["_id"])
        if local := self._hub.local(run["_id"]):
            return follow(local.transcript, self._hub.closing, reading)
        if run["status"] != RUNNING:
            # What was said in a conversation goes with it.
            self._stores.chats.conversation(owner, stream_id)
        return self._mirrors.follow(run, reading)

    def _with_pending(self, reading: Reading, owner: str, run_id: str) -> Reading:
        """With the messages that wait in the run, for who comes back to it."""
        if not reading.resume:
            return reading
        return replace(reading, pending=self._stores.steers.pending(owner, run_id))

    def status(self, owner: str, conversation_id: str) -> Json:
        """Whether a conversation has a run, and what it has said; raises `NotFound` without a conversation."""
        run = self._running.current(owner, conversation_id)
        transcript = None if run is None else self._transcript(run)
        if run is None or transcript is None or transcript.ended:
            self._stores.chats.conversation(owner, conversation_id)
            return {"active": False, "generationProtocolVersion": 1}
        return {"generationProtocolVersion": 1, **self._state(run, transcript)}

    def progress(self, owner: str, conversation_id: str, *, once: bool) -> Json:
        """The same for LibreChat's clients, who ask before there is a conversation too.

        A run under way comes with the messages that wait for its end, one that is over with those that it left:
        `once` for clients of an earlier protocol, which do not say what became of them.
        """
        run = self._running.current(owner, conversation_id)
        transcript = None if run is None else self._transcript(run)
        if run is None or transcript is None or transcript.ended:
            left = self.steering.left(owner, conversation_id, once=once)
            return {"active": False, **({"unrecoveredSteers": left} if left else {})}
        state = self._state(run, transcript)
        if pending := self._stores.steers.pending(owner, run["_id"]):
            state["resumeState"] = {**state["resumeState"], "pendingSteers": pending}
        return state

    @staticmethod
    def _state(run: Mapping[str, Any], transcript: Transcript) -> Json:
        state = transcript.state()
        return {
            "active": True,
            "streamId": run["conversationId"],
            "status": RUNNING,
            "aggregatedContent": state["aggregatedContent"],
            "createdAt": milliseconds(run["createdAt"]),
            "resumeState": state,
        }

    def _transcript(self, run: Mapping[str, Any]) -> Transcript:
        if local := self._hub.local(run["_id"]):
            return self._background.wait(_snapshot(local.transcript), ABORT_SECONDS)
        transcript = Transcript(run)
        for piece in self._stores.pieces.read(str(run["user"]), run["_id"]):
            transcript.load(piece.frames)
        return transcript

    def active(self, owner: str) -> list[str]:
        """The streams of the owner's runs that have not ended."""
        return self._running.active(owner)

    async def abort(
        self, owner: str, stream_id: str | None, *, created_at: int | None = None, protocol: int = 1
    ) -> Json:
        """End a run, the owner's newest where none is named; what came so far is stored when this returns.

        Readers of protocol 2 have had time for the last event by then.
        Raises `NotFound` for one that is not there or has ended.
        """
        run = await self._hub.in_thread(self._running.to_end, owner, stream_id, created_at)
        if local := self._hub.local(run["_id"]):
            local.stop("aborted")
            over: Awaitable[Any] = local.over.wait()
        else:
            if not await self._hub.in_thread(self._stores.runs.request_abort, owner, run["_id"]):
                raise NotFound
            over = self._until_over(owner, run)
        try:
            async with asyncio.timeout(ABORT_SECONDS):
                await over
        except TimeoutError:
            pass  # It will end; only that it has is not known yet.
        pending = await self._hub.in_thread(self._stores.steers.close, owner, run["_id"])
        if protocol > 1:
            await asyncio.sleep(LAST_EVENT_SECONDS)
        return {
            "success": True,
            "aborted": run["conversationId"],
            "generationProtocolVersion": protocol,
            **({"pendingSteers": pending} if pending else {}),
        }

    def abandon(self, owner: str, conversation_id: str) -> None:
        """End the runs of a conversation that was deleted, wherever they are: nothing of them can be kept.

        To be called after the deletion, which no run that has begun by then escapes. Raises nothing when the database
        is away: the deletion is done, and the runs go on to their end.
        """
        try:
            self._stores.runs.request_abort_all(owner, conversation_id)
        except StorageError as error:
            log.warning("runs of a deleted conversation could not be stopped", cause=repr(error))

    async def _until_over(self, owner: str, run: Mapping[str, Any]) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            states = await self._hub.in_thread(self._stores.runs.states, [run["_id"]])
            if not states or states[run["_id"]]["status"] != RUNNING:
                return

    async def title(self, owner: str, conversation_id: str) -> str:
        """The title of a conversation, waited for while a run is making it.

        Raises `NotFound` where there is no conversation, or no title and none to come.
        """
        give_up = asyncio.get_running_loop().time() + TITLE_SECONDS
        while True:
            title, is_coming = await self._hub.in_thread(self._look_for_title, owner, conversation_id)
            if title:
                return str(title)
            if not is_coming or asyncio.get_running_loop().time() >= give_up:
                raise NotFound("The conversation has no title.")
            await asyncio.sleep(LOOK_SECONDS)

    def _look_for_title(self, owner: str, conversation_id: str) -> tuple[str | None, bool]:
        # The run first: when it says that it is done, the title is there.
        run = self._stores.runs.newest(owner, conversation_id)
        conversation = self._stores.chats.conversation(owner, conversation_id)
        title = conversation.get("title")
        if title and title != UNTITLED:
            return str(title), False
        return None, bool(run and run.get("titling") and (run["status"] != RUNNING or self._hub.alive([run])))

    def begin(self) -> None:
        """Called when the application starts."""
        self._hub.begin(self.stop)

    def stop(self) -> None:
        """End all streams and runs."""
        self._hub.stop()
        self._mirrors.stop()

    async def close(self) -> None:
        """Called when the application ends: returns when everything is stored."""
        await self._mirrors.close()
        await self._hub.close()


async def _snapshot(transcript: Transcript) -> Transcript:
    """A copy, made where the original grows."""
    copy = Transcript(transcript.about)
    copy.load(transcript.everything())
    return copy
