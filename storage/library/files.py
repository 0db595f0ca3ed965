"""The `files` collection: what is known of each stored file; the bytes are on disk."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.portions import Query, Reading, read_all
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

# LibreChat's word for what a program of a model has left.
MADE_BY_CODE = "execute_code"
# What it becomes when a newer file has its name: it stays a file of its owner's, and of the answer that has it.
SUPERSEDED = "message_attachment"
# How often a name is asked for again that others take at the same moment.
TRIES = 3


class FileRepository(Repository):
    """File records; `user` is the owner's ObjectId, as LibreChat has it."""

    collection_name: ClassVar[str] = "files"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("file_id", ASCENDING)], background=True),
        IndexModel([("user", ASCENDING)], background=True),
        # LibreChat's own: it marks unused uploads for removal after an hour. Echo never sets the field.
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=3600, background=True),
        IndexModel([("user", ASCENDING), ("updatedAt", DESCENDING), ("_id", DESCENDING)], background=True),
        # LibreChat's: of the files that code has made in a conversation one has each name.
        IndexModel(
            [
                ("filename", ASCENDING),
                ("conversationId", ASCENDING),
                ("context", ASCENDING),
                ("tenantId", ASCENDING),
            ],
            unique=True,
            partialFilterExpression={"context": MADE_BY_CODE},
        ),
        # Echo's own: who may download what the code interpreter has.
        IndexModel(
            [("user", ASCENDING), ("metadata.codeEnvRef.file_id", ASCENDING)],
            partialFilterExpression={"metadata.codeEnvRef.file_id": {"$exists": True}},
        ),
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

    def insert_made(self, owner: str, conversation_id: str, record: Mapping[str, Any]) -> Document:
        """Insert what a program left in a conversation; an earlier file of that name makes room for it.

        Where others take the name again and again, as somebody with a conversation of the same id may, the file is
        one of the answer only, and programs of later answers find the other one.
        """
        made = {**record, "conversationId": conversation_id, "context": MADE_BY_CODE}
        same = {name: made[name] for name in ("filename", "conversationId", "context")}
        for _ in range(TRIES):
            with translated():
                change = {"$set": {"context": SUPERSEDED}}
                self._collection.update_many({"user": owner_id(owner), **same}, change)
            with suppress(Conflict):
                return self.insert(owner, made)
        return self.insert(owner, {**made, "context": SUPERSEDED})

    def find_made(self, owner: str, session: str, file_id: str) -> Document:
        """The record of what the code interpreter has, by its own names for it; raises `NotFound`."""
        ref = "metadata.codeEnvRef"
        query = {"user": owner_id(owner), f"{ref}.file_id": file_id, f"{ref}.storage_session_id": session}
        with translated():
            return found(self._collection.find_one(query))

    def note_metadata(self, owner: str, file_id: str, metadata: Mapping[str, Any]) -> None:
        """Note where the code interpreter has a file, with all else that is said beside its record."""
        query = {"user": owner_id(owner), "file_id": file_id}
        with translated():
            self._collection.update_one(query, {"$set": {"metadata": {**metadata}}})

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

    def for_code(self, owner: str, file_ids: Sequence[str]) -> Sequence[Document]:
        """Those of the files that the code interpreter has, or had, in this order; without `text`."""
        if not file_ids:
            return []
        has = [{f"metadata.{name}": {"$exists": True}} for name in ("codeEnvRef", "fileIdentifier")]
        query = {"user": owner_id(owner), "file_id": {"$in": [*file_ids]}, "$or": has}
        with translated():
            by_id = {each["file_id"]: each for each in self._collection.find(query, {"text": 0})}
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
