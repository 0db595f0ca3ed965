"""Files that are searched in Echo's own database: by embeddings where all of them have some, else by words."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from echo.errors import ApiError
from echo.indexing.embedder import Embedder
from echo.indexing.indexer import Indexer, Shelves
from echo.indexing.results import Found, Results, Searched, fittest
from echo.indexing.texts import Texts
from echo.indexing.vectors import nearest, quantised
from echo.indexing.words import MOST_WORDS, counted, fit, number_of, rarity, words_of
from storage.core.errors import StorageError
from storage.library.file_chunks import Places
from storage.library.file_indexes import READY, IndexState

log = structlog.get_logger(__name__)

# How long a question waits for files that are being split.
PATIENCE = 20.0
PAUSE = 0.2
# A word is counted in so many chunks at most, and in no more than a third of all: beyond, it is everywhere.
LEAST_COUNTED, MOST_COUNTED = 100, 10_000
# Chunks that hold none but frequent words are not looked at beyond so many.
MOST_SEEKABLE = 2_000
# Of those that MongoDB finds fittest so many are looked at closely.
MOST_READ = 60
# Up to here all vectors are looked at, and beyond if MongoDB has no search of its own: a second for 100 000.
MOST_EXACT, MOST_SCANNED = 20_000, 100_000
# Several of the nearest may be of one file.
MOST_NEAR = 100
LONGEST_QUESTION = 4000

States = Mapping[str, IndexState]


class OwnIndex:
    """An `Index` in MongoDB."""

    is_slow = True

    def __init__(
        self,
        shelves: Shelves,
        indexer: Indexer,
        texts: Texts,
        embedder: Embedder | None,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._chunks, self._indexes, self._vectors = shelves.chunks, shelves.indexes, shelves.vectors
        self._indexer = indexer
        self._texts = texts
        self._embedder = embedder
        self._patience = patience

    def takes(self, media_type: str) -> bool:
        """See `Index`."""
        return self._texts.reads(media_type)

    def add(self, record: dict[str, Any], agent_id: str | None) -> None:
        """See `Index`: it is split in the background."""
        self._indexer.add(str(record["user"]), record["file_id"])

    def forget(self, owner: str, records: Sequence[dict[str, Any]]) -> None:
        """See `Index`. Whoever splits one of them finds that it has gone."""
        ids = [str(each["file_id"]) for each in records]
        self._indexes.delete(owner, ids)
        self._chunks.delete(owner, ids)

    async def find(self, runner: str, agent_id: str | None, files: Sequence[Searched], query: str) -> Results:
        """See `Index`. What is not split yet is waited for, and split now if nobody has asked for it before."""
        states = await self._ready(files)
        ready = [each for each in files if states[each.file_id].state == READY]
        missing = tuple(
            (each, states[each.file_id].reason or "waiting") for each in files if each not in ready
        )
        vector = await self._vector(ready, states, query[:LONGEST_QUESTION], runner)
        found = await asyncio.to_thread(self._found, ready, states, query[:LONGEST_QUESTION], vector)
        return Results(fittest(found), missing)

    async def _ready(self, files: Sequence[Searched]) -> States:
        """How far the files are, once none is open or the time is over."""
        end = time.monotonic() + self._patience
        while True:
            states = await asyncio.to_thread(self._states, files)
            if not any(each.is_open for each in states.values()) or time.monotonic() >= end:
                return states
            await asyncio.sleep(PAUSE)

    def _states(self, files: Sequence[Searched]) -> States:
        states: dict[str, IndexState] = {}
        for owner, ids in _places(files).items():
            known = self._indexes.states(owner, ids)
            for file_id in ids:
                if file_id not in known:
                    # LibreChat's own, or a server died between two writes.
                    self._indexer.add(owner, file_id)
                states[file_id] = known.get(file_id, IndexState("waiting"))
        return states

    async def _vector(
        self, files: Sequence[Searched], states: States, query: str, payer: str
    ) -> Sequence[float] | None:
        """The question as a vector; None where it is sought by words."""
        embedder = self._embedder
        if embedder is None or not files:
            return None
        others = [each for each in files if states[each.file_id].model != embedder.name]
        if others:
            # From before this model. They are embedded now, and found by words until then.
            await asyncio.to_thread(self._renew, others, embedder)
            return None
        try:
            return (await embedder.embed([query], payer))[0]
        except ApiError as error:
            log.warning("files are searched by words", cause=error.code)
            return None

    def _renew(self, files: Sequence[Searched], embedder: Embedder) -> None:
        able = {owner for owner in {each.owner for each in files} if embedder.pays(owner)}
        for each in files:
            if each.owner in able:
                self._indexer.add(each.owner, each.file_id, again=True)

    def _found(
        self, files: Sequence[Searched], states: States, query: str, vector: Sequence[float] | None
    ) -> list[Found]:
        """By the vector, if there is one, and it does not take too long; else by words."""
        if vector is not None:
            try:
                near = self._near(files, states, vector)
            except StorageError as error:
                log.warning("files are searched by words", cause=type(error).__name__)
                near = None
            if near is not None and self._embedder is not None:
                rows, relevance = self._chunks.get_all(_places(files), list(near)), self._embedder.relevance
                return _found(files, rows, [relevance(near[row["_id"]]) for row in rows])
        return self._fitting(files, states, query)

    def _near(
        self, files: Sequence[Searched], states: States, vector: Sequence[float]
    ) -> dict[str, float] | None:
        """The nearest chunks: exact where there are not too many of them, and None where there are far too many."""
        places, name = _places(files), self._embedder.name if self._embedder else ""
        chunks = sum(states[each.file_id].chunks for each in files)
        if chunks > MOST_EXACT and self._vectors.is_there(len(vector)):
            return self._vectors.nearest(places, quantised(vector), name, MOST_NEAR)
        if chunks > MOST_SCANNED:
            return None
        return dict(nearest(vector, self._chunks.vectors(places, name), MOST_NEAR))

    def _fitting(self, files: Sequence[Searched], states: States, query: str) -> list[Found]:
        words = list(dict.fromkeys(words_of(query)))[:MOST_WORDS]
        numbers = {word: number_of(word) for word in words}
        places = _places(files)
        if not words or not places:
            return []
        chunks = sum(states[each.file_id].chunks for each in files)
        having = self._counted(places, numbers.values(), chunks)
        weights = {
            word: rarity(chunks, having[number]) for word, number in numbers.items() if number in having
        }
        if not weights:
            return []
        by_number = {numbers[word]: weight for word, weight in weights.items()}
        rows = self._chunks.best(places, _seekable(having), by_number, MOST_READ)
        counts, mean = counted([row["text"] for row in rows])
        return _found(files, rows, [fit(each, each.total(), mean, weights) for each in counts])

    def _counted(self, places: Places, words: Iterable[int], chunks: int) -> dict[int, int]:
        third = max(LEAST_COUNTED, chunks // 3)
        most = min(MOST_COUNTED, third)
        having = self._chunks.frequencies(places, words, most)
        return {
            word: max(count, chunks) if count == most == third else count for word, count in having.items()
        }


def _seekable(having: Mapping[int, int]) -> list[int]:
    """The rarest words, as long as there are not too many chunks with them; one at least."""
    seekable, room = list[int](), MOST_SEEKABLE
    for word in sorted(having, key=having.__getitem__):
        room -= having[word]
        if room < 0 and seekable:
            break
        seekable.append(word)
    return seekable


def _places(files: Sequence[Searched]) -> Places:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for each in files:
        places[each.owner].append(each.file_id)
    return places


def _found(
    files: Sequence[Searched], rows: Sequence[dict[str, Any]], relevances: Sequence[float]
) -> list[Found]:
    by_id = {each.file_id: each for each in files}
    return [
        Found(by_id[row["file_id"]], row["text"], relevance, row.get("page"))
        for row, relevance in zip(rows, relevances, strict=True)
        if relevance > 0
    ]
