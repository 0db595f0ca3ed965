"""What comes back while a model answers. `choice` is which of several answers (`n`) an event belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from echo.providers.parts import Citation

FinishReason = Literal["stop", "length", "content_filter", "tool_calls", "other"]


@dataclass(frozen=True)
class TextDelta:
    """A further piece of the answer."""

    text: str
    choice: int = 0


@dataclass(frozen=True)
class ReasoningDelta:
    """A further piece of the model's reasoning."""

    text: str
    choice: int = 0


@dataclass(frozen=True)
class ReasoningSignature:
    """Ends a part of the reasoning: what must be given back with it, see `parts.Reasoning`."""

    signature: str | None = None
    redacted: str | None = None
    format: str | None = None
    choice: int = 0


@dataclass(frozen=True)
class RefusalDelta:
    """A further piece of what the model says instead of an answer."""

    text: str
    choice: int = 0


@dataclass(frozen=True)
class ToolCallDelta:
    """A call of a tool begins, or has a further piece of its arguments.

    The first event of each `index` (from 0, in order) has `id` and `name`, no later one has them. `arguments` are the
    next piece of a JSON text: "{}" for a tool that takes nothing, never nothing at all once the answer is whole.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    signature: str | None = None
    choice: int = 0


@dataclass(frozen=True)
class Cited:
    """The model names a source."""

    citation: Citation
    choice: int = 0


@dataclass(frozen=True)
class AudioDelta:
    """A further piece of an answer that is spoken, in OpenAI's form: `data` in base64, each piece for itself.

    `id` names the whole, by which a later request means it, until `expires_at` (seconds since 1970).
    """

    id: str | None = None
    data: str = ""
    transcript: str = ""
    expires_at: int | None = None
    choice: int = 0


@dataclass(frozen=True)
class Logprobs:
    """How likely the next tokens of the answer were, in OpenAI's form; those of a refusal apart."""

    content: Sequence[Any] = ()
    refusal: Sequence[Any] = ()
    choice: int = 0


@dataclass(frozen=True)
class Usage:
    """Tokens that the provider counted; the last one that comes is the total.

    `cached_tokens` were read from a cache and `cache_written` put into one: both are among `input_tokens`.
    `reasoning_tokens` are among `output_tokens`.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_written: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True)
class Finished:
    """The model has ended; `reason` says why, `others` why the further ones of several answers did.

    `stop_sequence` is which of the texts to stop at it was, where the provider tells. Nothing follows.
    """

    reason: FinishReason
    others: tuple[FinishReason, ...] = ()
    stop_sequence: str | None = None


Event = (
    TextDelta
    | AudioDelta
    | ReasoningDelta
    | ReasoningSignature
    | RefusalDelta
    | ToolCallDelta
    | Cited
    | Logprobs
    | Usage
    | Finished
)
