"""Tells an answer as a response, or as the events of its stream."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from echo.completions.answers import Answer
from echo.completions.objects import SILENT
from echo.errors import ApiError, openai_error
from echo.providers.chat import ChatRequest, Event, Finished, Usage
from echo.responses.asking import Asked, ResponseObject, failure, usage_object
from echo.responses.items import Json
from echo.responses.output import COMPLETED, IN_PROGRESS, INCOMPLETE, Output, new_id

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
        self._number = 0

    def take(self, event: Event) -> None:
        """See `Teller`."""
        for _ in self._events(event):
            pass

    def begun(self, request: ChatRequest) -> Iterator[bytes]:
        """See `Teller`."""
        for kind in ("response.created", "response.in_progress"):
            yield self._frame({"type": kind, "response": self.response.at(IN_PROGRESS, [])})

    def told(self, event: Event) -> Iterator[bytes]:
        """See `Teller`."""
        return map(self._frame, self._events(event))

    def ended(self, kept: str | None, usage: Usage | None) -> Iterable[bytes]:
        """See `Teller`."""
        whole = self.final(kept, usage)
        return [self._frame({"type": f"response.{whole['status']}", "response": whole})]

    def failed(self, error: ApiError) -> Iterable[bytes]:
        """See `Teller`: the provider's failure is the response's; any other is an error of the stream."""
        if error.status == UNAUTHORIZED:
            told = openai_error(error)
            return [self._frame({**told, "type": "error"})]
        for _ in self.output.close(INCOMPLETE):
            # What has come so far is told in the response alone.
            pass
        failed = self.response.at("failed", self.output.items, error=failure(error))
        return [self._frame({"type": "response.failed", "response": failed})]

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

    def _frame(self, event: Json) -> bytes:
        numbered = {**event, "sequence_number": self._number}
        self._number += 1
        name: str = event["type"]
        return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(numbered) + b"\n\n"
