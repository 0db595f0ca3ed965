"""A chat as every provider module takes it, and what comes back while the model answers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

FinishReason = Literal["stop", "length", "content_filter", "other"]


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a turn: a picture as its bytes, or a text file as UTF-8."""

    filename: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Turn:
    """One side's say; `role` is "user" or "assistant"."""

    role: Literal["user", "assistant"]
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class ChatRequest:
    """What to ask of a model. A parameter that is None is left to the provider; `turns` end with the user's."""

    model: str
    turns: Sequence[Turn]
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    top_k: int | None = None
    reasoning_effort: str | None = None
    # For whom and in which conversation, by LibreChat's placeholders in the operator's headers; see `personal`.
    placeholders: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Credentials:
    """A user's own key and address, where the endpoint lets users bring them; they win over the settings'."""

    api_key: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True)
class TextDelta:
    """A further piece of the answer."""

    text: str


@dataclass(frozen=True)
class ReasoningDelta:
    """A further piece of the model's reasoning."""

    text: str


@dataclass(frozen=True)
class Usage:
    """Tokens that the provider counted; the last one that comes is the total."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Finished:
    """The model has ended; `reason` says why. Nothing but `Usage` follows."""

    reason: FinishReason


Event = TextDelta | ReasoningDelta | Usage | Finished


class ChatProvider(Protocol):
    """One configured endpoint. What it raises is an `echo.errors.ApiError` without a word of the provider's."""

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        """The models on offer: asked of the provider where that is configured, else the configured list."""

    def stream(self, request: ChatRequest, credentials: Credentials | None = None) -> AsyncIterator[Event]:
        """The answer as it comes. Ends after `Finished`; a stream that breaks off before raises `BadGateway`.

        Closing the iterator ends the provider's work. What failed before the first event may have been tried again.
        """

    async def complete(self, request: ChatRequest, credentials: Credentials | None = None) -> str:
        """The whole text of a short answer, such as a title."""


Providers = Mapping[str, ChatProvider]
