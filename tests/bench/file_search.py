"""How searching files grows: with the chunks of the files that are searched, and with all the others.

    .venv/bin/python -m tests.bench.file_search --files 100 10000 100000

Chunks are put into the database directly. Their words follow Zipf's law, as those of languages do: a few stand in
every chunk, most in a handful. `--others` adds chunks of other users' files.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bson import ObjectId

from echo.extraction import Extractor
from echo.files import FileStore
from echo.indexing.indexer import Indexer, Shelves
from echo.indexing.own import OwnIndex
from echo.indexing.results import Searched
from echo.indexing.texts import Texts
from echo.indexing.words import number_of
from storage.core.database import Database
from storage.embedded import EmbeddedServer
from storage.library.file_chunks import Chunk, FileChunkRepository
from storage.library.file_indexes import FileIndexRepository
from storage.library.files import FileRepository
from storage.operator.indexes import ensure_indexes

# A file of fifty chunks has about twenty-five pages.
CHUNKS_OF_A_FILE, WORDS, VOCABULARY, DIMENSIONS = 50, 190, 60_000, 1536
ROUNDS = 9
NAME = "openAI/text-embedding-3-small"
MB = 1024 * 1024


class Embedder:
    """Answers at once: what a provider takes is not measured."""

    name = NAME

    def __init__(self) -> None:
        self._random = random.Random(1)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[self._random.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in texts]


class Filling:
    """Files with chunks of made-up words."""

    def __init__(self, database: Database) -> None:
        self._chunks = FileChunkRepository(database)
        self._database = database
        self._random = random.Random(0)
        self._vocabulary = [f"w{n}" for n in range(VOCABULARY)]
        self._numbers = {word: number_of(word) for word in self._vocabulary}
        self._weights = [1 / (rank + 1) for rank in range(VOCABULARY)]
        self._pool = self._random.choices(self._vocabulary, self._weights, k=2_000_000)
        self.files: list[Searched] = []

    def add(self, owner: str, chunks: int) -> None:
        """So many more chunks, in files of fifty."""
        for _ in range(chunks // CHUNKS_OF_A_FILE):
            file_id = str(ObjectId())
            self._chunks.put(owner, file_id, [self._chunk(n) for n in range(CHUNKS_OF_A_FILE)])
            state = {"state": "ready", "chunks": CHUNKS_OF_A_FILE, "model": NAME}
            self._database.collection("echo_file_indexes").insert_one(
                {"_id": file_id, "user": ObjectId(owner), **state}
            )
            self.files.append(Searched({"file_id": file_id, "user": owner, "filename": file_id}))

    def _chunk(self, n: int) -> Chunk:
        start = self._random.randrange(len(self._pool) - WORDS)
        words = self._pool[start : start + WORDS]
        numbers = sorted({self._numbers[word] for word in words})
        vector = self._random.randbytes(DIMENSIONS)
        return Chunk(n, 0, " ".join(words), numbers, None, vector, NAME)

    def question(self) -> str:
        """As models ask: some words that are everywhere, and some that are rare."""
        return " ".join(["w0", "w1", "w5", *(f"w{self._random.randrange(50, 5000)}" for _ in range(4))])


def milliseconds(work: Callable[[], object]) -> float:
    """What it takes in the middle of some rounds, the first left out."""
    taken = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken[1:])


def measure(database: Database, directory: Path, sizes: Sequence[int], others: int) -> None:
    """Fill step by step, and ask at each."""
    shelves = Shelves(FileRepository(database), FileChunkRepository(database), FileIndexRepository(database))
    texts = Texts(FileStore(directory / "files", max_bytes=1, max_pixels=1), Extractor())
    filling, owner = Filling(database), str(ObjectId())
    if others:
        filling.add(str(ObjectId()), others)
        filling.files.clear()
    print(
        "| chunks searched | chunks in all | by words, ms | by embeddings, ms | text and words, MB | indexes, MB |"
    )
    print("|---|---|---|---|---|---|")
    for size in sizes:
        filling.add(owner, size - len(filling.files) * CHUNKS_OF_A_FILE)
        found = {}
        for name, embedder in (("words", None), ("embeddings", Embedder())):
            indexer = Indexer(shelves, texts, None)
            index = OwnIndex(shelves.chunks, shelves.indexes, indexer, texts, embedder)  # type: ignore[arg-type]

            def ask(index: OwnIndex = index) -> Any:
                return asyncio.run(index.find("a", None, filling.files, filling.question()))

            assert len(ask().found) == 10
            found[name] = milliseconds(ask)
        stored = database.client.get_default_database("LibreChat").command("collStats", "echo_file_chunks")
        cells = (
            *(size, stored["count"], f"{found['words']:.0f}", f"{found['embeddings']:.0f}"),
            *(f"{stored['storageSize'] / MB:.0f}", f"{stored['totalIndexSize'] / MB:.0f}"),
        )
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def main() -> None:
    """Measure on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[100, 10_000], metavar="CHUNKS")
    parser.add_argument("--others", type=int, default=0, metavar="CHUNKS", help="other users' chunks")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        server = EmbeddedServer(Path(name) / "mongodb")
        database = Database(server.start())
        try:
            ensure_indexes(database)
            measure(database, Path(name), sorted(wanted.files), wanted.others)
        finally:
            database.close()
            server.stop()


if __name__ == "__main__":
    main()
