"""The `agentapikeys` collection: the keys with which programs come, stored as hashes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import NotFound
from storage.core.repository import LIST_MS, Repository, found, now, owner_id
from storage.core.translation import translated

# That a key was used is written once in so long: a write for each request would tell nobody more.
USED_EVERY = timedelta(minutes=1)
SHOWN = {"keyHash": 0}
# Beside LibreChat's fields, whose models pass over them: what a key may do, and what it has done (`key_usage`).
LIMITS, USAGE = "echoLimits", "echoUsage"
LISTED = {**SHOWN, USAGE: 0}
# What can be changed.
FIELDS = {"name": "name", "expires_at": "expiresAt", "limits": LIMITS}


class ApiKeyRepository(Repository):
    """Keys with the SHA-256 of each, as LibreChat has them; MongoDB removes a key at its `expiresAt`."""

    collection_name: ClassVar[str] = "agentapikeys"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("keyHash", ASCENDING)], background=True),
        IndexModel([("userId", ASCENDING), ("name", ASCENDING), ("tenantId", ASCENDING)], background=True),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
    )

    def create(
        self,
        owner: str,
        *,
        name: str,
        key_hash: str,
        key_prefix: str,
        expires_at: datetime | None,
        limits: Mapping[str, Any] | None = None,
    ) -> Document:
        """Insert a key; `limits` are by the names of the contract."""
        moment = now()
        key: Document = {
            "_id": ObjectId(),
            "userId": owner_id(owner),
            "name": name,
            "keyHash": key_hash,
            "keyPrefix": key_prefix,
            **({} if expires_at is None else {"expiresAt": expires_at}),
            **({LIMITS: dict(limits)} if limits else {}),
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(key)
        return key

    def list(self, owner: str) -> list[Document]:
        """All keys of the owner without their hashes and what they have used, the newest first."""
        order = [("createdAt", DESCENDING), ("_id", DESCENDING)]
        with translated():
            return list(
                self._collection.find({"userId": owner_id(owner)}, LISTED, max_time_ms=LIST_MS).sort(order)
            )

    def get(self, owner: str, key_id: str) -> Document:
        """One key without its hash; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one(key_of(owner, key_id), SHOWN))

    def count(self, owner: str) -> int:
        """How many keys the owner has."""
        with translated():
            return self._collection.count_documents({"userId": owner_id(owner)})

    def update(self, owner: str, key_id: str, changes: Mapping[str, Any]) -> Document:
        """Change `name`, `expires_at` and `limits`, those of them that are there; None takes one away.

        The key without its hash; raises `NotFound`.
        """
        fields = {FIELDS[name]: value for name, value in changes.items()}
        kept = {name: value for name, value in fields.items() if value is not None}
        gone = {name: "" for name, value in fields.items() if value is None}
        with translated():
            return found(
                self._collection.find_one_and_update(
                    key_of(owner, key_id),
                    {"$set": {**kept, "updatedAt": now()}, **({"$unset": gone} if gone else {})},
                    projection=SHOWN,
                    return_document=ReturnDocument.AFTER,
                )
            )

    def delete(self, owner: str, key_id: str) -> None:
        """Delete a key; raises `NotFound`."""
        with translated():
            if not self._collection.delete_one(key_of(owner, key_id)).deleted_count:
                raise NotFound

    def delete_all(self, owner: str) -> int:
        """Delete every key of a user; how many there were."""
        with translated():
            return self._collection.delete_many({"userId": owner_id(owner)}).deleted_count

    def find_by_hash(self, key_hash: str) -> Document | None:
        """The key that has not expired with this hash: it tells who the owner is."""
        with translated():
            key = self._collection.find_one({"keyHash": key_hash}, LISTED)
        expires_at = key.get("expiresAt") if key else None
        return None if isinstance(expires_at, datetime) and expires_at <= now() else key

    def mark_used(self, owner: str, key_id: str) -> None:
        """Note that the key was used now, to the minute."""
        moment = now()
        stale = {"$or": [{"lastUsedAt": {"$exists": False}}, {"lastUsedAt": {"$lt": moment - USED_EVERY}}]}
        with translated():
            self._collection.update_one({**key_of(owner, key_id), **stale}, {"$set": {"lastUsedAt": moment}})


def key_of(owner: str, key_id: str) -> Document:
    """The filter for a key of the owner's; raises `NotFound` for an id that is none."""
    if not ObjectId.is_valid(key_id):
        raise NotFound
    return {"_id": ObjectId(key_id), "userId": owner_id(owner)}
