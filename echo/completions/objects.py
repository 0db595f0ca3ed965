"""OpenAI's objects: a completion, the chunks of a stream, a list of models."""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from echo.errors import ApiError, openai_error
from echo.providers.chat import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Usage,
)

Json = dict[str, Any]
DONE = b"data: [DONE]\n\n"
# A comment (HTML standard, section 9.2.6), which clients pass over.
SILENT = b": still working\n\n"


@dataclass
class Answer:
    """A model's answer as it grows."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    usage: Usage | None = None
    finish: FinishReason = "other"

    def take(self, event: Event) -> Json | None:
        """Add an event; what a chunk for it tells, None where it tells nothing yet."""
        match event:
            case TextDelta(text) | RefusalDelta(text):
                self.text.append(text)
                return {"content": text}
            case ReasoningDelta(text):
                self.reasoning.append(text)
                return {"reasoning_content": text}
            case Usage():
                self.usage = event
            case Finished(reason):
                self.finish = reason
        return None

    @property
    def whole_text(self) -> str:
        """The text so far."""
        return "".join(self.text)

    @property
    def finish_reason(self) -> str:
        """OpenAI's word for why the model ended; it has none for "other"."""
        return "stop" if self.finish == "other" else self.finish


class Completion:
    """One completion: makes its object, or its chunks, under one id."""

    def __init__(self, model: str) -> None:
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, answer: Answer, usage: Json, conversation_id: str | None) -> Json:
        """The object of a completion that was not streamed."""
        message: Json = {"role": "assistant", "content": answer.whole_text, "refusal": None}
        if answer.reasoning:
            message["reasoning_content"] = "".join(answer.reasoning)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
        head = {**self._head, "object": "chat.completion"}
        return with_conversation({**head, "choices": [choice], "usage": usage}, conversation_id)

    def chunk(self, delta: Json, finish: str | None = None, conversation_id: str | None = None) -> bytes:
        """A chunk of a stream, as a frame."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {**self._head, "object": "chat.completion.chunk"}
        return frame(with_conversation({**head, "choices": [choice]}, conversation_id))

    def usage_chunk(self, usage: Json) -> bytes:
        """The chunk after the last one that tells the usage, as a frame."""
        return frame({**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage})


def with_conversation(body: Json, conversation_id: str | None) -> Json:
    """The object, naming the conversation in which the exchange was kept, if it was."""
    return {**body, "conversation_id": conversation_id} if conversation_id else body


def usage_of(answer: Answer, asked: Iterable[str], count: Callable[[str], int]) -> Json:
    """The tokens that the provider counted; what it did not count is counted here, near enough."""
    if answer.usage is not None:
        prompt, completion = answer.usage.input_tokens, answer.usage.output_tokens
    else:
        prompt, completion = sum(map(count, asked)), count(answer.whole_text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def frame(body: Json) -> bytes:
    """An event of a stream."""
    return b"data: " + orjson.dumps(body) + b"\n\n"


def error_frame(error: ApiError) -> bytes:
    """What a stream that has begun says of an error."""
    return frame({"error": openai_error(error)})


def model_list(names: Iterable[tuple[str, str]]) -> Json:
    """The list of models, from pairs of endpoint and model; when they were made nobody knows here."""
    return {
        "object": "list",
        "data": [
            {"id": f"{endpoint}/{model}", "object": "model", "created": 0, "owned_by": endpoint}
            for endpoint, model in names
        ],
    }
