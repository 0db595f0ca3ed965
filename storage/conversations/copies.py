"""Conversations made of others: forks, which take a part, and duplicates, which take all."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from pymongo.client_session import ClientSession

from storage.conversations import forks
from storage.conversations.counts import Counts
from storage.conversations.messages import OLDEST_FIRST, identified
from storage.conversations.shapes import forked_conversation
from storage.core.database import PATIENT_SECONDS, Database, Document
from storage.core.portions import by_bytes
from storage.core.repository import found
from storage.core.translation import translated

Session = ClientSession | None
# Which of the messages are copied, of outlines of all.
Choice = Callable[[Sequence[Document]], Sequence[Document]]
# Bytes of messages that are copied in one transaction; MongoDB's own advice is to keep one below 16 MB.
COPIED_AT_ONCE = 16 * 1024 * 1024


class CopyRepository:
    """Copies within the two collections.

    A portion of the messages is in memory at a time. More than 16 MiB of them (`COPIED_AT_ONCE`) are no matter
    for one transaction, which the database would have to hold as a whole: there the order of the writes counts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")
        self._counts = Counts(database)

    def fork(
        self,
        owner: str,
        conversation_id: str,
        message_id: str,
        *,
        option: str,
        split_at_target: bool,
        latest_id: str | None = None,
    ) -> Document:
        """Copy a part of a conversation into a new one, which is returned; see `forks`. Raises `NotFound`."""

        def choose(messages: Sequence[Document]) -> Sequence[Document]:
            return forks.select(
                messages, message_id, option=option, split_at_target=split_at_target, latest_id=latest_id
            )

        return self._copy(owner, conversation_id, choose)

    def duplicate(self, owner: str, conversation_id: str, *, title: str | None = None) -> Document:
        """Copy a whole conversation into a new one, which is returned; raises `NotFound`, `InvalidDocument`."""
        return self._copy(owner, conversation_id, lambda messages: messages, title)

    def _copy(self, owner: str, conversation_id: str, choose: Choice, title: str | None = None) -> Document:
        mine = {"user": owner, "conversationId": conversation_id}

        def copy(session: Session) -> Document:
            original = found(self._conversations.find_one(mine, {"messages": 0}, session=session))
            rows = self._messages.find(mine, forks.OUTLINE, session=session).sort(OLDEST_FIRST)
            chosen = choose([{**identified(each), forks.ORIGINAL: each["_id"]} for each in rows])
            if session is not None and sum(each[forks.BYTES] for each in chosen) > COPIED_AT_ONCE:
                raise _TooMuchAtOnce
            new_id = str(uuid.uuid4())
            made = forks.copies(chosen, owner, new_id)
            conversation = forked_conversation(original, new_id, made, title)
            try:
                written = self._copy_messages(mine, made, session)
                conversation["messages"] = [each for each in conversation["messages"] if each in written]
                self._conversations.insert_one(conversation, session=session)
            except BaseException:
                if session is None:
                    self._messages.delete_many({**mine, "conversationId": new_id})
                raise
            return conversation

        try:
            made = self._database.atomically(copy, seconds=PATIENT_SECONDS)
        except _TooMuchAtOnce:
            with self._database.patiently(), translated():
                made = copy(None)
        self._counts.settle(owner, made, tags=True)
        return made

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
