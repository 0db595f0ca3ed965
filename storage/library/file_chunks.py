"""The texts of files that are searched, in pieces, with what they are found by: words, and vectors.

A word is kept as a number (see `echo.indexing.words`), so that the index is small and knows every script alike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bson import ObjectId
from bson.binary import VECTOR_SUBTYPE, Binary
from pymongo import ASCENDING, DeleteMany, ReplaceOne
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.repository import Repository, owner_id
from storage.core.translation import translated

# The ids of files by their owners' ids: where a search may look.
Places = Mapping[str, Sequence[str]]
# How long MongoDB works on one question of a search.
SEARCH_MS = 5000
# MongoDB's planner takes the other index for words that are everywhere, and then reads every chunk.
_BY_WORDS = "user_1_file_id_1_words_1"
# Vectors of so many chunks are in memory at a time: 4 MiB for 2048 dimensions.
BATCH = 2000
# How BSON has vectors (subtype 9): the type of their numbers, and no bits to spare. MongoDB's own search reads them.
INT8 = b"\x03\x00"
_SHOWN = {"text": 1, "page": 1, "file_id": 1, "user": 1, "n": 1}


@dataclass(frozen=True)
class Chunk:
    """A piece of a file's text: the `n`th from 0, which begins at character `start` of its page or document.

    `words` are the numbers of the words in it, each once. `vector` has one byte for each dimension, `model` is what
    made it; both are None where it is found by words only.
    """

    n: int
    start: int
    text: str
    words: Sequence[int]
    page: int | None = None
    vector: bytes | None = None
    model: str | None = None


class FileChunkRepository(Repository):
    """Chunks; `user` is the ObjectId of the file's owner, `_id` is made of owner, file and number."""

    collection_name: ClassVar[str] = "echo_file_chunks"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING), ("file_id", ASCENDING), ("words", ASCENDING)]),
        IndexModel([("user", ASCENDING), ("file_id", ASCENDING), ("n", ASCENDING)]),
    )

    def put(self, owner: str, file_id: str, chunks: Iterable[Chunk]) -> None:
        """Store chunks of a file; one that is there already is replaced, so it may be done twice."""
        user = owner_id(owner)
        rows = [row_of(user, file_id, each) for each in chunks]
        if rows:
            with translated():
                self._collection.bulk_write(
                    [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows], ordered=False
                )

    def trim(self, owner: str, file_id: str, count: int) -> None:
        """Remove what an earlier text of the file had beyond so many chunks."""
        with translated():
            self._collection.delete_many({"user": owner_id(owner), "file_id": file_id, "n": {"$gte": count}})

    def delete(self, owner: str, file_ids: Sequence[str]) -> None:
        """Remove the chunks of files."""
        if file_ids:
            with translated():
                user = owner_id(owner)
                self._collection.bulk_write(
                    [DeleteMany({"user": user, "file_id": each}) for each in file_ids], ordered=False
                )

    def frequencies(self, places: Places, words: Iterable[int], most: int) -> dict[int, int]:
        """In how many chunks each word is, where that is more than none; from the index alone, and up to `most`."""
        found = {}
        with translated():
            for word in words:
                query = {**where(places), "words": word}
                count = self._collection.count_documents(
                    query, limit=most, hint=_BY_WORDS, maxTimeMS=SEARCH_MS
                )
                if count:
                    found[word] = count
        return found

    def best(
        self, places: Places, seekable: Sequence[int], weights: Mapping[int, float], most: int
    ) -> list[Document]:
        """Of the chunks that hold one of the `seekable` words those whose words weigh most, `most` at most.

        Each has `text`, `page`, `file_id`, `user` and `n`.
        """
        weight = {
            "$sum": [{"$cond": [{"$in": [word, "$words"]}, weight, 0.0]} for word, weight in weights.items()]
        }
        stages: list[Mapping[str, Any]] = [
            {"$match": {**where(places), "words": {"$in": [*seekable]}}},
            {"$project": {**_SHOWN, "weight": weight}},
            {"$sort": {"weight": -1, "_id": 1}},
            {"$limit": most},
        ]
        with translated():
            return list(self._collection.aggregate(stages, hint=_BY_WORDS, maxTimeMS=SEARCH_MS))

    def vectors(self, places: Places, model: str) -> Iterator[list[tuple[str, bytes]]]:
        """The ids and vectors of all chunks that a model has embedded, some at a time, in no order."""
        query = {**where(places), "model": model}
        with translated():
            rows = self._collection.find(query, {"vector": 1}, batch_size=BATCH, max_time_ms=SEARCH_MS)
            batch: list[tuple[str, bytes]] = []
            for row in rows:
                batch.append((row["_id"], bytes(row["vector"][len(INT8) :])))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
            yield batch

    def get_all(self, places: Places, ids: Sequence[str]) -> list[Document]:
        """Chunks by their ids, as `best` gives them, in that order; those of other files are left out."""
        with translated():
            rows = self._collection.find({"_id": {"$in": [*ids]}, **where(places)}, _SHOWN)
            by_id = {row["_id"]: row for row in rows}
        return [by_id[each] for each in ids if each in by_id]


def where(places: Places) -> Document:
    """The filter for the files of a search: each with its owner."""
    owners = [
        {"user": owner_id(owner), "file_id": {"$in": [*file_ids]}} for owner, file_ids in places.items()
    ]
    return owners[0] if len(owners) == 1 else {"$or": owners} if owners else {"_id": None}


def vector_of(vector: bytes) -> Binary:
    """A vector of one byte for each dimension as BSON has it."""
    return Binary(INT8 + vector, VECTOR_SUBTYPE)


def row_of(user: ObjectId, file_id: str, chunk: Chunk) -> Document:
    """A chunk as it is stored."""
    found: Document = {
        "_id": f"{user}/{file_id}/{chunk.n}",
        "user": user,
        "file_id": file_id,
        "n": chunk.n,
        "start": chunk.start,
        "text": chunk.text,
        "words": [*chunk.words],
    }
    if chunk.page is not None:
        found["page"] = chunk.page
    if chunk.vector is not None:
        found |= {"vector": vector_of(chunk.vector), "model": chunk.model}
    return found
