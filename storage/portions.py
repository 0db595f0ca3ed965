"""Documents read by their bytes: what is in memory is bounded, however long a list and however large its documents.

A document of MongoDB has up to 16 MB. A list of few and small ones, which nearly all are, is one query; of another
one its keys and sizes are read first, and then the documents, a portion at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from bson import decode, decode_all
from pymongo.collection import Collection
from pymongo.cursor import RawBatchCursor

from storage.translation import translated

Document = dict[str, Any]
# What is read as a whole, and how much of anything larger at a time. One document may have more.
WHOLE_BYTES = 1024 * 1024
PORTION_BYTES = 1024 * 1024
PORTION_DOCUMENTS = 200
# A page of a list ends after so many bytes; there is a next one then.
PAGE_BYTES = 4 * 1024 * 1024
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
        cursor = collection.find_raw_batches(query.wanted, query.shown).sort(query.order)
        rows, is_whole = read_within(cursor, collection, WHOLE_BYTES)
        if is_whole:
            return Reading([sorted(rows, key=query.arranged) if query.arranged else rows], True, WHOLE_BYTES)
        named = {"_id": 1, "size": SIZE, **(query.named or {})}
        outlines: list[Document] = list(collection.find(query.wanted, named).sort(query.order))
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
            found = {each["_id"]: each for each in collection.find(wanted, query.shown)}
        yield [found[key] for key in keys if key in found]


def read_within(
    cursor: RawBatchCursor[Any], collection: Collection[Document], most: int
) -> tuple[list[Document], bool]:
    """The first documents of a cursor: as many as have `most` bytes together, at least one; whether those are all."""
    options, rows, size = collection.codec_options, list[Document](), 0
    with cursor:
        for batch in cast("Iterator[bytes]", cursor):
            if size + len(batch) <= most:
                rows += decode_all(batch, options)
                size += len(batch)
                continue
            for raw in split(batch):
                if rows and size + len(raw) > most:
                    return rows, False
                rows.append(decode(raw, options))
                size += len(raw)
    return rows, True


def split(batch: bytes) -> Iterator[memoryview]:
    """The documents of a batch; each begins with its length (https://bsonspec.org/spec.html)."""
    rest = memoryview(batch)
    while rest:
        length = int.from_bytes(rest[:4], "little")
        yield rest[:length]
        rest = rest[length:]


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
