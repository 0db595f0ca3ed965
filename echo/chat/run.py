"""One run: a model is asked, its words go into the transcript, and the answer is stored before the last event."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import structlog

from echo.chat import frames
from echo.chat.answer import Outcome, to_store, to_tell
from echo.chat.attached import Attached
from echo.chat.bench import Bench
from echo.chat.injecting import Injecting, part_of
from echo.chat.prepared import Asking, Prepared
from echo.chat.remembering import PATIENCE, Remembering
from echo.chat.spending import RunSpending, Used, used_by
from echo.chat.transcript import BEGINNING, Transcript, part_follows, text_of
from echo.chat.voice import Voice
from echo.credits import Credits
from echo.errors import ApiError, InternalError, ServiceUnavailable, TooManyRequests, from_exception
from echo.providers.chat import Turn, Usage
from echo.providers.titles import Titled, TitleService
from echo.tools.sources import Sources
from echo.tools.tool import RunPlace
from storage.conversations.chats import ChatRepository
from storage.core.errors import StorageError, Unavailable
from storage.runs.steers import SteerRepository

log = structlog.get_logger(__name__)

Json = dict[str, Any]
T = TypeVar("T")
Ending = Literal["complete", "aborted", "interrupted", "error"]
# How long the last event waits for the title; a later one is stored all the same.
TITLE_SECONDS = 2.0
# While the database is away an answer is held, and storing it tried again; each attempt may fail at once.
STORE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0)


@dataclass(frozen=True)
class Tools:
    """What runs work with.

    `in_thread` calls a function in a thread of theirs, `keep` goes on with making a title, `pause` waits for the
    journal.
    """

    chats: ChatRepository
    steers: SteerRepository
    titles: TitleService
    credits: Credits
    count_tokens: Callable[[str], int]
    in_thread: Callable[..., Awaitable[Any]]
    keep: Callable[["Run", asyncio.Task[None]], None]
    pause: Callable[[], Awaitable[None]]
    sources: Sources
    injecting: Injecting
    remembering: Remembering


class Run:
    """A run of this process. Everything but the constructor belongs to the event loop."""

    def __init__(self, prepared: Prepared, created_at: datetime, tools: Tools) -> None:
        self.prepared = prepared
        self.id = prepared.run_id
        self.owner = prepared.owner
        self.created_at = created_at
        self.transcript = Transcript(prepared.about)
        self.ending: Ending | None = None
        self.finishing = False
        self.titling = prepared.titling
        # What the journal has written of it.
        self.written, self.pieces = BEGINNING, 0
        self.saved_at, self.saved_size = 0.0, 0
        self._tools = tools
        self._answer_id = str(prepared.about["responseMessageId"])
        self._next_part: int | None = None
        self._attached = Attached(self.transcript, self._answer_id, prepared.conversation_id)
        bench = self._bench()
        self._voices = [Voice(asking, bench) for asking in prepared.askings]
        self._told_usages = 0
        self._spending = RunSpending(tools.credits, tools.in_thread, prepared)
        self._remembering: asyncio.Task[None] | None = None
        self._failure: ApiError | None = None
        self._stopped: Literal["aborted", "interrupted"] | None = None
        self.over = asyncio.Event()

    def _bench(self) -> Bench:
        place = RunPlace(self.owner, self.prepared.conversation_id, self._answer_id, tell=self._hear)
        return Bench(
            self._answer_id,
            self.transcript,
            self._tools.sources,
            place,
            self._number_part,
            self._count_text,
            self._tell_usage,
            self._attached.add,
            self._before_round,
        )

    def stop(self, why: Literal["aborted", "interrupted"]) -> None:
        """End the run as soon as possible; what came so far is kept."""
        self._stopped = self._stopped or why
        for voice in self._voices:
            voice.stop()

    async def execute(self) -> None:
        """Ask, store, tell. Never raises: what goes wrong is the last event."""
        try:
            self._open()
            await self._ask()
            await self._end()
        except Exception as error:
            known = from_exception(error)
            if known is None:
                log.exception("a run failed", run=self.id)
            self._fail(known or InternalError())
        finally:
            if not self.transcript.ended:
                self._fail(interrupted())
            self.over.set()

    def _open(self) -> None:
        prepared, add = self.prepared, self.transcript.add
        add(frames.MESSAGE, frames.created(prepared.question, prepared.conversation_id))
        for voice in self._voices:
            # With tools it is known only once they are.
            if not voice.asking.wanted.names:
                voice.tell_context()

    def _number_part(self, kind: str) -> int:
        """The place of a part that begins now, counted as those who follow count."""
        place = self._place_of(kind)
        self._next_part = place + 1
        return place

    def _place_of(self, kind: str) -> int:
        if self._next_part is not None:
            return self._next_part
        before = [] if self.prepared.about.get("isEdited") else self.prepared.about.get("before") or []
        return len(before) - part_follows(before, kind)

    def _hear(self, name: str, payload: Mapping[str, Any]) -> None:
        """Tell an event of a tool's; what is attached is kept too.

        A step of its own, such as a login, is shown where the next part of the answer will be.
        """
        if self.transcript.ended:
            return
        if name == frames.ATTACHMENT:
            self._attached.add("", payload)
        elif payload.get("event") == "on_run_step":
            place = self._place_of(frames.TOOL_CALL)
            told = frames.step_of_tool(payload["data"], self._answer_id, place)
            self.transcript.add(name, {**payload, "data": told})
        else:
            self.transcript.add(name, payload)

    def _note_memory(self, call_id: str, attachment: Json) -> None:
        """Show what is remembered beside the answer, as long as that is not stored."""
        if not self.finishing:
            self._attached.add(call_id, attachment)

    async def _before_round(self, asking: Asking) -> Sequence[Turn]:
        """Hold what the next request may come to, beside what the run has used; what was said meanwhile."""
        await self._spending.reserve_more([(each.rounds, each.asking, each.tokens) for each in self._voices])
        if asking is not self._voices[0].asking:
            return ()
        taken = await self._tools.injecting.take(self.owner, self.id)
        for row, _ in taken:
            part, place = part_of(row), self._number_part(frames.STEER)
            told = frames.steer_applied(part, place, self._answer_id, self.prepared.conversation_id)
            self.transcript.add(frames.MESSAGE, told)
        return [turn for _, turn in taken]

    async def _ask(self) -> None:
        try:
            await self._spending.reserve()
        except ApiError as refused:
            self._failure = refused
        if self._stopped is not None or self._failure is not None:
            return
        self._remembering = self._tools.remembering.begin(self.prepared, self._note_memory)
        readings = [voice.begin() for voice in self._voices]
        try:
            await asyncio.wait(readings)
        finally:
            for voice in self._voices:
                voice.stop()
        for voice, reading in zip(self._voices, readings, strict=True):
            if reading.cancelled():
                self._stopped = self._stopped or "interrupted"
            elif error := reading.exception():
                voice.failure = self._known(error)
        if all(voice.failure for voice in self._voices):
            self._failure = self._voices[0].failure

    def _known(self, error: BaseException) -> ApiError:
        known = from_exception(error) if isinstance(error, Exception) else None
        if known is None:
            log.error("a run failed", run=self.id, exc_info=error)
        return known or InternalError()

    async def _end(self) -> None:
        for voice in self._voices:
            voice.cancel_calls()
        used = [await used_by(voice, self._count_text) for voice in self._voices]
        outcome = await self._outcome(used)
        if outcome.is_complete:
            for voice, usages in zip(self._voices, used, strict=True):
                if voice.failure is None and len(usages) > len(voice.rounds):
                    self._tell_usage(voice.asking, usages[-1].usage)
        for voice in self._voices:
            voice.close_text("completed" if outcome.is_complete else "cancelled")
        self.titling = self.titling and self._failure is None and self._stopped != "interrupted"
        if self._remembering is not None and outcome.is_complete:
            await asyncio.wait((self._remembering,), timeout=PATIENCE)
        answer = to_store(self.prepared, outcome, self._voices[0].asking, self._attached.all)
        self.finishing = True
        await self._tools.pause()
        # Clients ask for the balance after the last event.
        conversation, _ = await asyncio.gather(self._store(answer), self._settle(used))
        if self.titling:
            own = self._voices[0].mark.items()
            answer_parts = [part for part in outcome.content if own <= part.items()]
            # Who stops an answer does not wait for the title.
            patience = TITLE_SECONDS if outcome.is_complete else 0.0
            title = await self._title(answer_parts, conversation.get("title"), patience)
            conversation = {**conversation, "title": title}
        self._tell(conversation, answer, outcome, await self._left())

    async def _left(self) -> list[Json]:
        """The messages that have come for the end of the run; no more may come."""
        try:
            left: list[Json] = await self._tools.in_thread(self._tools.steers.close, self.owner, self.id)
        except StorageError as error:
            # They are found by the state of the conversation.
            log.warning("what was sent during a run cannot be read", run=self.id, cause=repr(error))
            return []
        return left

    def _tell_usage(self, asking: Asking, usage: Usage) -> None:
        self._told_usages += 1
        used = usage.input_tokens, usage.output_tokens
        told = frames.token_usage(
            self._answer_id,
            used,
            asking.request.model,
            asking.provider_name,
            self._told_usages,
            cost=self._spending.cost([(asking, usage)]),
        )
        self.transcript.add(frames.MESSAGE, told)

    async def _settle(self, used: Sequence[Sequence[Used]]) -> None:
        spent = [
            each
            for voice, usages in zip(self._voices, used, strict=True)
            if voice.was_asked
            for each in usages
        ]
        await self._spending.settle(spent, stopped=self._stopped == "aborted")

    async def _outcome(self, used: Sequence[Sequence[Used]]) -> Outcome:
        content = self.transcript.content()
        is_complete = self._failure is None and self._stopped is None
        usages = [each.usage for usages in used for each in usages]
        incoming = sum(each.input_tokens for each in usages)
        outgoing = sum(each.output_tokens for each in usages)
        tokens = outgoing
        if self.prepared.about.get("before"):
            tokens = await self._count_text(text_of(content))
        if self._failure is None:
            content += [part for voice in self._voices if (part := voice.error_part())]
        finish = self._voices[0].finish
        cost = self._spending.cost((each.asking, each.usage) for usages in used for each in usages)
        return Outcome(content, (incoming, outgoing), tokens, is_complete, finish, self._failure, cost)

    async def _count_text(self, text: str) -> int:
        tokens: int = await self._tools.in_thread(self._tools.count_tokens, text)
        return tokens

    async def _store(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store the answer; the conversation. Raises what storing raises, `Unavailable` after some attempts."""
        place = (self.owner, self.prepared.conversation_id, self._answer_id)
        for pause in STORE_PAUSES:
            try:
                return await self._finish_in_thread(place, answer)
            except Unavailable:
                if self._stopped == "interrupted":
                    raise
                await asyncio.sleep(pause)
        return await self._finish_in_thread(place, answer)

    async def _finish_in_thread(
        self, place: tuple[str, str, str], answer: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        stored: Mapping[str, Any] = await self._tools.in_thread(self._tools.chats.finish, *place, answer)
        return stored

    async def _title(self, content: list[Json], present: Any, patience: float) -> Any:
        """The conversation's title, if it comes within so many seconds."""
        made: list[str] = []
        task = asyncio.create_task(self._make_title(text_of(content), made))
        self._tools.keep(self, task)
        await asyncio.wait((task,), timeout=patience)
        if not made:
            return present
        self.transcript.add(frames.MESSAGE, frames.title(self.prepared.conversation_id, made[0]))
        return made[0]

    async def _make_title(self, answer: str, made: list[str]) -> None:
        prepared = self.prepared
        title = await self._tools.titles.title_for(
            str(prepared.question["text"]),
            answer,
            endpoint=prepared.first.endpoint or prepared.about["endpoint"],
            model=prepared.first.request.model,
            credentials=prepared.first.credentials,
            placeholders=prepared.first.request.placeholders,
            titled=Titled(prepared.owner, prepared.conversation_id, self._answer_id),
        )
        if await self._tools.in_thread(
            self._tools.chats.give_title, prepared.owner, prepared.conversation_id, title
        ):
            made.append(title)

    def _tell(
        self,
        conversation: Mapping[str, Any],
        answer: Mapping[str, Any],
        outcome: Outcome,
        left: list[Json],
    ) -> None:
        if outcome.failure is not None:
            self._fail(outcome.failure)
        elif not outcome.is_complete and self._stopped == "interrupted":
            self._fail(interrupted())
        else:
            self.ending = "complete" if outcome.is_complete else "aborted"
            told = to_tell(self.prepared, conversation, answer, aborted=not outcome.is_complete)
            self.transcript.add(frames.MESSAGE, {**told, **({"pendingSteers": left} if left else {})})

    def _fail(self, error: ApiError) -> None:
        self.titling, self.ending = False, "interrupted" if error.code == frames.INTERRUPTED else "error"
        wait = int(error.headers["Retry-After"]) if isinstance(error, TooManyRequests) else None
        self.transcript.add(frames.ERROR, frames.failed(error.message, error.code, wait))


def interrupted() -> ApiError:
    """The error of a run that the server's end has ended."""
    return ServiceUnavailable("The server is stopping.", code="interrupted")
