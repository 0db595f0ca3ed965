"""Whom something can be shared with: users, groups and roles by their ids, and by what somebody looks for."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from bson import ObjectId

from storage.access.principals import GROUP, ROLE, USER, Principal, StoredId
from storage.core.database import Document
from storage.core.repository import Repository
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated

SEARCH_SECONDS = 5.0
# Of each what others may see, and where a text is sought.
SHOWN: Mapping[str, Document] = {
    USER: {"name": 1, "email": 1, "username": 1, "avatar": 1, "provider": 1, "idOnTheSource": 1},
    GROUP: {"name": 1, "email": 1, "avatar": 1, "description": 1, "source": 1, "idOnTheSource": 1},
    ROLE: {"name": 1, "description": 1},
}
SEARCHED: Mapping[str, tuple[str, ...]] = {
    USER: ("name", "email", "username"),
    GROUP: ("name", "email", "description"),
    ROLE: ("name",),
}
COLLECTIONS = {USER: "users", GROUP: "groups", ROLE: "roles"}


class PeopleRepository(Repository):
    """Users, groups and roles, as far as those see them who share something."""

    collection_name: ClassVar[str] = "users"

    def known(self, principals: Iterable[Principal]) -> dict[Principal, Document]:
        """Those of them that exist; a group has a `memberCount`."""
        wanted: dict[str, list[Any]] = {USER: [], GROUP: [], ROLE: []}
        for each in principals:
            if each.type in wanted:
                wanted[each.type].append(each.id)
        found: dict[Principal, Document] = {}
        for kind, ids in wanted.items():
            if ids:
                key = "name" if kind == ROLE else "_id"
                for document in self._read(kind, [{"$match": {key: {"$in": ids}, **_own(kind)}}]):
                    found[Principal(kind, document[key])] = document
        return found

    def search(self, text: str, kind: str, limit: int) -> list[Document]:
        """The first that have a text in their names or addresses, `limit` at most, by their names.

        Raises `TookTooLong`, and `InvalidDocument` for what is no text.
        """
        search, stop, fields = Search(text), Stop(SEARCH_SECONDS), SEARCHED[kind]
        query = {**search.within(*fields), **_own(kind)}
        with stop.over(self._database) as session, translated():
            rows = self._database.collection_elsewhere(COLLECTIONS[kind]).find(
                query, {"name": 1, **dict.fromkeys(fields, 1)}, session=session
            )
            found, _ = search.first(
                limit, rows.sort([("name", 1), ("_id", 1)]), lambda row: map(row.get, fields), stop
            )
        ids = [each["_id"] for each in found]
        documents = {each["_id"]: each for each in self._read(kind, [{"$match": {"_id": {"$in": ids}}}])}
        return [documents[each] for each in ids if each in documents]

    def _read(self, kind: str, stages: list[Document]) -> list[Document]:
        shown = dict(SHOWN[kind])
        if kind == GROUP:
            members = {"$cond": [{"$isArray": "$memberIds"}, {"$size": "$memberIds"}, 0]}
            shown["memberCount"] = members
        with translated():
            return list(
                self._database.collection(COLLECTIONS[kind]).aggregate([*stages, {"$project": shown}])
            )


def _own(kind: str) -> Document:
    """Roles are found by their names, of which each tenant has its own."""
    return {"tenantId": None} if kind == ROLE else {}


def principal_of(kind: str, text: str) -> Principal | None:
    """Somebody by the id that clients send: a role's is its name. None for a text that is no id."""
    if kind == ROLE:
        return Principal(ROLE, text)
    return Principal(kind, ObjectId(text)) if ObjectId.is_valid(text) else None


def principal_in(entry: Document) -> Principal:
    """Whom a grant is for."""
    identifier = entry.get("principalId")
    return Principal(
        str(entry.get("principalType")), identifier if isinstance(identifier, StoredId | str) else None
    )
