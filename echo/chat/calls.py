"""The calls of tools in stored answers, as calls and results for a model; after LibreChat's `formatAgentMessages`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from echo.chat.content import LOGIN
from echo.chat.frames import STEER, TEXT, TOOL_CALL
from echo.conversations.message_text import plain_text
from echo.providers.chat import Part, Text, ToolCall, ToolResult, Turn
from echo.tools.limits import MOST_RESULT_CHARS
from echo.tools.results import cut, whole_characters

# What every provider takes; OpenAI has the shortest ids.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
# Calls that are not of tools: one that hands over to another agent, one that asks for a login.
NOT_TOOLS = ("lc_transfer_to_", LOGIN)
MOST_ARGUMENTS = 100_000
NO_RESULT = "The call was ended before it came to a result."


@dataclass
class Saying:
    """One turn of an answer, with what its calls came to."""

    texts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)

    def turns(self) -> Iterator[Turn]:
        """The turn, and the one of the tools after it."""
        text = "\n".join(self.texts)
        said = (*((Text(text),) if text else ()), *self.calls)
        if said:
            yield Turn("assistant", said)
        if self.results:
            yield Turn("tool", tuple(self.results))


def has_calls(content: Any) -> bool:
    """Whether parts of an answer are more than what a model said."""
    return isinstance(content, list) and any(kind_of(part) in (TOOL_CALL, STEER) for part in content)


def turns_of_parts(parts: Iterable[Any]) -> Iterator[Turn]:
    """The turns of an answer with calls; what stands in the parts may be anything.

    What the model thought is left out, as in LibreChat. A message that came while it worked is the user's again.
    """
    saying = Saying()
    for part in parts:
        kind = kind_of(part)
        if kind == TOOL_CALL:
            add_call(saying, part[TOOL_CALL])
        elif kind == STEER:
            yield from saying.turns()
            saying = Saying()
            if isinstance(part.get(STEER), str) and part[STEER]:
                yield Turn.of_text("user", part[STEER])
        elif kind == TEXT and (text := plain_text(part.get(TEXT))):
            if saying.calls:
                yield from saying.turns()
                saying = Saying()
            saying.texts.append(text)
    yield from saying.turns()


def kind_of(part: Any) -> str | None:
    """The type of a part; a call only where there is one."""
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        return None
    kind = str(part["type"])
    return None if kind == TOOL_CALL and not is_call(part.get(TOOL_CALL)) else kind


def is_call(call: Any) -> bool:
    """Whether it is the call of a tool by a name that providers take."""
    name = call.get("name") if isinstance(call, Mapping) else None
    return isinstance(name, str) and bool(NAME.fullmatch(name)) and not name.startswith(NOT_TOOLS)


def add_call(saying: Saying, call: Mapping[str, Any]) -> None:
    """Add a call with its result."""
    name, output = str(call["name"]), call.get("output")
    call_id = call["id"] if isinstance(call.get("id"), str) else ""
    text = output if isinstance(output, str) and output else NO_RESULT
    content = (Text(cut(text, MOST_RESULT_CHARS)),)
    saying.calls.append(ToolCall(call_id, name, arguments_text(call.get("args"))))
    saying.results.append(ToolResult(call_id, content, call.get("runStepStatus") == "failed", name))


def arguments_text(args: Any) -> str:
    """The arguments as JSON; what is none, or is too long, is left out."""
    if isinstance(args, Mapping):
        try:
            args = orjson.dumps(args).decode()
        except TypeError:
            return "{}"
    return whole_characters(args) if isinstance(args, str) and 0 < len(args) <= MOST_ARGUMENTS else "{}"


def with_own_ids(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with an id for each call that no other has and every provider takes."""
    taken: set[str] = set()
    made: list[Turn] = []
    # Each turn of tools follows the one of its calls, and is in the same order.
    latest: list[str] = []
    for turn in turns:
        if turn.calls:
            latest = [_own_id(call.id, taken) for call in turn.calls]
        made.append(_renamed(turn, latest) if turn.calls or turn.results else turn)
    return made


def _renamed(turn: Turn, ids: Sequence[str]) -> Turn:
    """The turn with these ids for its calls, or results."""
    left = iter(ids)
    parts: list[Part] = []
    for part in turn.parts:
        if isinstance(part, ToolCall):
            parts.append(replace(part, id=next(left)))
        else:
            parts.append(replace(part, call_id=next(left)) if isinstance(part, ToolResult) else part)
    return Turn(turn.role, tuple(parts))


def _own_id(told: str, taken: set[str]) -> str:
    own = told if ID.fullmatch(told) and told not in taken else f"call_{len(taken)}"
    while own in taken:
        own += "_"
    taken.add(own)
    return own


def without_calls(turns: Sequence[Turn]) -> list[Turn]:
    """The turns as texts, for a model that has no tools: calls and results are left out."""
    left: list[Turn] = []
    for turn in turns:
        parts = tuple(part for part in turn.parts if not isinstance(part, ToolCall | ToolResult))
        if not parts:
            continue
        if left and left[-1].role == turn.role:
            left[-1] = Turn(turn.role, (*left[-1].parts, *parts))
        else:
            left.append(Turn(turn.role, parts))
    return left
