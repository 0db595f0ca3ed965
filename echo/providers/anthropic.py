"""Anthropic's messages: https://platform.claude.com/docs/en/api/messages, and its page on streaming."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from echo.providers.chat import ChatRequest, Event, FinishReason, Turn
from echo.providers.content import alternating, full_text, in_base64, pictures
from echo.providers.failures import of_error
from echo.providers.openai import json_headers
from echo.providers.parameters import adjusted, named
from echo.providers.provider import Access
from echo.providers.reading import count, dig, read_object, text_at, usage
from echo.providers.sse import ServerEvent
from echo.providers.streams import EventReader, Reading
from echo.providers.transport import Call
from echo.settings import ProviderSettings

# The version before 2026-10-21: from that one on no model takes a temperature any more, also those that knew it.
API_VERSION = "2023-06-01"
VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
# `max_tokens` must be given. As much as a model can write at most, below some bound of sense: thinking counts too.
MOST_TOKENS = 64_000
DEFAULT_TOKENS = 8192

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 403,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicDialect:
    """Anthropic's own API, and proxies of it."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings

    def chat(self, request: ChatRequest, access: Access) -> Call:
        """The request for a stream."""
        return self._call(request, access, stream=True)

    def short(self, request: ChatRequest, access: Access) -> Call:
        """The request for one answer."""
        return self._call(request, access, stream=False)

    def _call(self, request: ChatRequest, access: Access, *, stream: bool) -> Call:
        fixed = {"model": request.model, "messages": messages(request.turns), "stream": stream}
        given = adjusted(parameters(request), self._settings)
        given.setdefault("max_tokens", default_tokens(request.model))
        return Call(
            f"{access.base_url}/v1/messages",
            self._headers(access, request),
            {**given, **fixed},
            access.own_url,
            request.model,
            **named(given, self._settings, needed=("max_tokens", "system")),
        )

    def _headers(self, access: Access, request: ChatRequest | None = None) -> dict[str, str]:
        own = {"x-api-key": access.api_key, "anthropic-version": API_VERSION}
        return json_headers(own, self._settings, access, request)

    def models(self, access: Access) -> Call | None:
        """The request for the list of models."""
        return Call(f"{access.base_url}/v1/models?limit=1000", self._headers(access), guarded=access.own_url)

    def reader(self, _request: ChatRequest) -> EventReader:
        """A reader of events."""
        return MessageReader()

    def read_text(self, answer: Any) -> str:
        """The text blocks; a model may have thought first."""
        blocks = dig(answer, "content")
        return "".join(text_at(block, "text") for block in blocks) if isinstance(blocks, list) else ""

    def read_models(self, answer: Any) -> list[Any]:
        """The ids."""
        data = dig(answer, "data")
        return [text_at(each, "id") for each in data] if isinstance(data, list) else []


def version_of(model: str) -> tuple[int, int] | None:
    """The version that a model's name states: (4, 1) for `claude-opus-4-1-20250805`."""
    found = VERSION.match(model)
    return (int(found[1]), int(found[2] or 0)) if found else None


def default_tokens(model: str) -> int:
    """The `max_tokens` for a model where nobody says how many."""
    version = version_of(model)
    if version is None:
        return DEFAULT_TOKENS
    if version < (3, 5):
        return 4096
    if version < (3, 7):
        return 8192
    return 32_000 if "opus" in model and version < (4, 5) else MOST_TOKENS


def parameters(request: ChatRequest) -> dict[str, Any]:
    """The parameters that the model takes: newer ones refuse temperature, top_p and top_k, some both of the first."""
    version = version_of(request.model) or (4, 7)
    temperature = request.temperature if version < (4, 7) else None
    top_p = request.top_p if version < (4, 7) and (version < (4, 1) or temperature is None) else None
    return {
        "system": request.system or None,
        "max_tokens": request.max_tokens,
        "temperature": None if temperature is None else min(temperature, 1.0),
        "top_p": top_p,
        "top_k": request.top_k if version < (4, 7) else None,
        "stop_sequences": [text for text in request.stop if text.strip()] or None,
    }


def messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The turns, the first one the user's. Empty text is left out, as it is refused."""
    made = ((turn.role, blocks(turn)) for turn in alternating(turns))
    return [{"role": role, "content": content} for role, content in made if content]


def blocks(turn: Turn) -> list[dict[str, Any]]:
    """A turn's pictures and its text; Anthropic advises this order."""
    images = [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": each.media_type, "data": in_base64(each)},
        }
        for each in pictures(turn)
    ]
    text = full_text(turn)
    return [*images, {"type": "text", "text": text}] if text.strip() else images


class MessageReader(Reading):
    """Reads the events of a message; what it does not know it passes over, as the documentation asks for."""

    def __init__(self) -> None:
        super().__init__()
        self._input = 0

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """Text, thinking and usage. Raises `ProviderFailure` for an error event."""
        value = read_object(event.data)
        kind = value.get("type")
        if kind == "content_block_delta":
            return self._delta(value.get("delta"))
        if kind == "content_block_start":
            block = value.get("content_block")
            self.called = self.called or text_at(block, "type") == "tool_use"
            return self._delta(block)
        if kind == "message_start":
            return self._usage(dig(value, "message", "usage"))
        if kind == "message_delta":
            self.ended(dig(value, "delta", "stop_reason"), FINISH)
            return self._usage(value.get("usage"))
        if kind == "error":
            raise of_error(value.get("error"), STATUSES)
        if kind == "message_stop":
            self.done = True
            self.finish = self.finish or "other"
        return ()

    def _delta(self, delta: Any) -> list[Event]:
        return self.said(text_at(delta, "text"), text_at(delta, "thinking"))

    def _usage(self, value: Any) -> Sequence[Event]:
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        # What a later event tells of the input is the total again; mostly it tells of the output only.
        self._input = sum(count(dig(value, name)) for name in names) or self._input
        return usage(self._input, count(dig(value, "output_tokens")))
