"""Conversations together with their messages: posting, editing, deleting, forking.

Where the deployment has transactions, what belongs together is written in one. Every change of a message also writes
its conversation, so that two changes of one conversation never overlap: the later one runs again on what the
earlier one left. Where there are no transactions, the order of the writes leaves nothing broken if the process
dies between them.
"""

import uuid
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from storage.conversations import forks
from storage.conversations.conversations import SHOWN as CONVERSATION_SHOWN
from storage.conversations.messages import NO_PARENT, OLDEST_FIRST, by_id, identified
from storage.conversations.messages import SHOWN as MESSAGE_SHOWN
from storage.conversations.shapes import INHERITED, edited, forked_conversation, new_conversation, new_message
from storage.core.database import PATIENT_SECONDS, Database, Document
from storage.core.errors import Conflict, UnknownParent
from storage.core.portions import by_bytes
from storage.core.repository import found, now
from storage.core.translation import translated

Session = ClientSession | None
ATTEMPTS = 10
# Bytes of messages that are copied in one transaction; MongoDB's own advice is to keep one below 16 MB.
COPIED_AT_ONCE = 16 * 1024 * 1024
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
    ) -> Document:
        """Copy a part of a conversation into a new one, which is returned; see `forks`. Raises `NotFound`.

        A portion of the messages is in memory at a time. More than 16 MiB of them (`COPIED_AT_ONCE`) are no matter
        for one transaction, which the database would have to hold as a whole: there the order of the writes counts.
        """
        mine = {"user": owner, "conversationId": conversation_id}

        def copy(session: Session) -> Document:
            original = found(self._conversations.find_one(mine, {"messages": 0}, session=session))
            rows = self._messages.find(mine, forks.OUTLINE, session=session).sort(OLDEST_FIRST)
            outlines = [{**identified(each), forks.ORIGINAL: each["_id"]} for each in rows]
            chosen = forks.select(outlines, message_id, option=option, split_at_target=split_at_target)
            if session is not None and sum(each[forks.BYTES] for each in chosen) > COPIED_AT_ONCE:
                raise _TooMuchAtOnce
            made = forks.copies(chosen, owner, str(uuid.uuid4()))
            conversation = forked_conversation(original, made)
            try:
                written = self._copy_messages(mine, made, session)
                conversation["messages"] = [each for each in conversation["messages"] if each in written]
                self._conversations.insert_one(conversation, session=session)
            except BaseException:
                if session is None:
                    self._messages.delete_many({**mine, "conversationId": conversation["conversationId"]})
                raise
            return {name: conversation[name] for name in ("_id", *CONVERSATION_SHOWN) if name in conversation}

        try:
            return self._database.atomically(copy, seconds=PATIENT_SECONDS)
        except _TooMuchAtOnce:
            with self._database.patiently(), translated():
                return copy(None)

    def _copy_messages(self, mine: Document, made: list[Document], session: Session) -> set[Any]:
        """Insert copies with all that the originals hold; one whose original is gone by now is left out.

        The keys of those that are there.
        """
        by_original, written = {each[forks.ORIGINAL]: each for each in made}, set[Any]()
        for keys in by_bytes((each[forks.ORIGINAL], each[forks.BYTES]) for each in made):
            originals = self._messages.find({**mine, "_id": {"$in": keys}}, session=session)
            documents = [forks.filled(by_original[each["_id"]], each) for each in originals]
            if documents:
                self._messages.insert_many(documents, session=session)
                written.update(each["_id"] for each in documents)
        return written


class _TooMuchAtOnce(Exception):
    """A transaction would be too large."""
