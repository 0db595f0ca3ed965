"""The `prompts` collection: the versions of each group of prompts.

As with groups, grants say who may see one; only `list_own` goes by the author.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.portions import SIZE, Query, Reading, read_all
from storage.core.repository import LIST_MS, Repository, found, now, owner_id
from storage.core.translation import translated

NEWEST_FIRST = [("createdAt", DESCENDING), ("_id", DESCENDING)]


class PromptRepository(Repository):
    """Versions of prompts, as LibreChat stores them: they have no number, but an order by their time."""

    collection_name: ClassVar[str] = "prompts"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("groupId", ASCENDING)], background=True),
        IndexModel([("author", ASCENDING)], background=True),
    )

    def create(
        self, owner: str, fields: Mapping[str, Any], *, group: ObjectId, prompt: ObjectId | None = None
    ) -> Document:
        """Insert a version; `fields` has `prompt` and `type`."""
        moment = now()
        document: Document = {
            "_id": prompt or ObjectId(),
            "author": owner_id(owner),
            "groupId": group,
            "prompt": fields["prompt"],
            "type": fields["type"],
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(document)
        return document

    def list_own(self, owner: str) -> Reading:
        """All versions that the owner wrote, the newest first."""
        return read_all(self._collection, Query({"author": owner_id(owner)}, {}, NEWEST_FIRST))

    def list_group(self, group: ObjectId) -> Reading:
        """All versions of a group, the newest first."""
        return read_all(self._collection, Query({"groupId": group}, {}, NEWEST_FIRST))

    def get(self, prompt: ObjectId) -> Document:
        """One version; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"_id": prompt}))

    def find(self, prompt: ObjectId | None) -> Document | None:
        """One version, None if there is none."""
        with translated():
            return self._collection.find_one({"_id": prompt})

    def count(self, group: ObjectId) -> int:
        """How many versions a group has."""
        with translated():
            return self._collection.count_documents({"groupId": group})

    def newest(self, group: ObjectId) -> ObjectId | None:
        """The newest version of a group, None where there is none."""
        with translated():
            row = self._collection.find_one({"groupId": group}, {"_id": 1}, sort=NEWEST_FIRST)
        return row["_id"] if row else None

    def sizes(self, prompts: Iterable[ObjectId]) -> dict[ObjectId, int]:
        """How many bytes each of these has."""
        with translated():
            rows = self._collection.find({"_id": {"$in": list(prompts)}}, {"size": SIZE}, max_time_ms=LIST_MS)
            return {row["_id"]: row["size"] for row in rows}

    def texts(self, prompts: Sequence[ObjectId]) -> dict[ObjectId, Document]:
        """The texts of these versions."""
        with translated():
            rows = self._collection.find({"_id": {"$in": list(prompts)}}, {"prompt": 1}, max_time_ms=LIST_MS)
            return {row["_id"]: row for row in rows}

    def delete(self, prompt: ObjectId) -> int:
        """Delete a version; how many that were: one or none."""
        with translated():
            return self._collection.delete_one({"_id": prompt}).deleted_count

    def delete_group(self, group: ObjectId) -> int:
        """Delete every version of a group; how many there were."""
        with translated():
            return self._collection.delete_many({"groupId": group}).deleted_count
