"""Files of two owners in a database of their own, and what splits and searches them."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echo.extraction import Extractor
from echo.files import FileStore
from echo.indexing.indexer import Indexer, Shelves
from echo.indexing.own import OwnIndex
from echo.indexing.results import Searched
from echo.indexing.texts import Texts
from storage.core.database import Database
from storage.library.file_chunks import FileChunkRepository
from storage.library.file_indexes import FileIndexRepository
from storage.library.files import FileRepository
from storage.library.vector_search import VectorSearch
from tests.files.samples import upload
from tests.support.chats import new_owner


@dataclass
class Library:
    """Files that are searched."""

    store: FileStore
    shelves: Shelves
    texts: Texts
    database: Database

    def keep(self, content: bytes | str, name: str = "a.txt", *, owner: str | None = None) -> Searched:
        """A file as an upload leaves it."""
        owner = owner or new_owner()
        data = content.encode() if isinstance(content, str) else content
        stored = self.store.save(owner, upload(data, name))
        searched = {"embedded": True, "status": "pending"}
        return Searched(self.shelves.files.insert(owner, {**stored.record, **searched}))

    def indexer(self, embedder: Any = None) -> Indexer:
        return Indexer(self.shelves, self.texts, embedder)

    def index(self, embedder: Any = None, *, patience: float = 0.0) -> OwnIndex:
        return OwnIndex(self.shelves, self.indexer(embedder), self.texts, embedder, patience=patience)

    def status(self, file: Searched) -> Any:
        return self.shelves.files.get(file.owner, file.file_id)["status"]


@pytest.fixture
def library(database: Database, tmp_path: Path) -> Library:
    store = FileStore(tmp_path, max_bytes=2**24, max_pixels=1)
    shelves = Shelves(
        FileRepository(database),
        FileChunkRepository(database),
        FileIndexRepository(database),
        VectorSearch(database),
    )
    return Library(store, shelves, Texts(store, Extractor()), database)


MakeFile = Callable[..., Searched]


@pytest.fixture
def split(library: Library) -> MakeFile:
    """Makes a file that has been split."""
    import asyncio  # noqa: PLC0415

    def make(
        content: bytes | str, name: str = "a.txt", *, owner: str | None = None, embedder: Any = None
    ) -> Searched:
        file = library.keep(content, name, owner=owner)
        indexer = library.indexer(embedder)
        indexer.add(file.owner, file.file_id)
        assert asyncio.run(indexer.work())
        return file

    return make


def stream(content: bytes) -> io.BytesIO:
    return io.BytesIO(content)
