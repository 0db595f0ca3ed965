"""Records of files that are to lie somewhere else. For the command line only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from storage.core.database import Database, Document
from storage.core.translation import translated

# The collections whose records have bytes, and whose the bytes are.
OWNERS = {"files": "user", "skillfiles": "author"}
READ = dict.fromkeys(
    ("file_id", "filename", "filepath", "source", "storageKey", "bytes", "type", "mimeType"), 1
)
PORTION = 200


@dataclass(frozen=True)
class MovableFile:
    """A record as the file store knows records, and where it is."""

    collection: str
    id: ObjectId
    record: Document


class MovingFiles:
    """Finds and changes records of whatever user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, sources: tuple[str, ...]) -> int:
        """How many files are in one of these places."""
        with translated():
            return sum(self._database.collection(name).count_documents(_within(sources)) for name in OWNERS)

    def each(self, sources: tuple[str, ...]) -> Iterator[MovableFile]:
        """The files in one of these places, in the order of their ids; read as they are used."""
        for name, owner in OWNERS.items():
            last: Document = {}
            while True:
                query = {**_within(sources), **last}
                with translated():
                    found = self._database.collection(name).find(query, {**READ, owner: 1})
                    rows = list(found.sort("_id", 1).limit(PORTION))
                for row in rows:
                    kind = row.get("type") or row.get("mimeType")
                    yield MovableFile(name, row["_id"], {**row, "user": str(row.get(owner)), "type": kind})
                if not rows:
                    break
                last = {"_id": {"$gt": rows[-1]["_id"]}}

    def move(self, file: MovableFile, place: Mapping[str, Any]) -> bool:
        """Note where a file is now; False where its record has gone or changed meanwhile."""
        names = ("filepath", "source", "storageKey")
        same = {name: file.record.get(name) for name in names}
        change: Document = {"$set": dict(place)}
        if "storageKey" not in place:
            change["$unset"] = {"storageKey": "", "storageRegion": ""}
        with translated():
            found = self._database.collection(file.collection).update_one({"_id": file.id, **same}, change)
        return found.matched_count == 1

    def is_at(self, file: MovableFile, place: Mapping[str, Any]) -> bool:
        """Whether a record says by now that its file is there."""
        query = {"_id": file.id, "filepath": place["filepath"], "source": place["source"]}
        with translated():
            return self._database.collection(file.collection).find_one(query, {"_id": 1}) is not None


def _within(sources: tuple[str, ...]) -> Document:
    # Records of old versions of LibreChat's do not say that a file is on the disk.
    return {"source": {"$in": [*sources, *([None] if "local" in sources else [])]}}
