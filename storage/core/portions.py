"""Documents read by their bytes: what is in memory is bounded, however long a list and however large its documents.

A document of MongoDB has up to 16 MB. A list of few and small ones, which nearly all are, is one query; of another
one its keys and sizes are read first, and then the documents, a portion at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.collection import Collection

from storage.core.finding import find_at_once
from storage.core.repository import LIST_MS
from storage.core.translation import translated

Document = dict[str, Any]
# What is read as a whole, and how much of anything larger at a time. One document may have more.
WHOLE_BYTES = 1024 * 1024
PORTION_BYTES = 1024 * 1024
PORTION_DOCUMENTS = 200
# A page of a list ends after so many bytes; there is a next one then.
PAGE_BYTES = 4 * 1024 * 1024
# A list without an end is asked for so many documents at once. Longer ones are rare, and are read by a cursor.
AT_ONCE = 1000
# About what names, numbers and dates of a document take.
OVERHEAD_BYTES = 200
SIZE: Document = {"$bsonSize": "$$ROOT"}


@dataclass(frozen=True)
class Reading:
    """The documents of a list in their order, some at a time; to be taken once.

    `is_whole` says that all have been read: they are the only portion. `held` is how many bytes a portion has at
    most.
    """

    portions: Iterable[list[Document]]
    is_whole: bool
    held: int

    def documents(self) -> Iterator[Document]:
        """One after the other. Raises what reading raises, in the middle, too."""
        for portion in self.portions:
            yield from portion


@dataclass(frozen=True)
class Query:
    """A list of one owner's: which documents, in which order, and what of them.

    `arranged` sorts them once more by what `named` fields of theirs say.
    """

    wanted: Mapping[str, Any]
    shown: Mapping[str, Any]
    order: Sequence[tuple[str, int]]
    arranged: Callable[[Document], Any] | None = None
    named: Mapping[str, Any] | None = None


def read_all(collection: Collection[Document], query: Query) -> Reading:
    """All documents of a list; see `Reading`. Raises `Unavailable`."""
    with translated():
        rows = _read_whole(collection, query)
        if rows is not None:
            return Reading([sorted(rows, key=query.arranged) if query.arranged else rows], True, WHOLE_BYTES)
        named = {"_id": 1, "size": SIZE, **(query.named or {})}
        outlines: list[Document] = list(
            collection.find(query.wanted, named, max_time_ms=LIST_MS).sort(query.order)
        )
    if query.arranged:
        outlines.sort(key=query.arranged)
    sizes = [(each["_id"], each["size"]) for each in outlines]
    largest = max((size for _, size in sizes), default=0)
    return Reading(_read_portions(collection, query, sizes), False, max(PORTION_BYTES, largest))


def _read_whole(collection: Collection[Document], query: Query) -> list[Document] | None:
    """The documents of a small list; None for what is not read as a whole."""
    wanted, shown, order = query.wanted, query.shown, query.order
    answer = find_at_once(collection, wanted, shown, order, most=AT_ONCE, max_time_ms=LIST_MS)
    if answer.size > WHOLE_BYTES:
        return None
    rows = answer.documents()
    if len(rows) < AT_ONCE:
        return rows
    with collection.find(wanted, shown, max_time_ms=LIST_MS).sort(order) as cursor:
        rows, is_whole = take_within(cursor, WHOLE_BYTES)
    return rows if is_whole else None


def _read_portions(
    collection: Collection[Document], query: Query, sizes: Sequence[tuple[Any, int]]
) -> Iterator[list[Document]]:
    for keys in by_bytes(sizes):
        wanted = {"$and": [query.wanted, {"_id": {"$in": keys}}]}
        with translated():
            found = {each["_id"]: each for each in collection.find(wanted, query.shown, max_time_ms=LIST_MS)}
        yield [found[key] for key in keys if key in found]


def read_page(
    collection: Collection[Document],
    wanted: Mapping[str, Any],
    shown: Mapping[str, Any],
    order: Sequence[tuple[str, int]],
    *,
    limit: int,
) -> tuple[list[Document], bool]:
    """The first `limit` documents of a list, or those before `PAGE_BYTES` are full; whether none had to be left out.

    What is small is not weighed. Of anything larger the driver has a batch in memory meanwhile, of 16 MB at most.
    """
    answer = find_at_once(collection, wanted, shown, order, most=limit, max_time_ms=LIST_MS)
    if answer.size <= PAGE_BYTES:
        return answer.documents(), True
    with collection.find(wanted, shown, max_time_ms=LIST_MS).sort(order).limit(limit) as cursor:
        return take_within(cursor, PAGE_BYTES)


def take_within(documents: Iterable[Document], most: int) -> tuple[list[Document], bool]:
    """The first of some documents: as many as have `most` bytes together, at least one; whether those are all."""
    rows, size = list[Document](), 0
    for row in documents:
        size += weight(row)
        if rows and size > most:
            return rows, False
        rows.append(row)
    return rows, True


def portioned(documents: Sequence[Document]) -> Reading:
    """Documents that are in memory already, to be answered some at a time where they are large."""
    sizes = [(index, weight(each)) for index, each in enumerate(documents)]
    if sum(size for _, size in sizes) <= WHOLE_BYTES:
        return Reading([list(documents)], True, WHOLE_BYTES)
    portions = [[documents[index] for index in indexes] for indexes in by_bytes(sizes)]
    return Reading(portions, False, max(PORTION_BYTES, *(size for _, size in sizes)))


def weight(value: Any) -> int:
    """About how many bytes a document or a list has in the database; of text, which is nearly all of it, exactly.

    Written for speed: every list that is read weighs its documents.
    """
    total = OVERHEAD_BYTES
    for each in value.values() if value.__class__ is dict else value:
        kind = each.__class__
        if kind is str:
            total += len(each) if each.isascii() else len(each.encode())
        elif kind is dict or kind is list:
            total += weight(each)
    return total


def by_bytes(
    sizes: Iterable[tuple[Any, int]], most: int = PORTION_BYTES, count: int = PORTION_DOCUMENTS
) -> Iterator[list[Any]]:
    """The keys of documents in portions: at most `count`, with `most` bytes together; a larger one goes alone."""
    portion: list[Any] = []
    room = most
    for key, size in sizes:
        if portion and (len(portion) == count or size > room):
            yield portion
            portion, room = [], most
        portion.append(key)
        room -= size
    if portion:
        yield portion
