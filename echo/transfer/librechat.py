"""LibreChat's export of a conversation, which is also Echo's: a tree of messages, or a list of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from echo.transfer.model import ImportedConversation, ImportedMessage, Json, NotAConversation
from echo.transfer.values import (
    id_of,
    list_of,
    mapping_of,
    moment_of,
    name_of,
    number_of,
    plain,
    text_of,
)

# LibreChat's parent of a message that has none.
NO_PARENT = "00000000-0000-0000-0000-000000000000"
# The settings of a conversation, by their kinds. What names another object of somebody's is not among them, but for
# agents and assistants, which are looked up among the user's own when they are used.
NUMBERS = (
    *("temperature", "top_p", "topP", "topK", "top_k", "presence_penalty", "frequency_penalty", "max_tokens"),
    *("maxOutputTokens", "maxTokens", "maxContextTokens", "thinkingBudget", "fileTokenLimit"),
)
FLAGS = (
    *("resendFiles", "promptCache", "thinking", "useResponsesApi", "web_search", "url_context"),
    *("disableStreaming", "pinned", "isArchived"),
)
TEXTS = (
    *("chatGptLabel", "modelLabel", "promptPrefix", "system", "instructions", "additional_instructions"),
    *("region", "imageDetail", "thinkingLevel", "thinkingDisplay", "effort", "greeting", "spec", "verbosity"),
    *("reasoning_effort", "reasoning_summary", "endpointType", "agent_id", "assistant_id", "iconURL"),
)
LISTS = ("tags", "stop", "tools")
DATES = ("archivedAt",)
SETTINGS = (*NUMBERS, *FLAGS, *TEXTS, *LISTS, *DATES)
MAX_LIST = 100
MAX_TEXT = 1024 * 1024
# Parts of an answer that name a file of somebody's.
FILE_PARTS = {"image_file", "file", "input_file"}


def recognises(value: Any) -> bool:
    """Whether this is one of LibreChat's."""
    tree = mapping_of(value)
    return "conversationId" in tree and isinstance(tree.get("messagesTree", tree.get("messages")), list)


def read(value: Mapping[str, Any]) -> ImportedConversation:
    """The conversation. Raises `NotAConversation`."""
    source_id = id_of(value.get("conversationId"))
    if source_id is None:
        raise NotAConversation("it has no conversationId")
    options = mapping_of(value.get("options"))
    found = list(_messages(list_of(value.get("messagesTree", value.get("messages")))))
    created = moment_of(options.get("createdAt")) or moment_of(value.get("createdAt"))
    return ImportedConversation(
        format="librechat",
        source_id=source_id,
        title=name_of(value.get("title")) and text_of(value.get("title")),
        messages=tuple(_message(node, name, parent) for name, parent, node in found),
        created_at=created,
        updated_at=moment_of(options.get("updatedAt")) or moment_of(value.get("updatedAt")),
        endpoint=name_of(value.get("endpoint")) or name_of(options.get("endpoint")),
        model=name_of(options.get("model")),
        settings=read_settings(options),
        keeps_ids=True,
    )


def _messages(roots: list[Any]) -> Iterator[tuple[str, str | None, Mapping[str, Any]]]:
    """Each message with its id and its parent's, the order kept; a tree may be of any depth."""
    pending: list[tuple[Any, str | None]] = [(node, None) for node in reversed(roots)]
    count = 0
    while pending:
        node, above = pending.pop()
        if not isinstance(node, dict):
            continue
        count += 1
        # A message without an id goes by its place.
        name = id_of(node.get("messageId")) or f"#{count}"
        parent = above if above is not None else id_of(node.get("parentMessageId"))
        yield name, None if parent == NO_PARENT else parent, node
        pending += ((child, name) for child in reversed(list_of(node.get("children"))))


def _message(node: Mapping[str, Any], name: str, parent: str | None) -> ImportedMessage:
    is_user = node.get("isCreatedByUser")
    if not isinstance(is_user, bool):
        is_user = text_of(node.get("sender")).lower() == "user"
    return ImportedMessage(
        source_id=name,
        parent=parent,
        is_user=is_user,
        sender=name_of(node.get("sender")) or ("User" if is_user else "Assistant"),
        text=text_of(node.get("text")),
        created_at=moment_of(node.get("createdAt")),
        updated_at=moment_of(node.get("updatedAt")),
        content=tuple(_parts(list_of(node.get("content")))),
        model=name_of(node.get("model")),
        endpoint=name_of(node.get("endpoint")),
        extra=dict(_extra(node)),
    )


def _parts(content: list[Any]) -> Iterator[Json]:
    for part in content:
        if isinstance(part, dict) and name_of(part.get("type")) and part["type"] not in FILE_PARTS:
            yield plain(part)


def _extra(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in ("unfinished", "error"):
        if node.get(name) is True:
            yield name, True
    for name in ("finish_reason", "iconURL"):
        if text := name_of(node.get(name)):
            yield name, text
    tokens = number_of(node.get("tokenCount"))
    if tokens is not None and 0 <= tokens < 2**31:
        yield "tokenCount", int(tokens)
    if feedback := _feedback(mapping_of(node.get("feedback"))):
        yield "feedback", feedback


def _feedback(feedback: Mapping[str, Any]) -> Json | None:
    if feedback.get("rating") not in ("thumbsUp", "thumbsDown"):
        return None
    given = {"rating": feedback["rating"], "tag": plain(feedback.get("tag"))}
    text = name_of(feedback.get("text"), 1024)
    return given | ({"text": text} if text else {})


def read_settings(options: Mapping[str, Any]) -> Json:
    """What of a conversation's settings is kept: names that LibreChat has, with values of their kind."""
    checks: tuple[tuple[tuple[str, ...], Any], ...] = (
        (NUMBERS, number_of),
        (FLAGS, lambda value: value if isinstance(value, bool) else None),
        (TEXTS, lambda value: name_of(value, MAX_TEXT)),
        (LISTS, _names),
        (DATES, moment_of),
    )
    read = {name: check(options.get(name)) for names, check in checks for name in names}
    return {name: value for name, value in read.items() if value is not None}


def _names(value: Any) -> list[str] | None:
    names = [name for each in list_of(value)[:MAX_LIST] if (name := name_of(each))]
    return list(dict.fromkeys(names)) or None
