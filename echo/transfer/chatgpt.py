"""ChatGPT's `conversations.json`: a mapping of nodes, each with its parent, from which a tree is made.

What becomes of the kinds of content: text, code and outputs become text; pictures and other files become a line that
names them; thoughts become a part of the answer below them; what the model was told in the background is passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from echo.transfer.marks import without_marks
from echo.transfer.model import ImportedConversation, ImportedMessage, Json, NotAConversation
from echo.transfer.nodes import parents_of
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
    if not _are_its_own(nodes):
        raise NotAConversation("its messages have no form that is known")
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


def _are_its_own(nodes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether any message is ChatGPT's; other programs took over the mapping and nothing else."""
    messages = [message for node in nodes.values() if (message := mapping_of(node.get("message")))]
    return not messages or any("author" in each and "content" in each for each in messages)


class _Reader:
    def __init__(self, nodes: Mapping[str, Mapping[str, Any]], model: str | None) -> None:
        self._nodes = {name: mapping_of(node.get("message")) for name, node in nodes.items()}
        self._parents = parents_of(nodes)
        self._thinking = _thinking(self._nodes)
        self.model = model
        self.passed_over: dict[str, str | None] = {}

    def messages(self) -> Iterator[ImportedMessage]:
        """The messages in the file's order; what is none goes to `passed_over`."""
        texts = {name: text for name, message in self._nodes.items() if (text := _text(message)).strip()}
        thoughts = self._given_thoughts(texts)
        for name, message in self._nodes.items():
            if name in texts or name in thoughts:
                yield self._message(name, texts.get(name, ""), message, thoughts.get(name, []))
            else:
                self.passed_over[name] = self._parents[name]

    def _message(
        self, name: str, text: str, message: Mapping[str, Any], thoughts: list[str]
    ) -> ImportedMessage:
        is_user = _role(message) == "user"
        slug = name_of(mapping_of(message.get("metadata")).get("model_slug"))
        model = None if is_user else slug or self.model
        self.model = self.model or model
        content: list[Json] = [{"type": "think", "think": each} for each in thoughts]
        if content and text:
            content.append({"type": "text", "text": text})
        return ImportedMessage(
            source_id=name,
            parent=self._parents[name],
            is_user=is_user,
            sender=_sender(message, model),
            text=text,
            created_at=moment_of(message.get("create_time")),
            updated_at=moment_of(message.get("update_time")),
            content=tuple(content),
            model=model,
            endpoint=ENDPOINT,
        )

    def _given_thoughts(self, texts: Mapping[str, str]) -> dict[str, list[str]]:
        """The thoughts of each message, the first one first: those on the way to it that no message has yet.

        Thoughts that nothing follows make a message of their own, of the last of their nodes. Each is used once, so
        that a file cannot grow by it.
        """
        left = dict(self._thinking)
        above = {parent for parent in self._parents.values() if parent is not None}
        ends = [name for name in self._thinking if name not in above]
        given = {}
        for name in (*texts, *ends):
            taken = []
            at = name if name in left else self._parents[name]
            while at is not None and at in left:
                taken.append(left.pop(at))
                at = self._parents[at]
            if thoughts := [each for each in reversed(taken) if each]:
                given[name] = thoughts
        return given


def _thinking(messages: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The nodes that hold only what the model thought, with its text."""
    contents = {name: mapping_of(message.get("content")) for name, message in messages.items()}
    return {
        name: "\n\n".join(filter(None, map(_thought, list_of(content.get("thoughts")))))
        for name, content in contents.items()
        if content.get("content_type") in (THOUGHTS, RECAP)
    }


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
    """What a message says, for people; nothing of what was said in the background."""
    if _in_background(message):
        return ""
    references = list_of(mapping_of(message.get("metadata")).get("content_references"))
    return without_marks(_written(message), references, is_user=_role(message) == "user")


def _written(message: Mapping[str, Any]) -> str:
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
