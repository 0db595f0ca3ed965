"""DeepSeek's `conversations.json`: ChatGPT's tree of nodes, with messages of another form.

A message is a list of fragments: `REQUEST` and `FILE` are the user's, `THINK` and `RESPONSE` the model's; what it
searched and opened meanwhile is passed over. Exports of early 2025 have `content` and `reasoning_content` instead,
and do not say who wrote: there questions and answers take turns.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from echo.transfer.model import ImportedConversation, ImportedMessage, Json, NotAConversation
from echo.transfer.nodes import parents_of
from echo.transfer.values import id_of, list_of, mapping_of, moment_of, name_of, text_of

# As people call a custom endpoint for it; LibreChat has none of its own.
ENDPOINT = "deepseek"
USERS = {"REQUEST", "FILE"}


def recognises(value: Any) -> bool:
    """Whether this is one of DeepSeek's."""
    fields = mapping_of(value)
    nodes = mapping_of(fields.get("mapping")).values()
    return isinstance(fields.get("mapping"), dict) and (
        "inserted_at" in fields
        or any("fragments" in mapping_of(mapping_of(node).get("message")) for node in nodes)
    )


def read(value: Mapping[str, Any]) -> ImportedConversation:
    """The conversation. Raises `NotAConversation`."""
    source_id = id_of(value.get("id"))
    if source_id is None:
        raise NotAConversation("it has no id")
    nodes = {name: mapping_of(node) for name, node in value["mapping"].items() if id_of(name)}
    parents = parents_of(nodes)
    passed_over: dict[str, str | None] = {}
    messages = tuple(_messages(nodes, parents, passed_over))
    return ImportedConversation(
        format="deepseek",
        source_id=source_id,
        title=text_of(value.get("title")),
        messages=messages,
        created_at=moment_of(value.get("inserted_at")),
        updated_at=moment_of(value.get("updated_at")),
        endpoint=ENDPOINT,
        model=next((each.model for each in reversed(messages) if each.model), None),
        passed_over=passed_over,
    )


def _messages(
    nodes: Mapping[str, Mapping[str, Any]],
    parents: Mapping[str, str | None],
    passed_over: dict[str, str | None],
) -> Iterator[ImportedMessage]:
    asked: dict[str, bool] = {}
    for name, node in nodes.items():
        message, parent = mapping_of(node.get("message")), parents[name]
        is_user = _is_user(message, asked.get(parent or "", False))
        parts = list(_parts(message))
        text = "\n\n".join(part["text"] for part in parts if part["type"] == "text")
        if not parts:
            passed_over[name] = parent
            continue
        asked[name] = is_user
        model = None if is_user else name_of(message.get("model"))
        moment = moment_of(message.get("inserted_at"))
        yield ImportedMessage(
            source_id=name,
            parent=parent,
            is_user=is_user,
            sender="User" if is_user else "DeepSeek",
            text=text,
            created_at=moment,
            updated_at=moment,
            content=() if all(part["type"] == "text" for part in parts) else tuple(parts),
            model=model,
            endpoint=ENDPOINT,
        )


def _is_user(message: Mapping[str, Any], after_question: bool) -> bool:
    role = text_of(message.get("role")).lower()
    if role in ("user", "assistant"):
        return role == "user"
    if "fragments" in message:
        return any(text_of(mapping_of(each).get("type")) in USERS for each in list_of(message["fragments"]))
    return not after_question


def _parts(message: Mapping[str, Any]) -> Iterator[Json]:
    if "fragments" not in message:
        fragments = [
            {"type": "THINK", "content": message.get("reasoning_content")},
            {"type": "RESPONSE", "content": message.get("content")},
        ]
    else:
        fragments = list_of(message["fragments"])
    names = list(_file_names(message.get("files")))
    for fragment in map(mapping_of, fragments):
        kind, content = fragment.get("type"), text_of(fragment.get("content"))
        names += _file_names(fragment.get("files"))
        if kind == "THINK" and content.strip():
            yield {"type": "think", "think": content}
        elif kind in ("REQUEST", "RESPONSE", "TEMPLATE_RESPONSE") and content.strip():
            yield {"type": "text", "text": content}
    for name in dict.fromkeys(names):
        yield {"type": "text", "text": f"[file: {name}]"}


def _file_names(files: Any) -> Iterator[str]:
    for each in map(mapping_of, list_of(files)):
        if name := name_of(each.get("file_name")):
            yield name
