"""Conversations of other programs, stored so that storing the same again changes nothing.

Ids are the caller's, and the same for the same source. The messages are written first: after a crash there are some
that belong to no conversation yet, and the next run finds them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from storage.conversations.messages import NO_PARENT
from storage.conversations.shapes import imported_conversation, imported_message
from storage.core.database import Database, Document
from storage.core.errors import InvalidDocument
from storage.core.repository import owner_id
from storage.core.translation import DUPLICATE_KEY, translate_bulk, translated

# What MongoDB takes as one document.
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
# Elements that one `$addToSet` compares with all that are there.
ADDED_AT_ONCE = 1000
WRITTEN_AT_ONCE = 1000


@dataclass(frozen=True)
class IncomingMessage:
    """A message: the ids that it may have here already, of which it gets the last; its parent's last id; the rest."""

    ids: tuple[str, ...]
    parent: str | None
    fields: Document


@dataclass(frozen=True)
class Incoming:
    """A conversation: ids likewise; fields for when it is made; messages, each after its parent."""

    ids: tuple[str, ...]
    fields: Document
    messages: Sequence[IncomingMessage]


@dataclass(frozen=True)
class Outcome:
    """What became of a conversation: whether it is new, how many messages were added and how many were there.

    `problem` is why nothing of it was stored.
    """

    created: bool = False
    added: int = 0
    present: int = 0
    problem: str | None = None


class ImportRepository:
    """Writes to the collections of conversations and messages."""

    def __init__(self, database: Database) -> None:
        self._patiently = database.patiently
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")
        self._users = database.collection("users")

    def is_orphaned(self, owner: str) -> bool:
        """Whether the owner was erased meanwhile; then what was stored for them since is removed.

        To be asked after storing: an erasure looks once more when the user is gone, so that whichever of the two is
        the last finds what the other left. Raises `Unavailable`.
        """
        with translated(), self._patiently():
            if self._users.find_one({"_id": owner_id(owner)}, {"_id": 1}) is not None:
                return False
            for collection in (self._messages, self._conversations):
                collection.delete_many({"user": owner})
        return True

    def store(self, owner: str, incoming: Sequence[Incoming]) -> list[Outcome]:
        """Store conversations, a few at a time; one outcome for each. Raises `Unavailable`.

        A conversation that is there already gets the messages that it lacks; what is there stays as it is. Each is
        checked as a whole before anything of it is written.
        """
        with translated(), self._patiently():
            drafts = self._drafts(owner, incoming)
            good = [draft for draft in drafts if draft.problem is None]
            written = [raw for draft in good for raw in draft.documents]
            if self._write_messages(written):
                self._take_over(owner, good)
            self._write_conversations(good)
        return [draft.outcome for draft in drafts]

    def _drafts(self, owner: str, incoming: Sequence[Incoming]) -> list["_Draft"]:
        known = {
            each["conversationId"]: each.get("messages") or []
            for each in self._conversations.find(
                {"user": owner, "conversationId": {"$in": [name for each in incoming for name in each.ids]}},
                {"conversationId": 1, "messages": 1},
            )
        }
        drafts = [_Draft(owner, each, known) for each in incoming]
        present = self._present(owner, [draft.conversation_id for draft in drafts])
        for draft in drafts:
            draft.fill(present.get(draft.conversation_id, {}))
        return drafts

    def _present(self, owner: str, conversation_ids: list[str]) -> dict[str, dict[str, Any]]:
        """The `_id`s of the messages that are there, by conversation and message."""
        found: dict[str, dict[str, Any]] = {}
        query = {"user": owner, "conversationId": {"$in": conversation_ids}}
        for row in self._messages.find(query, {"conversationId": 1, "messageId": 1}):
            name = row.get("messageId") or str(row["_id"])
            found.setdefault(row["conversationId"], {})[name] = row["_id"]
        return found

    def _write_messages(self, documents: Sequence[RawBSONDocument]) -> bool:
        """Insert them; whether another writer has stored some of the same in between."""
        overtaken = False
        for begin in range(0, len(documents), WRITTEN_AT_ONCE):
            try:
                self._messages.insert_many(documents[begin : begin + WRITTEN_AT_ONCE], ordered=False)
            except BulkWriteError as error:
                _check_only_duplicates(error)
                overtaken = True
        return overtaken

    def _take_over(self, owner: str, drafts: Sequence["_Draft"]) -> None:
        present = self._present(owner, [draft.conversation_id for draft in drafts])
        for draft in drafts:
            draft.rename(present.get(draft.conversation_id, {}))

    def _write_conversations(self, drafts: Iterable["_Draft"]) -> None:
        updates = [update for draft in drafts for update in draft.updates()]
        if updates:
            try:
                self._conversations.bulk_write(updates, ordered=False)
            except BulkWriteError as error:
                # Another import of the same has just made one; now it is there for all.
                _check_only_duplicates(error)
                self._conversations.bulk_write(updates, ordered=False)


class _Draft:
    """One conversation on its way into the database."""

    def __init__(self, owner: str, incoming: Incoming, known: dict[str, list[Any]]) -> None:
        self._incoming = incoming
        self.conversation_id = next((name for name in incoming.ids if name in known), incoming.ids[-1])
        self._exists = self.conversation_id in known
        self._listed = set(known.get(self.conversation_id, ()))
        self._mine: Document = {"user": owner, "conversationId": self.conversation_id}
        self._keys: dict[str, Any] = {}
        self._present = 0
        self._newest = incoming.fields.get("updatedAt")
        self.documents: list[RawBSONDocument] = []
        self.problem: str | None = None

    def fill(self, present: dict[str, Any]) -> None:
        """Make the documents of the messages that are not there."""
        names: dict[str | None, str] = {None: NO_PARENT}
        endpoint = self._incoming.fields.get("endpoint")
        try:
            for message in self._incoming.messages:
                name = next((each for each in message.ids if each in present), message.ids[-1])
                names[message.ids[-1]] = name
                if name in present:
                    self._keys[name] = present[name]
                    self._present += 1
                    if name != message.ids[-1]:
                        # No import made it: whether the conversation names it is not for an import to change.
                        self._listed.add(present[name])
                    continue
                fields = {**message.fields, "messageId": name, "parentMessageId": names[message.parent]}
                document = imported_message(self._mine, fields, endpoint)
                self._keys[name] = document["_id"]
                self.documents.append(_encoded(document))
            _encoded({**self._new(), "messages": list(self._keys.values())})
        except InvalidDocument as error:
            self.problem, self.documents = error.reason, []

    def rename(self, present: dict[str, Any]) -> None:
        """Name the messages that are stored under these `_id`s."""
        self._keys = {name: present.get(name, key) for name, key in self._keys.items()}

    def updates(self) -> list[UpdateOne]:
        """What makes the conversation, or adds what it lacks."""
        keys = [key for key in self._keys.values() if key not in self._listed]
        if not self._exists:
            made = {"$setOnInsert": {**self._new(), "messages": keys}}
            return [UpdateOne(self._mine, made, upsert=True)]
        newest = {"$max": {"updatedAt": self._newest}} if self._newest else {}
        return [
            UpdateOne(self._mine, {"$addToSet": {"messages": {"$each": some}}, **newest})
            for some in (keys[begin : begin + ADDED_AT_ONCE] for begin in range(0, len(keys), ADDED_AT_ONCE))
        ]

    def _new(self) -> Document:
        # The owner and the id last: whatever the other program had in its place.
        return {**imported_conversation(self._incoming.fields), **self._mine}

    @property
    def outcome(self) -> Outcome:
        if self.problem is not None:
            return Outcome(problem=self.problem)
        return Outcome(not self._exists, len(self.documents), self._present)


def _encoded(document: Document) -> RawBSONDocument:
    try:
        with translated():
            raw = encode(document)
    except InvalidDocument as error:
        raise InvalidDocument("it holds a value that cannot be stored") from error
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise InvalidDocument("it holds a message of more than the 16 MiB that can be stored")
    return RawBSONDocument(raw)


def _check_only_duplicates(error: BulkWriteError) -> None:
    details = error.details
    failures = details.get("writeErrors") or []
    if details.get("writeConcernErrors") or any(each.get("code") != DUPLICATE_KEY for each in failures):
        raise translate_bulk(error) from error
