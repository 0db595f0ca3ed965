"""How the indexes that Echo wants stand on a database: there, to be made, or impossible to make."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pymongo.collection import Collection

from storage.core.database import INDEX_OPTIONS, Database, Document, index_shape
from storage.core.translation import translated
from storage.operator.indexes import REPOSITORIES

State = Literal["present", "missing", "conflict", "doubles"]
# Two indexes with the same keys can live beside each other only if they differ in one of these.
TELLING_APART = ("unique", "sparse", "partialFilterExpression", "collation")


@dataclass(frozen=True)
class PlannedIndex:
    """One index that Echo wants; `documents` is MongoDB's estimate of how many it would hold.

    `state` is "present" (under whatever name), "missing", "conflict" (another one is in its way) or "doubles" (it is
    to be unique, and documents do not allow it). `reason` says what is in the way, without a value of any document.
    """

    collection: str
    name: str
    keys: str
    options: str
    state: State
    documents: int
    reason: str = ""


def plan_indexes(database: Database) -> list[PlannedIndex]:
    """Every index that Echo wants, and how it stands; changes nothing. Raises `Unavailable`."""
    planned: list[PlannedIndex] = []
    with translated():
        for repository in REPOSITORIES:
            collection = database.collection(repository.collection_name)
            existing = list(collection.list_indexes())
            count = collection.estimated_document_count()
            planned += (_plan(collection, existing, count, model.document) for model in repository.indexes)
    return planned


def _plan(
    collection: Collection[Document],
    existing: Iterable[Mapping[str, Any]],
    count: int,
    wanted: Mapping[str, Any],
) -> PlannedIndex:
    state, reason = _state(collection, existing, wanted)
    return PlannedIndex(
        collection=collection.name,
        name=wanted["name"],
        keys=", ".join(
            f"{name}{'' if order == 1 else ' descending'}" for name, order in wanted["key"].items()
        ),
        options=describe(wanted),
        state=state,
        documents=count,
        reason=reason,
    )


def _state(
    collection: Collection[Document], existing: Iterable[Mapping[str, Any]], wanted: Mapping[str, Any]
) -> tuple[State, str]:
    shape = index_shape(wanted)
    if any(index_shape(index) == shape for index in existing):
        return "present", ""
    for index in existing:
        if index["name"] == wanted["name"] or _in_the_way(index, wanted):
            return "conflict", f"{index['name']} is there, and is {describe(index) or 'a plain one'}"
    if wanted.get("unique") and (doubles := _doubles(collection, wanted)):
        return "doubles", f"{doubles} values that must be unique occur more than once"
    return "missing", ""


def _in_the_way(index: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return list(index["key"].items()) == list(wanted["key"].items()) and all(
        (index.get(option) or None) == (wanted.get(option) or None) for option in TELLING_APART
    )


def _doubles(collection: Collection[Document], wanted: Mapping[str, Any]) -> int:
    # A unique index takes a missing field for null.
    value = {f"k{number}": {"$ifNull": [f"${name}", None]} for number, name in enumerate(wanted["key"])}
    stages: list[Document] = [
        # Of a partial one only what it holds.
        {"$match": wanted.get("partialFilterExpression", {})},
        {"$group": {"_id": value, "count": {"$sum": 1}}},
        {"$match": {"count": {"$gt": 1}}},
        {"$count": "doubles"},
    ]
    found = list(collection.aggregate(stages, allowDiskUse=True))
    return int(found[0]["doubles"]) if found else 0


def describe(index: Mapping[str, Any]) -> str:
    """What an index is besides its keys, in words."""
    # Zero is not nothing here: it is a time.
    words = [
        option for option in INDEX_OPTIONS if index.get(option) is not None and index[option] is not False
    ]
    named = {
        "expireAfterSeconds": f"expiring after {index.get('expireAfterSeconds')} s",
        "partialFilterExpression": "partial",
        "collation": "with a collation",
    }
    return ", ".join(named.get(word, word) for word in words)
