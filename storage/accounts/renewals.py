"""Whose turn it is to renew a login at another service, in a collection of Echo's.

A service may take a token for renewing only once, and void everything if it comes again (RFC 9700, section 4.14.2).
"""

from datetime import timedelta
from typing import ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.errors import Conflict
from storage.core.repository import Repository, now
from storage.core.translation import translated

# A turn that nobody has ended is over then: its process is gone.
TURN = timedelta(seconds=45)


class RenewalRepository(Repository):
    """One turn for each user and login at a time; `holder` is a name that nobody else has."""

    collection_name: ClassVar[str] = "echo_renewals"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("user", ASCENDING)], background=True),
    )

    def take(self, owner: str, login: str, holder: str) -> bool:
        """Take the turn; whether nobody else has it."""
        moment = now()
        mine = {"user": owner, "holder": holder, "expiresAt": moment + TURN}
        try:
            with translated():
                self._collection.update_one(
                    {"_id": _id(owner, login), "user": owner, "expiresAt": {"$lte": moment}},
                    {"$set": mine},
                    upsert=True,
                )
        except Conflict:
            return False
        return True

    def end(self, owner: str, login: str, holder: str) -> None:
        """End a turn of one's own."""
        with translated():
            self._collection.delete_one({"_id": _id(owner, login), "user": owner, "holder": holder})


def _id(owner: str, login: str) -> str:
    return f"{owner}:{login}"
