"""Messages that were sent while an answer was being made: they wait in its run, which is in `echo_runs`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pymongo import DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.repository import Repository, now
from storage.core.translation import translated
from storage.runs.runs import RUNNING

# LibreChat's limit, for each run.
MOST_WAITING = 10
# How many of those that were taken back are known, so that a client may ask twice.
MOST_CANCELLED = 50
# The same for those that were put before the model.
MOST_APPLIED = 50
# How many of a conversation's runs are looked through for what they left.
MOST_RUNS = 3
WAITING = ("steerId", "clientSteerId", "text", "createdAt", "files")


@dataclass(frozen=True)
class Steer:
    """A message that waits. `client_id` is of the client's making, so that one sent twice waits once."""

    steer_id: str
    client_id: str | None
    text: str
    created_at: int
    files: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Waiting:
    """What became of adding a message: its place in the queue, counted from 1, and the message as it waits.

    `added` is "again" for one that waits already, "applied" for one that a model has been told; "full" and "over" say
    why it does not wait.
    """

    added: Literal["new", "again", "applied", "full", "over"]
    position: int = 0
    steer: Mapping[str, Any] | None = None


class SteerRepository(Repository):
    """The queues of runs; each change is one operation on one document, whichever process asks for it."""

    collection_name: ClassVar[str] = "echo_runs"
    indexes: ClassVar[tuple[IndexModel, ...]] = ()

    def add(self, owner: str, run_id: str, steer: Steer) -> Waiting:
        """Let a message wait in a run that has not ended."""
        row: Document = {"steerId": steer.steer_id, "text": steer.text, "createdAt": steer.created_at}
        if steer.client_id is not None:
            row["clientSteerId"] = steer.client_id
        if steer.files:
            row["files"] = [dict(each) for each in steer.files]
        query: Document = {
            "_id": run_id,
            "user": owner,
            "status": RUNNING,
            "steersClosed": {"$ne": True},
            f"steers.{MOST_WAITING - 1}": {"$exists": False},
        }
        if steer.client_id is not None:
            query["steers.clientSteerId"] = {"$ne": steer.client_id}
            query["steersApplied.clientSteerId"] = {"$ne": steer.client_id}
        with translated():
            run = self._collection.find_one_and_update(
                query, {"$push": {"steers": row}}, {"steers": 1}, return_document=ReturnDocument.AFTER
            )
            if run is not None:
                return Waiting("new", len(run["steers"]), row)
            run = self._collection.find_one(
                {"_id": run_id, "user": owner},
                {"steers": 1, "steersApplied": 1, "status": 1, "steersClosed": 1},
            )
        return _why_not(run or {}, steer)

    def pending(self, owner: str, run_id: str) -> list[Document]:
        """The messages that wait in a run, the oldest first."""
        with translated():
            run = self._collection.find_one({"_id": run_id, "user": owner}, {"steers": 1})
        return waiting_in([run] if run else [])

    def apply(self, owner: str, run_id: str, steer_ids: Sequence[str]) -> list[Document]:
        """Take these messages out of the queue, for the model; those that were still there, the oldest first."""
        chosen = {"$and": [{"$in": ["$$this.steerId", list(steer_ids)]}, {"$not": ["$$this.takenBy"]}]}
        queue = {"$ifNull": ["$steers", []]}
        taken = {"$filter": {"input": queue, "cond": chosen}}
        applied = {"$concatArrays": [{"$ifNull": ["$steersApplied", []]}, taken]}
        kept = {"$filter": {"input": queue, "cond": {"$not": [chosen]}}}
        change = {"$set": {"steersApplied": {"$slice": [applied, -MOST_APPLIED]}, "steers": kept}}
        with translated():
            run = self._collection.find_one_and_update(
                {"_id": run_id, "user": owner}, [change], {"steers": 1}
            )
        return [row for row in waiting_in([run] if run else []) if row["steerId"] in steer_ids]

    def close(self, owner: str, run_id: str) -> list[Document]:
        """Let no more messages wait in a run; those that do."""
        with translated():
            run = self._collection.find_one_and_update(
                {"_id": run_id, "user": owner}, {"$set": {"steersClosed": True}}, {"steers": 1}
            )
        return waiting_in([run] if run else [])

    def cancel(self, owner: str, conversation_id: str, steer_id: str) -> bool:
        """Take a message out of its queue, also when the run has ended; whether it was there, now or before."""
        mine: Document = {"user": owner, "conversationId": conversation_id}
        cancelled = {"$each": [steer_id], "$slice": -MOST_CANCELLED}
        with translated():
            changed = self._collection.update_one(
                {**mine, "steers.steerId": steer_id},
                {"$pull": {"steers": {"steerId": steer_id}}, "$push": {"steersCancelled": cancelled}},
            )
            if changed.modified_count:
                return True
            return self._collection.find_one({**mine, "steersCancelled": steer_id}, {"_id": 1}) is not None

    def left(self, owner: str, conversation_id: str) -> list[Document]:
        """The messages that runs of a conversation have left, the oldest first."""
        query = {
            "user": owner,
            "conversationId": conversation_id,
            "expiresAt": {"$gt": now()},
            "steers.0": {"$exists": True},
        }
        with translated():
            rows = self._collection.find(query, {"steers": 1}).sort([("createdAt", DESCENDING)])
            return waiting_in(list(rows.limit(MOST_RUNS))[::-1])

    def forget(self, owner: str, conversation_id: str) -> None:
        """Empty the queues of a conversation's runs."""
        with translated():
            self._collection.update_many(
                {"user": owner, "conversationId": conversation_id, "steers.0": {"$exists": True}},
                {"$set": {"steers": []}},
            )

    def take(self, owner: str, conversation_id: str, steer_id: str, request_id: str) -> bool:
        """Note that a request asks what a message says; False if another request has.

        True also for a message that is not there (any more): nobody else asks it then.
        """
        mine: Document = {"user": owner, "conversationId": conversation_id}
        free = {"steerId": steer_id, "takenBy": {"$in": [None, request_id]}}
        with translated():
            changed = self._collection.update_one(
                {**mine, "steers": {"$elemMatch": free}}, {"$set": {"steers.$.takenBy": request_id}}
            )
            if changed.matched_count:
                return True
            return self._collection.find_one({**mine, "steers.steerId": steer_id}, {"_id": 1}) is None

    def give_back(self, owner: str, conversation_id: str, steer_id: str, request_id: str) -> None:
        """Undo `take`."""
        taken = {"steerId": steer_id, "takenBy": request_id}
        with translated():
            self._collection.update_one(
                {"user": owner, "conversationId": conversation_id, "steers": {"$elemMatch": taken}},
                {"$unset": {"steers.$.takenBy": ""}},
            )


def waiting_in(runs: Sequence[Document]) -> list[Document]:
    """The messages that wait in runs, as clients get them."""
    rows = [row for run in runs for row in run.get("steers", ()) if row.get("takenBy") is None]
    return [{name: row[name] for name in WAITING if name in row} for row in rows]


def _why_not(run: Document, steer: Steer) -> Waiting:
    steers = run.get("steers", [])
    for position, row in enumerate(steers, 1):
        if steer.client_id is not None and row.get("clientSteerId") == steer.client_id:
            return Waiting("again", position, row)
    for row in run.get("steersApplied", []):
        if steer.client_id is not None and row.get("clientSteerId") == steer.client_id:
            return Waiting("applied", 1, row)
    if run.get("status") == RUNNING and not run.get("steersClosed") and len(steers) >= MOST_WAITING:
        return Waiting("full")
    return Waiting("over")
