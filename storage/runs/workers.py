"""The `echo_run_workers` collection: which processes work on runs."""

from collections.abc import Iterable
from typing import ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.repository import Repository
from storage.core.translation import translated

# A process that has not said so for so long is not there any more.
SILENCE_SECONDS = 10


class WorkerRepository(Repository):
    """Which processes work on runs; no user's. By the server's clock, so that those of the processes may differ."""

    collection_name: ClassVar[str] = "echo_run_workers"
    indexes: ClassVar[tuple[IndexModel, ...]] = (IndexModel([("at", ASCENDING)], expireAfterSeconds=3600),)

    def beat(self, worker: str) -> None:
        """Say that a process is there."""
        with translated():
            self._collection.find_one_and_update({"_id": worker}, [{"$set": {"at": "$$NOW"}}], upsert=True)

    def alive(self, workers: Iterable[str]) -> set[str]:
        """Those of the processes that have said lately that they are there."""
        since = {"$subtract": ["$$NOW", SILENCE_SECONDS * 1000]}
        query = {"_id": {"$in": list(set(workers))}, "$expr": {"$gt": ["$at", since]}}
        with translated():
            return {row["_id"] for row in self._collection.find(query, {"_id": 1})}
