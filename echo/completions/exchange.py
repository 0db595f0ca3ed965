"""What is kept of a request and its answer: messages as LibreChat has them.

There, tools are no messages of their own: the model's text, its calls and their results are parts of one answer.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.completions.answers import Message
from echo.providers.chat import Part, Refusal, Text, ToolCall, ToolResult, Turn
from storage.conversations.exchanges import Said

Json = dict[str, Any]


@dataclass
class _Growing:
    """An answer, which results of tools and further words are added to."""

    parts: list[Json] = field(default_factory=list)
    calls: dict[str, Json] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        if isinstance(part, Text | Refusal):
            self.parts.append({"type": "text", "text": part.text})
        elif isinstance(part, ToolCall):
            call = {
                "id": part.id,
                "name": part.name,
                "args": part.arguments,
                "type": "tool_call",
                "progress": 1,
                "output": "",
            }
            self.calls[part.id] = call
            self.parts.append({"type": "tool_call", "tool_call": call})
        elif isinstance(part, ToolResult) and (found := self.calls.get(part.call_id)):
            found["output"] = part.text

    def said(self, count: Callable[[str], int]) -> Said:
        """The message; of words alone it is a text, as every client of LibreChat's reads it."""
        tokens = sum(count(each) for part in self.parts for each in _texts(part))
        if all(part["type"] == "text" for part in self.parts):
            return Said("assistant", "\n".join(part["text"] for part in self.parts), tokens)
        return Said("assistant", "", tokens, self.parts)


def said_in(turns: Sequence[Turn], answer: Message, count: Callable[[str], int]) -> list[Said]:
    """The messages of an exchange, the answer's the last; instructions in the middle are none."""
    said: list[Said] = []
    growing: _Growing | None = None
    for turn in turns:
        if turn.role == "user":
            said += [growing.said(count)] if growing else []
            growing = None
            said.append(Said("user", turn.text, count(turn.text)))
        elif turn.role != "system":
            growing = growing or _Growing()
            _add(growing, turn.parts)
    growing = growing or _Growing()
    thought = "".join(answer.reasoning)
    if thought:
        growing.parts.append({"type": "think", "think": thought})
    words = answer.words
    _add(growing, (*((Text(words),) if words else ()), *answer.tool_calls))
    return [*said, growing.said(count)]


def _add(growing: _Growing, parts: Iterable[Part]) -> None:
    for part in parts:
        growing.add(part)


def _texts(part: Json) -> Iterable[str]:
    call = part.get("tool_call", {})
    return [
        part.get("text") or part.get("think") or "",
        *(call.get(name, "") for name in ("name", "args", "output")),
    ]
