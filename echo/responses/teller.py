"""Tells an answer as a response, or as the events of its stream."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from echo.completions.answers import Answer
from echo.completions.objects import SILENT
from echo.error_bodies import openai_error
from echo.errors import ApiError
from echo.providers.chat import ChatRequest, Event, Finished, Usage
from echo.responses.asking import Asked, ResponseObject, failure, usage_object
from echo.responses.items import Json
from echo.responses.output import COMPLETED, IN_PROGRESS, INCOMPLETE, Output, new_id
from storage.conversations.responses import QUEUED

# Why an answer is incomplete, by how the model ended.
REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
# Who asks may not be here any more: nothing is told of the response.
UNAUTHORIZED = 401


class ResponseTeller:
    """See `echo.completions.answering.Teller`."""

    silent = SILENT
    counts = True

    def __init__(self, asked: Asked) -> None:
        self.answer = Answer()
        self.response = ResponseObject(asked, new_id("resp"))
        self.output = Output(summarized=asked.summarized)
        # Why it has failed, once it has.
        self.failure: ApiError | None = None
        self._background = asked.background
        self._number = 0

    def take(self, event: Event) -> None:
        """See `Teller`."""
        for _ in self._events(event):
            pass

    def begun(self, request: ChatRequest) -> Iterator[bytes]:
        """See `Teller`."""
        if not self._background:
            yield self._state("response.created", IN_PROGRESS)
            yield self._state("response.in_progress", IN_PROGRESS)

    def queued(self) -> list[bytes]:
        """How the stream of one that is made in the background begins, before a model is asked."""
        return [self._state("response.created", QUEUED), self._state("response.queued", QUEUED)]

    def started(self) -> bytes:
        """What is told of it once a model is asked."""
        return self._state("response.in_progress", IN_PROGRESS)

    def told(self, event: Event) -> Iterator[bytes]:
        """See `Teller`."""
        return map(self._frame, self._events(event))

    def ended(self, kept: str | None, usage: Usage | None) -> Iterable[bytes]:
        """See `Teller`."""
        whole = self.final(kept, usage)
        return [self._frame({"type": f"response.{whole['status']}", "response": whole})]

    def failed(self, error: ApiError) -> Iterable[bytes]:
        """See `Teller`: the provider's failure is the response's; any other is an error of the stream."""
        self.failure = error
        if error.status == UNAUTHORIZED:
            told = openai_error(error)
            return [self._frame({**told, "type": "error"})]
        return [self._frame({"type": "response.failed", "response": self.broken(error)})]

    def broken(self, error: ApiError) -> Json:
        """The object of a response that has failed, with what has come so far."""
        for _ in self.output.close(INCOMPLETE):
            # That is told in the response alone.
            pass
        return self.response.at("failed", self.output.items, error=failure(error))

    def whole(self, kept: str | None, usage: Usage) -> dict[str, Any]:
        """See `Teller`."""
        return self.final(kept, usage)

    def final(self, conversation_id: str | None, usage: Usage | None) -> Json:
        """The object of a response that has ended."""
        reason = REASONS.get(self.answer.finish)
        conversation = {"id": conversation_id} if conversation_id else None
        return self.response.at(
            INCOMPLETE if reason else COMPLETED,
            self.output.items,
            incomplete_details={"reason": reason} if reason else None,
            usage=usage_object(usage) if usage else None,
            conversation=conversation,
        )

    def _events(self, event: Event) -> Iterator[Json]:
        self.answer.take(event)
        if isinstance(event, Finished):
            yield from self.output.close(INCOMPLETE if event.reason in REASONS else COMPLETED)
        else:
            yield from self.output.take(event)

    def _state(self, kind: str, status: str) -> bytes:
        return self._frame({"type": kind, "response": self.response.at(status, [])})

    def _frame(self, event: Json) -> bytes:
        numbered = {**event, "sequence_number": self._number}
        self._number += 1
        name: str = event["type"]
        return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(numbered) + b"\n\n"
