"""The `presets` collection."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.portions import Query, Reading, read_all
from storage.core.repository import Repository, found, now
from storage.core.translation import translated

# LibreChat's place in the list for a preset that has no `order`.
UNORDERED = 10_000
# Made by the server; what a client calls so is never stored.
OWN_FIELDS = {"_id", "presetId", "user", "createdAt", "updatedAt", "__v", "tenantId"}
# What LibreChat's model puts into a new one, and what makes one the default.
NEW: Mapping[str, Any] = {"endpoint": None, "title": "New Chat", "isArchived": False, "tags": []}
DEFAULT: Mapping[str, Any] = {"defaultPreset": True, "order": 0}


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

    def save(
        self, owner: str, preset_id: str | None, fields: Mapping[str, Any], *, is_default: bool | None = None
    ) -> Document:
        """Change the owner's preset of that id, or insert one where the owner has none, under an id of its own.

        A field that is None is emptied. A default preset comes first in the list, and there is one at most; False
        makes an ordinary one of it, None leaves it as it is.
        """
        saved = self._change(owner, preset_id, fields, is_default) if preset_id else None
        if saved is None:
            new = {name: value for name, value in fields.items() if value is not None}
            saved = self.create(owner, {**NEW, **new, **(DEFAULT if is_default else {})})
        if is_default:
            others = {"user": owner, "defaultPreset": True, "presetId": {"$ne": saved["presetId"]}}
            with translated():
                self._collection.update_many(others, {"$unset": dict.fromkeys(DEFAULT, "")})
        return saved

    def _change(
        self, owner: str, preset_id: str, fields: Mapping[str, Any], is_default: bool | None
    ) -> Document | None:
        values = {name: value for name, value in fields.items() if name not in OWN_FIELDS}
        if is_default is not None:
            values |= DEFAULT if is_default else dict.fromkeys(DEFAULT)
        emptied = [name for name, value in values.items() if value is None and name != "endpoint"]
        kept = {name: value for name, value in values.items() if name not in emptied}
        change: Document = {"$set": {**kept, "updatedAt": now()}}
        if emptied:
            change["$unset"] = dict.fromkeys(emptied, "")
        with translated():
            return self._collection.find_one_and_update(
                {"presetId": preset_id, "user": owner}, change, return_document=ReturnDocument.AFTER
            )

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
