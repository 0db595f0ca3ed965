"""OpenAI's messages as turns for a provider."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from echo.completions.contents import read_content, refused
from echo.providers.chat import (
    Attachment,
    Part,
    PictureAddress,
    Reasoning,
    Refusal,
    SpokenBefore,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

Message = Mapping[str, Any]
SYSTEM_ROLES = ("system", "developer")
# What can stand in a result of a tool.
Shown = Text | Attachment | PictureAddress


def read_messages(messages: Sequence[Message]) -> tuple[str | None, tuple[Turn, ...]]:
    """The system prompt and the turns of OpenAI's messages, which have passed the contract.

    The texts of the system and developer messages at the beginning become one prompt; later ones are turns in their
    place. Messages that say nothing are left out. Raises `Unprocessable` for what cannot be understood, and where
    nothing is left.
    """
    system: list[str] = []
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for index, message in enumerate(messages):
        turn = _read(message, f"messages.{index}", names)
        if turn is None:
            continue
        if turn.role == "system" and not turns:
            system.append(turn.text)
        elif turn.role == "tool" and turns and turns[-1].role == "tool":
            turns[-1] = Turn("tool", (*turns[-1].parts, *turn.parts))
        else:
            turns.append(turn)
    if not turns and not system:
        raise refused("messages", "hold nothing to answer")
    return "\n\n".join(system) or None, tuple(turns)


def _read(message: Message, place: str, names: dict[str, str]) -> Turn | None:
    """One message as a turn, None where it says nothing; `names` remembers which tool each call is of."""
    role = message["role"]
    if role == "tool":
        return Turn("tool", (_read_result(message, place, names),))
    content = message.get("content")
    calls = _read_calls(message.get("tool_calls") or ())
    if content is None and role != "assistant":
        raise refused(f"{place}.content", "must be there")
    parts = read_content(content, f"{place}.content")
    if role == "assistant":
        names.update({call.id: call.name for call in calls})
        parts = [*_read_reasoning(message.get("reasoning_details") or ()), *parts]
        if refusal := message.get("refusal"):
            parts.append(Refusal(refusal))
        if spoken := (message.get("audio") or {}).get("id"):
            parts.append(SpokenBefore(spoken))
        return _turn("assistant", [*parts, *calls])
    if role in SYSTEM_ROLES:
        if not all(isinstance(part, Text) for part in parts):
            raise refused(f"{place}.content", "must be text")
        return _turn("system", parts)
    return _turn("user", parts)


def _turn(role: Any, parts: Iterable[Part]) -> Turn | None:
    found = tuple(parts)
    return Turn(role, found) if found else None


def _read_calls(calls: Iterable[Message]) -> list[ToolCall]:
    return [
        ToolCall(
            call["id"],
            call["function"]["name"],
            # A tool that takes nothing.
            call["function"].get("arguments") or "{}",
            _signature(call),
        )
        for call in calls
    ]


def _signature(call: Message) -> str | None:
    """Where Google's own servers of this protocol have the signature of a call."""
    google = (call.get("extra_content") or {}).get("google") or {}
    found = google.get("thought_signature")
    return found if isinstance(found, str) and found else None


def _read_result(message: Message, place: str, names: Mapping[str, str]) -> ToolResult:
    call_id = message.get("tool_call_id")
    if not call_id:
        raise refused(f"{place}.tool_call_id", "must name the call that is answered")
    parts = read_content(message.get("content"), f"{place}.content")
    shown = tuple(part for part in parts if isinstance(part, Shown))
    return ToolResult(call_id, shown, name=names.get(call_id))


def _read_reasoning(details: Iterable[Message]) -> list[Part]:
    """What the model thought, as an answer of ours has told it: to be given back to the provider that signed it."""
    return [
        Reasoning(
            detail.get("text") or "",
            detail.get("signature") or None,
            detail.get("data") or None,
            detail.get("format") or None,
        )
        for detail in details
        if detail.get("signature") or detail.get("data")
    ]
