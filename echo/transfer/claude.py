"""Claude's `conversations.json`: a list of messages, which newer exports make a tree by naming each one's parent."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from echo.transfer.model import ImportedConversation, ImportedMessage, Json, NotAConversation
from echo.transfer.values import id_of, list_of, mapping_of, moment_of, name_of, shown, text_of

ENDPOINT = "anthropic"
# A recording is exported as what was understood of it.
SPOKEN = {"text", "voice_note"}


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
    calls = _Calls()
    for part in map(mapping_of, content):
        kind = text_of(part.get("type"))
        if kind in SPOKEN and (text := text_of(part.get("text")) or text_of(part.get("transcript"))):
            yield {"type": "text", "text": text}
        elif kind == "thinking" and text_of(part.get("thinking")):
            yield {"type": "think", "think": part["thinking"]}
        elif kind == "tool_use":
            yield {"type": "tool_call", "tool_call": calls.begun(part)}
        elif kind == "tool_result" and (call := calls.answered(part)):
            yield {"type": "tool_call", "tool_call": call}


class _Calls:
    """The calls of tools in one message, and which of them have their result."""

    def __init__(self) -> None:
        self._by_id: dict[str, Json] = {}
        # Those without an id, in their order, by the tool's name; all of them once more under None.
        self._waiting: dict[str | None, deque[Json]] = {}
        self._answered: set[str] = set()
        self._count = 0

    def begun(self, part: Mapping[str, Any]) -> Json:
        """The call that a part makes."""
        self._count += 1
        name, given = name_of(part.get("name")), id_of(part.get("id"))
        call = {
            "id": given or f"call_{self._count}",
            "name": name or "tool",
            "args": shown(part.get("input")),
            "type": "tool_call",
            "progress": 1,
            "output": "",
        }
        if given is not None:
            self._by_id[given] = call
        else:
            for key in {name, None}:
                self._waiting.setdefault(key, deque()).append(call)
        return call

    def answered(self, part: Mapping[str, Any]) -> Json | None:
        """Put a result into its call; a call is answered only where it belongs to none, and is a new one.

        Exports without ids have each result after its call: it is the next one of that tool's that has none.
        """
        output = _output(part.get("content"))
        found = self._by_id.get(text_of(part.get("tool_use_id"))) or self._next(name_of(part.get("name")))
        made = None if found is not None or not output else self.begun(part)
        call = found if found is not None else made
        if call is not None:
            call["output"] = "\n".join(filter(None, (call["output"], output)))
        return made

    def _next(self, name: str | None) -> Json | None:
        waiting = self._waiting.get(name, deque())
        while waiting:
            call = waiting.popleft()
            # It stands in two rows.
            if call["id"] not in self._answered:
                self._answered.add(call["id"])
                return call
        return None


def _output(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(filter(None, map(_result, map(mapping_of, list_of(content)))))


def _result(part: Mapping[str, Any]) -> str:
    """A piece of a result: its text, or the name and the address of what was found."""
    found = (text_of(part.get("title")), text_of(part.get("url")))
    return text_of(part.get("text")) or " ".join(filter(None, found))
