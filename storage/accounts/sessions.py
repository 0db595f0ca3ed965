"""The `sessions` collection: one document for each login."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import NotFound
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

MAX_LISTED = 100
MAX_DEVICE = 300


@dataclass(frozen=True)
class Origin:
    """From where a session is used: the client's address, and what it says of itself (`User-Agent`)."""

    address: str
    device: str

    def used(self) -> Document:
        """Fields of Echo's own, which LibreChat leaves as they are."""
        return {"usedAt": now(), "address": self.address, "device": self.device[:MAX_DEVICE]}


class SessionRepository(Repository):
    """Sessions with the SHA-256 of their refresh token; MongoDB removes them at their `expiration`."""

    collection_name: ClassVar[str] = "sessions"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiration", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("user", ASCENDING)], background=True),
    )

    def create(
        self,
        owner: str,
        *,
        refresh_token_hash: str,
        expires_at: datetime,
        session_id: str | None = None,
        where: Origin | None = None,
    ) -> Document:
        """Insert a session; raises `Conflict` for an id that is taken."""
        session: Document = {
            "_id": ObjectId(session_id),
            "user": owner_id(owner),
            "refreshTokenHash": refresh_token_hash,
            "expiration": expires_at,
            **({} if where is None else {"createdAt": now(), **where.used()}),
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(session)
        return session

    def get(self, owner: str, session_id: str) -> Document:
        """The session; raises `NotFound`, also for one that has expired but is not yet removed."""
        with translated():
            return found(self._collection.find_one(self._alive(owner, session_id)))

    def active(self, sessions: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the sessions, each by its owner and its id, that exist and have not expired: in one command."""
        possible = [
            (owner, key) for owner, key in sessions if ObjectId.is_valid(owner) and ObjectId.is_valid(key)
        ]
        query = {
            "user": {"$in": [ObjectId(owner) for owner, _ in possible]},
            "_id": {"$in": [ObjectId(key) for _, key in possible]},
            "expiration": {"$gt": datetime.now(UTC)},
        }
        with translated():
            rows = self._collection.find(query, {"user": 1}).hint([("_id", ASCENDING)]) if possible else ()
            alive = {(str(row["user"]), str(row["_id"])) for row in rows}
        return {(owner, key) for owner, key in possible if (owner.lower(), key.lower()) in alive}

    def note_use(self, owner: str, session_id: str, where: Origin) -> None:
        """Note from where a session was used just now."""
        with translated():
            self._collection.update_one(self._alive(owner, session_id), {"$set": where.used()})

    def list(self, owner: str) -> Sequence[Document]:
        """The sessions that have not ended, the last used first, without their secrets; the last hundred of them."""
        alive = {"user": owner_id(owner), "expiration": {"$gt": datetime.now(UTC)}}
        with translated():
            rows = self._collection.find(alive, {"refreshTokenHash": 0})
            return list(rows.sort([("usedAt", DESCENDING), ("expiration", DESCENDING)]).limit(MAX_LISTED))

    def rotate(self, owner: str, session_id: str, *, old_hash: str, new_hash: str) -> Document | None:
        """Exchange the refresh token, atomically; None if `old_hash` is not the current one."""
        with translated():
            return self._collection.find_one_and_update(
                {**self._alive(owner, session_id), "refreshTokenHash": old_hash},
                {"$set": {"refreshTokenHash": new_hash}},
                return_document=ReturnDocument.AFTER,
            )

    def delete(self, owner: str, session_id: str) -> bool:
        """End a session; whether there was one."""
        if not ObjectId.is_valid(session_id):
            return False
        with translated():
            gone = self._collection.delete_one({"_id": ObjectId(session_id), "user": owner_id(owner)})
        return gone.deleted_count == 1

    def delete_others(self, owner: str, session_id: str) -> int:
        """End every session of a user but one; how many there were."""
        kept = {"$ne": ObjectId(session_id)} if ObjectId.is_valid(session_id) else {"$exists": True}
        with translated():
            return self._collection.delete_many({"user": owner_id(owner), "_id": kept}).deleted_count

    def delete_all(self, owner: str) -> int:
        """End every session of a user; how many there were."""
        with translated():
            return self._collection.delete_many({"user": owner_id(owner)}).deleted_count

    def _alive(self, owner: str, session_id: str) -> Document:
        if not ObjectId.is_valid(session_id):
            raise NotFound
        return {
            "_id": ObjectId(session_id),
            "user": owner_id(owner),
            "expiration": {"$gt": datetime.now(UTC)},
        }
