"""The `mcpservers` collection: MCP servers that users have added, as LibreChat stores them.

Who may do what with a server is what `aclentries` says, not its author.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.repository import LIST_MS, Repository, found, now, owner_id
from storage.core.translation import translated

# So many servers a list has at most: LibreChat's has all.
MAX_LISTED = 500
# How often a name is chosen again that somebody else has taken meanwhile.
ATTEMPTS = 5


class McpServerRepository(Repository):
    """Servers by their `serverName`, which is unique; `config` is encrypted in parts by who calls."""

    collection_name: ClassVar[str] = "mcpservers"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("serverName", ASCENDING)], background=True),
        IndexModel([("author", ASCENDING)], background=True),
        IndexModel([("tenantId", ASCENDING)], background=True),
        IndexModel([("serverName", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True),
        IndexModel(
            [("normalizedServerName", ASCENDING), ("tenantId", ASCENDING)],
            unique=True,
            background=True,
            partialFilterExpression={"normalizedServerName": {"$exists": True}},
        ),
        IndexModel([("updatedAt", DESCENDING), ("_id", ASCENDING)], background=True),
    )

    def listed(self, ids: Iterable[ObjectId]) -> list[Document]:
        """Those of these that there are, the last changed first."""
        with translated():
            rows = self._collection.find({"_id": {"$in": list(ids)}}).max_time_ms(LIST_MS)
            return list(rows.sort([("updatedAt", DESCENDING), ("_id", ASCENDING)]).limit(MAX_LISTED))

    def named(self, names: Iterable[str]) -> list[Document]:
        """Those of these names that there are."""
        with translated():
            rows = self._collection.find({"serverName": {"$in": list(names)}}).max_time_ms(LIST_MS)
            return list(rows.limit(MAX_LISTED))

    def get(self, name: str) -> Document:
        """One server; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"serverName": name}))

    def make(self, owner: str) -> Document:
        """A new server that is not stored yet: its grants, which name its `_id`, must be there before it."""
        moment = now()
        return {
            "_id": ObjectId(),
            "author": owner_id(owner),
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }

    def insert(
        self, owner: str, made: Document, base: str, config: Mapping[str, Any], taken: Collection[str]
    ) -> Document:
        """Store what `make` made under this name, or the first free one like it: `base-2` and so on.

        Raises `Conflict` where others take every name that is chosen.
        """
        for _ in range(ATTEMPTS):
            name = self._free_name(base, taken)
            named = {"serverName": name, "normalizedServerName": name, "config": dict(config)}
            server = {**made, **named, "author": owner_id(owner)}
            try:
                with translated():
                    self._collection.insert_one(server)
            except Conflict:
                continue
            return server
        raise Conflict("serverName")

    def update(self, server_id: ObjectId, config: Mapping[str, Any]) -> Document:
        """Store another configuration; raises `NotFound`."""
        change = {"$set": {"config": dict(config), "updatedAt": now()}}
        with translated():
            return found(
                self._collection.find_one_and_update(
                    {"_id": server_id}, change, return_document=ReturnDocument.AFTER
                )
            )

    def delete(self, server_id: ObjectId) -> bool:
        """Delete a server; whether it was there."""
        with translated():
            return self._collection.delete_one({"_id": server_id}).deleted_count == 1

    def _free_name(self, base: str, taken: Collection[str]) -> str:
        like = re.compile(rf"{re.escape(base)}(-[0-9]+)?")
        with translated():
            rows = self._collection.find(
                {"serverName": {"$regex": f"^{re.escape(base)}(-[0-9]+)?$"}}, {"serverName": 1}
            )
            names = {str(each["serverName"]) for each in rows.max_time_ms(LIST_MS)}
        names |= {each for each in taken if like.fullmatch(each)}
        if not names:
            return base
        numbers = (each.rpartition("-")[2] for each in names if each != base)
        return f"{base}-{max([1, *(int(number[:9]) for number in numbers if number.isdigit())]) + 1}"
