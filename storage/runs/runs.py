"""The `echo_runs` collection: which runs of chats there are, and what all of each has said once it is over.

One process works on a run, and every other one can follow it: what the model says is in `storage.runs.pieces`.
All of it is of use for some minutes only; the messages themselves are in `messages`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING, UpdateOne, WriteConcern
from pymongo.collection import Collection
from pymongo.operations import IndexModel

from storage.core.database import Database, Document
from storage.core.repository import Repository, now
from storage.core.translation import translated

RUNNING = "running"
# Where a run stands among those that its owner may have at the same time, as long as it goes on.
PLACE = "place"
# How long after its end a run can still be read from its beginning.
KEPT = timedelta(minutes=5)
# Whatever happens to its process, a run and its pieces are gone after so long: more than the settings let one take.
LONGEST = timedelta(hours=25)


@dataclass(frozen=True)
class RunEnd:
    """How a run ended, and all that it said; `frames` is what `echo.chat` made of it."""

    owner: str
    run_id: str
    status: str
    frames: bytes
    titling: bool = False


class RunRepository(Repository):
    """Runs; `user` is the owner's id as text. Times are those of the process that started the run."""

    collection_name: ClassVar[str] = "echo_runs"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING), ("conversationId", ASCENDING), ("createdAt", DESCENDING)]),
        IndexModel(
            [("user", ASCENDING), ("clientRequestId", ASCENDING)],
            unique=True,
            partialFilterExpression={"clientRequestId": {"$exists": True}},
        ),
        IndexModel(
            [("user", ASCENDING), (PLACE, ASCENDING)],
            unique=True,
            partialFilterExpression={PLACE: {"$exists": True}},
        ),
        IndexModel([("user", ASCENDING), ("status", ASCENDING)]),
        IndexModel([("worker", ASCENDING), ("abortRequested", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._unhurried: Collection[Document] = self._collection.with_options(
            write_concern=WriteConcern(w=1, j=False)
        )

    def insert(
        self,
        owner: str,
        conversation_id: str,
        run_id: str,
        fields: Mapping[str, Any],
        *,
        request_id: str | None,
        place: int | None = None,
    ) -> Document:
        """Insert a run that begins now.

        It waits for no journal: what a run begins with is stored next, and comes later in the same journal.
        Raises `Conflict` when the owner has one for this request of a client's, or (`PLACE`) one that goes on at this
        place.
        """
        moment = now()
        run: Document = {
            **fields,
            "_id": run_id,
            "user": owner,
            "conversationId": conversation_id,
            "status": RUNNING,
            "createdAt": moment,
            "expiresAt": moment + LONGEST,
            **({} if request_id is None else {"clientRequestId": request_id}),
            **({} if place is None else {PLACE: place}),
        }
        with translated():
            self._unhurried.insert_one(run)
        return run

    def leave_places(self, owner: str, run_ids: Sequence[str]) -> None:
        """Let others of the owner's runs have the places of these."""
        with translated():
            self._collection.update_many(
                {"_id": {"$in": list(run_ids)}, "user": owner}, {"$unset": {PLACE: ""}}
            )

    def of_request(self, owner: str, request_id: str) -> Document | None:
        """The run that was started for this request of a client's."""
        return self._newest({"user": owner, "clientRequestId": request_id})

    def newest(
        self, owner: str, conversation_id: str | None = None, *, created_at: datetime | None = None
    ) -> Document | None:
        """The newest run, of one conversation or of all; `created_at` asks for that one and no other."""
        query: Document = {"user": owner}
        if conversation_id is not None:
            query["conversationId"] = conversation_id
        if created_at is not None:
            query["createdAt"] = created_at
        return self._newest(query)

    def _newest(self, query: Document) -> Document | None:
        with translated():
            return self._collection.find_one(
                {**query, "expiresAt": {"$gt": now()}}, sort=[("createdAt", DESCENDING), ("_id", DESCENDING)]
            )

    def between(
        self, owner: str, conversation_id: str, after: int, before: datetime, run_id: str
    ) -> Document | None:
        """The newest run of a conversation that began after `after`, in milliseconds, and before another one."""
        query = {
            "user": owner,
            "conversationId": conversation_id,
            "expiresAt": {"$gt": now()},
            "$or": [{"createdAt": {"$lt": before}}, {"createdAt": before, "_id": {"$lt": run_id}}],
            "$expr": {"$gt": [{"$toLong": "$createdAt"}, after]},
        }
        with translated():
            return self._collection.find_one(
                query, {"frames": 0}, sort=[("createdAt", DESCENDING), ("_id", DESCENDING)]
            )

    def get(self, owner: str, run_id: str) -> Document | None:
        """One run, with all that it said once it is over."""
        with translated():
            return self._collection.find_one({"_id": run_id, "user": owner})

    def running(self, owner: str) -> list[Document]:
        """The runs that have not ended as far as they have said, the oldest first; without their frames."""
        query = {"user": owner, "status": RUNNING, "expiresAt": {"$gt": now()}}
        with translated():
            rows = self._collection.find(query, {"frames": 0})
            return list(rows.sort([("createdAt", ASCENDING), ("_id", ASCENDING)]))

    def request_abort(self, owner: str, run_id: str) -> bool:
        """Ask the process that works on the run to stop; whether it had not ended."""
        with translated():
            changed = self._collection.update_one(
                {"_id": run_id, "user": owner, "status": RUNNING}, {"$set": {"abortRequested": True}}
            )
        return changed.matched_count == 1

    def request_abort_all(self, owner: str, conversation_id: str | None = None) -> int:
        """Ask the processes that work on the owner's runs, of one conversation or of all, to stop; how many go on."""
        query = {"user": owner, "status": RUNNING}
        if conversation_id is not None:
            query["conversationId"] = conversation_id
        with translated():
            changed = self._collection.update_many(query, {"$set": {"abortRequested": True}})
        return changed.matched_count

    def end(self, owner: str, run_id: str, status: str) -> bool:
        """Note that a run that is still running is over; whether it was running."""
        told = {"status": status, "titling": False, "expiresAt": now() + KEPT}
        update = {"$set": told, "$unset": {PLACE: ""}}
        with translated():
            changed = self._collection.update_one({"_id": run_id, "user": owner, "status": RUNNING}, update)
        return changed.modified_count == 1

    def end_titling(self, owner: str, run_id: str) -> None:
        """Note that the run's conversation gets no further title."""
        with translated():
            self._collection.update_one({"_id": run_id, "user": owner}, {"$set": {"titling": False}})

    def delete(self, owner: str, run_id: str) -> None:
        """Delete a run, if it is there."""
        with translated():
            self._collection.delete_one({"_id": run_id, "user": owner})

    def end_all(self, ends: Sequence[RunEnd]) -> None:
        """Note the ends of many runs, whoever's they are."""
        writes: list[UpdateOne] = [UpdateOne(*_ending(end)) for end in ends]
        with translated():
            self._collection.bulk_write(writes, ordered=False)

    def end_unless_waiting(
        self, owner: str, run_id: str, status: str, frames: bytes, *, titling: bool
    ) -> bool:
        """Note the end of a run in which no messages wait (`storage.runs.steers`); whether it is noted.

        From then on none may wait: one write closes the queue and ends the run.
        """
        query, update = _ending(RunEnd(owner, run_id, status, frames, titling=titling))
        with translated():
            ended = self._collection.update_one({**query, "steers.0": {"$exists": False}}, update)
        return ended.matched_count == 1

    def abort_requests(self, worker: str) -> list[str]:
        """The ids of the runs of a process that someone wants to end."""
        query = {"worker": worker, "abortRequested": True, "status": RUNNING}
        with translated():
            return [row["_id"] for row in self._collection.find(query, {"_id": 1})]

    def states(self, run_ids: Sequence[str]) -> dict[str, Document]:
        """Status and process of many runs, whoever's they are, by their ids."""
        with translated():
            rows = self._collection.find({"_id": {"$in": list(run_ids)}}, {"status": 1, "worker": 1})
            return {row["_id"]: row for row in rows}


def _ending(end: RunEnd) -> tuple[Document, Document]:
    """The filter and the update that end a run, once."""
    told = {"status": end.status, "frames": end.frames, "titling": end.titling}
    mine = {"_id": end.run_id, "user": end.owner, "status": RUNNING}
    return mine, {"$set": {**told, "expiresAt": now() + KEPT}, "$unset": {PLACE: ""}}
