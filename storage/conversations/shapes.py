"""The documents of a conversation and its messages, with the fields and types that LibreChat gives them."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId

from storage.conversations.conversations import UNTITLED
from storage.core.database import Document
from storage.core.errors import UnknownPart
from storage.core.repository import now

USER = "user"
# LibreChat's display names for the two sides of a conversation.
SENDERS = {USER: "User", "assistant": "Assistant"}
# What a message takes over from its conversation, two of which say how long both are kept; and what counts it.
INHERITED = {"endpoint": 1, "isTemporary": 1, "expiredAt": 1, "chatProjectId": 1}


def new_message(
    mine: Document, parent: str, sender: str, fields: Document, conversation: Mapping[str, Any]
) -> Document:
    """A document of `messages`, with everything that LibreChat gives one."""
    moment = now()
    return {
        **mine,
        **fields,
        "messageId": str(uuid.uuid4()),
        "parentMessageId": parent,
        "sender": SENDERS[sender],
        "isCreatedByUser": sender == USER,
        "endpoint": conversation.get("endpoint"),
        "unfinished": False,
        "error": False,
        "isTemporary": bool(conversation.get("isTemporary")),
        "expiredAt": conversation.get("expiredAt"),
        "_meiliIndex": False,
        "createdAt": moment,
        "updatedAt": moment,
        "__v": 0,
    }


def edited(text: str, token_count: int, moment: datetime) -> Document:
    """The fields of an edited message, for an update by pipeline; the literals keep `$` in a text harmless.

    LibreChat shows the parts of an answer that has some, not its `text`: those of text are replaced as well.
    """
    is_text = {"$eq": ["$$part.type", "text"]}
    others = {"$filter": {"input": "$content", "as": "part", "cond": {"$not": [is_text]}}}
    part = {"type": "text", "text": {"$literal": text}}
    return {
        "text": {"$literal": text},
        "tokenCount": token_count,
        "updatedAt": moment,
        "_meiliIndex": False,
        # What is no list, or not there, stays so.
        "content": {
            "$cond": [{"$isArray": ["$content"]}, {"$concatArrays": [others, [part]]}, "$content"],
        },
    }


def branched(message: Mapping[str, Any], agent_id: str, message_id: str) -> Document:
    """An answer that says what one agent said in this one; raises `UnknownPart` when that is nothing.

    LibreChat marks the parts of an answer by several agents with who said them; the copies have no mark.
    """
    content = message.get("content")
    parts = [
        {name: value for name, value in part.items() if name not in ("agentId", "groupId")}
        for part in (content if isinstance(content, list) else ())
        if isinstance(part, Mapping) and part.get("agentId") == agent_id
    ]
    if not parts or message.get("isCreatedByUser"):
        raise UnknownPart
    moment = now()
    taken = (
        *("attachments", "conversationId", "endpoint", "expiredAt", "iconURL", "isTemporary", "model"),
        *("parentMessageId", "sender", "user"),
    )
    return {
        **{name: message[name] for name in taken if name in message},
        "messageId": message_id,
        "isCreatedByUser": False,
        "text": "",
        "content": parts,
        "unfinished": False,
        "error": False,
        "_meiliIndex": False,
        "createdAt": moment,
        "updatedAt": moment,
        "__v": 0,
    }


def new_conversation(message: Document) -> Document:
    """What a conversation begins with, besides the filter's fields and what each message sets."""
    return {
        "title": UNTITLED,
        "endpoint": message["endpoint"],
        "isArchived": False,
        "isTemporary": False,
        "expiredAt": None,
        "tags": [],
        "files": [],
        "createdAt": message["createdAt"],
        "_meiliIndex": False,
        "__v": 0,
    }


def forked_conversation(
    original: Document, conversation_id: str, messages: list[Document], title: str | None = None
) -> Document:
    """A conversation with the original's title and settings, and these messages; not archived, even if that is."""
    moment = now()
    # LibreChat's state of a subagent or of an event's actor belongs to one conversation only.
    left = ("_id", "archivedAt", "subagent", "agentEvent")
    return {
        **{name: value for name, value in original.items() if not name.startswith(left)},
        "conversationId": conversation_id,
        "title": title or original.get("title") or UNTITLED,
        "messages": [message["_id"] for message in messages],
        "isArchived": False,
        "_meiliIndex": False,
        "createdAt": moment,
        "updatedAt": moment,
    }


def imported_message(mine: Document, fields: Document, endpoint: str | None) -> Document:
    """A document of `messages` for one of another program's; `fields` has its ids, texts and dates."""
    return {
        "_id": ObjectId(),
        "endpoint": endpoint,
        "unfinished": False,
        "error": False,
        **fields,
        **mine,
        "isTemporary": False,
        "expiredAt": None,
        "_meiliIndex": False,
        "__v": 0,
    }


def imported_conversation(fields: Document) -> Document:
    """A document of `conversations`, without the filter's fields and the array of its messages."""
    return {
        "tags": [],
        "isArchived": False,
        **fields,
        "isTemporary": False,
        "expiredAt": None,
        "files": [],
        "_meiliIndex": False,
        "__v": 0,
    }


def adopted_message(left: Mapping[str, Any], endpoint: str | None) -> Document:
    """What a copy of another's message holds, besides its ids and times: what is `left` of the original."""
    return {
        **left,
        "endpoint": endpoint,
        "isTemporary": False,
        "expiredAt": None,
        "__v": 0,
    }


def adopted_conversation(mine: Document, fields: Document, messages: list[Any]) -> Document:
    """A conversation with these messages, by their keys, whose original is another's: it gets these fields."""
    moment = now()
    return {
        **imported_conversation(fields),
        **mine,
        "messages": messages,
        "createdAt": moment,
        "updatedAt": moment,
    }
