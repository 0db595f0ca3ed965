"""Mails that are still to be sent: an outbox that every worker takes from.

A document says what is to be written and to whom, and holds nothing that is secret: links, and the tokens in them,
are made when a mail is sent.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import TooMany
from storage.core.leases import take_due
from storage.core.repository import Repository, now
from storage.core.translation import translated

# How many wait at most: who asks for more is told to come back.
MOST = 10_000
# What could not be sent for so long is not wanted any more.
KEPT_FOR = timedelta(hours=6)
# How long a worker may take over one; another one takes it then.
LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class Mail:
    """One mail of the outbox: its kind, to whom, for which user where that matters, and how often it was tried.

    `mark` is of the password that the user had when it was asked for, where the mail depends on that.
    """

    id: Any
    kind: str
    to: str
    owner: str | None
    attempts: int
    mark: str | None = None


class MailRepository(Repository):
    """The outbox. Nobody owns it: it is of the server, and of addresses that may be nobody's."""

    collection_name: ClassVar[str] = "echo_mails"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("due", ASCENDING)]),
        IndexModel([("to", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )

    def put(
        self, kind: str, to: str, *, owner: str | None = None, once: bool = False, mark: str | None = None
    ) -> None:
        """Add a mail. With `once` there is only one of its kind to an address, for an owner and mark, at a time.

        Raises `TooMany` while too many wait.
        """
        moment = now()
        same = "\n".join([kind, to, str(owner), *([mark] if mark else [])])
        key: Any = hashlib.sha256(same.encode()).hexdigest() if once else ObjectId()
        mail: Document = {
            "kind": kind,
            "to": to,
            "owner": owner,
            "mark": mark,
            "attempts": 0,
            "due": moment,
            "createdAt": moment,
            "expiresAt": moment + KEPT_FOR,
        }
        with translated():
            if self._collection.estimated_document_count() >= MOST:
                raise TooMany("waiting mails", MOST)
            self._collection.update_one({"_id": key}, {"$setOnInsert": mail}, upsert=True)

    def take(self) -> Mail | None:
        """One that is due, which no other worker gets for two minutes; None if there is none."""
        taken = take_due(self._collection, LEASE, among={"expiresAt": {"$gt": now()}})
        if taken is None:
            return None
        owner, mark = taken.get("owner"), taken.get("mark")
        return Mail(taken["_id"], taken["kind"], taken["to"], owner, taken["attempts"], mark)

    def done(self, mail: Mail) -> None:
        """Remove one that was sent, or that shall not be."""
        with translated():
            self._collection.delete_one({"_id": mail.id})

    def postpone(self, mail: Mail, pause: timedelta) -> None:
        """Try one again after so long."""
        with translated():
            self._collection.update_one({"_id": mail.id}, {"$set": {"due": now() + pause}})

    def keep(self, mail: Mail, length: timedelta) -> None:
        """Leave one that was sent for so long: until then there is no second one of it, if it is put with `once`."""
        end = now() + length
        with translated():
            self._collection.update_one({"_id": mail.id}, {"$set": {"due": end, "expiresAt": end}})
