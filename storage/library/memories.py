"""The `memoryentries` collection: what is remembered of a user, by key."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict, NotFound
from storage.core.portions import Query, Reading, read_all, take_within
from storage.core.repository import LIST_MS, Repository, found, now, owner_id
from storage.core.translation import translated

NEWEST_FIRST = [("updated_at", DESCENDING), ("_id", DESCENDING)]


class MemoryRepository(Repository):
    """Memories; `userId` is the owner's ObjectId.

    Each belongs to an agent (`agent_id`) or, with None, to what all chats share. A key is there once in each of
    these, which LibreChat's index does not say.
    """

    collection_name: ClassVar[str] = "memoryentries"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("userId", ASCENDING), ("agentId", ASCENDING), ("key", ASCENDING)], background=True),
    )

    def newest(self, owner: str, *, count: int, size: int) -> list[Document]:
        """The last changed of those that all chats share: at most `count`, and of `size` bytes together."""
        query = {"userId": owner_id(owner), "agentId": None}
        with translated():
            rows = self._collection.find(query, max_time_ms=LIST_MS).sort(NEWEST_FIRST).limit(count)
            return take_within(rows, size)[0]

    def count(self, owner: str) -> int:
        """How many the owner has."""
        with translated():
            return self._collection.count_documents({"userId": owner_id(owner)})

    def tokens(self, owner: str, agent_id: str | None = None) -> int:
        """How many tokens those of an agent, or the shared ones, have together."""
        match = {"userId": owner_id(owner), "agentId": agent_id}
        stages: list[Mapping[str, Any]] = [
            {"$match": match},
            {"$group": {"_id": None, "tokens": {"$sum": "$tokenCount"}}},
        ]
        with translated():
            rows = list(self._collection.aggregate(stages, maxTimeMS=LIST_MS))
        return int(rows[0]["tokens"]) if rows else 0

    def get(self, owner: str, key: str, agent_id: str | None = None) -> Document:
        """One memory; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one(self._mine(owner, key, agent_id)))

    def create(
        self, owner: str, key: str, value: str, *, tokens: int, agent_id: str | None = None
    ) -> Document:
        """Insert a memory; raises `Conflict` for a key that is there."""
        memory: Document = {
            "_id": ObjectId(),
            "userId": owner_id(owner),
            "key": key,
            "value": value,
            **({} if agent_id is None else {"agentId": agent_id}),
            "tokenCount": tokens,
            "updated_at": now(),
            "__v": 0,
        }
        self._refuse_taken(owner, key, agent_id)
        with translated():
            self._collection.insert_one(memory)
            others = {**self._mine(owner, key, agent_id), "_id": {"$ne": memory["_id"]}}
            if self._collection.find_one(others, {"_id": 1}) is None:
                return memory
            # Another one was made at the same time; that one may know of this one, and go, too.
            self._collection.delete_one({"_id": memory["_id"], "userId": owner_id(owner)})
        raise Conflict("key")

    def change(
        self,
        owner: str,
        key: str,
        *,
        value: str,
        tokens: int,
        new_key: str | None = None,
        agent_id: str | None = None,
    ) -> Document:
        """Change a memory, and call it otherwise if a new key is given; raises `NotFound`, `Conflict`."""
        values: Document = {"value": value, "tokenCount": tokens, "updated_at": now()}
        if new_key is not None and new_key != key:
            self._refuse_taken(owner, new_key, agent_id)
            values["key"] = new_key
        with translated():
            return found(
                self._collection.find_one_and_update(
                    self._mine(owner, key, agent_id),
                    {"$set": values},
                    return_document=ReturnDocument.AFTER,
                )
            )

    def delete(self, owner: str, key: str, agent_id: str | None = None) -> None:
        """Delete a memory; raises `NotFound`."""
        with translated():
            if not self._collection.delete_many(self._mine(owner, key, agent_id)).deleted_count:
                raise NotFound

    def list(self, owner: str) -> Reading:
        """All memories of the owner, the last changed first."""
        return read_all(self._collection, Query({"userId": owner_id(owner)}, {}, NEWEST_FIRST))

    def _refuse_taken(self, owner: str, key: str, agent_id: str | None) -> None:
        with translated():
            if self._collection.find_one(self._mine(owner, key, agent_id), {"_id": 1}):
                raise Conflict("key")

    @staticmethod
    def _mine(owner: str, key: str, agent_id: str | None) -> Document:
        # None is found in documents that do not have the field, too.
        return {"userId": owner_id(owner), "agentId": agent_id, "key": key}
