"""Logins by another server that have begun, in a collection of Echo's."""

from datetime import timedelta
from typing import Any, ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.repository import Repository, now
from storage.core.translation import translated


class LoginStateRepository(Repository):
    """Each by a key that only the browser's cookie and the state together make. MongoDB removes what is too old."""

    collection_name: ClassVar[str] = "echo_login_states"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
    )

    def add(
        self, key: str, provider: str, good_for: timedelta, *, challenge: str | None = None, holder: str = ""
    ) -> None:
        """Keep a login that has begun; of one for the admin panel also its challenge, and in the end whose it is."""
        state = {"_id": key, "provider": provider, "expiresAt": now() + good_for}
        more = {"challenge": challenge, "holder": holder}
        with translated():
            self._collection.insert_one(state | {name: value for name, value in more.items() if value})

    def take(self, key: str, provider: str) -> dict[str, Any] | None:
        """Use a login up, atomically; None if there is none, or it was used, or is too old."""
        wanted = {"_id": key, "provider": provider, "expiresAt": {"$gt": now()}}
        with translated():
            found: dict[str, Any] | None = self._collection.find_one_and_delete(wanted)
            return found
