"""A chat as every provider module takes it, and what comes back while the model answers."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from echo.providers.asked import NamedTool, Parameters, ResponseFormat, Tool, ToolChoice
from echo.providers.events import (
    AudioDelta,
    Cited,
    Event,
    Finished,
    FinishReason,
    Logprobs,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from echo.providers.parts import (
    Attachment,
    Citation,
    Part,
    PictureAddress,
    Reasoning,
    Refusal,
    Role,
    SpokenBefore,
    Text,
    ToolCall,
    ToolResult,
)


@dataclass(frozen=True)
class Turn:
    """One side's say, in its order.

    "user" and "assistant" say texts and what goes with them; an assistant's calls of tools are followed by turns of
    "tool", which hold results. A "system" turn is an instruction in the middle of a chat.
    """

    role: Role
    parts: tuple[Part, ...]

    @classmethod
    def of_text(cls, role: Role, text: str, attachments: Sequence[Attachment] = ()) -> "Turn":
        """A turn that says a text, and what is attached to it."""
        return cls(role, (*((Text(text),) if text else ()), *attachments))

    @property
    def text(self) -> str:
        """What is said: all texts and refusals, a line for each."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text | Refusal))

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that go with it."""
        return tuple(part for part in self.parts if isinstance(part, Attachment))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls of tools."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def results(self) -> tuple[ToolResult, ...]:
        """The results of tools."""
        return tuple(part for part in self.parts if isinstance(part, ToolResult))


@dataclass(frozen=True)
class ChatRequest(Parameters):
    """What to ask of a model. A parameter that is None is left to the provider.

    The turns may begin and end with any side; a provider that does not take them so raises `Unprocessable`.
    """

    model: str
    turns: Sequence[Turn]
    system: str | None = None
    # For whom and in which conversation, by LibreChat's placeholders in the operator's headers; see `personal`.
    placeholders: Mapping[str, str] = field(default_factory=dict, repr=False)

    def set_names(self) -> frozenset[str]:
        """See `Parameters`; who said something aloud before asks for the sound too."""
        spoken = any(isinstance(part, SpokenBefore) for turn in self.turns for part in turn.parts)
        return super().set_names() | ({"audio"} if spoken else set())


@dataclass(frozen=True)
class Credentials:
    """A user's own key and address, where the endpoint lets users bring them; they win over the settings'."""

    api_key: str = field(repr=False)
    base_url: str | None = None


def ignore(_usage: Usage) -> None:
    """For who does not want to know."""


class ChatProvider(Protocol):
    """One configured endpoint. What it raises is an `echo.errors.ApiError` without a word of the provider's."""

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        """The models on offer: asked of the provider where that is configured, else the configured list."""

    def stream(self, request: ChatRequest, credentials: Credentials | None = None) -> AsyncIterator[Event]:
        """The answer as it comes. Ends after `Finished`; a stream that breaks off before raises `BadGateway`.

        Calls of tools come only where the request has `tools`.

        Closing the iterator ends the provider's work. What failed before the first event may have been tried again.
        """

    async def complete(
        self,
        request: ChatRequest,
        credentials: Credentials | None = None,
        told: Callable[[Usage], object] = ignore,
    ) -> str:
        """The whole text of a short answer, such as a title; `told` gets the tokens, if the provider counts them."""


Providers = Mapping[str, ChatProvider]

__all__ = [
    "Attachment",
    "AudioDelta",
    "ChatProvider",
    "ChatRequest",
    "Citation",
    "Cited",
    "Credentials",
    "Event",
    "FinishReason",
    "Finished",
    "Logprobs",
    "NamedTool",
    "Parameters",
    "Part",
    "PictureAddress",
    "Providers",
    "Reasoning",
    "ReasoningDelta",
    "ReasoningSignature",
    "Refusal",
    "RefusalDelta",
    "ResponseFormat",
    "Role",
    "SpokenBefore",
    "Text",
    "TextDelta",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "ToolResult",
    "Turn",
    "Usage",
]
