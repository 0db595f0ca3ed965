"""Conversations together with their messages: posting, editing, deleting, forking.

Where the deployment has transactions, what belongs together is written in one. Every change of a message also writes
its conversation, so that two changes of one conversation never overlap: the later one runs again on what the
earlier one left. Where there are no transactions, the order of the writes leaves nothing broken if the process
dies between them.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from storage import forks
from storage.conversations import SHOWN as CONVERSATION_SHOWN
from storage.conversations import UNTITLED
from storage.database import Database, Document
from storage.errors import Conflict, UnknownParent
from storage.messages import NO_PARENT, OLDEST_FIRST
from storage.messages import SHOWN as MESSAGE_SHOWN
from storage.repository import found, now

T = TypeVar("T")
Session = ClientSession | None
USER = "user"
# LibreChat's display names for the two sides of a conversation.
SENDERS = {USER: "User", "assistant": "Assistant"}
ATTEMPTS = 10
NEWEST_FIRST = [(name, -direction) for name, direction in OLDEST_FIRST]


class ThreadRepository:
    """What spans the two collections."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")

    def post(
        self,
        owner: str,
        conversation_id: str,
        *,
        text: str,
        sender: str,
        token_count: int,
        parent_message_id: str | None = None,
        model: str | None = None,
    ) -> Document:
        """Add a message; a conversation that the owner does not have yet begins with it.

        Without a parent it follows the newest message. Raises `UnknownParent`, `InvalidDocument`.
        """
        mine = {"user": owner, "conversationId": conversation_id}
        fields = {"text": text, "model": model, "tokenCount": token_count}

        def write(session: Session) -> Document:
            parent = self._parent(mine, parent_message_id, session)
            conversation = self._conversations.find_one(mine, INHERITED, session=session) or {}
            message = new_message(mine, parent, sender, fields, conversation)
            # The message first: a conversation never names one that is not there.
            self._messages.insert_one(message, session=session)
            self._join(mine, message, session)
            return message

        for _ in range(ATTEMPTS):
            try:
                return self._database.atomically(write)
            except Conflict:
                # Two transactions began the same conversation. The next attempt finds the other's.
                continue
        return self._database.atomically(write)

    def _parent(self, mine: Document, parent_message_id: str | None, session: Session) -> str:
        if parent_message_id == NO_PARENT:
            return NO_PARENT
        query = mine if parent_message_id is None else {**mine, "messageId": parent_message_id}
        parent = self._messages.find_one(query, {"messageId": 1}, sort=NEWEST_FIRST, session=session)
        if parent is not None:
            return parent["messageId"] or NO_PARENT
        if parent_message_id is None:
            return NO_PARENT
        raise UnknownParent

    def _join(self, mine: Document, message: Document, session: Session) -> None:
        """Add the message to its conversation, which is made where it is missing."""
        update = {
            "$push": {"messages": message["_id"]},
            "$max": {"updatedAt": message["createdAt"]},
            "$setOnInsert": new_conversation(message),
        }
        if message["model"]:
            update["$set"] = {"model": message["model"]}
        try:
            self._conversations.update_one(mine, update, upsert=True, session=session)
        except DuplicateKeyError:
            # Another writer has just made it; a transaction is lost with that, a single write is not.
            if session is not None:
                raise
            self._conversations.update_one(mine, update, upsert=True)

    def edit(
        self, owner: str, conversation_id: str, message_id: str, *, text: str, token_count: int
    ) -> Document:
        """Change a message's text; raises `NotFound`, `InvalidDocument`."""
        mine = {"user": owner, "conversationId": conversation_id}

        def change(session: Session) -> Document:
            moment = now()
            message = found(
                self._messages.find_one_and_update(
                    {**mine, "messageId": message_id},
                    [{"$set": edited(text, token_count, moment)}],
                    projection=MESSAGE_SHOWN,
                    return_document=ReturnDocument.AFTER,
                    session=session,
                )
            )
            self._conversations.update_one(mine, {"$max": {"updatedAt": moment}}, session=session)
            return message

        return self._database.atomically(change)

    def delete_message(self, owner: str, conversation_id: str, message_id: str) -> None:
        """Delete a message and hang its children on its parent; raises `NotFound`."""
        mine = {"user": owner, "conversationId": conversation_id}

        def remove(session: Session) -> None:
            query = {**mine, "messageId": message_id}
            message = found(self._messages.find_one(query, {"parentMessageId": 1}, session=session))
            # The children first: they are never without a parent that is there.
            self._messages.update_many(
                {**mine, "parentMessageId": message_id},
                {"$set": {"parentMessageId": message.get("parentMessageId") or NO_PARENT}},
                session=session,
            )
            self._conversations.update_one(
                mine,
                {"$pull": {"messages": message["_id"]}, "$max": {"updatedAt": now()}},
                session=session,
            )
            self._messages.delete_one(query, session=session)

        self._database.atomically(remove)

    def delete_conversation(self, owner: str, conversation_id: str) -> dict[str, int]:
        """Delete a conversation and its messages; how many of each. Raises `NotFound`."""
        mine = {"user": owner, "conversationId": conversation_id}

        def remove(session: Session) -> dict[str, int]:
            found(self._conversations.find_one(mine, {"_id": 1}, session=session))
            # The messages first: after a crash the conversation is still there to be deleted again.
            messages = self._messages.delete_many(mine, session=session).deleted_count
            conversations = self._conversations.delete_one(mine, session=session).deleted_count
            return {"conversations": conversations, "messages": messages}

        return self._database.atomically(remove)

    def fork(
        self, owner: str, conversation_id: str, message_id: str, *, option: str, split_at_target: bool
    ) -> tuple[Document, list[Document]]:
        """Copy a part of a conversation into a new one; see `storage.forks`. Raises `NotFound`."""
        mine = {"user": owner, "conversationId": conversation_id}

        def copy(session: Session) -> tuple[Document, list[Document]]:
            original = found(self._conversations.find_one(mine, {"messages": 0}, session=session))
            messages = list(self._messages.find(mine, session=session).sort(OLDEST_FIRST))
            chosen = forks.select(messages, message_id, option=option, split_at_target=split_at_target)
            made = forks.copies(chosen, owner, str(uuid.uuid4()))
            conversation = forked_conversation(original, made)
            self._messages.insert_many(made, session=session)
            self._conversations.insert_one(conversation, session=session)
            return {name: conversation[name] for name in CONVERSATION_SHOWN if name in conversation}, made

        return self._database.atomically(copy)


# What a message takes over from its conversation; the last two say how long both are kept.
INHERITED = {"endpoint": 1, "isTemporary": 1, "expiredAt": 1}


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
        "content": {
            "$cond": [{"$isArray": ["$content"]}, {"$concatArrays": [others, [part]]}, "$$REMOVE"],
        },
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


def forked_conversation(original: Document, messages: list[Document]) -> Document:
    """A conversation with the original's title and settings, and these messages; not archived, even if that is."""
    moment = now()
    # LibreChat's state of a subagent or of an event's actor belongs to one conversation only.
    left = ("_id", "archivedAt", "subagent", "agentEvent")
    return {
        **{name: value for name, value in original.items() if not name.startswith(left)},
        "conversationId": messages[0]["conversationId"],
        "title": original.get("title") or UNTITLED,
        "messages": [message["_id"] for message in messages],
        "isArchived": False,
        "_meiliIndex": False,
        "createdAt": moment,
        "updatedAt": moment,
    }
