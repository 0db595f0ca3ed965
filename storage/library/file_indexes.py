"""Which files are searched, and how far that is: a queue that every worker takes from, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import uuid4

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.leases import take_due
from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

WAITING, WORKING, READY, FAILED = "waiting", "working", "ready", "failed"
# How long a worker may be silent about one; another takes it then.
LEASE = timedelta(minutes=3)
_OPEN = (WAITING, WORKING)


@dataclass(frozen=True)
class Job:
    """A file to be split: whose, which, how often it was tried, and the mark by which a worker holds it."""

    owner: str
    file_id: str
    attempts: int
    token: str


@dataclass(frozen=True)
class IndexState:
    """How far a file is: "waiting", "working", "ready" or "failed", and why it failed.

    `chunks` is how many there are, `model` what embedded them; None where they are found by words.
    """

    state: str
    reason: str | None = None
    chunks: int = 0
    model: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still become something."""
        return self.state in _OPEN


class FileIndexRepository(Repository):
    """One document for each file; `user` is its owner's ObjectId, `_id` the file's id."""

    collection_name: ClassVar[str] = "echo_file_indexes"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("due", ASCENDING)], partialFilterExpression={"due": {"$exists": True}}),
        IndexModel([("user", ASCENDING)]),
    )

    def put(self, owner: str, file_id: str, *, again: bool = False) -> None:
        """Have a file split soon, if it is not there yet; with `again` also if it is ready or has failed."""
        moment = now()
        fresh = {"state": WAITING, "due": moment, "attempts": 0}
        with translated():
            self._collection.update_one(
                {"_id": file_id},
                {"$setOnInsert": {**fresh, "user": owner_id(owner), "createdAt": moment}},
                upsert=True,
            )
            if again:
                self._collection.update_one(
                    {"_id": file_id, "user": owner_id(owner), "state": {"$nin": _OPEN}}, {"$set": fresh}
                )

    def take(self) -> Job | None:
        """One that is due, which no other worker gets until this one is silent; None if there is none."""
        token = str(uuid4())
        taken = take_due(self._collection, LEASE, marks={"state": WORKING, "token": token})
        return Job(str(taken["user"]), taken["_id"], taken["attempts"], token) if taken else None

    def hold(self, job: Job) -> bool:
        """Say that work goes on; False for one that is another worker's now, or whose file has gone."""
        return self._change(job, {"$set": {"due": now() + LEASE}})

    def finish(self, job: Job, *, chunks: int, model: str | None) -> bool:
        """Say that a file can be searched; as `hold`."""
        return self._end(job, {"state": READY, "chunks": chunks, "model": model})

    def fail(self, job: Job, reason: str) -> bool:
        """Say that a file cannot be searched; as `hold`."""
        return self._end(job, {"state": FAILED, "reason": reason, "chunks": 0})

    def postpone(self, job: Job, pause: timedelta) -> None:
        """Have one tried again after so long."""
        self._change(job, {"$set": {"state": WAITING, "due": now() + pause}})

    def states(self, owner: str, file_ids: Sequence[str]) -> dict[str, IndexState]:
        """How far these files of an owner's are, as far as anything is known of them."""
        with translated():
            rows = self._collection.find({"_id": {"$in": [*file_ids]}, "user": owner_id(owner)})
            return {row["_id"]: _state(row) for row in rows}

    def count_chunks(self, owner: str, *, but: str) -> int:
        """How many chunks all files of an owner's have, but for one."""
        stages: list[Mapping[str, Any]] = [
            {"$match": {"user": owner_id(owner), "_id": {"$ne": but}}},
            {"$group": {"_id": None, "chunks": {"$sum": "$chunks"}}},
        ]
        with translated():
            rows = list(self._collection.aggregate(stages))
        return int(rows[0]["chunks"]) if rows else 0

    def delete(self, owner: str, file_ids: Iterable[str]) -> None:
        """Forget files."""
        with translated():
            self._collection.delete_many({"_id": {"$in": [*file_ids]}, "user": owner_id(owner)})

    def _end(self, job: Job, fields: Document) -> bool:
        return self._change(job, {"$set": {**fields, "updatedAt": now()}, "$unset": {"due": "", "token": ""}})

    def _change(self, job: Job, change: Document) -> bool:
        mine = {"_id": job.file_id, "user": owner_id(job.owner), "token": job.token}
        with translated():
            return self._collection.update_one(mine, change).matched_count == 1


def _state(row: Document) -> IndexState:
    return IndexState(row["state"], row.get("reason"), row.get("chunks", 0), row.get("model"))
