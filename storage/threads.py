"""Conversations together with their messages: posting, editing, deleting, forking.

Where the deployment has transactions, what belongs together is written in one. Every change of a message also writes
its conversation, so that two changes of one conversation never overlap: the later one runs again on what the
earlier one left. Where there are no transactions, the order of the writes leaves nothing broken if the process
dies between them.
"""

import uuid

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from storage import forks
from storage.conversations import SHOWN as CONVERSATION_SHOWN
from storage.database import PATIENT_SECONDS, Database, Document
from storage.errors import Conflict, UnknownParent
from storage.messages import NO_PARENT, OLDEST_FIRST, by_id, identified
from storage.messages import SHOWN as MESSAGE_SHOWN
from storage.repository import found, now
from storage.shapes import INHERITED, edited, forked_conversation, new_conversation, new_message

Session = ClientSession | None
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
        query = mine if parent_message_id is None else {**mine, **by_id(parent_message_id)}
        parent = self._messages.find_one(query, {"messageId": 1}, sort=NEWEST_FIRST, session=session)
        if parent is not None:
            name: str = identified(parent)["messageId"]
            return name
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
                    {**mine, **by_id(message_id)},
                    [{"$set": edited(text, token_count, moment)}],
                    projection=MESSAGE_SHOWN,
                    return_document=ReturnDocument.AFTER,
                    session=session,
                )
            )
            self._conversations.update_one(mine, {"$max": {"updatedAt": moment}}, session=session)
            return identified(message)

        return self._database.atomically(change)

    def delete_message(self, owner: str, conversation_id: str, message_id: str) -> None:
        """Delete a message and hang its children on its parent; raises `NotFound`."""
        mine = {"user": owner, "conversationId": conversation_id}

        def remove(session: Session) -> None:
            query = {**mine, **by_id(message_id)}
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

        return self._database.atomically(remove, seconds=PATIENT_SECONDS)

    def fork(
        self, owner: str, conversation_id: str, message_id: str, *, option: str, split_at_target: bool
    ) -> tuple[Document, list[Document]]:
        """Copy a part of a conversation into a new one; see `storage.forks`. Raises `NotFound`."""
        mine = {"user": owner, "conversationId": conversation_id}
        shown = ("_id", *CONVERSATION_SHOWN)

        def copy(session: Session) -> tuple[Document, list[Document]]:
            original = found(self._conversations.find_one(mine, {"messages": 0}, session=session))
            messages = [
                identified(each) for each in self._messages.find(mine, session=session).sort(OLDEST_FIRST)
            ]
            chosen = forks.select(messages, message_id, option=option, split_at_target=split_at_target)
            made = forks.copies(chosen, owner, str(uuid.uuid4()))
            conversation = forked_conversation(original, made)
            self._messages.insert_many(made, session=session)
            self._conversations.insert_one(conversation, session=session)
            return {name: conversation[name] for name in shown if name in conversation}, made

        return self._database.atomically(copy, seconds=PATIENT_SECONDS)
