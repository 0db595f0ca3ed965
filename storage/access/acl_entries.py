"""The `aclentries` collection: what is shared, with whom, and how far.

Nothing here goes by an owner: who may do what with a thing is what these documents say, for owners too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.operations import IndexModel

from storage.access.principals import USER, Principal, valid_now
from storage.core.database import Document
from storage.core.errors import NoOwnerLeft
from storage.core.repository import LIST_MS, Repository, now, owner_id
from storage.core.translation import translated

# So many things one user is told of, the newest first; their ids go into the filters of lists.
MAX_RESOURCES = 5000
# Who has all of these owns a thing.
OWNING = 15


@dataclass(frozen=True)
class Grant:
    """How far somebody may go: LibreChat's bits, the id of the role that they come from, and until when."""

    bits: int
    role_id: ObjectId | None = None
    expires_at: datetime | None = None


class AclEntryRepository(Repository):
    """Grants, as LibreChat stores them."""

    collection_name: ClassVar[str] = "aclentries"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(
            [
                ("principalId", ASCENDING),
                ("principalType", ASCENDING),
                ("resourceType", ASCENDING),
                ("resourceId", ASCENDING),
                ("tenantId", ASCENDING),
            ],
            background=True,
        ),
        IndexModel(
            [
                ("resourceId", ASCENDING),
                ("principalType", ASCENDING),
                ("principalId", ASCENDING),
                ("tenantId", ASCENDING),
            ],
            background=True,
        ),
        IndexModel(
            [
                ("principalType", ASCENDING),
                ("resourceType", ASCENDING),
                ("permBits", ASCENDING),
                ("resourceId", ASCENDING),
            ],
            background=True,
        ),
        IndexModel([("expiredAt", ASCENDING)], expireAfterSeconds=0, background=True),
    )

    def bits(self, principals: Iterable[Principal], kind: str, resource: ObjectId) -> int:
        """What any of these may do with a thing: the bits of all their grants together."""
        query = {"resourceType": kind, "resourceId": resource, **valid_now(principals)}
        with translated():
            entries = list(self._collection.find(query, {"permBits": 1}))
        return reduce(or_, map(_bits, entries), 0)

    def bits_of_each(self, principals: Iterable[Principal], kind: str) -> dict[ObjectId, int]:
        """The same for every thing of a kind that any of these may do anything with, at most `MAX_RESOURCES`."""
        return self._grouped({"resourceType": kind, **valid_now(principals)})

    def resources(self, principals: Iterable[Principal], kind: str, needed: int) -> list[ObjectId]:
        """The things with which one grant of these allows all that is `needed`, the newest first.

        There are `MAX_RESOURCES` at most. As in LibreChat two grants that only together allow it do not count.
        """
        wanted = {"resourceType": kind, "permBits": {"$bitsAllSet": needed}, **valid_now(principals)}
        return list(self._grouped(wanted))

    def give(
        self, granted_by: str, principal: Principal, kind: str, resource: ObjectId, grant: Grant
    ) -> None:
        """Let somebody do so much with a thing, and no more or less than that from now on.

        Of doubles, which two at once can write, all say the same; LibreChat has no unique index against them.
        """
        query, change = _giving(granted_by, principal, kind, resource, grant)
        with translated():
            self._collection.update_many(query, change, upsert=True)

    def change(
        self, granted_by: str, kind: str, resource: ObjectId, changes: Mapping[Principal, Grant | None]
    ) -> None:
        """Give each of these so much, or take everything from those without a grant: all of it or nothing.

        Raises `NoOwnerLeft` where users owned the thing, and then none would. In a deployment without transactions
        two changes at once, each of which takes away the owner that the other leaves, are not noticed.
        """

        def work(session: ClientSession | None) -> None:
            users = {each.id: grant for each, grant in changes.items() if each.type == USER}
            if users and not self._keeps_an_owner(kind, resource, users, session):
                raise NoOwnerLeft
            for principal, grant in changes.items():
                if grant is None:
                    self._collection.delete_many(_of(principal, kind, resource), session=session)
                else:
                    query, change = _giving(granted_by, principal, kind, resource, grant)
                    self._collection.update_many(query, change, upsert=True, session=session)

        self._database.atomically(work)

    def _keeps_an_owner(
        self, kind: str, resource: ObjectId, users: Mapping[Any, Grant | None], session: ClientSession | None
    ) -> bool:
        owning = {
            "resourceType": kind,
            "resourceId": resource,
            "principalType": USER,
            "permBits": {"$bitsAllSet": OWNING},
        }
        # Two changes at once write the same documents, so one of them begins again and sees what the other did.
        self._collection.update_many(owning, {"$set": {"updatedAt": now()}}, session=session)
        owners = {each.get("principalId") for each in self._collection.find(owning, session=session)}
        made = any(grant and grant.bits & OWNING == OWNING for grant in users.values())
        return not owners or bool(owners - users.keys()) or made

    def list(self, kind: str, resource: ObjectId, limit: int) -> list[Document]:
        """The grants on a thing, the oldest first, `limit` at most."""
        with translated():
            query = {"resourceType": kind, "resourceId": resource}
            # MongoDB makes the ids of upserts itself: they do not follow each other within a second.
            oldest_first = [("createdAt", ASCENDING), ("_id", ASCENDING)]
            return list(self._collection.find(query).sort(oldest_first).limit(limit))

    def forget(self, kind: str, resources: Iterable[ObjectId]) -> int:
        """Remove every grant on things that are gone; how many there were."""
        with translated():
            query = {"resourceType": kind, "resourceId": {"$in": list(resources)}}
            return self._collection.delete_many(query).deleted_count

    def _grouped(self, query: Document) -> dict[ObjectId, int]:
        stages: list[dict[str, Any]] = [
            {"$match": query},
            {"$group": {"_id": "$resourceId", "bits": {"$push": "$permBits"}}},
            {"$sort": {"_id": DESCENDING}},
            {"$limit": MAX_RESOURCES},
        ]
        with translated():
            found = list(self._collection.aggregate(stages, maxTimeMS=LIST_MS))
        return {
            each["_id"]: reduce(or_, (_bits({"permBits": bits}) for bits in each["bits"]), 0)
            for each in found
        }


def _of(principal: Principal, kind: str, resource: ObjectId) -> Document:
    return {**principal.filter(), "resourceType": kind, "resourceId": resource}


def _giving(
    granted_by: str, principal: Principal, kind: str, resource: ObjectId, grant: Grant
) -> tuple[Document, Document]:
    """The filter and the change that write a grant."""
    moment = now()
    given: Document = {
        "permBits": grant.bits,
        "grantedBy": owner_id(granted_by),
        "grantedAt": moment,
        "updatedAt": moment,
    }
    change: Document = {"$setOnInsert": {"createdAt": moment, "__v": 0, **principal.fields()}}
    if grant.expires_at is not None:
        given["expiredAt"] = grant.expires_at
    if grant.role_id is None:
        change["$unset"] = {"roleId": ""}
    else:
        given["roleId"] = grant.role_id
    return _of(principal, kind, resource), {**change, "$set": given}


def _bits(entry: Document) -> int:
    bits = entry.get("permBits")
    # MongoDB has whole numbers as floats, too, where a script of an operator wrote them.
    return int(bits) if isinstance(bits, int | float) else 0
