"""Documents read by their bytes: what is in memory is bounded, however long a list and however large its documents.

A document of MongoDB has up to 16 MB. A list of few and small ones, which nearly all are, is one query; of another
one its keys and sizes are read first, and then the documents, a portion at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pymongo.collection import Collection
from pymongo.cursor import Cursor

from storage.core.repository import LIST_MS
from storage.core.translation import translated

Document = dict[str, Any]
# What is read as a whole, and how much of anything larger at a time. One document may have more.
WHOLE_BYTES = 1024 * 1024
PORTION_BYTES = 1024 * 1024
PORTION_DOCUMENTS = 200
# A page of a list ends after so many bytes; there is a next one then.
PAGE_BYTES = 4 * 1024 * 1024
# MongoDB's number of documents in the first answer to a query, where they fit into 16 MB.
FIRST_BATCH = 101
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


class MeasuredCursor(Cursor[Document]):
    """A cursor that knows how many bytes it has `received`: a list that is small as a whole is not weighed."""

    # The driver's constructor may raise, and its destructor ask.
    received = 0

    def _unpack_response(self, response: Any, *arguments: Any, **options: Any) -> Any:
        self.received += len(response.payload_document)
        return super()._unpack_response(response, *arguments, **options)


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
        cursor = MeasuredCursor(collection, query.wanted, query.shown, max_time_ms=LIST_MS).sort(query.order)
        rows, is_whole = read_within(cursor, WHOLE_BYTES)
        if is_whole:
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


def _read_portions(
    collection: Collection[Document], query: Query, sizes: Sequence[tuple[Any, int]]
) -> Iterator[list[Document]]:
    for keys in by_bytes(sizes):
        wanted = {"$and": [query.wanted, {"_id": {"$in": keys}}]}
        with translated():
            found = {each["_id"]: each for each in collection.find(wanted, query.shown, max_time_ms=LIST_MS)}
        yield [found[key] for key in keys if key in found]


def read_within(cursor: Cursor[Document], most: int) -> tuple[list[Document], bool]:
    """The first documents of a cursor: as many as have `most` bytes together, at least one; whether those are all.

    The driver has a batch in memory meanwhile, of 16 MB at most. Of a `MeasuredCursor` what has come is known, and
    documents are weighed one by one only where that is too much.
    """
    with cursor:
        if not isinstance(cursor, MeasuredCursor):
            return take_within(cursor, most)
        # No more than the first batch has, once it is there: this loads no second one.
        rows = cursor.to_list(1)
        if rows and cursor.received <= most:
            rows += cursor.to_list(FIRST_BATCH - 1)
        for row in cursor:
            rows.append(row)
            if cursor.received > most:
                break
        return take_within(chain(rows, cursor), most) if cursor.received > most else (rows, True)


def take_within(documents: Iterable[Document], most: int) -> tuple[list[Document], bool]:
    """The first of some documents, in the same way."""
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
