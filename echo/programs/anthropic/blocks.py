"""An answer as Anthropic's content blocks: the events of a stream, and the whole.

https://platform.claude.com/docs/en/build-with-claude/streaming. There blocks follow each other, while other providers
may write two calls at a time, sign what is no thinking, or tell a signature late.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from echo.programs.anthropic.asking import CALL, SIGNED
from echo.programs.anthropic.carrying import packed
from echo.providers.anthropic_content import FORMAT, id_of
from echo.providers.arguments import as_object
from echo.providers.call_pieces import is_whole
from echo.providers.chat import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)

Json = dict[str, Any]
STOP_REASONS: dict[FinishReason, str] = {
    "length": "max_tokens",
    "content_filter": "refusal",
    "tool_calls": "tool_use",
}


@dataclass
class Block:
    """One block: how it begins, and what comes to it. `call` is the provider's number of a call."""

    head: Json
    pieces: list[str] = field(default_factory=list)
    signature: str = ""
    call: int | None = None
    late: str | None = None

    @property
    def said(self) -> str:
        """All pieces so far."""
        return "".join(self.pieces)

    @property
    def whole(self) -> Json:
        """The block as it stands in a whole answer."""
        match self.head["type"]:
            case "text":
                return {**self.head, "text": self.said}
            case "thinking":
                return {**self.head, "thinking": self.said, "signature": self.signature}
            case "tool_use":
                return {**self.head, "input": as_object(self.said)}
        return self.head


class Blocks:
    """Takes a provider's events, and tells what Anthropic's stream says of each."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._open: Block | None = None
        # Calls that wait for the one before them to be whole.
        self._held: dict[int, list[ToolCallDelta]] = {}
        self.usage: Usage | None = None
        self._end = Finished("other")

    @property
    def content(self) -> list[Json]:
        """All blocks, as a whole answer has them."""
        return [block.whole for block in self._blocks]

    @property
    def ending(self) -> Json:
        """Why the model ended; Anthropic has no word for "other"."""
        if self._end.stop_sequence and self._end.reason == "stop":
            return {"stop_reason": "stop_sequence", "stop_sequence": self._end.stop_sequence}
        return {"stop_reason": STOP_REASONS.get(self._end.reason, "end_turn"), "stop_sequence": None}

    def take(self, event: Event) -> list[Json]:
        """The events that tell it."""
        match event:
            case TextDelta(text) | RefusalDelta(text):
                return self._more("text", "text_delta", text)
            case ReasoningDelta(text):
                return self._more("thinking", "thinking_delta", text)
            case ReasoningSignature():
                return self._signed(event)
            case ToolCallDelta():
                return self._called(event)
            case Usage():
                self.usage = event
            case Finished():
                self._end = event
                return self._close()
        return []

    def _more(self, kind: str, delta: str, text: str) -> list[Json]:
        begun: list[Json] = []
        if self._open is None or self._open.head["type"] != kind:
            rest = {"signature": ""} if kind == "thinking" else {}
            begun = [*self._close(), *self._begin(Block({"type": kind, kind: "", **rest}))]
        return [*begun, self._delta({"type": delta, kind: text}, text)]

    def _signed(self, event: ReasoningSignature) -> list[Json]:
        """A signature goes to the thinking before it; one that fits there not is carried in a block of its own."""
        ours = event.format in (None, FORMAT)
        if event.redacted is not None:
            return self._carried(
                event.redacted if ours else packed(redacted=event.redacted, format=event.format)
            )
        signature = event.signature or ""
        if not ours:
            signature = packed(signature=signature, format=event.format)
        begun: list[Json] = []
        if self._open is None or self._open.head["type"] != "thinking":
            if not ours:
                return self._carried(signature)
            begun = [
                *self._close(),
                *self._begin(Block({"type": "thinking", "thinking": "", "signature": ""})),
            ]
        if (block := self._open) is None:
            return begun
        block.signature = signature
        return [
            *begun,
            self._delta({"type": "signature_delta", "signature": signature}),
            *self._close(),
        ]

    def _carried(self, data: str) -> list[Json]:
        return [
            *self._close(),
            *self._begin(Block({"type": "redacted_thinking", "data": data})),
            *self._close(),
        ]

    def _called(self, event: ToolCallDelta) -> list[Json]:
        block = self._open
        if block is not None and block.call == event.index:
            return [*self._argued(block, event), *self._next()]
        if block is not None and block.call is not None and not is_whole(block.said):
            self._held.setdefault(event.index, []).append(event)
            return []
        return self._begin_call(event) if event.name else []

    def _begin_call(self, event: ToolCallDelta) -> list[Json]:
        """The block of a call, after its signature, where it has one."""
        call_id = id_of(event.id or "")
        signed = self._carried(packed(**{CALL: call_id, SIGNED: event.signature})) if event.signature else []
        head: Json = {"type": "tool_use", "id": call_id, "name": event.name, "input": {}}
        block = Block(head, call=event.index)
        begun = [*self._close_open(), *signed, *self._begin(block)]
        return [*begun, *self._argued(block, ToolCallDelta(event.index, arguments=event.arguments))]

    def _argued(self, block: Block, event: ToolCallDelta) -> list[Json]:
        block.late = event.signature or block.late
        if not event.arguments:
            return []
        return [self._delta({"type": "input_json_delta", "partial_json": event.arguments}, event.arguments)]

    def _next(self, *, ended: bool = False) -> list[Json]:
        """The calls that have waited, as far as those before them are whole; all of them once there is an end."""
        made: list[Json] = []
        while self._held and (ended or self._open is None or is_whole(self._open.said)):
            first, *rest = self._held.pop(next(iter(self._held)))
            made += self._begin_call(first) if first.name else []
            for event in rest:
                if self._open is not None and self._open.call == event.index:
                    made += self._argued(self._open, event)
        return made

    def _begin(self, block: Block) -> list[Json]:
        self._blocks.append(block)
        self._open = block
        return [{"type": "content_block_start", "index": len(self._blocks) - 1, "content_block": block.head}]

    def _delta(self, delta: Json, piece: str | None = None) -> Json:
        if self._open is not None and piece is not None:
            self._open.pieces.append(piece)
        return {"type": "content_block_delta", "index": len(self._blocks) - 1, "delta": delta}

    def _close(self) -> list[Json]:
        """Whatever is open or waits comes to its end."""
        return [*self._next(ended=True), *self._close_open()]

    def _close_open(self) -> list[Json]:
        block, self._open = self._open, None
        if block is None:
            return []
        made: list[Json] = [{"type": "content_block_stop", "index": len(self._blocks) - 1}]
        if block.late:
            carried = packed(**{CALL: block.head["id"], SIGNED: block.late})
            made += [*self._begin(Block({"type": "redacted_thinking", "data": carried})), *self._close_open()]
        return made


def frame(event: Json) -> bytes:
    """An event of the stream."""
    kind: str = event["type"]
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
