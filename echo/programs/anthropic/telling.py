"""Anthropic's objects: a message, and the events of its stream."""

import uuid
from collections.abc import Iterator
from typing import Any

from echo.completions.answers import Answer
from echo.completions.objects import SILENT
from echo.error_bodies import anthropic_error
from echo.errors import ApiError
from echo.programs.anthropic.blocks import Blocks, frame
from echo.providers.chat import ChatRequest, Event, Usage

Json = dict[str, Any]
PING = frame({"type": "ping"})


class MessageTeller:
    """Tells an answer as a `message`, or as the events of its stream; see `echo.completions.answering.Teller`."""

    counts = True

    def __init__(self, model: str) -> None:
        self.answer = Answer()
        self._blocks = Blocks()
        self._head: Json = {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": model,
        }
        self._begun = False

    @property
    def silent(self) -> bytes:
        """Nothing of Anthropic's stands before the first event: there a comment must do."""
        return PING if self._begun else SILENT

    def take(self, event: Event) -> None:
        """See `Teller`."""
        self.answer.take(event)
        self._blocks.take(event)

    def begun(self, _request: ChatRequest) -> Iterator[bytes]:
        """Nothing yet: the first event may tell the tokens that the stream's first is to have."""
        return iter(())

    def told(self, event: Event) -> Iterator[bytes]:
        """See `Teller`."""
        self.answer.take(event)
        yield from self._start(event if isinstance(event, Usage) else None)
        yield from map(frame, self._blocks.take(event))

    def ended(self, _kept: str | None, usage: Usage | None) -> Iterator[bytes]:
        """See `Teller`."""
        yield from self._start(usage)
        counts = usage_object(usage or Usage(0, 0))
        yield frame({"type": "message_delta", "delta": self._blocks.ending, "usage": counts})
        yield frame({"type": "message_stop"})

    def failed(self, error: ApiError) -> Iterator[bytes]:
        """See `Teller`."""
        yield frame({"type": "error", "error": anthropic_error(error)})

    def whole(self, _kept: str | None, usage: Usage) -> Json:
        """See `Teller`."""
        return {
            **self._head,
            "content": self._blocks.content,
            **self._blocks.ending,
            "usage": usage_object(usage),
        }

    def _start(self, usage: Usage | None) -> Iterator[bytes]:
        if self._begun:
            return
        self._begun = True
        known = usage_object(usage or Usage(0, 0))
        empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": known}
        yield frame({"type": "message_start", "message": {**self._head, **empty}})


def usage_object(usage: Usage) -> Json:
    """The tokens, those from a cache and into one apart from the others."""
    made: Json = {
        "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_written,
        "cache_creation_input_tokens": usage.cache_written,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        made["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return made
