"""The `echo_violations` collection: how often somebody went over a limit, by account and by address."""

from datetime import timedelta
from typing import ClassVar

from bson import ObjectId
from pymongo import ASCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

# After so long without another one they are forgotten. LibreChat never forgets them.
KEPT = timedelta(days=30)


class ViolationRepository(Repository):
    """Points for each kind of violation; MongoDB removes them when they are old."""

    collection_name: ClassVar[str] = "echo_violations"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("user", ASCENDING)], background=True),
    )

    def add(self, owner: str, kind: str, points: int) -> int:
        """Add to an account's points of a kind; their new sum, each sum given to one caller only."""
        return self._add(f"{kind}:{owner}", points, owner_id(owner))

    def add_of_address(self, address_hash: str, kind: str, points: int) -> int:
        """The same for an address, of which only a hash is kept."""
        return self._add(f"{kind}:{address_hash}", points, None)

    def _add(self, key: str, points: int, user: ObjectId | None) -> int:
        change = {"$inc": {"points": points}, "$set": {"user": user, "expiresAt": now() + KEPT}}
        with translated():
            stored = self._collection.find_one_and_update(
                {"_id": key}, change, upsert=True, return_document=ReturnDocument.AFTER
            )
        return int(found(stored)["points"])
