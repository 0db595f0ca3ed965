"""Which MCP servers each process of Echo is connected to, for the others: in collections of Echo's."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import ClassVar

from pymongo import ASCENDING, DeleteOne, UpdateOne
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.repository import LIST_MS, Repository, now
from storage.core.translation import translated

CONNECTED, CONNECTING = "connected", "connecting"
# A process that has not said for so long that it is there is gone, and its connections with it.
ALIVE = timedelta(seconds=45)
# How long it is remembered that a server wants to know who its users are.
REMEMBERED = timedelta(days=30)
MAX_STATES = 5000
Line = tuple[str | None, str]


class McpStateRepository(Repository):
    """A state for each process, user and server; `user` is None for connections that all users share."""

    collection_name: ClassVar[str] = "echo_mcp_states"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("user", ASCENDING)], background=True),
        IndexModel([("worker", ASCENDING)], background=True),
    )

    def of(self, owner: str) -> dict[str, str]:
        """How things stand with the user's connections and the shared ones, in any process, by server."""
        query: Document = {"user": {"$in": [owner, None]}, "expiresAt": {"$gt": now()}}
        with translated():
            rows = list(self._collection.find(query).max_time_ms(LIST_MS).limit(MAX_STATES))
        found: dict[str, str] = {}
        for each in rows:
            if found.get(each["server"]) != CONNECTED:
                found[each["server"]] = str(each["state"])
        return found

    def tell(self, worker: str, states: Mapping[Line, str], ended: Iterable[Line]) -> None:
        """Say what has changed among a process's connections, by user and server."""
        until = now() + ALIVE
        writes: list[UpdateOne | DeleteOne] = [
            UpdateOne(
                {"_id": _id(worker, line)},
                {
                    "$set": {
                        "worker": worker,
                        "user": line[0],
                        "server": line[1],
                        "state": state,
                        "expiresAt": until,
                    }
                },
                upsert=True,
            )
            for line, state in states.items()
        ]
        writes += [DeleteOne({"_id": _id(worker, line)}) for line in ended]
        if writes:
            with translated():
                self._collection.bulk_write(writes, ordered=False)

    def keep(self, worker: str) -> int:
        """Say that a process is still there; how many of its states are."""
        with translated():
            done = self._collection.update_many({"worker": worker}, {"$set": {"expiresAt": now() + ALIVE}})
        return done.matched_count

    def forget(self, worker: str) -> None:
        """Remove what a process has said: it ends."""
        with translated():
            self._collection.delete_many({"worker": worker})


class McpFindingRepository(Repository):
    """Servers that have asked for a login though nobody had said so, by a mark of each."""

    collection_name: ClassVar[str] = "echo_mcp_findings"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
    )

    def among(self, marks: Iterable[str]) -> set[str]:
        """Those of these that have asked for a login."""
        query: Document = {"_id": {"$in": list(marks)}, "expiresAt": {"$gt": now()}}
        with translated():
            return {str(each["_id"]) for each in self._collection.find(query).max_time_ms(LIST_MS)}

    def add(self, mark: str) -> None:
        """Remember one."""
        change = {"$set": {"expiresAt": now() + REMEMBERED}}
        with translated():
            self._collection.update_one({"_id": mark}, change, upsert=True)

    def drop(self, mark: str) -> None:
        """Forget one that asks for none."""
        with translated():
            self._collection.delete_one({"_id": mark})


def _id(worker: str, line: Line) -> str:
    owner, server = line
    return f"{worker}:{owner or ''}:{server}"
