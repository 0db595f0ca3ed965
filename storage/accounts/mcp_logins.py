"""Users' logins at MCP servers that are under way, in a collection of Echo's.

The process that began one waits for what the browser brings back, to whichever process that is.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.repository import Repository, now
from storage.core.translation import translated

PENDING, COMPLETED, FAILED = "PENDING", "COMPLETED", "FAILED"
# How long after its end it can be asked what became of one.
KEPT = timedelta(minutes=5)


class McpLoginRepository(Repository):
    """One for each user and server, the last; `state` is a hash of what the browser brings back."""

    collection_name: ClassVar[str] = "echo_mcp_logins"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("state", ASCENDING)], background=True),
        IndexModel([("user", ASCENDING)], background=True),
    )

    def begin(
        self, owner: str, server: str, *, attempt: str, state: str, url: str, good_for: timedelta
    ) -> None:
        """Keep one that has begun, in place of an earlier one; `attempt` is its own name."""
        moment = now()
        login: Document = {
            "user": owner,
            "server": server,
            "attempt": attempt,
            "state": state,
            "url": url,
            "status": PENDING,
            "createdAt": moment,
            "aliveAt": moment,
            "endsAt": moment + good_for,
            "expiresAt": moment + good_for + KEPT,
        }
        with translated():
            self._collection.replace_one({"_id": _id(owner, server)}, login, upsert=True)

    def find(self, owner: str, server: str) -> Document | None:
        """The last one, whatever became of it."""
        with translated():
            return self._collection.find_one({"_id": _id(owner, server), "user": owner})

    def alive(self, owner: str, server: str, attempt: str) -> Document | None:
        """Say that somebody waits for it; the login, None if another has taken its place."""
        mine = {"_id": _id(owner, server), "user": owner, "attempt": attempt}
        with translated():
            return self._collection.find_one_and_update(mine, {"$set": {"aliveAt": now()}})

    def of_state(self, state: str, moment: datetime | None = None) -> Document | None:
        """The one whose browser brings this back, while it waits."""
        wanted = {"state": state, "status": PENDING, "endsAt": {"$gt": moment or now()}}
        with translated():
            return self._collection.find_one(wanted)

    def answer(self, owner: str, server: str, attempt: str, answer: str) -> bool:
        """Keep what the browser brought, once; whether it was waited for."""
        wanted = {
            "_id": _id(owner, server),
            "user": owner,
            "attempt": attempt,
            "status": PENDING,
            "answer": {"$exists": False},
        }
        with translated():
            return self._collection.update_one(wanted, {"$set": {"answer": answer}}).modified_count == 1

    def end(
        self, owner: str, server: str, *, status: str, error: str | None = None, attempt: str | None = None
    ) -> bool:
        """Say what became of one that is pending; whether there was one. What the browser brought is forgotten."""
        wanted: Document = {"_id": _id(owner, server), "user": owner, "status": PENDING}
        if attempt is not None:
            wanted["attempt"] = attempt
        change = {
            "$set": {"status": status, "error": error, "expiresAt": now() + KEPT},
            "$unset": {"answer": "", "url": "", "state": ""},
        }
        with translated():
            return self._collection.update_one(wanted, change).modified_count == 1


def _id(owner: str, server: str) -> str:
    return f"{owner}:{server}"
