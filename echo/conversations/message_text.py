"""Reading stored messages, whatever version of LibreChat wrote them."""

from collections.abc import Iterator, Mapping
from typing import Any

Message = Mapping[str, Any]


def message_text(document: Message) -> str:
    """The text of a message: newer answers of LibreChat hold it in `content`, in parts, and leave `text` empty."""
    text = document.get("text")
    if isinstance(text, str) and text:
        return text
    content = document.get("content")
    return "\n".join(_text_parts(content)) if isinstance(content, list) else ""


def _text_parts(content: list[Any]) -> Iterator[str]:
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") != "text":
            continue
        if text := plain_text(part.get("text")):
            yield text


def plain_text(value: Any) -> str | None:
    """The text in a part, which OpenAI's assistants wrap once more; None for whatever else stands there."""
    value = value.get("value") if isinstance(value, Mapping) else value
    return value if isinstance(value, str) else None


def is_from_user(document: Message) -> bool:
    """Whether a person wrote it. LibreChat's `sender` is a display name; `isCreatedByUser` decides."""
    flag = document.get("isCreatedByUser")
    return flag if isinstance(flag, bool) else str(document.get("sender")).lower() == "user"
