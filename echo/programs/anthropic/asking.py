"""Anthropic's messages as turns: https://platform.claude.com/docs/en/api/messages.

What is not understood is refused: to leave something out in silence would change the question.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from echo.completions.contents import check_depth, refused
from echo.programs.anthropic.carrying import reasoning, unpacked
from echo.programs.anthropic.shown import read_shown
from echo.providers.anthropic_content import FORMAT
from echo.providers.chat import (
    Attachment,
    Part,
    PictureAddress,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

Json = Mapping[str, Any]
# In a packed text: the call that a signature belongs to.
CALL, SIGNED = "call", "signed"


def read_messages(system: Any, messages: Sequence[Json]) -> tuple[str | None, tuple[Turn, ...]]:
    """The system prompt and the turns, of a request that has passed the contract.

    Messages that say nothing are left out. Raises `Unprocessable` for what cannot be understood, and where nothing is
    left.
    """
    prompt = [_system_text(system, "system")]
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for index, message in enumerate(messages):
        place = f"messages.{index}.content"
        turn = _read(message["role"], message["content"], place, names)
        if turn.role == "system" and not turns:
            prompt.append(turn.text)
        elif turn.parts:
            turns.append(turn)
    if not turns:
        raise refused("messages", "hold nothing to answer")
    return "\n\n".join(filter(None, prompt)) or None, tuple(turns)


def _system_text(content: Any, place: str) -> str:
    blocks = _blocks(content)
    if any(block["type"] != "text" for block in blocks):
        raise refused(place, "must be text")
    return "\n\n".join(filter(None, (block.get("text") for block in blocks)))


def _blocks(content: Any) -> Sequence[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or ()


def _read(role: str, content: Any, place: str, names: dict[str, str]) -> Turn:
    """One message as a turn; `names` remembers which tool each call is of."""
    if role == "system":
        return _turn("system", [Text(_system_text(content, place))])
    if role == "assistant":
        turn = _turn("assistant", _said(_blocks(content), place))
        names.update({call.id: call.name for call in turn.calls})
        return turn
    parts = _asked(_blocks(content), place, names)
    # What the user says beside results stays with them: the thinking before the calls still counts.
    answers = any(isinstance(part, ToolResult) for part in parts)
    return _turn("tool" if answers else "user", parts)


def _turn(role: Role, parts: Iterable[Part]) -> Turn:
    return Turn(role, tuple(part for part in parts if part != Text("")))


def _said(blocks: Iterable[Json], place: str) -> list[Part]:
    """What the model has said; signatures of calls that stand in blocks of their own go to the calls."""
    parts: list[Part] = []
    signatures: dict[str, str] = {}
    for index, block in enumerate(blocks):
        carried = unpacked(block.get("data") or "") if block["type"] == "redacted_thinking" else None
        if carried and SIGNED in carried:
            signatures[carried.get(CALL, "")] = carried[SIGNED]
        else:
            parts.append(_said_part(block, f"{place}.{index}"))
    return [
        replace(part, signature=signatures[part.id])
        if isinstance(part, ToolCall) and part.id in signatures
        else part
        for part in parts
    ]


def _said_part(block: Json, place: str) -> Part:
    match block["type"]:
        case "text":
            return Text(block.get("text") or "")
        case "tool_use":
            return _call(block, place)
        case "thinking":
            return _thought(block.get("thinking") or "", block.get("signature") or "")
        case "redacted_thinking":
            data = block.get("data") or ""
            carried = unpacked(data)
            return (
                Reasoning(redacted=data or None, format=FORMAT) if carried is None else reasoning("", carried)
            )
        case kind:
            raise _unknown(kind, place, "assistant")


def _call(block: Json, place: str) -> ToolCall:
    if not block.get("id") or not block.get("name"):
        raise refused(place, "must have the id and the name of the call")
    check_depth(block.get("input"), f"{place}.input")
    return ToolCall(block["id"], block["name"], orjson.dumps(block.get("input") or {}).decode())


def _thought(text: str, signature: str) -> Reasoning:
    carried = unpacked(signature)
    return Reasoning(text, signature or None, format=FORMAT) if carried is None else reasoning(text, carried)


def _asked(blocks: Iterable[Json], place: str, names: Mapping[str, str]) -> list[Part]:
    parts: list[Part] = []
    for index, block in enumerate(blocks):
        where = f"{place}.{index}"
        if block["type"] == "tool_result":
            parts.append(_result(block, where, names))
        elif (shown := read_shown(block, where, index + 1)) is not None:
            parts += shown
        else:
            raise _unknown(block["type"], where, "user")
    return parts


def _result(block: Json, place: str, names: Mapping[str, str]) -> ToolResult:
    call_id = block.get("tool_use_id")
    if not call_id:
        raise refused(f"{place}.tool_use_id", "must name the call that is answered")
    content: list[Text | Attachment | PictureAddress] = []
    for index, each in enumerate(_blocks(block.get("content"))):
        shown = read_shown(each, f"{place}.content.{index}", index + 1)
        if shown is None:
            raise _unknown(each["type"], f"{place}.content.{index}", "user")
        content += (part for part in shown if part != Text(""))
    return ToolResult(call_id, tuple(content), bool(block.get("is_error")), names.get(call_id))


def _unknown(kind: str, place: str, role: str) -> Exception:
    return refused(place, f"is of a type that Echo does not take in a message of `{role}`: {kind[:64]}")
