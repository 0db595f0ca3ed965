"""What a turn holds, part after part, whatever the provider's own form of it is."""

from dataclasses import dataclass, field
from typing import Literal

PDF = "application/pdf"


@dataclass(frozen=True)
class Text:
    """A text."""

    text: str


@dataclass(frozen=True)
class Reasoning:
    """What a model thought, to be given back to it as it came.

    `signature` proves to the provider of this `format` ("anthropic", "google", ...) that the words are its own;
    `redacted` is thinking that the provider shows encrypted only. Without either it is never sent back.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    format: str | None = None


@dataclass(frozen=True)
class Attachment:
    """A file as its bytes: a picture, a sound, a PDF, or a text file as UTF-8; `media_type` tells which.

    `detail` is how closely the model is to look at a picture, in OpenAI's words.
    """

    filename: str
    media_type: str
    content: bytes = field(repr=False)
    detail: str | None = None


@dataclass(frozen=True)
class PictureAddress:
    """A picture by its http(s) address, which the provider fetches; Echo never does."""

    url: str
    detail: str | None = None


@dataclass(frozen=True)
class ToolCall:
    """A model's call of a tool: `arguments` are JSON as the model wrote it, which may be broken.

    `signature` goes with the call when it is given back (Gemini's thought signature).
    """

    id: str
    name: str
    arguments: str
    signature: str | None = None


@dataclass(frozen=True)
class ToolResult:
    """What a call came to. `name` is the tool's, as far as it is known: Google asks for it."""

    call_id: str
    content: tuple[Text | Attachment | PictureAddress, ...] = ()
    is_error: bool = False
    name: str | None = None

    @property
    def text(self) -> str:
        """Its texts, a line for each."""
        return "\n".join(part.text for part in self.content if isinstance(part, Text))


@dataclass(frozen=True)
class Refusal:
    """What a model said instead of an answer that it would not give."""

    text: str


@dataclass(frozen=True)
class SpokenBefore:
    """What a model has said aloud, by the name that its provider gave it."""

    id: str


@dataclass(frozen=True)
class Citation:
    """A source that a model names for its text from `start` to `end`, in characters, as far as it says where."""

    url: str
    title: str = ""
    start: int | None = None
    end: int | None = None


Part = (
    Text | Reasoning | Attachment | PictureAddress | ToolCall | ToolResult | Refusal | SpokenBefore | Citation
)
Role = Literal["user", "assistant", "tool", "system"]
