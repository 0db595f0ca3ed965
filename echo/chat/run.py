"""One run: a model is asked, its words go into the transcript, and the answer is stored before the last event."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import structlog

from echo.chat import frames
from echo.chat.answer import Outcome, to_store, to_tell
from echo.chat.prepared import Prepared
from echo.chat.transcript import BEGINNING, Transcript, text_of
from echo.errors import ApiError, InternalError, ServiceUnavailable, TooManyRequests, from_exception
from echo.providers.chat import Event, Finished, ReasoningDelta, TextDelta, Usage
from echo.providers.titles import TitleService
from storage.conversations.chats import ChatRepository
from storage.core.errors import Unavailable

log = structlog.get_logger(__name__)

Json = dict[str, Any]
T = TypeVar("T")
Ending = Literal["complete", "aborted", "interrupted", "error"]
# How long the last event waits for the title; a later one is stored all the same.
TITLE_SECONDS = 2.0
# While the database is away an answer is held, and storing it tried again; each attempt may fail at once.
STORE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0)
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Tools:
    """What runs work with.

    `in_thread` calls a function in a thread of theirs, `keep` goes on with making a title, `pause` waits for the
    journal.
    """

    chats: ChatRepository
    titles: TitleService
    count_tokens: Callable[[str], int]
    in_thread: Callable[..., Awaitable[Any]]
    keep: Callable[["Run", asyncio.Task[None]], None]
    pause: Callable[[], Awaitable[None]]


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
        self._step: Json | None = None
        self._steps = 0
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._failure: ApiError | None = None
        self._stopped: Literal["aborted", "interrupted"] | None = None
        self._reading: asyncio.Task[None] | None = None
        self.over = asyncio.Event()

    def stop(self, why: Literal["aborted", "interrupted"]) -> None:
        """End the run as soon as possible; what came so far is kept."""
        self._stopped = self._stopped or why
        if self._reading is not None:
            self._reading.cancel()

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
        add(
            frames.MESSAGE,
            frames.context_usage(self._answer_id, prepared.agent_id, prepared.counts),
        )

    async def _ask(self) -> None:
        if self._stopped is not None:
            return
        self._reading = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait((self._reading,))
        finally:
            self._reading.cancel()
        if self._reading.cancelled():
            self._stopped = self._stopped or "interrupted"
        elif error := self._reading.exception():
            self._failure = from_exception(error) if isinstance(error, Exception) else None
            if self._failure is None:
                log.error("a run failed", run=self.id, exc_info=error)
                self._failure = InternalError()

    async def _read(self) -> None:
        prepared = self.prepared
        async with aclosing(prepared.provider.stream(prepared.request, prepared.credentials)) as events:  # type: ignore[type-var]
            async for event in events:
                self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, TextDelta):
            self._extend(frames.TEXT, event.text)
        elif isinstance(event, ReasoningDelta):
            self._extend(frames.THINK, event.text)
        elif isinstance(event, Usage):
            self._usage = event
        elif isinstance(event, Finished):
            self._finish = event.reason

    def _extend(self, kind: str, text: str) -> None:
        if not text:
            return
        if self._step is None or self._step["stepDetails"]["message_creation"]["content_type"] != kind:
            self._close_step("completed")
            opened = frames.step(f"step_{secrets.token_urlsafe(15)}", self._answer_id, self._steps, kind)
            self._step, self._steps = opened["data"], self._steps + 1
            self.transcript.add(frames.MESSAGE, opened)
        self.transcript.extend(self._step["id"], kind, text)

    def _close_step(self, status: str) -> None:
        if self._step is not None:
            self.transcript.add(frames.MESSAGE, frames.step_closed(self._step, status))
            self._step = None

    async def _end(self) -> None:
        outcome = await self._outcome()
        if outcome.is_complete:
            model, provider = str(self.prepared.about["model"]), self.prepared.provider_name
            usage = frames.token_usage(self._answer_id, outcome.used, model, provider)
            self.transcript.add(frames.MESSAGE, usage)
        self._close_step("completed" if outcome.is_complete else "cancelled")
        self.titling = self.titling and outcome.is_complete
        answer = to_store(self.prepared, outcome)
        self.finishing = True
        await self._tools.pause()
        conversation = await self._store(answer)
        if self.titling:
            title = await self._title(outcome.content, conversation.get("title"))
            conversation = {**conversation, "title": title}
        self._tell(conversation, answer, outcome)

    async def _outcome(self) -> Outcome:
        content = self.transcript.content()
        is_complete = self._failure is None and self._stopped is None
        tokens = self._usage.output_tokens if self._usage else 0
        if self._usage is None or self.prepared.begun.continues:
            tokens = await self._tools.in_thread(self._tools.count_tokens, text_of(content))
        counts = self.prepared.counts
        used = (counts["system"] + counts["messages"], tokens)
        if self._usage is not None:
            used = self._usage.input_tokens, self._usage.output_tokens
        return Outcome(content, used, tokens, is_complete, self._finish, self._failure)

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

    async def _title(self, content: list[Json], present: Any) -> Any:
        """The conversation's title, if it comes soon enough."""
        made: list[str] = []
        task = asyncio.create_task(self._make_title(text_of(content), made))
        self._tools.keep(self, task)
        await asyncio.wait((task,), timeout=TITLE_SECONDS)
        if not made:
            return present
        self.transcript.add(frames.MESSAGE, frames.title(self.prepared.conversation_id, made[0]))
        return made[0]

    async def _make_title(self, answer: str, made: list[str]) -> None:
        prepared = self.prepared
        title = await self._tools.titles.title_for(
            str(prepared.question["text"]),
            answer,
            endpoint=prepared.about["endpoint"],
            model=prepared.about["model"],
            credentials=prepared.credentials,
            placeholders=prepared.request.placeholders,
        )
        if await self._tools.in_thread(
            self._tools.chats.give_title, prepared.owner, prepared.conversation_id, title
        ):
            made.append(title)

    def _tell(self, conversation: Mapping[str, Any], answer: Mapping[str, Any], outcome: Outcome) -> None:
        if outcome.failure is not None:
            self._fail(outcome.failure)
        elif not outcome.is_complete and self._stopped == "interrupted":
            self._fail(interrupted())
        else:
            self.ending = "complete" if outcome.is_complete else "aborted"
            told = to_tell(self.prepared, conversation, answer, aborted=not outcome.is_complete)
            self.transcript.add(frames.MESSAGE, told)

    def _fail(self, error: ApiError) -> None:
        self.titling, self.ending = False, "interrupted" if error.code == INTERRUPTED else "error"
        wait = int(error.headers["Retry-After"]) if isinstance(error, TooManyRequests) else None
        self.transcript.add(frames.ERROR, frames.failed(error.message, error.code, wait))


def interrupted() -> ApiError:
    """The error of a run that the server's end has ended."""
    return ServiceUnavailable("The server is stopping.", code="interrupted")
