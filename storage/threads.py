"""Conversations together with their messages: posting, editing, deleting, forking.

Where the deployment has transactions, what belongs together is written in one. Where it has none, the order of the
writes leaves nothing broken if the process dies between them.
"""

import uuid
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from storage import forks
from storage.conversations import SHOWN as CONVERSATION_SHOWN
from storage.conversations import UNTITLED
from storage.database import Database, Document
from storage.errors import Conflict, NotFound, UnknownParent
from storage.messages import NO_PARENT, OLDEST_FIRST
from storage.messages import SHOWN as MESSAGE_SHOWN
from storage.repository import found, now
from storage.translation import translated

USER = "user"
# LibreChat's display names for the two sides of a conversation.
SENDERS = {USER: "User", "assistant": "Assistant"}
UPSERT_ATTEMPTS = 5


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
        parent = self._parent(owner, conversation_id, parent_message_id)
        moment = now()
        message: Document = {
            "messageId": str(uuid.uuid4()),
            "conversationId": conversation_id,
            "user": owner,
            "parentMessageId": parent,
            "sender": SENDERS[sender],
            "isCreatedByUser": sender == USER,
            "text": text,
            "model": model,
            "endpoint": None,
            "tokenCount": token_count,
            "unfinished": False,
            "error": False,
            "isTemporary": False,
            "expiredAt": None,
            "_meiliIndex": False,
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            # The message first: a conversation never names one that is not there.
            self._messages.insert_one(message)
        self._join(owner, conversation_id, message)
        return message

    def _parent(self, owner: str, conversation_id: str, parent_message_id: str | None) -> str:
        query: Document = {"conversationId": conversation_id, "user": owner}
        if parent_message_id == NO_PARENT:
            return NO_PARENT
        if parent_message_id is not None:
            query["messageId"] = parent_message_id
        newest_first = [(name, -direction) for name, direction in OLDEST_FIRST]
        with translated():
            parent = self._messages.find_one(query, {"messageId": 1}, sort=newest_first)
        if parent is None and parent_message_id is not None:
            raise UnknownParent
        return parent["messageId"] if parent else NO_PARENT

    def _join(self, owner: str, conversation_id: str, message: Document) -> None:
        """Add the message to its conversation, which is made where it is missing."""
        changes = {
            "$push": {"messages": message["_id"]},
            "$set": {"updatedAt": message["createdAt"]},
            "$setOnInsert": new_conversation(message),
        }
        if message["model"]:
            changes["$set"]["model"] = message["model"]
        for attempt in range(UPSERT_ATTEMPTS):
            try:
                with translated():
                    self._conversations.update_one(
                        {"conversationId": conversation_id, "user": owner}, changes, upsert=True
                    )
            except Conflict:
                # Another writer has just made it: two upserts of one key can collide on the unique index.
                if attempt == UPSERT_ATTEMPTS - 1:
                    raise
            else:
                return

    def edit(
        self, owner: str, conversation_id: str, message_id: str, *, text: str, token_count: int
    ) -> Document:
        """Change a message's text; raises `NotFound`, `InvalidDocument`."""
        moment = now()
        query = {"messageId": message_id, "conversationId": conversation_id, "user": owner}

        def change(session: ClientSession | None) -> Document:
            message = found(
                self._messages.find_one_and_update(
                    query,
                    # An answer of LibreChat's shows its parts, not its `text`: they are replaced as well.
                    [{"$set": edited(text, token_count, moment)}],
                    projection=MESSAGE_SHOWN,
                    return_document=ReturnDocument.AFTER,
                    session=session,
                )
            )
            self._touch(owner, conversation_id, moment, session)
            return message

        return self._database.atomically(change)

    def delete_message(self, owner: str, conversation_id: str, message_id: str) -> None:
        """Delete a message and hang its children on its parent; raises `NotFound`."""
        query = {"messageId": message_id, "conversationId": conversation_id, "user": owner}

        def remove(session: ClientSession | None) -> None:
            message = found(self._messages.find_one(query, session=session))
            # The children first: they are never without a parent that is there.
            self._messages.update_many(
                {"conversationId": conversation_id, "user": owner, "parentMessageId": message_id},
                {"$set": {"parentMessageId": message.get("parentMessageId") or NO_PARENT}},
                session=session,
            )
            self._messages.delete_one(query, session=session)
            self._touch(owner, conversation_id, now(), session, pull=message["_id"])

        self._database.atomically(remove)

    def delete_conversation(self, owner: str, conversation_id: str) -> dict[str, int]:
        """Delete a conversation and its messages; how many of each. Raises `NotFound`."""
        query = {"conversationId": conversation_id, "user": owner}

        def remove(session: ClientSession | None) -> dict[str, int]:
            found(self._conversations.find_one(query, {"_id": 1}, session=session))
            # The messages first: after a crash the conversation is still there to be deleted again.
            messages = self._messages.delete_many(query, session=session).deleted_count
            conversations = self._conversations.delete_one(query, session=session).deleted_count
            return {"conversations": conversations, "messages": messages}

        return self._database.atomically(remove)

    def fork(
        self, owner: str, conversation_id: str, message_id: str, *, option: str, split_at_target: bool
    ) -> tuple[Document, list[Document]]:
        """Copy a part of a conversation into a new one; see `storage.forks`. Raises `NotFound`."""
        query = {"conversationId": conversation_id, "user": owner}
        with translated():
            original = found(self._conversations.find_one(query))
            messages = list(self._messages.find(query).sort(OLDEST_FIRST))
        chosen = forks.select(messages, message_id, option=option, split_at_target=split_at_target)
        if not chosen:
            raise NotFound
        new_id = str(uuid.uuid4())
        made = forks.copies(chosen, owner, new_id)
        conversation = forked_conversation(original, new_id, made)

        def insert(session: ClientSession | None) -> None:
            self._messages.insert_many(made, session=session)
            self._conversations.insert_one(conversation, session=session)

        self._database.atomically(insert)
        return {name: conversation[name] for name in CONVERSATION_SHOWN if name in conversation}, made

    def _touch(
        self,
        owner: str,
        conversation_id: str,
        moment: Any,
        session: ClientSession | None,
        pull: Any = None,
    ) -> None:
        changes: Document = {"$set": {"updatedAt": moment}}
        if pull is not None:
            changes["$pull"] = {"messages": pull}
        self._conversations.update_one(
            {"conversationId": conversation_id, "user": owner}, changes, session=session
        )


def edited(text: str, token_count: int, moment: Any) -> Document:
    """The fields of an edited message, for an update by pipeline; the literals keep `$` in a text harmless."""
    part = {"type": "text", "text": {"$literal": text}}
    has_parts = {"$and": [{"$isArray": "$content"}, {"$gt": [{"$size": {"$ifNull": ["$content", []]}}, 0]}]}
    return {
        "text": {"$literal": text},
        "tokenCount": token_count,
        "updatedAt": moment,
        "content": {"$cond": [has_parts, [part], "$$REMOVE"]},
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


def forked_conversation(original: Document, new_id: str, messages: list[Document]) -> Document:
    """A conversation with the original's settings and these messages, restored if that was archived."""
    moment = now()
    left = {"_id", "archivedAt", "expiredAt", "_meiliIndex", "pinned", "shareId"}
    return {
        **{name: value for name, value in original.items() if name not in left},
        "conversationId": new_id,
        "title": original.get("title") or UNTITLED,
        "messages": [message["_id"] for message in messages],
        "isArchived": False,
        "expiredAt": None,
        "_meiliIndex": False,
        "createdAt": moment,
        "updatedAt": moment,
    }
