"""What the operations of chats do."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from echo.background import Background
from echo.chat.follow import follow
from echo.chat.hub import RunHub, RunStores
from echo.chat.mirrors import Mirrors
from echo.chat.place import NEW
from echo.chat.preparation import Preparation
from echo.chat.prepared import Prepared
from echo.chat.request import Asked
from echo.chat.transcript import Transcript
from echo.conversations.message_text import message_text
from echo.errors import NotFound, TooManyRequests
from echo.handling.caller import ClientInfo
from storage.conversations.conversations import UNTITLED
from storage.core.errors import Conflict, StorageError
from storage.library.files import FileRepository
from storage.runs.runs import RUNNING

log = structlog.get_logger(__name__)

Json = dict[str, Any]
# How long a client waits for a title, and for the end of a run that it aborts, and how often that is looked for.
TITLE_SECONDS = 15.0
ABORT_SECONDS = 5.0
LOOK_SECONDS = 0.2


class ChatService:
    """Starting, following and ending runs, for their owners only. What is `async` belongs to the event loop."""

    def __init__(
        self,
        preparation: Preparation,
        hub: RunHub,
        stores: RunStores,
        files: FileRepository,
        background: Background,
        *,
        violation: Callable[[str, str, str], None],
    ) -> None:
        self._preparation = preparation
        self._files = files
        self._hub = hub
        self._stores = stores
        self._background = background
        self._violation = violation
        self._mirrors = Mirrors(
            stores.runs, stores.pieces, stores.workers, in_thread=hub.in_thread, closing=hub.closing
        )

    def start(self, owner: str, endpoint: str, asked: Asked, client: ClientInfo) -> Json:
        """Start a run, once for each request of a client's; raises what preparing and starting raise."""
        if found := self._already(owner, asked):
            return found
        return self._start(self._preparation.prepare(owner, endpoint, asked), asked, client)

    async def start_checked(
        self,
        owner: str,
        endpoint: str,
        asked: Asked,
        client: ClientInfo,
        *,
        check: Callable[..., Awaitable[None]],
    ) -> Json:
        """The same after a check of what the user says, also where a question is asked again.

        Raises what `check` raises; nothing has been stored then.
        """
        if found := await self._hub.in_thread(self._already, owner, asked):
            return found
        prepared = await self._hub.in_thread(self._preparation.prepare, owner, endpoint, asked)
        systems = [each.request.system or "" for each in prepared.askings]
        await check(message_text(prepared.question), "\n".join(systems).strip())
        return await self._hub.in_thread(self._start, prepared, asked, client)

    def _start(self, prepared: Prepared, asked: Asked, client: ClientInfo) -> Json:
        owner = prepared.owner
        if prepared.begun.file_ids:
            # Before the run: a file that is kept without need is better than a message that loses its own.
            self._files.use(owner, prepared.begun.file_ids)
        try:
            return started(self._hub.start(prepared), "started")
        except Conflict:
            if found := self._already(owner, asked):
                return found
            raise
        except TooManyRequests:
            self._violation("concurrent", owner, client.address)
            raise

    def _already(self, owner: str, asked: Asked) -> Json | None:
        if not asked.client_request_id:
            return None
        run = self._stores.runs.of_request(owner, asked.client_request_id)
        return None if run is None else started(run, "resumed")

    def follow(
        self, owner: str, stream_id: str, *, created_at: int | None = None, resume: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """The events of a conversation's newest run, or of the one that began at `created_at`.

        Raises `NotFound` for a run that is not there, or was forgotten some minutes after its end.
        """
        run = self._find(owner, stream_id, created_at)
        if local := self._hub.local(run["_id"]):
            return follow(local.transcript, self._hub.closing, resume=resume)
        if run["status"] != RUNNING:
            # What was said in a conversation goes with it.
            self._stores.chats.conversation(owner, stream_id)
        return self._mirrors.follow(run, resume=resume)

    def status(self, owner: str, conversation_id: str) -> Json:
        """Whether a conversation has a run, and what it has said; raises `NotFound` without a conversation."""
        run = self._stores.runs.newest(owner, conversation_id)
        if run is None or run["status"] != RUNNING or not self._hub.alive([run]):
            self._stores.chats.conversation(owner, conversation_id)
            return {"active": False, "generationProtocolVersion": 1}
        state = self._transcript(run).state()
        return {
            "active": True,
            "generationProtocolVersion": 1,
            "streamId": conversation_id,
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
        running = self._hub.alive(self._stores.runs.running(owner))
        return list(dict.fromkeys(run["conversationId"] for run in running))

    async def abort(self, owner: str, stream_id: str | None, *, created_at: int | None = None) -> Json:
        """End a run, the owner's newest where none is named; what came so far is stored when this returns.

        Raises `NotFound` for one that is not there or has ended.
        """
        run = await self._hub.in_thread(self._running, owner, stream_id, created_at)
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
        return {"success": True, "aborted": run["conversationId"], "generationProtocolVersion": 1}

    def abandon(self, owner: str, conversation_id: str) -> None:
        """End the runs of a conversation that was deleted, wherever they are: nothing of them can be kept.

        To be called after the deletion, which no run that has begun by then escapes. Raises nothing when the database
        is away: the deletion is done, and the runs go on to their end.
        """
        try:
            self._stores.runs.request_abort_all(owner, conversation_id)
        except StorageError as error:
            log.warning("runs of a deleted conversation could not be stopped", cause=repr(error))

    def _running(self, owner: str, stream_id: str | None, created_at: int | None) -> Mapping[str, Any]:
        if stream_id in NEW:
            running = self._stores.runs.running(owner)
        else:
            running = [dict(self._find(owner, str(stream_id), created_at))]
        alive = self._hub.alive([run for run in running if run["status"] == RUNNING])
        if not alive:
            raise NotFound
        local = self._hub.local(alive[-1]["_id"])
        if local is not None and local.transcript.ended:
            raise NotFound
        return alive[-1]

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

    def _find(self, owner: str, stream_id: str, created_at: int | None) -> Mapping[str, Any]:
        run = self._stores.runs.newest(owner, stream_id, created_at=moment(created_at))
        if run is None:
            raise NotFound
        return run

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


def started(run: Mapping[str, Any], status: str) -> Json:
    """What a client gets that starts a run."""
    return {
        "streamId": run["conversationId"],
        "conversationId": run["conversationId"],
        "generationCreatedAt": milliseconds(run["createdAt"]),
        "status": status,
        "generationProtocolVersion": 1,
    }


def milliseconds(moment: datetime) -> int:
    """A time as clients give it back."""
    return round(moment.timestamp() * 1000)


def moment(created_at: int | None) -> datetime | None:
    """A time that a client gives back; raises `NotFound` for what is none."""
    if created_at is None:
        return None
    try:
        return datetime.fromtimestamp(created_at / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotFound from error
