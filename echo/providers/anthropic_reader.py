"""The events of a message of Anthropic's: https://platform.claude.com/docs/en/build-with-claude/streaming."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.providers.anthropic_content import FORMAT
from echo.providers.call_pieces import MAX_CALLS, as_text, made_id
from echo.providers.chat import Citation, Cited, Event, FinishReason, ReasoningSignature, ToolCallDelta, Usage
from echo.providers.failures import of_error, unusable
from echo.providers.reading import count, dig, read_object, text_at, usage
from echo.providers.sse import ServerEvent
from echo.providers.streams import Reading

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    # The provider's own tools have worked for long: there would be more if it were asked to go on.
    "pause_turn": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
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
# What one stream may leave open, and what one block may carry beside its text.
MAX_OPEN = 1000
MAX_CITATIONS = 200
MAX_SIGNATURE = 1024 * 1024


@dataclass
class Block:
    """A content block that has begun: what it has told so far, and for a call its number among the calls."""

    kind: str
    start: int
    call: int | None = None
    argued: bool = False
    whole: str = ""
    signature: list[str] = field(default_factory=list)
    size: int = 0
    sources: list[tuple[str, str]] = field(default_factory=list)


class MessageReader(Reading):
    """Reads the events of a message; what it does not know it passes over, as the documentation asks for."""

    def __init__(self) -> None:
        super().__init__()
        self._input = 0, 0, 0
        self._open: dict[Any, Block] = {}
        self._latest: Any = None
        self._calls = 0
        self._written = 0

    def read(self, event: ServerEvent) -> Sequence[Event]:
        """Text, thinking, calls and usage. Raises `ProviderFailure` for an error event."""
        value = read_object(event.data)
        kind = value.get("type")
        if kind == "content_block_delta":
            return self._delta(self._block(value), value.get("delta"))
        if kind == "content_block_start":
            return self._start(value)
        if kind == "content_block_stop":
            return self._stop(self._index(value))
        return self._message(kind, value)

    def _message(self, kind: Any, value: Mapping[str, Any]) -> Sequence[Event]:
        """What an event tells of the whole message; after its end no block goes on."""
        if kind == "error":
            raise of_error(value.get("error"), STATUSES)
        if kind == "message_start":
            return self._usage(dig(value, "message", "usage"))
        if kind == "message_delta":
            self.ended(dig(value, "delta", "stop_reason"), FINISH)
            self.stop_sequence = text_at(value, "delta", "stop_sequence") or self.stop_sequence
            return [*self._stop_all(), *self._usage(value.get("usage"))]
        if kind == "message_stop":
            self.done = True
            self.finish = self.finish or "other"
            return self._stop_all()
        return ()

    def _index(self, value: Mapping[str, Any]) -> Any:
        """Which block an event is of: the latest, where a server does not say it."""
        index = value.get("index")
        return index if isinstance(index, int) else self._latest

    def _block(self, value: Mapping[str, Any]) -> Block:
        return self._open.get(self._index(value)) or Block("", self._written)

    def _start(self, value: Mapping[str, Any]) -> list[Event]:
        found = value.get("content_block")
        index = value.get("index")
        index = index if isinstance(index, int) else ("unnumbered", len(self._open))
        before = self._stop(index)
        block = Block(text_at(found, "type"), self._written)
        if len(self._open) >= MAX_OPEN:
            raise unusable("too_many_parts")
        self._open[index], self._latest = block, index
        if block.kind == "tool_use":
            return [*before, *self._call(block, found)]
        if block.kind == "redacted_thinking" and (data := text_at(found, "data")):
            return [*before, ReasoningSignature(redacted=data, format=FORMAT)]
        return [*before, *self._delta(block, found)]

    def _call(self, block: Block, found: Any) -> list[Event]:
        self.called = True
        if not (name := text_at(found, "name")) or self._calls >= MAX_CALLS:
            return []
        block.call = self._calls
        self._calls += 1
        # Some servers give all of the input at once, at the beginning; Anthropic gives an empty one.
        block.whole = as_text(dig(found, "input") or None)
        return [ToolCallDelta(block.call, text_at(found, "id") or made_id(), name)]

    def _delta(self, block: Block, delta: Any) -> list[Event]:
        if block.call is not None:
            pieces = self.argued(block.call, text_at(delta, "partial_json"))
            block.argued = block.argued or bool(pieces)
            return pieces
        if signature := text_at(delta, "signature"):
            block.size += len(signature)
            if block.size > MAX_SIGNATURE:
                raise unusable("too_large")
            block.signature.append(signature)
        if source := _source(dig(delta, "citation")):
            block.sources = [*block.sources, source][:MAX_CITATIONS]
        text = text_at(delta, "text")
        self._written += len(text)
        return self.said(text, text_at(delta, "thinking"))

    def _stop_all(self) -> list[Event]:
        return [event for index in list(self._open) for event in self._stop(index)]

    def _stop(self, index: Any) -> list[Event]:
        """What can be told of a block only at its end."""
        block = self._open.pop(index, None)
        if block is None:
            return []
        if block.call is not None:
            return [] if block.argued else self.argued(block.call, block.whole or "{}")
        signature = "".join(block.signature)
        proof: list[Event] = [ReasoningSignature(signature, format=FORMAT)] if signature else []
        return [
            *proof,
            *(Cited(Citation(url, title, block.start, self._written)) for url, title in block.sources),
        ]

    def _usage(self, value: Any) -> list[Event]:
        """Tokens so far. What a later event tells of the input is the total again; mostly it tells of the output."""
        if any(told := read_of(value)):
            self._input = told
        return [*counted(value, self._input)]


def read_of(value: Any) -> tuple[int, int, int]:
    """The tokens that a `usage` says were read: all, those out of a cache, those put into one."""
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    new, read, written = (count(dig(value, name)) for name in names)
    return new + read + written, read, written


def counted(value: Any, read: tuple[int, int, int]) -> list[Usage]:
    """The tokens that a `usage` tells, beside so many that were read."""
    told, cached, written = read
    thought = count(dig(value, "output_tokens_details", "thinking_tokens"))
    return usage(told, count(dig(value, "output_tokens")), cached=cached, written=written, reasoning=thought)


def _source(citation: Any) -> tuple[str, str] | None:
    """The address and title of what is cited; a place in a document that was sent along has no address."""
    url = text_at(citation, "url") or text_at(citation, "source")
    return (url, text_at(citation, "title")) if url.startswith(("http://", "https://")) else None
