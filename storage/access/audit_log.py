"""The `auditlogs` collection: who changed what and when. Entries are added, never changed or removed.

Nothing here goes by an owner: the log is about everybody.
"""

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.operations import IndexModel

from storage.access.audit_chain import CHAIN, GENESIS, SCHEMA_VERSION, Verification, entry_hash, verify
from storage.core.database import Document
from storage.core.errors import Conflict, NotFound, Unavailable
from storage.core.repository import Repository, found, now
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated

# Two who write at once want the same place in the chain: the one who loses takes the next.
MAX_TRIES = 20
PAUSE_SECONDS = 0.005
SEARCH_SECONDS = 5.0
# Where a text is sought, by the name of the filter.
SOUGHT: Mapping[str, tuple[str, ...]] = {
    "actor": ("actor.name",),
    "target": ("target.name",),
    "capability": ("metadata.capability",),
    "search": ("actor.name", "target.name", "action", "metadata.capability"),
}


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are wanted: `exact` values by field, parts of texts by the names of `SOUGHT`, and times."""

    exact: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None


class AuditLogRepository(Repository):
    """The log as LibreChat stores it; of a database of several tenants the chain of none of them."""

    collection_name: ClassVar[str] = "auditlogs"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("chainKey", ASCENDING), ("seq", ASCENDING)], unique=True, background=True),
        IndexModel(
            [("chainKey", ASCENDING), ("createdAt", DESCENDING), ("seq", DESCENDING)], background=True
        ),
        IndexModel(
            [("chainKey", ASCENDING), ("category", ASCENDING), ("createdAt", DESCENDING)], background=True
        ),
        IndexModel(
            [
                ("chainKey", ASCENDING),
                ("target.type", ASCENDING),
                ("target.id", ASCENDING),
                ("createdAt", DESCENDING),
            ],
            background=True,
        ),
    )

    def append(self, entry: Mapping[str, Any]) -> Document:
        """Add an entry at the end of the chain, now. Raises `Unavailable` where too many others do so at once."""
        for attempt in range(MAX_TRIES):
            new = self._next(entry)
            try:
                with translated():
                    self._collection.insert_one(new)
            except Conflict:
                time.sleep(random.uniform(0, PAUSE_SECONDS * (attempt + 1)))  # noqa: S311
            else:
                return new
        raise Unavailable("the audit log is written to by too many at once")

    def _next(self, entry: Mapping[str, Any]) -> Document:
        with translated():
            last = self._collection.find_one(
                {"chainKey": CHAIN}, {"seq": 1, "hash": 1}, sort=[("seq", DESCENDING)]
            )
        new = {
            "_id": ObjectId(),
            "schemaVersion": SCHEMA_VERSION,
            **entry,
            "chainKey": CHAIN,
            "seq": last["seq"] + 1 if last else 1,
            "prevHash": last["hash"] if last else GENESIS,
            "createdAt": now(),
            "__v": 0,
        }
        return {**new, "hash": entry_hash(new)}

    def get(self, entry_id: str) -> Document:
        """One entry; raises `NotFound`."""
        if not ObjectId.is_valid(entry_id):
            raise NotFound
        with translated():
            return found(self._collection.find_one({"_id": ObjectId(entry_id), "chainKey": CHAIN}))

    def list_page(
        self, wanted: AuditFilter, *, before: int | None, offset: int, limit: int
    ) -> tuple[list[Document], int, bool]:
        """Entries, the newest first: those of a page, how many there are in all, and whether more follow.

        A page begins after the entry with the number `before`, or else `offset` entries later than the first.
        Raises `TookTooLong`.
        """
        searches, query = _query(wanted)
        stop = Stop(SEARCH_SECONDS)
        page = query if before is None else {"$and": [query, {"seq": {"$lt": before}}]}
        with stop.over(self._database) as session, translated():
            if all(search.exact for search, _ in searches):
                rows = self._collection.find(page, session=session).sort("seq", DESCENDING)
                listed = list(rows.skip(0 if before else offset).limit(limit + 1))
                total = self._collection.count_documents(query, session=session)
            else:
                every = list(_holding(self._collection.find(query, session=session), searches, stop))
                every.sort(key=lambda entry: -entry["seq"])
                total = len(every)
                start = every[offset:] if before is None else [each for each in every if each["seq"] < before]
                listed = start[: limit + 1]
        return listed[:limit], total, len(listed) > limit

    def read(self, wanted: AuditFilter) -> Iterator[Document]:
        """All entries that are wanted, the newest first, read as they are used."""
        searches, query = _query(wanted)
        with translated():
            yield from _holding(self._collection.find(query).sort("seq", DESCENDING), searches, None)

    def verify(self) -> Verification:
        """Hold the chain against its hashes."""
        with self._database.patiently(), translated():
            return verify(self._collection.find({"chainKey": CHAIN}).sort("seq", ASCENDING))


Searches = list[tuple[Search, tuple[str, ...]]]


def _query(wanted: AuditFilter) -> tuple[Searches, Document]:
    conditions: list[Document] = [{"chainKey": CHAIN}]
    conditions += [{name: {"$in": list(values)}} for name, values in wanted.exact.items()]
    if wanted.since:
        conditions.append({"createdAt": {"$gte": wanted.since}})
    if wanted.until:
        conditions.append({"createdAt": {"$lte": wanted.until}})
    searches = [(Search(text), SOUGHT[name]) for name, text in wanted.texts.items()]
    conditions += [search.within(*fields) for search, fields in searches]
    return searches, {"$and": conditions}


def _holding(rows: Any, searches: Searches, stop: Stop | None) -> Iterator[Document]:
    """Those of the rows that hold all that is sought."""
    for row in rows:
        if stop:
            stop.check()
        if all(search.exact or search.found_in(_texts(row, fields)) for search, fields in searches):
            yield row


def _texts(row: Document, fields: tuple[str, ...]) -> Iterator[object]:
    for each in fields:
        value: Any = row
        for step in each.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        yield value
