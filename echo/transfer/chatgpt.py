"""ChatGPT's `conversations.json`: a mapping of nodes, each with its parent, from which a tree is made.

What becomes of the kinds of content: text, code and outputs become text; pictures and other files become a line that
names them; thoughts become a part of the answer below them; what the model was told in the background is passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from echo.transfer.model import ImportedConversation, ImportedMessage, Json, NotAConversation
from echo.transfer.values import id_of, list_of, mapping_of, moment_of, name_of, shown, text_of

ENDPOINT = "openAI"
HIDDEN = "is_visually_hidden_from_conversation"
# Kinds of content that tell the model about the user; nobody wrote them into the conversation.
BACKGROUND = {"user_editable_context", "model_editable_context"}
THOUGHTS, RECAP = "thoughts", "reasoning_recap"


def recognises(value: Any) -> bool:
    """Whether this is one of ChatGPT's."""
    return isinstance(mapping_of(value).get("mapping"), dict)


def read(value: Mapping[str, Any]) -> ImportedConversation:
    """The conversation. Raises `NotAConversation`."""
    nodes = {name: mapping_of(node) for name, node in value["mapping"].items() if id_of(name)}
    # The oldest exports name no conversation; its root node is as unique.
    source_id = id_of(value.get("conversation_id")) or id_of(value.get("id")) or next(iter(nodes), None)
    if source_id is None:
        raise NotAConversation("it has no id and no messages")
    reader = _Reader(nodes, name_of(value.get("default_model_slug")))
    return ImportedConversation(
        format="chatgpt",
        source_id=source_id,
        title=text_of(value.get("title")),
        messages=tuple(reader.messages()),
        created_at=moment_of(value.get("create_time")),
        updated_at=moment_of(value.get("update_time")),
        endpoint=ENDPOINT,
        model=reader.model,
        settings={"isArchived": True} if value.get("is_archived") is True else {},
        passed_over=reader.passed_over,
    )


class _Reader:
    def __init__(self, nodes: Mapping[str, Mapping[str, Any]], model: str | None) -> None:
        self._nodes = nodes
        self.model = model
        self.passed_over: dict[str, str | None] = {}

    def messages(self) -> Iterator[ImportedMessage]:
        """The messages in the file's order; what is none goes to `passed_over`."""
        thinking = self._thinking()
        for name, node in self._nodes.items():
            message, parent = mapping_of(node.get("message")), id_of(node.get("parent"))
            text = "" if _in_background(message) else _text(message)
            if not text.strip() and not (name in thinking and self._is_last(node)):
                self.passed_over[name] = parent
                continue
            yield self._message(name, parent, text, message, list(self._thoughts_above(name, thinking)))

    def _message(
        self, name: str, parent: str | None, text: str, message: Mapping[str, Any], thoughts: list[str]
    ) -> ImportedMessage:
        is_user = _role(message) == "user"
        slug = name_of(mapping_of(message.get("metadata")).get("model_slug"))
        model = None if is_user else slug or self.model
        self.model = self.model or model
        content: list[Json] = [{"type": "think", "think": each} for each in reversed(thoughts)]
        if content and text:
            content.append({"type": "text", "text": text})
        return ImportedMessage(
            source_id=name,
            parent=parent,
            is_user=is_user,
            sender=_sender(message, model),
            text=text,
            created_at=moment_of(message.get("create_time")),
            updated_at=moment_of(message.get("update_time")),
            content=tuple(content),
            model=model,
            endpoint=ENDPOINT,
        )

    def _thinking(self) -> dict[str, str]:
        """The nodes that hold only what the model thought, with its text."""
        found = {}
        for name, node in self._nodes.items():
            content = mapping_of(mapping_of(node.get("message")).get("content"))
            if content.get("content_type") in (THOUGHTS, RECAP):
                found[name] = "\n\n".join(filter(None, map(_thought, list_of(content.get("thoughts")))))
        return found

    def _thoughts_above(self, name: str, thinking: Mapping[str, str]) -> Iterator[str]:
        """What was thought on the way to this answer, the last thought first."""
        seen: set[str] = set()
        if name in thinking:
            yield thinking[name]
        above = id_of(self._nodes[name].get("parent"))
        while above is not None and above in thinking and above not in seen:
            seen.add(above)
            if thinking[above]:
                yield thinking[above]
            above = id_of(self._nodes[above].get("parent"))

    def _is_last(self, node: Mapping[str, Any]) -> bool:
        content = mapping_of(mapping_of(node.get("message")).get("content"))
        return content.get("content_type") == THOUGHTS and not list_of(node.get("children"))


def _thought(thought: Any) -> str:
    fields = mapping_of(thought)
    return "\n".join(filter(None, (text_of(fields.get("summary")), text_of(fields.get("content")))))


def _role(message: Mapping[str, Any]) -> str:
    return text_of(mapping_of(message.get("author")).get("role"))


def _in_background(message: Mapping[str, Any]) -> bool:
    content = mapping_of(message.get("content"))
    return (
        _role(message) not in ("user", "assistant", "tool")
        or mapping_of(message.get("metadata")).get(HIDDEN) is True
        or text_of(content.get("content_type")) in BACKGROUND
    )


def _sender(message: Mapping[str, Any], model: str | None) -> str:
    if _role(message) == "user":
        return "User"
    if _role(message) == "tool":
        return name_of(mapping_of(message.get("author")).get("name")) or "Tool"
    return f"GPT-{model[4:]}" if model and model.startswith("gpt-") else model or "ChatGPT"


def _text(message: Mapping[str, Any]) -> str:
    """What a message says, for people."""
    content = mapping_of(message.get("content"))
    kind = content.get("content_type")
    if kind in (THOUGHTS, RECAP):
        return ""
    if kind in ("code", "execution_output"):
        language = text_of(content.get("language")) if kind == "code" else ""
        text = text_of(content.get("text"))
        return f"```{'' if language == 'unknown' else language}\n{text}\n```" if text.strip() else ""
    if isinstance(content.get("parts"), list):
        return "\n\n".join(filter(None, map(_part, content["parts"])))
    return shown(content.get("text") or content.get("result") or "")


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    fields = mapping_of(part)
    if text := text_of(fields.get("text")):
        return text
    kind = name_of(fields.get("content_type")) or "file"
    return f"[{kind.removesuffix('_asset_pointer').replace('_', ' ')}]" if fields else ""
