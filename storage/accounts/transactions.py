"""The `transactions` collection: what was used of models, and the sums of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.repository import LIST_MS, Repository, now, owner_id
from storage.core.translation import translated

# Beside LibreChat's fields, whose models pass over them.
ENDPOINT, KEY = "echoEndpoint", "echoKey"
USED = ("prompt", "completion")
# What sums can be made by, and where it stands.
GROUPS: Mapping[str, Any] = {
    "day": {
        "$dateToString": {"date": {"$ifNull": ["$createdAt", {"$toDate": "$_id"}]}, "format": "%Y-%m-%d"}
    },
    "user": "$user",
    "model": "$model",
    "endpoint": f"${ENDPOINT}",
    "key": {"$toString": f"${KEY}"},
    "context": "$context",
}
FILTERS = {"model": "model", "endpoint": ENDPOINT, "key": KEY, "context": "context"}


@dataclass(frozen=True)
class Sums:
    """Which sums are wanted: from a moment to before another, `by` names of `GROUPS`, of what has these values."""

    since: datetime
    until: datetime
    by: Sequence[str]
    only: Mapping[str, str] = field(default_factory=dict)
    limit: int = 1000


class TransactionRepository(Repository):
    """One document for the tokens that a model read in a request, one for those that it wrote."""

    collection_name: ClassVar[str] = "transactions"
    # LibreChat has one by the user alone; with the id, which says when, a time of a user's is one range of it.
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING), ("_id", ASCENDING)], background=True),
    )

    def insert(self, owner: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write documents down, now; a key is given as text."""
        moment, user = now(), owner_id(owner)
        dated = {"user": user, "createdAt": moment, "updatedAt": moment, "__v": 0}
        keys = ({KEY: ObjectId(row[KEY])} if KEY in row else {} for row in rows)
        with translated():
            self._collection.insert_many(
                [{**row, **key, **dated} for row, key in zip(rows, keys, strict=True)]
            )

    def sums(self, owner: str, wanted: Sums) -> Document:
        """What the owner has used: `rows`, and their `totals`. See `sums_of_all`."""
        return self._sums({"user": owner_id(owner)}, wanted)

    def sums_of_all(self, wanted: Sums) -> Document:
        """What everybody has used: `rows`, at most so many and one more, and the `totals` of all that there are.

        Each has what it is summed by, `requests`, `inputTokens`, and of these `cacheReadTokens` and
        `cacheWriteTokens`, `outputTokens`, and the `credits` that they came to. The last day comes first, and of a
        day what cost most. Raises `storage.core.errors.Unavailable` where that takes longer than a list may.
        """
        return self._sums({}, wanted)

    def _sums(self, whose: Document, wanted: Sums) -> Document:
        """By the id, which says when a document was made: LibreChat has no index of dates."""
        only = {FILTERS[name]: _key(value) if name == "key" else value for name, value in wanted.only.items()}
        times = {"$gte": ObjectId.from_datetime(wanted.since), "$lt": ObjectId.from_datetime(wanted.until)}
        groups = {name: GROUPS[name] for name in wanted.by}
        order = {"_id.day": -1, "credits": -1, "_id": 1}
        pipeline = [
            {"$match": {**whose, "_id": times, "tokenType": {"$in": USED}, **only}},
            {"$group": {"_id": groups, **SUMMED}},
            {
                "$facet": {
                    "rows": [{"$sort": order}, {"$limit": wanted.limit + 1}, *_named(wanted.by)],
                    "totals": [{"$group": {"_id": None, **{name: {"$sum": f"${name}"} for name in SUMMED}}}],
                }
            },
        ]
        with translated():
            [found] = self._collection.aggregate(pipeline, allowDiskUse=True, maxTimeMS=LIST_MS)
        return {
            "rows": [_row(row) for row in found["rows"]],
            "totals": {**dict.fromkeys(SUMMED, 0), **(found["totals"] or [{}])[0]},
        }


def _named(by: Sequence[str]) -> list[Document]:
    """The step that finds the addresses of users, where rows name them."""
    if "user" not in by:
        return []
    join = {"from": "users", "localField": "_id.user", "foreignField": "_id", "as": "named"}
    return [
        {"$lookup": join},
        {"$set": {"email": {"$first": "$named.email"}}},
        {"$unset": "named"},
    ]


def _row(found: Document) -> Document:
    """A row with what it is summed by; ids as text."""
    groups = {name: str(value) for name, value in found["_id"].items() if value is not None}
    return {**found, **groups}


def _key(text: str) -> ObjectId | Document:
    """A key's id, as documents have it; what no document has for a text that is none."""
    return ObjectId(text) if ObjectId.is_valid(text) else {"$in": []}


def _sum(kind: str, amount: Any) -> Document:
    return {"$sum": {"$cond": [{"$eq": ["$tokenType", kind]}, amount, 0]}}


def _tokens(name: str) -> Document:
    return {"$abs": {"$ifNull": [f"${name}", 0]}}


SUMMED: Mapping[str, Any] = {
    "requests": _sum("prompt", 1),
    "inputTokens": _sum("prompt", _tokens("rawAmount")),
    "cacheReadTokens": _sum("prompt", _tokens("readTokens")),
    "cacheWriteTokens": _sum("prompt", _tokens("writeTokens")),
    "outputTokens": _sum("completion", _tokens("rawAmount")),
    "credits": {"$sum": _tokens("tokenValue")},
}
