"""Claude's `conversations.json`: a list of messages, which newer exports make a tree by naming each one's parent."""

from collections.abc import Iterator, Mapping
from typing import Any

from echo.transfer.model import ImportedConversation, ImportedMessage, Json, NotAConversation
from echo.transfer.values import id_of, list_of, mapping_of, moment_of, name_of, shown, text_of

ENDPOINT = "anthropic"


def recognises(value: Any) -> bool:
    """Whether this is one of Claude's."""
    return isinstance(mapping_of(value).get("chat_messages"), list)


def read(value: Mapping[str, Any]) -> ImportedConversation:
    """The conversation. Raises `NotAConversation`."""
    source_id = id_of(value.get("uuid"))
    if source_id is None:
        raise NotAConversation("it has no uuid")
    model = name_of(value.get("model"))
    passed_over: dict[str, str | None] = {}
    return ImportedConversation(
        format="claude",
        source_id=source_id,
        title=text_of(value.get("name")),
        messages=tuple(_messages(value["chat_messages"], model, passed_over)),
        created_at=moment_of(value.get("created_at")),
        updated_at=moment_of(value.get("updated_at")),
        endpoint=ENDPOINT,
        model=model,
        passed_over=passed_over,
    )


def _messages(
    items: list[Any], model: str | None, passed_over: dict[str, str | None]
) -> Iterator[ImportedMessage]:
    previous: str | None = None
    for place, item in enumerate(items):
        fields = mapping_of(item)
        name = id_of(fields.get("uuid")) or f"#{place}"
        # Without the field the list is one thread. The parent of a root is an id that no message has.
        parent = id_of(fields["parent_message_uuid"]) if "parent_message_uuid" in fields else previous
        previous = name
        parts = list(_parts(list_of(fields.get("content"))))
        if parts or _text(fields, parts).strip():
            yield _message(fields, name, parent, parts, model)
        else:
            passed_over[name] = parent


def _message(
    fields: Mapping[str, Any], name: str, parent: str | None, parts: list[Json], model: str | None
) -> ImportedMessage:
    is_user = fields.get("sender") == "human"
    only_text = all(part["type"] == "text" for part in parts)
    return ImportedMessage(
        source_id=name,
        parent=parent,
        is_user=is_user,
        sender="User" if is_user else "Claude",
        text=_text(fields, parts),
        created_at=moment_of(fields.get("created_at")),
        updated_at=moment_of(fields.get("updated_at")),
        content=() if only_text else tuple(parts),
        model=None if is_user else model,
        endpoint=ENDPOINT,
    )


def _text(fields: Mapping[str, Any], parts: list[Json]) -> str:
    """The text of all parts, and what was attached: pasted texts whole, of files their names."""
    texts = [part["text"] for part in parts if part["type"] == "text"] or [text_of(fields.get("text"))]
    attached = [*_attachments(fields), *(f"[file: {name}]" for name in _file_names(fields))]
    return "\n\n".join(filter(str.strip, (*texts, *attached)))


def _attachments(fields: Mapping[str, Any]) -> Iterator[str]:
    for each in map(mapping_of, list_of(fields.get("attachments"))):
        name = name_of(each.get("file_name"))
        text = text_of(each.get("extracted_content"))
        yield "\n".join(filter(None, (f"[attachment: {name}]" if name else "", text)))


def _file_names(fields: Mapping[str, Any]) -> Iterator[str]:
    for each in map(mapping_of, list_of(fields.get("files"))):
        if name := name_of(each.get("file_name")):
            yield name


def _parts(content: list[Any]) -> Iterator[Json]:
    """LibreChat's parts for Claude's; the result of a tool goes into the call that it answers."""
    calls: dict[str, Json] = {}
    for part in map(mapping_of, content):
        kind = part.get("type")
        if kind == "text" and text_of(part.get("text")):
            yield {"type": "text", "text": part["text"]}
        elif kind == "thinking" and text_of(part.get("thinking")):
            yield {"type": "think", "think": part["thinking"]}
        elif kind == "tool_use":
            call = _call(part)
            calls[call["id"]] = call
            yield {"type": "tool_call", "tool_call": call}
        elif kind == "tool_result" and (answered := calls.get(text_of(part.get("tool_use_id")))):
            answered["output"] = _output(part.get("content"))


def _call(part: Mapping[str, Any]) -> Json:
    return {
        "id": id_of(part.get("id")) or "",
        "name": name_of(part.get("name")) or "tool",
        "args": shown(part.get("input")),
        "type": "tool_call",
        "progress": 1,
        "output": "",
    }


def _output(content: Any) -> str:
    if isinstance(content, str):
        return content
    texts = (text_of(mapping_of(part).get("text")) for part in list_of(content))
    return "\n".join(filter(None, texts))
