"""OpenAI's objects: a completion, the chunks of a stream, a list of models."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from echo.completions.answers import Answer
from echo.error_bodies import openai_error
from echo.errors import ApiError
from echo.providers.chat import Usage

Json = dict[str, Any]
DONE = b"data: [DONE]\n\n"
# A comment (HTML standard, section 9.2.6), which clients pass over.
SILENT = b": still working\n\n"


class Completion:
    """One completion: makes its object, or its chunks, under one id."""

    def __init__(self, model: str) -> None:
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, answer: Answer, usage: Json, conversation_id: str | None) -> Json:
        """The object of a completion that was not streamed."""
        choices = [
            {
                "index": index,
                "message": said.message,
                "logprobs": said.logprobs,
                "finish_reason": answer.finish_reason(index),
            }
            for index, said in sorted(answer.said.items())
        ]
        head = {**self._head, "object": "chat.completion"}
        return with_conversation({**head, "choices": choices, "usage": usage}, conversation_id)

    def chunk(
        self,
        delta: Json,
        finish: str | None = None,
        conversation_id: str | None = None,
        *,
        index: int = 0,
        logprobs: Json | None = None,
    ) -> bytes:
        """A chunk of a stream, as a frame; `index` says which answer it is of."""
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        head = {**self._head, "object": "chat.completion.chunk"}
        return frame(with_conversation({**head, "choices": [choice]}, conversation_id))

    def usage_chunk(self, usage: Json) -> bytes:
        """The chunk after the last one that tells the usage, as a frame."""
        return frame({**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage})


def with_conversation(body: Json, conversation_id: str | None) -> Json:
    """The object, naming the conversation in which the exchange was kept, if it was."""
    return {**body, "conversation_id": conversation_id} if conversation_id else body


def counted(answer: Answer, asked: Iterable[str], count: Callable[[str], int]) -> Usage:
    """The tokens that the provider counted; what it did not count is counted here, near enough."""
    return answer.usage or Usage(sum(map(count, asked)), sum(map(count, _written(answer))))


def usage_object(usage: Usage) -> Json:
    """The tokens of a completion, in OpenAI's shape."""
    told: Json = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_tokens:
        told["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return told


def _written(answer: Answer) -> Iterator[str]:
    for said in answer.said.values():
        yield said.words
        yield from (call.arguments for call in said.tool_calls)


def frame(body: Json) -> bytes:
    """An event of a stream."""
    return b"data: " + orjson.dumps(body) + b"\n\n"


def error_frame(error: ApiError) -> bytes:
    """What a stream that has begun says of an error."""
    return frame({"error": openai_error(error)})


def model_list(names: Iterable[tuple[str, str]]) -> Json:
    """The list of models, from pairs of endpoint and model."""
    return {"object": "list", "data": [model_object(*each) for each in names]}


def model_object(endpoint: str, model: str) -> Json:
    """One model; when it was made nobody knows here."""
    return {"id": f"{endpoint}/{model}", "object": "model", "created": 0, "owned_by": endpoint}
