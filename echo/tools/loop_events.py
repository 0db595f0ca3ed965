"""What a loop of a model and its tools tells while it works, beside the events of the provider."""

from dataclasses import dataclass
from typing import Literal

from echo.providers.chat import Event, FinishReason, Text, ToolCall, Usage
from echo.tools.tool import ToolOutput


@dataclass(frozen=True)
class RoundBegun:
    """The model is asked for the `number`th time, counted from 1."""

    number: int


@dataclass(frozen=True)
class CallBegun:
    """The model begins to call a tool. `id` is the only one of its kind in the loop, `step_id` the step's."""

    step_id: str
    id: str
    name: str


@dataclass(frozen=True)
class CallPiece:
    """A further piece of a call's arguments."""

    step_id: str
    arguments: str


@dataclass(frozen=True)
class CallDone:
    """A call has come to something: `output` as the model is told it, after so many seconds."""

    step_id: str
    call: ToolCall
    output: ToolOutput
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The texts of the output, a line for each."""
        return "\n".join(part.text for part in self.output.content if isinstance(part, Text))


@dataclass(frozen=True)
class RoundEnded:
    """The model has said why it ended. With `calls` it is asked again.

    `usage` is what it used in this round, told by the provider or else counted.
    """

    number: int
    usage: Usage
    finish: FinishReason | None
    calls: int


@dataclass(frozen=True)
class Stopped:
    """The loop ends although the model has not: a bound is reached. The sentence is for people."""

    reason: Literal["steps", "repeats", "size"]
    sentence: str


LoopEvent = Event | RoundBegun | CallBegun | CallPiece | CallDone | RoundEnded | Stopped
