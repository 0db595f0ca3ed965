"""The `pluginauths` collection: what users bring for tools and MCP servers, encrypted by who calls."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from pymongo import ASCENDING, UpdateOne
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import TooMany
from storage.core.repository import Repository, now
from storage.core.translation import translated

# Of all tools and servers together.
MAX_VALUES = 500
# LibreChat has no unique index here. Where two writers have made doubles, the first of them is read and written.
FIRST = [("_id", ASCENDING)]


class PluginAuthRepository(Repository):
    """One value for each field of a plugin; `userId` is the owner's id as text, as LibreChat has it.

    A plugin is a tool by its key, or an MCP server as `mcp_<name>`; its fields are names of variables.
    """

    collection_name: ClassVar[str] = "pluginauths"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("tenantId", ASCENDING)], background=True),
        IndexModel(
            [
                ("userId", ASCENDING),
                ("pluginKey", ASCENDING),
                ("authField", ASCENDING),
                ("tenantId", ASCENDING),
            ],
            background=True,
        ),
    )

    def get(self, owner: str, plugin: str) -> dict[str, str]:
        """The values of a plugin by their fields, as they were put."""
        return self._values({"userId": owner, "pluginKey": plugin})

    def get_fields(self, owner: str, names: Iterable[str]) -> dict[str, str]:
        """The values of these fields, whichever plugin they were put for: tools share keys by their names."""
        return self._values({"userId": owner, "authField": {"$in": list(names)}})

    def set(self, owner: str, plugin: str, values: Mapping[str, str]) -> None:
        """Store values in place of earlier ones of these fields; others stay. Raises `TooMany`."""
        mine: Document = {"userId": owner, "pluginKey": plugin}
        moment = now()
        writes = [
            UpdateOne(
                {**mine, "authField": name},
                {
                    "$set": {"value": value, "updatedAt": moment},
                    "$setOnInsert": {"createdAt": moment, "__v": 0},
                },
                upsert=True,
            )
            for name, value in values.items()
        ]
        with translated():
            others = {"userId": owner, "$nor": [{**mine, "authField": {"$in": list(values)}}]}
            if self._collection.count_documents(others, limit=MAX_VALUES) + len(writes) > MAX_VALUES:
                raise TooMany("values for tools", MAX_VALUES)
            if writes:
                self._collection.bulk_write(writes)

    def delete(self, owner: str, plugin: str, names: Iterable[str] | None = None) -> int:
        """Delete these fields of a plugin, or all of them; how many documents that were."""
        query: Document = {"userId": owner, "pluginKey": plugin}
        if names is not None:
            query["authField"] = {"$in": list(names)}
        with translated():
            return self._collection.delete_many(query).deleted_count

    def _values(self, query: Document) -> dict[str, str]:
        found: dict[str, str] = {}
        with translated():
            rows = self._collection.find(query, {"authField": 1, "value": 1})
            for each in rows.sort(FIRST).limit(2 * MAX_VALUES):
                found.setdefault(str(each.get("authField")), str(each.get("value")))
        return found
