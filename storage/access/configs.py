"""The `configs` collection: what administrators changed of the configuration, for everybody or for some.

Nothing here goes by an owner: administrators write for a role, a group or a user.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.access.principals import MODELS
from storage.core.database import Document
from storage.core.errors import Conflict, TooMany
from storage.core.repository import Repository, now
from storage.core.translation import translated

# All of them are read together, every few seconds.
MAX_CONFIGS = 200


@dataclass(frozen=True)
class Overrides:
    """What is changed for one: values by section, paths that are taken away, and the rank among others."""

    values: Mapping[str, Any] = field(default_factory=dict)
    tombstones: Sequence[str] = ()
    priority: float = 10
    is_active: bool = True


class ConfigRepository(Repository):
    """Overrides, as LibreChat stores them: one document for each of those whom they are for, by type and id."""

    collection_name: ClassVar[str] = "configs"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(
            [("principalType", ASCENDING), ("principalId", ASCENDING), ("tenantId", ASCENDING)],
            unique=True,
            background=True,
        ),
        IndexModel(
            [
                ("principalType", ASCENDING),
                ("principalId", ASCENDING),
                ("isActive", ASCENDING),
                ("tenantId", ASCENDING),
            ],
            background=True,
        ),
        IndexModel(
            [("priority", ASCENDING), ("isActive", ASCENDING), ("tenantId", ASCENDING)], background=True
        ),
    )

    def find(self, kind: str, principal_id: str) -> Document | None:
        """The overrides for one, active or not; None if there are none."""
        with translated():
            return self._collection.find_one(_for(kind, principal_id))

    def list(self, *, only_active: bool = False) -> Sequence[Document]:
        """All of them, those that win last; 200 at most."""
        query: Document = {"tenantId": None, **({"isActive": True} if only_active else {})}
        with translated():
            rows = self._collection.find(query).sort([("priority", ASCENDING), ("_id", ASCENDING)])
            return [*rows.limit(MAX_CONFIGS)]

    def put(self, kind: str, principal_id: str, overrides: Overrides, *, seen: Document | None) -> Document:
        """Store them where nothing else was stored since `seen` was read (None: there were none yet).

        Raises `Conflict` where something was, and `TooMany`.
        """
        fields = {
            "overrides": dict(overrides.values),
            "tombstones": [*overrides.tombstones],
            "priority": overrides.priority,
            "isActive": overrides.is_active,
            "updatedAt": now(),
        }
        if seen is None:
            return self._insert(kind, principal_id, fields)
        with translated():
            changed = self._collection.find_one_and_update(
                {"_id": seen["_id"], "configVersion": seen.get("configVersion")},
                {"$set": fields, "$inc": {"configVersion": 1}},
                return_document=ReturnDocument.AFTER,
            )
        if changed is None:
            raise Conflict("configVersion")
        return changed

    def _insert(self, kind: str, principal_id: str, fields: Document) -> Document:
        new = {
            "_id": ObjectId(),
            "principalType": kind,
            "principalId": principal_id,
            "principalModel": MODELS[kind],
            **fields,
            "configVersion": 1,
            "createdAt": fields["updatedAt"],
            "__v": 0,
        }
        with translated():
            if self._collection.count_documents({"tenantId": None}, limit=MAX_CONFIGS) >= MAX_CONFIGS:
                raise TooMany("configurations", MAX_CONFIGS)
            self._collection.insert_one(new)
        return new

    def delete(self, kind: str, principal_id: str, *, only_empty: bool = False) -> bool:
        """Remove what is stored for one, or only if nothing is in it; whether there was such a thing."""
        empty: Document = {"overrides": {}, "tombstones": []} if only_empty else {}
        with translated():
            return self._collection.delete_one({**_for(kind, principal_id), **empty}).deleted_count > 0


def _for(kind: str, principal_id: str) -> Document:
    return {"principalType": kind, "principalId": principal_id, "tenantId": None}
