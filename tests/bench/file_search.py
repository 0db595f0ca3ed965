"""How searching files grows: with the chunks of the files that are searched, and with all the others.

    .venv/bin/python -m tests.bench.file_search --files 100 10000 100000
    .venv/bin/python -m tests.bench.file_search --files 10000 100000 1000000 --of-a-file 1000 --again 10000

Chunks are put into the database directly. Their words follow Zipf's law, as those of languages do: a few stand in
every chunk, most in a handful. Beyond `TEMPLATES` of them texts come again, in other files. `--others` adds chunks of
other users' files; `--again` asks some of the files once more at the end, among all the others.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
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
from storage.library.file_chunks import Chunk, FileChunkRepository, row_of
from storage.library.file_indexes import FileIndexRepository
from storage.library.files import FileRepository
from storage.library.vector_search import VectorSearch
from storage.operator.indexes import ensure_indexes

# A file of fifty chunks has about twenty-five pages.
CHUNKS_OF_A_FILE, WORDS, VOCABULARY, DIMENSIONS = 50, 190, 60_000, 1536
ROUNDS = 9
TEMPLATES = 5000
NAME = "openAI/text-embedding-3-small"
MB = 1024 * 1024
HEADS = (
    *(
        "chunks searched",
        "chunks in all",
        "by words, ms (of processors)",
        "by embeddings, ms (of processors)",
    ),
    *("text and words, MB", "indexes, MB"),
)


class Embedder:
    """Answers at once: what a provider takes is not measured."""

    name = NAME

    def __init__(self) -> None:
        self._random = random.Random(1)

    async def embed(self, texts: Sequence[str], payer: str) -> list[list[float]]:
        return [[self._random.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in texts]

    def pays(self, payer: str) -> bool:
        return True

    def relevance(self, cosine: float) -> float:
        return cosine


class Filling:
    """Files with chunks of made-up words."""

    def __init__(self, database: Database, of_a_file: int) -> None:
        self._chunks = database.collection("echo_file_chunks")
        self._of_a_file = of_a_file
        self._database = database
        self._random = random.Random(0)
        self._vocabulary = [f"w{n}" for n in range(VOCABULARY)]
        self._numbers = {word: number_of(word) for word in self._vocabulary}
        self._weights = [1 / (rank + 1) for rank in range(VOCABULARY)]
        self._pool = self._random.choices(self._vocabulary, self._weights, k=2_000_000)
        self.files: list[Searched] = []
        self._templates: list[Chunk] = []

    def add(self, owner: str, chunks: int) -> None:
        """So many more chunks, in files."""
        while len(self._templates) < min(chunks, TEMPLATES):
            self._templates.append(self._chunk(0))
        for _ in range(chunks // self._of_a_file):
            file_id, size = str(ObjectId()), self._of_a_file
            drawn = self._random.choices(self._templates, k=size)
            rows = [row_of(ObjectId(owner), file_id, replace(each, n=n)) for n, each in enumerate(drawn)]
            self._chunks.insert_many(rows, ordered=False)
            state = {"state": "ready", "chunks": size, "model": NAME}
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


def milliseconds(work: Callable[[], object]) -> str:
    """What it takes by the clock in the middle of some rounds, and of processors in the mean, MongoDB's too."""
    work()
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    taken, before = [], sum(map(processor_seconds, processes))
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    used = (sum(map(processor_seconds, processes)) - before) * 1000 / ROUNDS
    return f"{statistics.median(taken):.0f} ({used:.0f})"


def processor_seconds(process: psutil.Process) -> float:
    """The processor's time that a process has had."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(database: Database, directory: Path, wanted: argparse.Namespace) -> None:
    """Fill step by step, and ask at each."""
    shelves = Shelves(
        FileRepository(database),
        FileChunkRepository(database),
        FileIndexRepository(database),
        VectorSearch(database),
    )
    texts = Texts(FileStore(directory / "files", max_bytes=1, max_pixels=1), Extractor())
    filling, owner = Filling(database, wanted.of_a_file), str(ObjectId())
    if wanted.others:
        filling.add(str(ObjectId()), wanted.others)
        filling.files.clear()
    print(f"| {' | '.join(HEADS)} |")
    print("|" + "---|" * len(HEADS))
    for size in (*sorted(wanted.files), *([wanted.again] if wanted.again else [])):
        filling.add(owner, size - len(filling.files) * wanted.of_a_file)
        files = filling.files[: size // wanted.of_a_file]
        found = {}
        for name, embedder in (("words", None), ("embeddings", Embedder())):
            indexer = Indexer(shelves, texts, None)
            index = OwnIndex(shelves, indexer, texts, embedder)  # type: ignore[arg-type]

            def ask(index: OwnIndex = index, files: list[Searched] = files) -> Any:
                return asyncio.run(index.find("a", None, files, filling.question()))

            assert len(ask().found) == 10
            found[name] = milliseconds(ask)
        stored = database.client.get_default_database("LibreChat").command("collStats", "echo_file_chunks")
        cells = (
            *(size, stored["count"], found["words"], found["embeddings"]),
            *(f"{stored['storageSize'] / MB:.0f}", f"{stored['totalIndexSize'] / MB:.0f}"),
        )
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def main() -> None:
    """Measure on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[100, 10_000], metavar="CHUNKS")
    parser.add_argument("--others", type=int, default=0, metavar="CHUNKS", help="other users' chunks")
    parser.add_argument("--of-a-file", type=int, default=CHUNKS_OF_A_FILE, metavar="CHUNKS")
    parser.add_argument("--again", type=int, default=0, metavar="CHUNKS", help="asked once more at the end")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        server = EmbeddedServer(Path(name) / "mongodb")
        database = Database(server.start())
        try:
            ensure_indexes(database)
            measure(database, Path(name), wanted)
        finally:
            database.close()
            server.stop()


if __name__ == "__main__":
    main()
