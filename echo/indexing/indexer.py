"""Splits files in the background: each worker takes one at a time from a queue that all share.

What was cut short is taken again by whoever is there. Everything may be done twice: a chunk has its place.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import structlog

from echo.credits import OutOfCredits
from echo.errors import ApiError, NotFound
from echo.extraction import Page, Unreadable
from echo.indexing.chunks import Piece, split
from echo.indexing.embedder import AT_ONCE, Embedder
from echo.indexing.texts import Texts
from echo.indexing.vectors import quantised
from echo.indexing.words import numbers_of
from storage.core.errors import StorageError
from storage.library.file_chunks import Chunk, FileChunkRepository
from storage.library.file_indexes import FileIndexRepository, Job
from storage.library.files import FileRepository
from storage.library.vector_search import VectorSearch

log = structlog.get_logger(__name__)

# How soon another worker, or we after a fault of the database, look again.
POLL_SECONDS = 10.0
# Of one user: some 100 MB of text.
MOST_CHUNKS = 100_000
# Whoever takes it up for the tenth time may be killed by it, as all before were.
MOST_ATTEMPTS = 10
# After each try that failed; then a file is searched by its words, or not at all.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 900))


@dataclass(frozen=True)
class Shelves:
    """Where files, their chunks, and the queue are."""

    files: FileRepository
    chunks: FileChunkRepository
    indexes: FileIndexRepository
    vectors: VectorSearch


class Lost(Exception):
    """The file has gone, or another worker has it now."""


class Indexer:
    """Works through the queue."""

    def __init__(self, shelves: Shelves, texts: Texts, embedder: Embedder | None) -> None:
        self._shelves = shelves
        self._texts = texts
        self._embedder = embedder
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = asyncio.Event()

    def add(self, owner: str, file_id: str, *, again: bool = False) -> None:
        """Have a file split soon; from any thread."""
        self._shelves.indexes.put(owner, file_id, again=again)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._due.set)

    async def running(self) -> None:
        """Split what is due, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._due.clear()
            try:
                while await self.work():
                    pass
            except StorageError as error:
                log.warning("the queue of files cannot be read", cause=type(error).__name__)
            except Exception:
                log.exception("a file could not be split")
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._due.wait()
            except TimeoutError:
                pass

    async def work(self) -> bool:
        """Split one file; False if none is due."""
        job = await asyncio.to_thread(self._shelves.indexes.take)
        if job is None:
            return False
        try:
            await self._split(job)
        except Lost:
            await asyncio.to_thread(self._tidy, job)
        except Unreadable as error:
            if error.reason == "busy":
                await asyncio.to_thread(self._postpone, job, error)
            else:
                await asyncio.to_thread(self._fail, job, error.reason)
        except (ApiError, OSError) as error:
            await asyncio.to_thread(self._postpone, job, error)
        return True

    async def _split(self, job: Job) -> None:
        pieces = await asyncio.to_thread(self._pieces, job)
        embedder = self._embedder if job.attempts <= len(PAUSES) else None
        for first in range(0, len(pieces), AT_ONCE):
            batch = pieces[first : first + AT_ONCE]
            try:
                vectors = await self._embed(embedder, batch, job.owner)
            except OutOfCredits:
                log.info("a file is searched by words, as its owner has no credits", file_id=job.file_id)
                embedder, vectors = None, [None] * len(batch)
            await asyncio.to_thread(self._put, job, first, batch, vectors, embedder)
        name = embedder.name if embedder else None
        await asyncio.to_thread(self._finish, job, len(pieces), name)

    def _pieces(self, job: Job) -> list[Piece]:
        if job.attempts > MOST_ATTEMPTS:
            raise Unreadable("broken")
        record = self._shelves.files.find(job.owner, job.file_id)
        if record is None:
            raise Lost
        try:
            pages: Sequence[Page] = self._texts.pages(record)
        except NotFound as error:
            raise Unreadable("gone") from error
        room = MOST_CHUNKS - self._shelves.indexes.count_chunks(job.owner, but=job.file_id)
        pieces = list(islice(split(pages), room + 1))
        if len(pieces) > room:
            raise Unreadable("too_many")
        return pieces

    @staticmethod
    async def _embed(embedder: Embedder | None, batch: Sequence[Piece], payer: str) -> list[bytes | None]:
        if embedder is None:
            return [None] * len(batch)
        vectors = await embedder.embed([each.text for each in batch], payer)
        return await asyncio.to_thread(lambda: [quantised(each) for each in vectors])

    def _put(
        self,
        job: Job,
        first: int,
        batch: Sequence[Piece],
        vectors: Sequence[bytes | None],
        embedder: Embedder | None,
    ) -> None:
        if not self._shelves.indexes.hold(job):
            raise Lost
        self._shelves.chunks.put(job.owner, job.file_id, _chunks(first, batch, vectors, embedder))

    def _finish(self, job: Job, count: int, model: str | None) -> None:
        self._shelves.chunks.trim(job.owner, job.file_id, count)
        self._shelves.files.note_status(job.owner, job.file_id, "ready")
        if not self._shelves.indexes.finish(job, chunks=count, model=model):
            raise Lost

    def _fail(self, job: Job, reason: str) -> None:
        log.info("a file cannot be searched", file_id=job.file_id, reason=reason)
        self._shelves.chunks.delete(job.owner, [job.file_id])
        self._shelves.files.note_status(job.owner, job.file_id, "failed")
        self._shelves.indexes.fail(job, reason)

    def _postpone(self, job: Job, error: Exception) -> None:
        again = job.attempts <= len(PAUSES)
        log.warning("a file could not be split", file_id=job.file_id, cause=repr(error)[:300], again=again)
        if again:
            self._shelves.indexes.postpone(job, PAUSES[job.attempts - 1])
        else:
            self._fail(job, "unreachable")

    def _tidy(self, job: Job) -> None:
        """Leave nothing of a file that has gone meanwhile; what another worker does is its own."""
        if self._shelves.files.find(job.owner, job.file_id) is None:
            self._shelves.indexes.delete(job.owner, [job.file_id])
            self._shelves.chunks.delete(job.owner, [job.file_id])


def _chunks(
    first: int, batch: Sequence[Piece], vectors: Sequence[bytes | None], embedder: Embedder | None
) -> Iterator[Chunk]:
    for n, (piece, vector) in enumerate(zip(batch, vectors, strict=True), first):
        words = numbers_of(piece.text)
        model = embedder.name if embedder and vector is not None else None
        yield Chunk(n, piece.start, piece.text, words, piece.page, vector, model)
