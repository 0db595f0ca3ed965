"""The `keys` collection: the keys of providers that users bring, encrypted by who calls."""

from datetime import datetime
from typing import ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

# LibreChat has no unique index here. Where two writers have made doubles, the first of them is read and written.
FIRST = [("_id", ASCENDING)]


class KeyRepository(Repository):
    """One value for each name; `userId` is the owner's ObjectId. MongoDB removes a key at its `expiresAt`."""

    collection_name: ClassVar[str] = "keys"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("userId", ASCENDING), ("name", ASCENDING)], background=True),
    )

    def find(self, owner: str, name: str) -> Document | None:
        """The key of that name; None if there is none, or if it has expired but is not yet removed."""
        with translated():
            key = self._collection.find_one({"userId": owner_id(owner), "name": name}, sort=FIRST)
        expires_at = key.get("expiresAt") if key else None
        return None if isinstance(expires_at, datetime) and expires_at <= now() else key

    def put(self, owner: str, name: str, *, value: str, expires_at: datetime | None) -> None:
        """Store a key in place of an earlier one of that name; None lets it live for ever."""
        mine = {"userId": owner_id(owner), "name": name}
        update: Document = {"$set": {"value": value}, "$setOnInsert": {"__v": 0}}
        if expires_at is None:
            update["$unset"] = {"expiresAt": ""}
        else:
            update["$set"]["expiresAt"] = expires_at
        with translated():
            self._collection.find_one_and_update(mine, update, upsert=True, sort=FIRST)

    def count_others(self, owner: str, name: str) -> int:
        """How many keys of other names the owner has."""
        with translated():
            return self._collection.count_documents({"userId": owner_id(owner), "name": {"$ne": name}})

    def delete(self, owner: str, name: str) -> int:
        """Delete the key of that name, doubles too; how many documents that were."""
        with translated():
            return self._collection.delete_many({"userId": owner_id(owner), "name": name}).deleted_count

    def delete_all(self, owner: str) -> int:
        """Delete every key of the owner; how many there were."""
        with translated():
            return self._collection.delete_many({"userId": owner_id(owner)}).deleted_count
