"""What both reference services ask the database: the same two lists, with the same projections."""

from typing import Any

LIMIT = 25
NEWEST_FIRST = [("updatedAt", -1), ("_id", -1)]
OLDEST_FIRST = [("createdAt", 1), ("_id", 1)]
CONVERSATION = dict.fromkeys(
    ("conversationId", "title", "endpoint", "model", "createdAt", "updatedAt", "isArchived", "tags", "user"),
    1,
)
MESSAGE = dict.fromkeys(
    (
        *("messageId", "conversationId", "parentMessageId", "isCreatedByUser", "text", "model", "tokenCount"),
        *("createdAt", "updatedAt"),
    ),
    1,
)


def conversations_of(owner: str) -> dict[str, Any]:
    """The unarchived ones of a user."""
    return {"user": owner, "isArchived": {"$in": [False, None]}}


def messages_of(owner: str, conversation_id: str) -> dict[str, Any]:
    """Those of one conversation."""
    return {"user": owner, "conversationId": conversation_id}


def sender(document: dict[str, Any]) -> str:
    """Who wrote it."""
    return "user" if document["isCreatedByUser"] else "assistant"
