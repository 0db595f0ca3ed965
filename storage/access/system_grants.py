"""The `systemgrants` collection: what administrators may do, granted to roles, groups or users.

Nothing here goes by an owner: whoever has the capability for it gives and takes for everybody.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import ClassVar

from bson import ObjectId
from pymongo import ASCENDING, UpdateOne
from pymongo.operations import IndexModel

from storage.access.principals import ROLE, Principal
from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

# Many more than there are capabilities.
MAX_OF_ONE = 500


class SystemGrantRepository(Repository):
    """Capabilities, as LibreChat stores who has them; of a database of several tenants those without a tenant."""

    collection_name: ClassVar[str] = "systemgrants"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(
            [
                ("principalType", ASCENDING),
                ("principalId", ASCENDING),
                ("capability", ASCENDING),
                ("tenantId", ASCENDING),
            ],
            unique=True,
            background=True,
        ),
        IndexModel([("capability", ASCENDING), ("tenantId", ASCENDING)], background=True),
        IndexModel(
            [("principalType", ASCENDING), ("capability", ASCENDING), ("tenantId", ASCENDING)],
            background=True,
        ),
    )

    def held(self, principals: Sequence[Principal]) -> set[str]:
        """The capabilities that any of these has now, without what they imply."""
        if not principals:
            return set()
        valid = {"tenantId": None, "expiresAt": {"$not": {"$lte": now()}}}
        with translated():
            found = self._collection.find(
                {"$or": [each.filter() for each in principals], **valid}, {"capability": 1}
            )
            return {each["capability"] for each in found if isinstance(each.get("capability"), str)}

    def of(self, principal: Principal) -> list[Document]:
        """The grants of one; 500 at most."""
        with translated():
            found = self._collection.find({**principal.filter(), "tenantId": None})
            return list(found.sort("capability", ASCENDING).limit(MAX_OF_ONE))

    def list_page(self, offset: int, limit: int) -> tuple[list[Document], int]:
        """So many grants of roles from there on, by capability, and how many there are."""
        query = {"principalType": ROLE, "tenantId": None}
        with translated():
            found = self._collection.find(query).sort([("capability", ASCENDING), ("_id", ASCENDING)])
            return list(found.skip(offset).limit(limit)), self._collection.count_documents(query)

    def give(self, principal: Principal, capability: str, granted_by: str) -> tuple[Document, bool]:
        """Grant a capability; the grant, and whether it is new. Done twice, it is done once."""
        moment = now()
        grant = {
            "principalType": principal.type,
            "principalId": principal.id,
            "capability": capability,
        }
        new = {
            **grant,
            "_id": ObjectId(),
            "grantedBy": owner_id(granted_by),
            "grantedAt": moment,
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        try:
            with translated():
                self._collection.insert_one(new)
        except Conflict:
            with translated():
                return self._collection.find_one({**grant, "tenantId": None}) or new, False
        return new, True

    def take(self, principal: Principal, capability: str) -> bool:
        """Take a capability away; whether it was granted."""
        with translated():
            query = {**principal.filter(), "capability": capability, "tenantId": None}
            return self._collection.delete_one(query).deleted_count > 0

    def seed(self, role: str, capabilities: Iterable[str]) -> None:
        """Grant a role what it lacks of these, as every start does. Safe with several processes at once."""
        moment = now()
        times = {"grantedAt": moment, "createdAt": moment, "updatedAt": moment, "__v": 0}
        grants = [
            {"principalType": ROLE, "principalId": role, "capability": capability}
            for capability in capabilities
        ]
        # LibreChat's filter: a tenant that is null would be found by none of its queries.
        absent = {"tenantId": {"$exists": False}}
        upserts = [UpdateOne({**each, **absent}, {"$setOnInsert": times}, upsert=True) for each in grants]
        # Another process may be faster; then the rest is its too.
        with suppress(Conflict), translated():
            self._collection.bulk_write(upserts, ordered=False)
