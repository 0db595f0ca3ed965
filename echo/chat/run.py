"""One run: a model is asked, its words go into the transcript, and the answer is stored before the last event."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import structlog

from echo.chat import frames
from echo.chat.answer import Outcome, to_store, to_tell
from echo.chat.attached import Attached
from echo.chat.bench import Bench
from echo.chat.finishing import Finishing, Tools
from echo.chat.injecting import part_of
from echo.chat.numbering import Hearing, Numbering
from echo.chat.prepared import Asking, Prepared
from echo.chat.remembering import PATIENCE
from echo.chat.spending import RunSpending, Used, used_by
from echo.chat.transcript import BEGINNING, Frame, Transcript, text_of
from echo.chat.voice import Voice
from echo.error_causes import from_exception
from echo.errors import ApiError, InternalError, ServiceUnavailable, TooManyRequests
from echo.providers.chat import Turn, Usage
from echo.tools.tool import RunPlace

log = structlog.get_logger(__name__)

Json = dict[str, Any]
Ending = Literal["complete", "aborted", "interrupted", "error"]
# How long the last event waits for the title; a later one is stored all the same.
TITLE_SECONDS = 2.0


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
        # Its end is being written down, with all that it has said; then nothing more is to be written.
        self.is_closing, self.is_written_down = False, False
        self.saved_at, self.saved_size = 0.0, 0
        self._tools = tools
        self._answer_id = str(prepared.about["responseMessageId"])
        self._numbering = Numbering(prepared.about)
        self._attached = Attached(self.transcript, self._answer_id, prepared.conversation_id)
        bench = self._bench()
        self._voices = [Voice(asking, bench) for asking in prepared.askings]
        self._told_usages = 0
        # What subagents are asked now, by the identity of what they are asked with.
        self._tasks: dict[int, tuple[Asking, int]] = {}
        self._spending = RunSpending(tools.credits, tools.in_thread, prepared)
        self._finishing = Finishing(prepared, self.transcript, tools)
        self._remembering: asyncio.Task[None] | None = None
        self._failure: ApiError | None = None
        self._stopped: Literal["aborted", "interrupted"] | None = None
        self.over = asyncio.Event()

    def _bench(self) -> Bench:
        hearing = Hearing(self.transcript, self._attached, self._numbering, self._answer_id)
        place = RunPlace(self.owner, self.prepared.conversation_id, self._answer_id, tell=hearing.hear)
        return Bench(
            self._tools.sources,
            place,
            self._count_text,
            self._attached.add,
            self._before_round,
            self._task_ended,
            self._answer_id,
            self.transcript,
            self._numbering.number,
            self._tell_usage,
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
                voice.speakers[0].tell_context()

    def _note_memory(self, call_id: str, attachment: Json) -> None:
        """Show what is remembered beside the answer, as long as that is not stored."""
        if not self.finishing:
            self._attached.add(call_id, attachment)

    async def _before_round(self, asking: Asking, tokens: int) -> Sequence[Turn]:
        """Hold what the next request may come to, beside what the run has used; what was said meanwhile."""
        speakers = [each for voice in self._voices for each in voice.speakers]
        if all(each.asking is not asking for each in speakers):
            self._tasks[id(asking)] = asking, tokens
        rounds = [each for voice in self._voices for each in voice.rounds]
        coming = [(each.asking, each.present.tokens) for each in speakers]
        await self._spending.reserve_more(rounds, [*coming, *self._tasks.values()])
        if asking is not self._voices[0].lead:
            return ()
        taken = await self._tools.injecting.take(self.owner, self.id)
        for row, _ in taken:
            part, place = part_of(row), self._numbering.number(frames.STEER)
            told = frames.steer_applied(part, place, self._answer_id, self.prepared.conversation_id)
            self.transcript.add(frames.MESSAGE, told)
        return [turn for _, turn in taken]

    def _task_ended(self, asking: Asking) -> None:
        """A subagent asks nothing any more."""
        self._tasks.pop(id(asking), None)

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
                for each in usages[len(voice.rounds) :] if voice.failure is None else ():
                    self._tell_usage(each.asking, each.usage)
        for voice in self._voices:
            voice.close_text("completed" if outcome.is_complete else "cancelled")
        self.titling = self.titling and self._failure is None and self._stopped != "interrupted"
        if self._remembering is not None and outcome.is_complete:
            await asyncio.wait((self._remembering,), timeout=PATIENCE)
        answer = to_store(self.prepared, outcome, self._voices[0].asking, self._attached.all)
        self.finishing = True
        await self._tools.pause()
        # Clients ask for the balance after the last event.
        storing = self._finishing.store(answer, patient=lambda: self._stopped != "interrupted")
        conversation, _ = await asyncio.gather(storing, self._settle(used))
        if self.titling:
            own = self._voices[0].mark.items()
            answer_parts = [part for part in outcome.content if own <= part.items()]
            # Who stops an answer does not wait for the title.
            patience = TITLE_SECONDS if outcome.is_complete else 0.0
            making = asyncio.create_task(self._finishing.make_title(text_of(answer_parts)))
            self._tools.keep(self, making)
            title = await self._finishing.titled(making, conversation.get("title"), patience)
            conversation = {**conversation, "title": title}
        await self._tell(self._last(conversation, answer, outcome))

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

    def _last(self, conversation: Mapping[str, Any], answer: Mapping[str, Any], outcome: Outcome) -> Frame:
        """The event that comes last."""
        if outcome.failure is not None:
            return self._failed(outcome.failure)
        if not outcome.is_complete and self._stopped == "interrupted":
            return self._failed(interrupted())
        self.ending = "complete" if outcome.is_complete else "aborted"
        told = to_tell(self.prepared, conversation, answer, aborted=not outcome.is_complete)
        return Frame(frames.MESSAGE, told)

    async def _tell(self, last: Frame) -> None:
        """Have the end written down, then tell it."""
        self.is_closing = True
        self.is_written_down, left = await self._finishing.close(
            last, self.ending or "error", titling=self.titling
        )
        if left and last.name == frames.MESSAGE:
            last = Frame(last.name, {**last.payload, "pendingSteers": left})
        self.transcript.add(*last)

    def _fail(self, error: ApiError) -> None:
        self.transcript.add(*self._failed(error))

    def _failed(self, error: ApiError) -> Frame:
        self.titling, self.ending = False, "interrupted" if error.code == frames.INTERRUPTED else "error"
        wait = int(error.headers["Retry-After"]) if isinstance(error, TooManyRequests) else None
        return Frame(frames.ERROR, frames.failed(error.message, error.code, wait))


def interrupted() -> ApiError:
    """The error of a run that the server's end has ended."""
    return ServiceUnavailable("The server is stopping.", code="interrupted")
