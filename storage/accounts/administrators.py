"""Roles of users in `users`, so that there is always an administrator."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import ClassVar

from bson import ObjectId

from storage.accounts.users import ADMIN, USER
from storage.core.database import Database, Document
from storage.core.errors import Conflict, LastAdministrator, Unavailable
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

CLAIM = "administrators"
# Longer than what is done under it can take; then it is a dead process's.
CLAIM_HOLDS = timedelta(minutes=1)
WAIT_SECONDS = 5.0
PAUSE_SECONDS = 0.01


class AdministratorRepository(Repository):
    """Changes roles of users one after the other, in all processes, so that two cannot both take the last but one."""

    collection_name: ClassVar[str] = "users"

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._claims = database.collection("echo_claims")

    def set_role(self, owner: str, role: str) -> Document:
        """Give a user another role; the user as it was.

        Raises `NotFound`, `LastAdministrator` where no administrator would be left, and `Unavailable` where others
        keep changing roles.
        """
        with self._alone():
            return self._set_role(owner, role, may_be_alone=False)

    def step_down(self, owner: str) -> None:
        """Make a user who is about to go a plain one, and one who is not there nothing.

        Raises as `set_role`, but for an administrator without any other user.
        """
        with self._alone():
            self._set_role(owner, USER, may_be_alone=True)

    def _set_role(self, owner: str, role: str, *, may_be_alone: bool) -> Document:
        user = {"_id": owner_id(owner)}
        with translated():
            before = found(self._collection.find_one(user, {"role": 1, "idOnTheSource": 1, "name": 1}))
            if before.get("role") == ADMIN != role and not self._can_go(user, may_be_alone=may_be_alone):
                raise LastAdministrator
            if before.get("role") != role:
                self._collection.update_one(user, {"$set": {"role": role, "updatedAt": now()}})
        return before

    def _can_go(self, user: Document, *, may_be_alone: bool) -> bool:
        others = {"_id": {"$ne": user["_id"]}}
        if self._collection.find_one({**others, "role": ADMIN}, {"_id": 1}):
            return True
        return may_be_alone and self._collection.find_one(others, {"_id": 1}) is None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        holder, end = ObjectId(), time.monotonic() + WAIT_SECONDS
        while not self._claim(holder):
            if time.monotonic() > end:
                raise Unavailable("roles of users are being changed all the time")
            time.sleep(PAUSE_SECONDS)
        try:
            yield
        finally:
            with translated():
                self._claims.delete_one({"_id": CLAIM, "holder": holder})

    def _claim(self, holder: ObjectId) -> bool:
        moment = now()
        # Matches an old claim or none at all: where there is a fresh one, its `_id` refuses the upsert.
        with suppress(Conflict), translated():
            self._claims.update_one(
                {"_id": CLAIM, "claimedAt": {"$lt": moment - CLAIM_HOLDS}},
                {"$set": {"claimedAt": moment, "holder": holder}},
                upsert=True,
            )
            return True
        return False
