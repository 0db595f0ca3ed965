"""All conversations of an owner, read so that no more than a little of them is in memory at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from bson import ObjectId

from storage.conversations.conversations import OF_PEOPLE
from storage.conversations.messages import visible
from storage.core.database import Database, Document
from storage.core.portions import Query, read_all
from storage.core.repository import now
from storage.core.translation import translated

NOT_EXPORTED = {"messages": 0, "__v": 0, "_meiliIndex": 0, "user": 0}


# Keys that are read together, of a hundred bytes each.
KEYS_AT_ONCE = 1000
FIRST_KEY = ObjectId(b"\0" * 12)


class Outline(NamedTuple):
    """What a tree is made of: a message's key, id, parent, and size in bytes."""

    key: Any
    message_id: str
    parent: str | None
    size: int


class ExportRepository:
    """Reads the collections of conversations and messages."""

    def __init__(self, database: Database) -> None:
        self._patiently = database.patiently
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")

    def count(self, owner: str) -> int:
        """How many conversations `conversation_keys` names."""
        with translated(), self._patiently():
            return self._conversations.count_documents(_exported(owner))

    def conversation_keys(self, owner: str) -> Iterator[list[Any]]:
        """The keys of all that are neither temporary nor expired, archived ones too; the oldest first, in portions.

        What there is when the first are taken comes once each, unless it is deleted before its turn; of what begins
        meanwhile nothing does.
        """
        # LibreChat's own keys are ObjectIds; others come first, all at once.
        if others := self._keys(owner, {"$not": {"$gte": FIRST_KEY}}):
            yield others
        newest = self._keys(owner, {"$gte": FIRST_KEY}, newest=True)
        after = ObjectId(FIRST_KEY)
        while newest and (some := self._keys(owner, {"$gt": after, "$lte": newest[0]})):
            yield some
            after = some[-1]

    def _keys(self, owner: str, among: Document, *, newest: bool = False) -> list[Any]:
        query = {**_exported(owner), "_id": among}
        most = 0 if "$not" in among else 1 if newest else KEYS_AT_ONCE
        with translated(), self._patiently():
            rows = self._conversations.find(query, {"_id": 1}).sort("_id", -1 if newest else 1)
            return [each["_id"] for each in rows.limit(most)]

    def conversations(self, owner: str, keys: Sequence[Any]) -> Iterable[list[Document]]:
        """The conversations that are still there, in the order of their keys; some at a time."""
        query = {"user": owner, "_id": {"$in": list(keys)}}
        places = {key: place for place, key in enumerate(keys)}
        by_key = Query(query, NOT_EXPORTED, [("_id", 1)], arranged=lambda each: places[each["_id"]])
        with self._patiently():
            return read_all(self._conversations, by_key).portions

    def outlines(self, owner: str, conversation_ids: Sequence[str]) -> dict[str, list[Outline]]:
        """The messages of conversations, the oldest first."""
        query = {"user": owner, "conversationId": {"$in": list(conversation_ids)}}
        wanted = {"conversationId": 1, "messageId": 1, "parentMessageId": 1, "createdAt": 1}
        outlines: dict[str, list[Outline]] = {}
        with translated(), self._patiently():
            rows = self._messages.find(query, {**wanted, "size": {"$bsonSize": "$$ROOT"}})
            # The order of the index with these fields, for each conversation; the database need not sort.
            for row in rows.sort([("conversationId", 1), ("user", 1), ("createdAt", 1), ("_id", 1)]):
                name, parent = str(row.get("messageId") or row["_id"]), row.get("parentMessageId")
                outline = Outline(row["_id"], name, parent if isinstance(parent, str) else None, row["size"])
                outlines.setdefault(row["conversationId"], []).append(outline)
        return outlines

    def messages(self, owner: str, keys: Sequence[Any]) -> dict[Any, Document]:
        """The messages that are still there, by key."""
        query = {"user": owner, "_id": {"$in": list(keys)}}
        with translated(), self._patiently():
            return {each["_id"]: each for each in self._messages.find(query, NOT_EXPORTED)}


def _exported(owner: str) -> Document:
    return {
        "user": owner,
        "conversationId": {"$type": "string"},
        "$and": [visible(now()), OF_PEOPLE],
    }
