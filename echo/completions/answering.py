"""What every operation that a model answers does around the answer, whichever protocol tells it.

Who may ask, how many at once, of which model and with which words; the pulse of a stream, and what is counted.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

from echo.accounts.metering import Meter, Spending
from echo.accounts.standing import Refusal, Standing, unless
from echo.completions.answers import Answer
from echo.completions.asking import Question, all_text, newest_text
from echo.completions.keeping import Earlier
from echo.completions.models import Chosen, Models, Reach
from echo.completions.objects import counted
from echo.completions.pulse import OVER, PULSE_SECONDS, Signal, Silence, in_batches
from echo.completions.under_way import OpenCompletions
from echo.completions.weighing import has_more_than_texts, tokens_beside, tools_text
from echo.credits import Purchase
from echo.errors import ApiError, BadGateway
from echo.handling.caller import Caller
from echo.handling.event_stream import EventStream
from echo.handling.failures import to_api_error
from echo.handling.pending import Pending
from echo.providers.chat import (
    AudioDelta,
    ChatRequest,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)

# A client that waits for a whole answer has mostly given up by then; OpenAI's own wait ten minutes.
WHOLE_SECONDS = 600.0
# A body, its status and headers.
Reply = tuple[dict[str, Any] | EventStream, int, Mapping[str, str]]


@dataclass(frozen=True)
class Job:
    """One question of one caller's, with what was said before."""

    caller: Caller
    question: Question
    earlier: Earlier
    reach: Reach
    spending: Spending


class Teller(Protocol):
    """Tells one answer in the words of a protocol: as an object, or as the frames of a stream, made as they come.

    `answer` has taken every event that was told; `counts` says whether the end of a stream tells the usage.
    """

    answer: Answer
    counts: bool

    @property
    def silent(self) -> bytes:
        """The frame that keeps a connection alive."""

    def take(self, event: Event) -> None:
        """Add an event of an answer that is told as an object."""

    def begun(self, request: ChatRequest) -> Iterable[bytes]:
        """How a stream begins, before the first event."""

    def told(self, event: Event) -> Iterable[bytes]:
        """Add an event of a stream, and tell it."""

    def ended(self, kept: str | None, usage: Usage | None) -> Iterable[bytes]:
        """How a stream ends. `kept` is what the job's `Keep` returned; no usage unless `counts`."""

    def failed(self, error: ApiError) -> Iterable[bytes]:
        """How a stream ends that cannot go on: the status is out, it must itself say what happened."""

    def whole(self, kept: str | None, usage: Usage) -> dict[str, Any]:
        """The object."""


# Stores what is to be stored of an answer, once it is whole; what it returns, the teller gets.
Keep = Callable[[Job, Chosen, Answer, Usage | None], Awaitable[str | None]]


class Answering:
    """Asks models on the event loop; an account may have `most_open` answers at once.

    `meter` holds the limits of API keys, `check_texts` raises for texts that no model may get.
    """

    def __init__(
        self,
        models: Models,
        standing: Standing,
        count_tokens: Callable[[str], int],
        *,
        meter: Meter,
        most_open: int,
        check_texts: Callable[..., Awaitable[None]],
        pulse_seconds: float = PULSE_SECONDS,
    ) -> None:
        self._standing = standing
        self._count = count_tokens
        self._check_texts = check_texts
        self._pulse_seconds = pulse_seconds
        self.models = models
        self.meter = meter
        self.under_way = OpenCompletions(most_open)

    def job(self, caller: Caller, question: Question, earlier: Earlier) -> Job:
        """A question to be answered; asks the database what the caller reaches."""
        reach = self.models.reach_of(caller)
        if earlier.system:
            earlier = replace(earlier, system=reach.variables.prompt(earlier.system))
        return Job(caller, question, earlier, reach, self.meter.begin(caller))

    def answer(self, job: Job, teller: Teller, keep: Keep) -> Pending:
        """The answer, whole or as a stream.

        It ends as soon as the caller may not be here any more, and is not kept then.
        """
        if job.question.stream:
            return Pending(lambda: self._stream(job, teller, keep))
        return Pending(lambda: self._whole(job, teller, keep))

    async def _whole(self, job: Job, teller: Teller, keep: Keep) -> Reply:
        try:
            async with asyncio.timeout(WHOLE_SECONDS), self.asking(job) as (chosen, request, events, refusal):
                await unless(refusal, take_all(events, teller))
        except TimeoutError as error:
            raise BadGateway from error
        usage = await self._usage(teller.answer, request)
        kept = await self._keep(job, chosen, teller.answer, usage, keep)
        return teller.whole(kept, usage), 200, job.spending.headers

    async def _stream(self, job: Job, teller: Teller, keep: Keep) -> Reply:
        frames = self.frames(job, teller, keep)
        # Up to the first event, or a first while: what goes wrong before has a status of its own.
        await anext(frames)
        return EventStream(frames), 200, job.spending.headers

    async def frames(
        self, job: Job, teller: Teller, keep: Keep, *, counted: bool = True
    ) -> AsyncGenerator[bytes, None]:
        """The frames of a stream, after an empty one as soon as the model has begun, or a while has passed.

        What is told at once is one piece, of several frames.

        See `asking`.
        """
        async with (
            self.asking(job, counted=counted) as (chosen, request, events, refusal),
            aclosing(in_batches(events, self._pulse_seconds, refusal)) as beats,
        ):
            first = await anext(beats, OVER)
            yield b""
            try:
                yield b"".join(teller.begun(request))
                async with aclosing(told(teller, first, beats)) as frames:
                    async for frame in frames:
                        yield frame
                usage = await self._usage(teller.answer, request) if teller.counts else None
                kept = await self._keep(job, chosen, teller.answer, usage, keep)
                yield b"".join(teller.ended(kept, usage))
            except Exception as exc:
                yield b"".join(teller.failed(to_api_error(exc)))

    @asynccontextmanager
    async def asking(
        self, job: Job, *, counted: bool = True
    ) -> AsyncIterator[tuple[Chosen, ChatRequest, AsyncGenerator[Event, None], Refusal]]:
        """The provider's events, and why the caller must go, should that be; leaving the context ends its work.

        One that is not `counted` is beside those that an account may have at once.
        Raises `TooManyRequests`, `NotFound` for the model, what the moderation service's check raises, and what
        `Spending.reserved` does.
        """
        with self.under_way.one(job.caller.id) if counted else nullcontext():
            chosen = await job.reach.choose(job.question.model)
            asks_for = job.reach.variables.headers(
                chosen.endpoint, conversationId=job.question.conversation_id
            )
            request = chosen.prepare(
                job.question.request(chosen.model, job.earlier.turns, job.earlier.system, asks_for)
            )
            await self._check_texts(newest_text(job.question.turns), request.system or "")
            provider = chosen.provider
            if chosen.reserving is not None:
                provider = chosen.reserving(job.spending)
            stream: Any = provider.stream(request, chosen.credentials)
            # Who reserves counts, too: each of several requests for itself.
            counted_as = stream if chosen.reserving is not None else metered(stream, job.spending)
            purchase = Purchase(
                chosen.endpoint.name, chosen.model, conversation_id=job.question.conversation_id
            )
            limits = request.max_tokens, request.n or 1
            async with (
                job.spending.reserved(
                    [*texts_of(request), *tools_text(request)],
                    limits[0],
                    answers=limits[1],
                    beside=await _beside(request),
                    purchase=purchase,
                ),
                aclosing(counted_as) as events,
                self._standing.watched(job.caller) as refusal,
            ):
                yield chosen, request, events, refusal

    async def _keep(
        self, job: Job, chosen: Chosen, answer: Answer, usage: Usage | None, keep: Keep
    ) -> str | None:
        if job.question.store:
            # Nothing comes after an account that is being removed.
            await self._standing.check(job.caller)
        return await keep(job, chosen, answer, usage)

    async def _usage(self, answer: Answer, request: ChatRequest) -> Usage:
        # In a thread: see `Keeper.keep`.
        return await asyncio.to_thread(counted, answer, texts_of(request), self._count)


def texts_of(request: ChatRequest) -> list[str]:
    """All texts that the model gets."""
    return [request.system or "", *map(all_text, request.turns)]


async def _beside(request: ChatRequest) -> int:
    """The tokens beside the texts; documents are read through in a thread."""
    return await asyncio.to_thread(tokens_beside, request) if has_more_than_texts(request) else 0


async def metered(events: AsyncGenerator[Event, None], spending: Spending) -> AsyncGenerator[Event, None]:
    """The events as they come; what they cost is counted before the end is handed on."""
    async with aclosing(events):
        async for event in events:
            match event:
                case AudioDelta():
                    spending.wrote(event.transcript)
                case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                    spending.wrote(text)
                case ToolCallDelta():
                    spending.wrote(f"{event.name or ''} {event.arguments}")
                case Usage():
                    spending.told(
                        event.input_tokens,
                        event.output_tokens,
                        cached=event.cached_tokens,
                        written=event.cache_written,
                    )
            yield event
    spending.worked()
    await spending.settle()


async def take_all(events: AsyncIterator[Event], teller: Teller) -> None:
    """Let the teller take every event."""
    async for event in events:
        teller.take(event)


async def told(
    teller: Teller, come: list[Event] | Signal, beats: AsyncIterator[list[Event] | Silence]
) -> AsyncGenerator[bytes, None]:
    """The frames of the first events and of all that follow; those of events that came together are together."""
    while come is not OVER:
        if isinstance(come, Signal):
            yield teller.silent
        elif frames := b"".join(frame for event in come for frame in teller.told(event)):
            yield frames
        come = await anext(beats, OVER)
