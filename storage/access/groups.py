"""The `groups` collection: groups of users, local ones and those of a directory such as Entra's."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.access.principals import GROUP, Principal
from storage.core.database import Document
from storage.core.errors import NotFound, TooMany
from storage.core.repository import Repository, found, now
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated

# So many groups of one user count.
MAX_GROUPS = 1000
# So many groups administrators may make, and so many members a group may get from them.
MAX_MADE = 10_000
MAX_MEMBERS = 50_000
# Of so many members a list of groups tells the ids.
MAX_LISTED = 1000
SEARCH_SECONDS = 5.0
SEARCHED = ("name", "email", "description")


class GroupRepository(Repository):
    """Groups, as LibreChat stores them; of a database of several tenants those without a tenant are administered."""

    collection_name: ClassVar[str] = "groups"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("memberIds", ASCENDING), ("tenantId", ASCENDING)], background=True),
        IndexModel(
            [("idOnTheSource", ASCENDING), ("source", ASCENDING), ("tenantId", ASCENDING)],
            unique=True,
            background=True,
            partialFilterExpression={"idOnTheSource": {"$exists": True}},
        ),
    )

    def ids_of(self, owner: str, id_on_the_source: str | None) -> list[ObjectId]:
        """The groups of a user, who is named in them by the id of the directory, or else by the user's own."""
        with translated():
            found = self._collection.find({"memberIds": id_on_the_source or owner}, {"_id": 1})
            return [group["_id"] for group in found.limit(MAX_GROUPS)]

    def names_of(self, owner: str, id_on_the_source: str | None) -> list[str]:
        """What the groups of a user are called: their names, their ids, and those that the directory has for them."""
        shown = {"name": 1, "idOnTheSource": 1}
        with translated():
            found = self._collection.find({"memberIds": id_on_the_source or owner}, shown)
            return [
                str(name)
                for group in found.limit(MAX_GROUPS)
                for name in (group["_id"], group.get("name"), group.get("idOnTheSource"))
                if name
            ]

    def list_page(
        self, *, text: str | None, source: str | None, offset: int, limit: int
    ) -> tuple[list[Document], int]:
        """Groups by name, so many from there on, with the first of their members, and how many there are.

        `text` is a part of name, address or description. Raises `TookTooLong`.
        """
        query: Document = {"tenantId": None, **({"source": source} if source else {})}
        search = Search(text) if text else None
        if search:
            query |= search.within(*SEARCHED)
        shown = {"memberIds": {"$slice": MAX_LISTED}}
        order = [("name", ASCENDING), ("_id", ASCENDING)]
        stop = Stop(SEARCH_SECONDS)
        with stop.over(self._database) as session, translated():
            if search is None or search.exact:
                rows = self._collection.find(query, shown, session=session).sort(order)
                total = self._collection.count_documents(query, session=session)
                return [*rows.skip(offset).limit(limit)], total
            rows = self._collection.find(query, shown, session=session).sort(order)
            every = [*search.holding(rows, lambda row: map(row.get, SEARCHED), stop)]
        return every[offset : offset + limit], len(every)

    def get(self, group_id: str) -> Document:
        """A group with the first of its members; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one(_named(group_id), {"memberIds": {"$slice": MAX_LISTED}}))

    def create(self, fields: Mapping[str, str], member_ids: Sequence[str]) -> Document:
        """A new group: `name`, `source`, and what else is said of it. Raises `Conflict`, `TooMany`."""
        moment = now()
        group = {
            "_id": ObjectId(),
            **_described(fields),
            **{name: fields[name] for name in ("source", "idOnTheSource") if name in fields},
            "memberIds": list(dict.fromkeys(member_ids)),
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            if self._collection.count_documents({"tenantId": None}, limit=MAX_MADE) >= MAX_MADE:
                raise TooMany("groups", MAX_MADE)
            self._collection.insert_one(group)
        return group

    def describe(self, group_id: str, fields: Mapping[str, str]) -> Document:
        """Change what is said of a group; raises `NotFound`."""
        return self._change(group_id, {"$set": {**_described(fields), "updatedAt": now()}})

    def member_ids(self, group_id: str, offset: int, limit: int) -> tuple[list[str], int]:
        """So many members from there on as the group names them, and how many there are. Raises `NotFound`."""
        members = {"$cond": [{"$isArray": "$memberIds"}, "$memberIds", []]}
        stages: list[Any] = [
            {"$match": _named(group_id)},
            {"$project": {"ids": {"$slice": [members, offset, limit]}, "total": {"$size": members}}},
        ]
        with translated():
            group = found(next(iter(self._collection.aggregate(stages)), None))
        return [each for each in group["ids"] if isinstance(each, str)], group["total"]

    def add_member(self, group_id: str, names: Sequence[str]) -> Document:
        """Add a member by the first of a user's names, unless one of them is there. Raises `NotFound`, `TooMany`."""
        full = {f"memberIds.{MAX_MEMBERS - 1}": {"$exists": True}}
        with translated():
            group = found(self._collection.find_one(_named(group_id), {"_id": 1}))
            if self._collection.find_one({"_id": group["_id"], **full}, {"_id": 1}):
                raise TooMany("members", MAX_MEMBERS)
            self._collection.update_one(
                {"_id": group["_id"], "memberIds": {"$nin": list(names)}},
                {"$addToSet": {"memberIds": names[0]}, "$set": {"updatedAt": now()}},
            )
        return self.get(group_id)

    def remove_member(self, group_id: str, names: Sequence[str]) -> Document:
        """Remove a member by any of these names; raises `NotFound` where there is no such group."""
        return self._change(
            group_id, {"$pull": {"memberIds": {"$in": list(names)}}, "$set": {"updatedAt": now()}}
        )

    def delete(self, group_id: str) -> Document:
        """Remove a group with what was shared with it, granted to it and changed for it. Raises `NotFound`."""
        group = self.get(group_id)
        principal = Principal(GROUP, group["_id"])
        both = {"principalType": GROUP, "principalId": {"$in": [principal.id, str(principal.id)]}}
        with translated():
            for name in ("systemgrants", "aclentries", "configs"):
                self._database.collection(name).delete_many(both)
            self._collection.delete_one({"_id": group["_id"]})
        return group

    def _change(self, group_id: str, update: Document) -> Document:
        with translated():
            return found(
                self._collection.find_one_and_update(
                    _named(group_id),
                    update,
                    {"memberIds": {"$slice": MAX_LISTED}},
                    return_document=ReturnDocument.AFTER,
                )
            )


def _described(fields: Mapping[str, str]) -> Document:
    return {name: fields[name] for name in ("name", "description", "email", "avatar") if name in fields}


def _named(group_id: str) -> Document:
    if not ObjectId.is_valid(group_id):
        raise NotFound
    return {"_id": ObjectId(group_id), "tenantId": None}
