"""What a model says, whatever the protocol; and the order in which a server says it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from tests.support.providers.server import Answer, Piece, Received


@dataclass(frozen=True)
class Called:
    """A call of a tool: its arguments in the pieces in which a stream has them."""

    name: str
    pieces: Sequence[str] = ("{}",)
    id: str = "call_1"

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Reply:
    """A model's answer: its pieces, the reasoning before, and how it ends.

    `between` is put between the pieces of a stream: a pause in seconds, an event to wait for, a comment's bytes. With
    `error` the provider sends an error of that kind instead of an end, with `cut` it ends in the middle.
    """

    text: Sequence[str] = ("Hel", "lo ", "wörld.")
    reasoning: Sequence[str] = ()
    finish: Literal["stop", "length", "content_filter", "tool_calls"] = "stop"
    usage: tuple[int, int] = (11, 7)
    between: Sequence[Piece] = ()
    error: str | None = None
    cut: bool = False
    # Of tools; they end an answer that would only have stopped.
    calls: Sequence[Called] = ()
    refusal: str | None = None
    # What is spoken, in these pieces, and its words.
    spoken: Sequence[bytes] = ()
    transcript: str = ""
    # How many of the tokens were cached, and how many of reasoning.
    cached: int = 0
    thought: int = 0

    @property
    def whole(self) -> str:
        return "".join(self.text)


Behaviour = Reply | Answer | Callable[[Received], "Reply | Answer"]
Render = Callable[[Reply, Received], Answer]


class Script:
    """One behaviour after the other; the last one is repeated."""

    def __init__(self, behaviours: Sequence[Behaviour], render: Render) -> None:
        self._behaviours = list(behaviours) or [Reply()]
        self._render = render

    def next(self, received: Received) -> Answer:
        behaviour = self._behaviours[0]
        if len(self._behaviours) > 1:
            with suppress(IndexError):
                self._behaviours.pop(0)
        said = behaviour(received) if callable(behaviour) else behaviour
        return self._render(said, received) if isinstance(said, Reply) else said


def mixed(pieces: Sequence[bytes], between: Sequence[Piece]) -> list[Piece]:
    """The pieces with something between each two of them."""
    return [each for piece in pieces for each in (piece, *between)]
