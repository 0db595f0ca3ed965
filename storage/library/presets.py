"""The `presets` collection."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.portions import Query, Reading, read_all
from storage.core.repository import Repository, found, now
from storage.core.translation import translated

# LibreChat's place in the list for a preset that has no `order`.
UNORDERED = 10_000
# Made by the server; what a client calls so is never stored.
OWN_FIELDS = {"_id", "presetId", "user", "createdAt", "updatedAt", "__v", "tenantId"}


class PresetRepository(Repository):
    """Presets; `user` is the owner's id as text, as LibreChat has it."""

    collection_name: ClassVar[str] = "presets"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("presetId", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True),
        IndexModel([("user", ASCENDING), ("updatedAt", DESCENDING), ("_id", DESCENDING)], background=True),
    )

    def list(self, owner: str) -> Reading:
        """All presets in LibreChat's order: by `order` (its default preset has 0), then the last changed first."""
        newest_first = [("updatedAt", DESCENDING), ("_id", DESCENDING)]
        return read_all(self._collection, Query({"user": owner}, {}, newest_first, _position, {"order": 1}))

    def get(self, owner: str, preset_id: str) -> Document:
        """One preset; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"presetId": preset_id, "user": owner}))

    def create(self, owner: str, fields: Mapping[str, Any]) -> Document:
        """Insert a preset with these fields."""
        moment = now()
        preset: Document = {
            **{name: value for name, value in fields.items() if name not in OWN_FIELDS},
            "presetId": str(uuid.uuid4()),
            "user": owner,
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(preset)
        return preset

    def delete(self, owner: str, preset_id: str) -> int:
        """Delete one preset; how many that were: one or none."""
        with translated():
            return self._collection.delete_one({"presetId": preset_id, "user": owner}).deleted_count

    def delete_all(self, owner: str) -> int:
        """Delete every preset of the owner; how many there were."""
        with translated():
            return self._collection.delete_many({"user": owner}).deleted_count


def _position(preset: Document) -> float:
    order = preset.get("order")
    return order if isinstance(order, int | float) else UNORDERED
