"""Conversations made of others: forks, which take a part, duplicates, which take all, and copies of shared ones."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.client_session import ClientSession

from storage.conversations import forks
from storage.conversations.counts import Counts
from storage.conversations.messages import OLDEST_FIRST, identified
from storage.conversations.shapes import adopted_conversation, adopted_message, forked_conversation
from storage.core.database import PATIENT_SECONDS, Database, Document
from storage.core.portions import by_bytes
from storage.core.repository import found
from storage.core.translation import translated

Session = ClientSession | None
# Which of the messages are copied, of outlines of all.
Choice = Callable[[Sequence[Document]], Sequence[Document]]
# Bytes of messages that are copied in one transaction; MongoDB's own advice is to keep one below 16 MB.
COPIED_AT_ONCE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Source:
    """Where messages are copied from: a conversation of this owner's."""

    owner: str
    conversation_id: str

    @property
    def query(self) -> Document:
        """What finds its messages, and itself."""
        return {"user": self.owner, "conversationId": self.conversation_id}


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

    def adopt(
        self,
        owner: str,
        source: Source,
        messages: Sequence[Document],
        fields: Document,
        cleaned: Callable[[Document], Document],
    ) -> Document:
        """Copy messages of another's into a new conversation of the owner's with these fields, which is returned.

        `messages` are outlines (`forks.OUTLINE`). Of each message only what `cleaned` leaves is copied. Who may do
        so has been asked.
        """

        def left(message: Document) -> Document:
            return adopted_message(cleaned(message), fields.get("endpoint"))

        def copy(session: Session) -> Document:
            new_id = str(uuid.uuid4())
            made = forks.copies([_marked(each) for each in messages], owner, new_id)
            conversation = adopted_conversation(
                {"user": owner, "conversationId": new_id}, fields, [each["_id"] for each in made]
            )
            return self._write(source, made, conversation, session, left)

        return self._copied(owner, copy)

    def _copy(self, owner: str, conversation_id: str, choose: Choice, title: str | None = None) -> Document:
        source = Source(owner, conversation_id)

        def copy(session: Session) -> Document:
            original = found(self._conversations.find_one(source.query, {"messages": 0}, session=session))
            rows = self._messages.find(source.query, forks.OUTLINE, session=session).sort(OLDEST_FIRST)
            chosen = choose([_marked(identified(each)) for each in rows])
            new_id = str(uuid.uuid4())
            made = forks.copies(chosen, owner, new_id)
            conversation = forked_conversation(original, new_id, made, title)
            return self._write(source, made, conversation, session)

        return self._copied(owner, copy)

    def _copied(self, owner: str, copy: Callable[[Session], Document]) -> Document:
        try:
            made = self._database.atomically(copy, seconds=PATIENT_SECONDS)
        except _TooMuchAtOnce:
            with self._database.patiently(), translated():
                made = copy(None)
        self._counts.settle(owner, made, tags=True)
        return made

    def _write(
        self,
        source: Source,
        made: list[Document],
        conversation: Document,
        session: Session,
        cleaned: Callable[[Document], Document] = dict,
    ) -> Document:
        if session is not None and sum(each[forks.BYTES] for each in made) > COPIED_AT_ONCE:
            raise _TooMuchAtOnce
        try:
            written = self._copy_messages(source, made, session, cleaned)
            conversation["messages"] = [each for each in conversation["messages"] if each in written]
            self._conversations.insert_one(conversation, session=session)
        except BaseException:
            if session is None:
                copied = {name: conversation[name] for name in ("user", "conversationId")}
                self._messages.delete_many(copied)
            raise
        return conversation

    def _copy_messages(
        self,
        source: Source,
        made: list[Document],
        session: Session,
        cleaned: Callable[[Document], Document],
    ) -> set[Any]:
        """Insert copies with all that is left of the originals; one whose original is gone by now is left out.

        The keys of those that are there.
        """
        by_original, written = {each[forks.ORIGINAL]: each for each in made}, set[Any]()
        for keys in by_bytes((each[forks.ORIGINAL], each[forks.BYTES]) for each in made):
            originals = self._messages.find({**source.query, "_id": {"$in": keys}}, session=session)
            documents = [
                forks.filled(by_original[each["_id"]], cleaned(identified(each))) for each in originals
            ]
            if documents:
                self._messages.insert_many(documents, session=session)
                written.update(each["_id"] for each in documents)
        return written


def _marked(outline: Document) -> Document:
    return {**outline, forks.ORIGINAL: outline["_id"]}


class _TooMuchAtOnce(Exception):
    """A transaction would be too large."""
