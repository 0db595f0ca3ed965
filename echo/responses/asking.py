"""What a program asks of `/v1/responses`, and the object that answers it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.errors import ApiError, FieldError, Unprocessable
from echo.providers.chat import Parameters, Usage
from echo.responses.items import Json

# OpenAI's words for what a response can fail with.
RATE_LIMITED, FAILED = "rate_limit_exceeded", "server_error"


@dataclass(frozen=True)
class Asked:
    """One request. `items` is its input; `told` are its settings as the response repeats them.

    `store` as it came: false keeps nothing, true a conversation too, None the response alone.
    """

    model: str
    items: tuple[Json, ...] = field(repr=False)
    instructions: str | None = None
    parameters: Parameters = field(default_factory=Parameters)
    told: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stream: bool = False
    store: bool | None = None
    previous: str | None = None
    truncates: bool = False
    summarized: bool = False
    background: bool = False

    @property
    def kept(self) -> bool:
        """Whether the response can be had again, and gone on from."""
        return self.store is not False


class ResponseObject:
    """Makes the object of one response, whatever its state."""

    def __init__(self, asked: Asked, response_id: str) -> None:
        self.id = response_id
        self._head: Json = {
            "id": response_id,
            "object": "response",
            "created_at": int(time.time()),
            "model": asked.model,
            "background": asked.background,
            "instructions": asked.instructions,
            "previous_response_id": asked.previous,
            "store": asked.kept,
            **asked.told,
        }

    def at(self, status: str, output: list[Json], **fields: Any) -> Json:
        """The object with this status and output."""
        empty = {"error": None, "incomplete_details": None, "usage": None, "conversation": None}
        return {**self._head, **empty, "status": status, "output": output, **fields}


def usage_object(usage: Usage) -> Json:
    """The tokens of a response."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_written,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def failure(error: ApiError) -> Json:
    """Why a response has failed."""
    return {"code": RATE_LIMITED if error.status == 429 else FAILED, "message": error.message}


def unsupported(name: str, sentence: str) -> Unprocessable:
    """The error for what is asked for and not to be had here; it must not be left out in silence."""
    errors = (FieldError(name, "is not supported here"),)
    return Unprocessable(sentence, code="unsupported_parameter", errors=errors)
