"""Turns as Anthropic's messages and their content blocks."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from echo.errors import Unprocessable
from echo.providers.arguments import as_object
from echo.providers.chat import (
    Attachment,
    Part,
    PictureAddress,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from echo.providers.content import (
    file_text,
    full_text,
    in_base64,
    is_audio,
    is_pdf,
    is_text_file,
)

FORMAT = "anthropic"
ID = re.compile(r"[^A-Za-z0-9_-]")
# Says nothing, where a conversation must begin with the user.
OPENING = "(The conversation begins with the assistant.)"

Block = dict[str, Any]


def messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The turns as messages of both sides in turns, the first one the user's.

    Results of tools are the user's. Empty text is left out, as it is refused, and so is what an assistant says before
    anybody else, unless it calls tools.
    """
    thinking_from = _latest_question(turns)
    made: list[dict[str, Any]] = []
    for index, turn in enumerate(turns):
        assistant = turn.role == "assistant"
        if assistant and not made:
            if not turn.calls:
                continue
            made.append({"role": "user", "content": [_text(OPENING)]})
        content = _said(turn, thinking=index > thinking_from) if assistant else _asked(turn)
        if content:
            _add(made, "assistant" if assistant else "user", content)
    return made


def _latest_question(turns: Sequence[Turn]) -> int:
    """The user's last turn. Thinking from before it is of no use, and newer models refuse that of other models."""
    return max((index for index, turn in enumerate(turns) if turn.role == "user"), default=-1)


def _add(made: list[dict[str, Any]], role: str, content: list[Block]) -> None:
    """Add to the messages; results stand first in one, as the documentation asks for."""
    if made and made[-1]["role"] == role:
        content = [*made.pop()["content"], *content]
    if role == "user":
        content.sort(key=lambda block: block["type"] != "tool_result")
    made.append({"role": role, "content": content})


def _said(turn: Turn, *, thinking: bool) -> list[Block]:
    """What the model has said, in its order."""
    return [block for part in turn.parts if (block := _said_part(part, thinking=thinking))]


def _said_part(part: Part, *, thinking: bool) -> Block | None:
    if isinstance(part, Text | Refusal) and part.text.strip():
        return _text(part.text)
    if isinstance(part, ToolCall):
        made = {"type": "tool_use", "id": id_of(part.id), "name": part.name}
        return {**made, "input": as_object(part.arguments)}
    if isinstance(part, Reasoning) and thinking and part.format == FORMAT:
        return _thought(part)
    return None


def _thought(part: Reasoning) -> Block | None:
    """Thinking as it came, the signature with it; without one it is not taken."""
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.redacted}
    if part.signature:
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    return None


def _asked(turn: Turn) -> list[Block]:
    """What the user says, and results. With one text only, what goes with it comes before, as Anthropic advises."""
    if sum(isinstance(part, Text | Refusal) for part in turn.parts) > 1:
        return [block for part in turn.parts for block in _asked_part(part)]
    media = [part for part in turn.parts if not (isinstance(part, Text | Refusal) or _is_text_file(part))]
    text = full_text(turn)
    made = [block for part in media for block in _asked_part(part)]
    return [*made, _text(text)] if text.strip() else made


def _is_text_file(part: Part) -> bool:
    return isinstance(part, Attachment) and is_text_file(part)


def _asked_part(part: Part) -> Iterator[Block]:
    if isinstance(part, ToolResult):
        yield _result(part)
    elif isinstance(part, Text | Refusal) and part.text.strip():
        yield _text(part.text)
    elif isinstance(part, PictureAddress):
        yield {"type": "image", "source": {"type": "url", "url": part.url}}
    elif isinstance(part, Attachment):
        yield _attached(part)


def _attached(part: Attachment) -> Block:
    if is_audio(part):
        raise Unprocessable("Anthropic's models take no audio.", code="unsupported_parameter")
    if is_text_file(part):
        return _text(file_text(part))
    source = {"type": "base64", "media_type": part.media_type, "data": in_base64(part)}
    if is_pdf(part):
        titled = {"title": part.filename} if part.filename else {}
        return {"type": "document", "source": source, **titled}
    return {"type": "image", "source": source}


def _result(part: ToolResult) -> Block:
    made: Block = {"type": "tool_result", "tool_use_id": id_of(part.call_id)}
    if content := _content(part.content):
        made["content"] = content
    if part.is_error:
        made["is_error"] = True
    return made


def _content(parts: Iterable[Part]) -> list[Block] | str:
    """A result's content, a text where it is nothing else."""
    blocks = [block for part in parts for block in _asked_part(part)]
    return blocks[0]["text"] if [block["type"] for block in blocks] == ["text"] else blocks


def id_of(call_id: str) -> str:
    """The id of a call in the letters that Anthropic takes: other providers' ids have more."""
    return ID.sub("_", call_id) or "call"


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
