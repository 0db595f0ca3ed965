"""The `sessions` collection: one document for each login."""

from datetime import UTC, datetime
from typing import ClassVar

from bson import ObjectId
from pymongo import ASCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import NotFound
from storage.core.repository import Repository, found, owner_id
from storage.core.translation import translated


class SessionRepository(Repository):
    """Sessions with the SHA-256 of their refresh token; MongoDB removes them at their `expiration`."""

    collection_name: ClassVar[str] = "sessions"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiration", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("user", ASCENDING)], background=True),
    )

    def create(
        self, owner: str, *, refresh_token_hash: str, expires_at: datetime, session_id: str | None = None
    ) -> Document:
        """Insert a session; raises `Conflict` for an id that is taken."""
        session: Document = {
            "_id": ObjectId(session_id),
            "user": owner_id(owner),
            "refreshTokenHash": refresh_token_hash,
            "expiration": expires_at,
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(session)
        return session

    def get(self, owner: str, session_id: str) -> Document:
        """The session; raises `NotFound`, also for one that has expired but is not yet removed."""
        with translated():
            return found(self._collection.find_one(self._alive(owner, session_id)))

    def is_active(self, owner: str, session_id: str) -> bool:
        """Whether the session exists and has not expired."""
        try:
            self.get(owner, session_id)
        except NotFound:
            return False
        return True

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
