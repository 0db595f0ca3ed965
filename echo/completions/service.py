"""`/v1/chat/completions` and the list of models."""

from collections.abc import Iterator
from typing import Any

from echo.accounts.metering import Meter
from echo.completions.answering import Answering, Job
from echo.completions.answers import Answer, logprobs_object
from echo.completions.asking import Question
from echo.completions.keeping import Keeper
from echo.completions.models import Chosen, Models
from echo.completions.objects import DONE, SILENT, Completion, error_frame, model_list, usage_object
from echo.completions.under_way import OpenCompletions
from echo.errors import ApiError
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.providers.chat import ChatRequest, Event, Logprobs, Usage


class CompletionService:
    """What the operations do."""

    def __init__(self, answering: Answering, keeper: Keeper) -> None:
        self._answering = answering
        self._keeper = keeper

    @property
    def answering(self) -> Answering:
        """What the other protocols under `/v1` answer with too."""
        return self._answering

    @property
    def keeper(self) -> Keeper:
        """Reads and writes conversations."""
        return self._keeper

    @property
    def under_way(self) -> OpenCompletions:
        """What is being answered; the other operations of `/v1` are counted with it."""
        return self._answering.under_way

    @property
    def meter(self) -> Meter:
        """Counts for the limits of API keys."""
        return self._answering.meter

    @property
    def reachable(self) -> Models:
        """Finds out what a caller reaches."""
        return self._answering.models

    def models(self, caller: Caller) -> Pending:
        """The models that the caller reaches."""
        reach = self.reachable.reach_of(caller)

        async def make() -> dict[str, Any]:
            return model_list(await reach.all())

        return Pending(make)

    def create(self, caller: Caller, question: Question) -> Pending:
        """The answer to a question: a completion, or the stream of its chunks.

        Raises `storage.core.errors.NotFound` for a conversation that is not the caller's. See `Answering.answer`.
        """
        job = self._answering.job(caller, question, self._keeper.earlier(caller.id, question))
        return self._answering.answer(job, CompletionTeller(question), self._keep)

    async def _keep(self, job: Job, chosen: Chosen, answer: Answer, usage: Usage | None) -> str | None:
        return await self._keeper.keep(
            job.caller.id,
            job.question,
            job.earlier,
            chosen,
            answer,
            variables=job.reach.variables,
        )


class CompletionTeller:
    """Tells an answer as a `chat.completion`, or as its chunks."""

    silent = SILENT

    def __init__(self, question: Question) -> None:
        self._completion = Completion(question.model)
        self.answer = Answer()
        self.counts = question.include_usage

    def take(self, event: Event) -> None:
        """See `Teller`."""
        self.answer.take(event)

    def begun(self, request: ChatRequest) -> Iterator[bytes]:
        """See `Teller`."""
        for index in range(request.n or 1):
            yield self._completion.chunk({"role": "assistant", "content": ""}, index=index)

    def told(self, event: Event) -> Iterator[bytes]:
        """See `Teller`."""
        told = self.answer.take(event)
        if isinstance(event, Logprobs):
            yield self._completion.chunk({}, index=event.choice, logprobs=logprobs_object(event))
        elif told:
            yield self._completion.chunk(told[1], index=told[0])

    def ended(self, kept: str | None, usage: Usage | None) -> Iterator[bytes]:
        """See `Teller`."""
        answer, chunk = self.answer, self._completion.chunk
        for index in range(1, len(answer.said)):
            yield chunk({}, answer.finish_reason(index), index=index)
        yield chunk({}, answer.finish_reason(), kept)
        if usage:
            yield self._completion.usage_chunk(usage_object(usage))
        yield DONE

    def failed(self, error: ApiError) -> Iterator[bytes]:
        """See `Teller`."""
        yield error_frame(error)

    def whole(self, kept: str | None, usage: Usage) -> dict[str, Any]:
        """See `Teller`."""
        return self._completion.whole(self.answer, usage_object(usage), kept)
