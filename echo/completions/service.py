"""Completions: asked of the provider on the event loop, answered whole or as a stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from echo.accounts.metering import Meter, Spending
from echo.accounts.standing import Refusal, Standing, unless
from echo.completions.answers import Answer, logprobs_object
from echo.completions.asking import Question, all_text, newest_text
from echo.completions.keeping import Earlier, Keeper
from echo.completions.models import Chosen, Models, Reach
from echo.completions.objects import DONE, SILENT, Completion, error_frame, model_list, usage_of
from echo.completions.pulse import OVER, PULSE_SECONDS, Signal, Silence, with_pulse
from echo.completions.under_way import OpenCompletions
from echo.errors import BadGateway
from echo.handling.caller import Caller
from echo.handling.event_stream import EventStream
from echo.handling.failures import to_api_error
from echo.handling.pending import Pending
from echo.providers.chat import (
    ChatRequest,
    Event,
    Logprobs,
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


class CompletionService:
    """What the operations under `/v1` do; an account may have `most_open` completions at once.

    `meter` holds the limits of API keys, `check_texts` raises for texts that no model may get.
    """

    def __init__(
        self,
        models: Models,
        keeper: Keeper,
        standing: Standing,
        count_tokens: Callable[[str], int],
        *,
        meter: Meter,
        most_open: int,
        check_texts: Callable[..., Awaitable[None]],
        pulse_seconds: float = PULSE_SECONDS,
    ) -> None:
        self._models = models
        self._keeper = keeper
        self._standing = standing
        self._count = count_tokens
        self._meter = meter
        self._check_texts = check_texts
        self._open = OpenCompletions(most_open)
        self._pulse_seconds = pulse_seconds

    @property
    def under_way(self) -> OpenCompletions:
        """What is being answered; the other operations of `/v1` are counted with it."""
        return self._open

    @property
    def meter(self) -> Meter:
        """Counts for the limits of API keys."""
        return self._meter

    @property
    def reachable(self) -> Models:
        """Finds out what a caller reaches."""
        return self._models

    def models(self, caller: Caller) -> Pending:
        """The models that the caller reaches."""
        reach = self._models.reach_of(caller)

        async def make() -> dict[str, Any]:
            return model_list(await reach.models())

        return Pending(make)

    def create(self, caller: Caller, question: Question) -> Pending:
        """The answer to a question: a completion, or the stream of its chunks.

        Raises `storage.core.errors.NotFound` for a conversation that is not the caller's. It ends as soon as the
        caller may not be here any more, and is not kept then.
        """
        earlier, reach = self._keeper.earlier(caller.id, question), self._models.reach_of(caller)
        earlier = replace(earlier, system=reach.variables.prompt(earlier.system))
        job = Job(caller, question, earlier, reach, self._meter.begin(caller))
        if question.stream:
            return Pending(lambda: self._stream(job))
        return Pending(lambda: self._whole(job))

    async def _whole(self, job: Job) -> Reply:
        answer = Answer()
        try:
            async with (
                asyncio.timeout(WHOLE_SECONDS),
                self._asking(job) as (chosen, request, events, refusal),
            ):
                await unless(refusal, take_all(events, answer))
        except TimeoutError as error:
            raise BadGateway from error
        kept = await self._keep(job, chosen, answer)
        whole = Completion(job.question.model).whole(answer, await self._usage(answer, request), kept)
        return whole, 200, job.spending.headers

    async def _stream(self, job: Job) -> Reply:
        frames = self._frames(job)
        # Up to the first event, or a first while: what goes wrong before has a status of its own.
        await anext(frames)
        return EventStream(frames), 200, job.spending.headers

    async def _frames(self, job: Job) -> AsyncGenerator[bytes, None]:
        """The frames of a stream, after an empty one as soon as the model has begun, or a while has passed."""
        async with (
            self._asking(job) as (chosen, request, events, refusal),
            aclosing(with_pulse(events, self._pulse_seconds, refusal)) as beats,
        ):
            first = await anext(beats, OVER)
            yield b""
            try:
                async with aclosing(self._chunks(job, chosen, request, first, beats)) as chunks:
                    async for each in chunks:
                        yield each
            except Exception as exc:
                # The status is out: the stream itself must say what happened.
                yield error_frame(to_api_error(exc))

    async def _chunks(
        self,
        job: Job,
        chosen: Chosen,
        request: ChatRequest,
        event: Event | Signal,
        beats: AsyncIterator[Event | Silence],
    ) -> AsyncGenerator[bytes, None]:
        answer, completion = Answer(), Completion(job.question.model)
        for index in range(request.n or 1):
            yield completion.chunk({"role": "assistant", "content": ""}, index=index)
        while event is not OVER:
            if isinstance(event, Signal):
                yield SILENT
            elif isinstance(event, Logprobs):
                answer.take(event)
                yield completion.chunk({}, index=event.choice, logprobs=logprobs_object(event))
            elif told := answer.take(event):
                yield completion.chunk(told[1], index=told[0])
            event = await anext(beats, OVER)
        kept = await self._keep(job, chosen, answer)
        for index in range(1, len(answer.said)):
            yield completion.chunk({}, answer.finish_reason(index), index=index)
        yield completion.chunk({}, answer.finish_reason(), kept)
        if job.question.include_usage:
            yield completion.usage_chunk(await self._usage(answer, request))
        yield DONE

    @asynccontextmanager
    async def _asking(
        self, job: Job
    ) -> AsyncIterator[tuple[Chosen, ChatRequest, AsyncGenerator[Event, None], Refusal]]:
        """The provider's events, and why the caller must go, should that be; leaving the context ends its work."""
        with self._open.one(job.caller.id):
            chosen = await job.reach.choose(job.question.model)
            request = replace(
                job.question.request(chosen.model, job.earlier.turns, job.earlier.system),
                placeholders=job.reach.variables.headers(
                    chosen.endpoint, conversationId=job.question.conversation_id
                ),
            )
            await self._check_texts(newest_text(job.question.turns), request.system or "")
            stream: Any = chosen.provider.stream(request, chosen.credentials)
            async with (
                job.spending.reserved(texts_of(request), request.max_tokens, answers=request.n or 1),
                aclosing(metered(stream, job.spending)) as events,
                self._standing.watched(job.caller) as refusal,
            ):
                yield chosen, request, events, refusal

    async def _keep(self, job: Job, chosen: Chosen, answer: Answer) -> str | None:
        if job.question.store:
            # Nothing comes after an account that is being removed.
            await self._standing.check(job.caller)
        return await self._keeper.keep(
            job.caller.id,
            job.question,
            job.earlier,
            chosen,
            answer,
            variables=job.reach.variables,
        )

    async def _usage(self, answer: Answer, request: ChatRequest) -> dict[str, int]:
        # In a thread: see `Keeper.keep`.
        return await asyncio.to_thread(usage_of, answer, texts_of(request), self._count)


def texts_of(request: ChatRequest) -> list[str]:
    """All texts that the model gets."""
    return [request.system or "", *map(all_text, request.turns)]


async def metered(events: AsyncGenerator[Event, None], spending: Spending) -> AsyncGenerator[Event, None]:
    """The events as they come; what they cost is counted before the end is handed on."""
    async with aclosing(events):
        async for event in events:
            match event:
                case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                    spending.wrote(text)
                case ToolCallDelta():
                    spending.wrote(f"{event.name or ''} {event.arguments}")
                case Usage():
                    spending.told(event.input_tokens, event.output_tokens)
            yield event
    spending.worked()
    await spending.settle()


async def take_all(events: AsyncIterator[Event], answer: Answer) -> None:
    """Add every event to the answer."""
    async for event in events:
        answer.take(event)
