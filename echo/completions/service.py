"""Completions: asked of the provider on the event loop, answered whole or as a stream."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from echo.accounts.standing import Refusal, Standing, unless
from echo.completions.asking import Question, newest_text
from echo.completions.keeping import Earlier, Keeper
from echo.completions.models import Chosen, Models, Reach
from echo.completions.objects import DONE, SILENT, Answer, Completion, error_frame, model_list, usage_of
from echo.completions.pulse import OVER, PULSE_SECONDS, Signal, Silence, with_pulse
from echo.errors import BadGateway, TooManyRequests
from echo.handling.caller import Caller
from echo.handling.event_stream import EventStream
from echo.handling.failures import to_api_error
from echo.handling.pending import Pending
from echo.providers.chat import ChatRequest, Event

# A client that waits for a whole answer has mostly given up by then; OpenAI's own wait ten minutes.
WHOLE_SECONDS = 600.0
RETRY_SECONDS = 5


@dataclass(frozen=True)
class Job:
    """One question of one caller's, with what was said before."""

    caller: Caller
    question: Question
    earlier: Earlier
    reach: Reach


class OpenCompletions:
    """How many completions each account has under way in this process; used on the event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, owner: str) -> Iterator[None]:
        """One more, while the context lasts. Raises `TooManyRequests`."""
        if self._open[owner] >= self._most:
            raise TooManyRequests(RETRY_SECONDS)
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]


class CompletionService:
    """What the operations under `/v1` do; an account may have `most_open` completions at once.

    `check_texts` raises for texts that no model may get.
    """

    def __init__(
        self,
        models: Models,
        keeper: Keeper,
        standing: Standing,
        count_tokens: Callable[[str], int],
        *,
        most_open: int,
        check_texts: Callable[..., Awaitable[None]],
        pulse_seconds: float = PULSE_SECONDS,
    ) -> None:
        self._models = models
        self._keeper = keeper
        self._standing = standing
        self._count = count_tokens
        self._check_texts = check_texts
        self._open = OpenCompletions(most_open)
        self._pulse_seconds = pulse_seconds

    def models(self, owner: str) -> Pending:
        """The models that the owner reaches."""
        reach = self._models.reach_of(owner)

        async def make() -> dict[str, Any]:
            return model_list(await reach.models())

        return Pending(make)

    def create(self, caller: Caller, question: Question) -> Pending:
        """The answer to a question: a completion, or the stream of its chunks.

        Raises `storage.core.errors.NotFound` for a conversation that is not the caller's. It ends as soon as the
        caller may not be here any more, and is not kept then.
        """
        earlier, reach = self._keeper.earlier(caller.id, question), self._models.reach_of(caller.id)
        earlier = replace(earlier, system=reach.variables.prompt(earlier.system))
        job = Job(caller, question, earlier, reach)
        if question.stream:
            return Pending(lambda: self._stream(job))
        return Pending(lambda: self._whole(job))

    async def _whole(self, job: Job) -> dict[str, Any]:
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
        return Completion(job.question.model).whole(answer, await self._usage(answer, request), kept)

    async def _stream(self, job: Job) -> EventStream:
        frames = self._frames(job)
        # Up to the first event, or a first while: what goes wrong before has a status of its own.
        await anext(frames)
        return EventStream(frames)

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
        yield completion.chunk({"role": "assistant", "content": ""})
        while event is not OVER:
            if isinstance(event, Signal):
                yield SILENT
            elif delta := answer.take(event):
                yield completion.chunk(delta)
            event = await anext(beats, OVER)
        kept = await self._keep(job, chosen, answer)
        yield completion.chunk({}, answer.finish_reason, kept)
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
            async with aclosing(stream) as events, self._standing.watched(job.caller) as refusal:
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
            answer.whole_text,
            variables=job.reach.variables,
        )

    async def _usage(self, answer: Answer, request: ChatRequest) -> dict[str, int]:
        texts = [request.system or "", *(turn.text for turn in request.turns)]
        # In a thread: see `Keeper.keep`.
        return await asyncio.to_thread(usage_of, answer, texts, self._count)


async def take_all(events: AsyncIterator[Event], answer: Answer) -> None:
    """Add every event to the answer."""
    async for event in events:
        answer.take(event)
