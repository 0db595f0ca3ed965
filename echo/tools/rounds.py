"""One round of a loop: what a model says until it has ended, put together as the turn that it is given back."""

import secrets
from collections.abc import Iterator, MutableSet
from dataclasses import dataclass, field
from typing import Literal

from echo.providers.chat import (
    Event,
    Finished,
    FinishReason,
    Part,
    Reasoning,
    ReasoningDelta,
    ReasoningSignature,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Turn,
    Usage,
)
from echo.tools.limits import USUAL, LoopLimits
from echo.tools.loop_events import CallBegun, CallPiece

# Of ids that a provider makes up.
MAX_ID = 256
Kind = type[Text] | type[Reasoning] | type[Refusal] | type[ToolCall]
KINDS: dict[type, Kind] = {TextDelta: Text, RefusalDelta: Refusal, ReasoningDelta: Reasoning}


@dataclass
class Draft:
    """A part that grows: a text, reasoning, a refusal or a call."""

    kind: Kind
    pieces: list[str] = field(default_factory=list)
    ended: ReasoningSignature | None = None
    step_id: str = ""
    id: str = ""
    name: str = ""
    signature: str | None = None
    # Of a call's arguments, in bytes.
    size: int = 0

    def part(self) -> Part:
        """The part as it is now."""
        text = "".join(self.pieces)
        if self.kind is ToolCall:
            return ToolCall(self.id, self.name, text or "{}", self.signature)
        if self.kind is Reasoning:
            end = self.ended or ReasoningSignature()
            return Reasoning(text, end.signature, end.redacted, end.format)
        return Refusal(text) if self.kind is Refusal else Text(text)


class Round:
    """Takes the events of one answer. `ids` are those of all calls in the loop so far: no two calls share one.

    `excess` says what of it is more than the limits allow, once something is.
    """

    def __init__(self, ids: MutableSet[str], limits: LoopLimits = USUAL) -> None:
        self.excess: Literal["arguments", "events"] | None = None
        self._limits = limits
        self._taken = 0
        self.usage: Usage | None = None
        self.finish: FinishReason | None = None
        self.size = 0
        self._ids = ids
        self._drafts: list[Draft] = []
        self._calls: dict[int, Draft] = {}

    def take(self, event: Event) -> Iterator[CallBegun | CallPiece]:
        """Add an event of the first answer; what it says of calls."""
        self._taken += 1
        if self._limits.events is not None and self._taken > self._limits.events:
            self.excess = "events"
        if getattr(event, "choice", 0):
            return
        if isinstance(event, ToolCallDelta):
            yield from self._call(event)
        elif isinstance(event, TextDelta | RefusalDelta | ReasoningDelta):
            self._extend(KINDS[type(event)], event.text)
        elif isinstance(event, ReasoningSignature):
            self._sign(event)
        elif isinstance(event, Usage):
            self.usage = event
        elif isinstance(event, Finished):
            self.finish = event.reason

    def _extend(self, kind: Kind, text: str) -> None:
        last = self._drafts[-1] if self._drafts else None
        if last is None or last.kind is not kind or last.ended is not None:
            last = Draft(kind)
            self._drafts.append(last)
        last.pieces.append(text)
        self.size += len(text)

    def _sign(self, event: ReasoningSignature) -> None:
        last = self._drafts[-1] if self._drafts else None
        if last is None or last.kind is not Reasoning or last.ended is not None:
            last = Draft(Reasoning)
            self._drafts.append(last)
        last.ended = event

    def _call(self, event: ToolCallDelta) -> Iterator[CallBegun | CallPiece]:
        draft = self._calls.get(event.index)
        if draft is None:
            draft = Draft(ToolCall, step_id=new_step_id(), id=self._own_id(event.id), name=event.name or "")
            self._calls[event.index] = draft
            self._drafts.append(draft)
            yield CallBegun(draft.step_id, draft.id, draft.name)
        draft.signature = event.signature or draft.signature
        if event.arguments:
            draft.pieces.append(event.arguments)
            draft.size += len(event.arguments.encode("utf-8", "replace"))
            self.size += len(event.arguments)
            most = self._limits.arguments_of(draft.name)
            if most is not None and draft.size > most:
                self.excess = "arguments"
            yield CallPiece(draft.step_id, event.arguments)

    def _own_id(self, told: str | None) -> str:
        """The id of a call; another one for what is none, or was another call's."""
        is_new = told and len(told) <= MAX_ID and told not in self._ids
        call_id = told if told and is_new else f"call_{secrets.token_hex(12)}"
        self._ids.add(call_id)
        return call_id

    @property
    def calls(self) -> list[tuple[str, ToolCall]]:
        """The calls with the ids of their steps, in their order."""
        made = ((draft.step_id, draft.part()) for draft in self._calls.values())
        return [(step_id, part) for step_id, part in made if isinstance(part, ToolCall)]

    @property
    def turn(self) -> Turn:
        """The model's turn."""
        return Turn("assistant", tuple(draft.part() for draft in self._drafts))

    @property
    def text(self) -> str:
        """Everything that was said, to be counted."""
        return "".join(piece for draft in self._drafts for piece in draft.pieces)


def new_step_id() -> str:
    """The id of a step, in LibreChat's form."""
    return f"step_{secrets.token_urlsafe(15)}"
