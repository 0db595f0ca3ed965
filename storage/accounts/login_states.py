"""Logins by another server that have begun, in a collection of Echo's."""

from datetime import timedelta
from typing import ClassVar

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

    def add(self, key: str, provider: str, good_for: timedelta) -> None:
        """Keep a login that has begun."""
        with translated():
            self._collection.insert_one({"_id": key, "provider": provider, "expiresAt": now() + good_for})

    def take(self, key: str, provider: str) -> bool:
        """Use a login up, atomically; False if there is none, or it was used, or is too old."""
        wanted = {"_id": key, "provider": provider, "expiresAt": {"$gt": now()}}
        with translated():
            return self._collection.find_one_and_delete(wanted, {"_id": 1}) is not None
