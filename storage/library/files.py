"""The `files` collection: what is known of each stored file; the bytes are on disk."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.portions import Query, Reading, read_all
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated


class FileRepository(Repository):
    """File records; `user` is the owner's ObjectId, as LibreChat has it."""

    collection_name: ClassVar[str] = "files"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("file_id", ASCENDING)], background=True),
        IndexModel([("user", ASCENDING)], background=True),
        # LibreChat's own: it marks unused uploads for removal after an hour. Echo never sets the field.
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=3600, background=True),
        IndexModel([("user", ASCENDING), ("updatedAt", DESCENDING), ("_id", DESCENDING)], background=True),
    )

    def insert(self, owner: str, record: Mapping[str, Any]) -> Document:
        """Insert a record."""
        moment = now()
        document: Document = {
            **record,
            "user": owner_id(owner),
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(document)
        return document

    def of_agent_listed(self, file_ids: Sequence[str]) -> Reading:
        """The records of an agent's files, the last changed first, without `text`; whose they are does not matter."""
        newest_first = [("updatedAt", DESCENDING), ("_id", DESCENDING)]
        return read_all(self._collection, Query({"file_id": {"$in": [*file_ids]}}, {"text": 0}, newest_first))

    def hold(self, owner: str, file_ids: Sequence[str], seconds: float) -> int:
        """Keep uploads of LibreChat's, which no message has yet, for so long after they came; how many there are.

        As in LibreChat: files that wait with a message in a queue, and that would be removed as unused meanwhile.
        """
        query = {"user": owner_id(owner), "file_id": {"$in": [*file_ids]}, "expiresAt": {"$type": "date"}}
        until = {"$add": ["$createdAt", int(seconds * 1000)]}
        with translated():
            change = [{"$set": {"expiresAt": {"$max": ["$expiresAt", until]}}}]
            return self._collection.update_many(query, change).matched_count

    def list(self, owner: str) -> Reading:
        """All records, the last changed first; without `text`, where LibreChat keeps whole contents."""
        newest_first = [("updatedAt", DESCENDING), ("_id", DESCENDING)]
        return read_all(self._collection, Query({"user": owner_id(owner)}, {"text": 0}, newest_first))

    def get(self, owner: str, file_id: str) -> Document:
        """One record; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"file_id": file_id, "user": owner_id(owner)}))

    def find(self, owner: str, file_id: str) -> Document | None:
        """One record; None where there is none."""
        with translated():
            return self._collection.find_one({"file_id": file_id, "user": owner_id(owner)})

    def owned(self, owner: str, file_ids: Collection[str]) -> set[str]:
        """Those of the ids that are files of the owner's."""
        if not file_ids:
            return set()
        with translated():
            query = {"user": owner_id(owner), "file_id": {"$in": list(file_ids)}}
            return {each["file_id"] for each in self._collection.find(query, {"file_id": 1})}

    def of_agent(self, file_ids: Sequence[str]) -> Sequence[Document]:
        """The files that an agent has, in this order, for whoever may use it: whose they are does not matter."""
        if not file_ids:
            return []
        with translated():
            rows = self._collection.find({"file_id": {"$in": list(file_ids)}})
            by_id = {each["file_id"]: each for each in rows}
        return [by_id[each] for each in file_ids if each in by_id]

    def use(self, owner: str, file_ids: Sequence[str]) -> None:
        """Note that a message has these files, as LibreChat does: they are not removed as unused uploads any more."""
        update = {
            "$inc": {"usage": 1},
            "$set": {"updatedAt": now()},
            "$unset": {"expiresAt": "", "temp_file_id": ""},
        }
        with translated():
            self._collection.update_many({"user": owner_id(owner), "file_id": {"$in": [*file_ids]}}, update)

    def note_status(self, owner: str, file_id: str, status: str) -> None:
        """Note how far a file is that is made ready for a search (LibreChat's "pending", "ready", "failed")."""
        query = {"user": owner_id(owner), "file_id": file_id, "status": {"$exists": True}}
        with translated():
            self._collection.update_one(query, {"$set": {"status": status}})

    def delete(self, owner: str, file_id: str) -> Document | None:
        """Delete a record; what it was, None if there was none."""
        with translated():
            return self._collection.find_one_and_delete({"file_id": file_id, "user": owner_id(owner)})
