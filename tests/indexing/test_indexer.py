"""Files are split in the background: once, whoever does it, and again where somebody died over it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from echo.errors import BadGateway
from echo.indexing import indexer as module
from storage.core.repository import now
from storage.library.file_indexes import IndexState
from tests.indexing.conftest import Library, MakeFile
from tests.support import documents


def state(library: Library, file: Any) -> IndexState | None:
    return library.shelves.indexes.states(file.owner, [file.file_id]).get(file.file_id)


def rows(library: Library, file: Any) -> list[dict[str, Any]]:
    found = library.database.collection("echo_file_chunks").find({"file_id": file.file_id})
    return list(found.sort("n"))


def make_due(library: Library) -> None:
    """Time passes."""
    change = {"$set": {"due": now() - timedelta(seconds=1)}}
    library.database.collection("echo_file_indexes").update_many({"due": {"$exists": True}}, change)


class TestSplitting:
    def test_keeps_pieces_with_their_places_and_words(self, library: Library, split: MakeFile) -> None:
        file = split(documents.pdf("Holidays are 28 days", "Tea"), "rules.pdf")
        assert [(row["text"], row["page"], row["start"], row["n"]) for row in rows(library, file)] == [
            ("Holidays are 28 days", 1, 0, 0),
            ("Tea", 2, 0, 1),
        ]
        assert rows(library, file)[1]["words"] == [-1903765582]
        assert (state(library, file), library.status(file)) == (IndexState("ready", None, 2, None), "ready")

    @pytest.mark.parametrize(
        ("content", "name", "reason"),
        [(b"%PDF-1.4\n%%EOF", "a.pdf", "broken"), (b" \n ", "a.txt", "empty")],
    )
    def test_says_why_a_file_cannot_be_searched(
        self, library: Library, split: MakeFile, content: bytes, name: str, reason: str
    ) -> None:
        file = split(content, name)
        assert (state(library, file), library.status(file)) == (IndexState("failed", reason), "failed")
        assert rows(library, file) == []

    def test_of_a_file_whose_bytes_have_gone(self, library: Library, split: MakeFile) -> None:
        file = library.keep("x")
        library.store.delete(file.record)
        work(library, file)
        assert state(library, file) == IndexState("failed", "gone")

    def test_is_bounded_for_each_user(
        self, library: Library, split: MakeFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert module.MOST_CHUNKS == 100_000
        monkeypatch.setattr(module, "MOST_CHUNKS", 1)
        file = split("one")
        other = split("two", owner=file.owner)
        assert state(library, other) == IndexState("failed", "too_many")
        assert state(library, split("another's")) == IndexState("ready", None, 1, None)


class TestQueue:
    def test_a_file_is_one_workers(self, library: Library) -> None:
        file = library.keep("x")
        first, second = library.indexer(), library.indexer()
        first.add(file.owner, file.file_id)
        second.add(file.owner, file.file_id)

        async def both() -> list[bool]:
            return list(await asyncio.gather(first.work(), second.work()))

        assert sorted(asyncio.run(both())) == [False, True]
        assert len(rows(library, file)) == 1

    def test_what_a_dead_worker_had_is_done_again(self, library: Library) -> None:
        file = library.keep("x")
        library.indexer().add(file.owner, file.file_id)
        job = library.shelves.indexes.take()
        assert job is not None
        assert library.shelves.indexes.take() is None
        make_due(library)
        assert asyncio.run(library.indexer().work())
        assert state(library, file) == IndexState("ready", None, 1, None)
        # It was not dead, only slow.
        assert not library.shelves.indexes.hold(job)
        assert not library.shelves.indexes.finish(job, chunks=7, model=None)
        assert state(library, file) == IndexState("ready", None, 1, None)

    def test_what_kills_every_worker_is_given_up(self, library: Library) -> None:
        assert module.MOST_ATTEMPTS == 10
        file = library.keep("x")
        library.indexer().add(file.owner, file.file_id)
        for _ in range(10):
            assert library.shelves.indexes.take() is not None
            make_due(library)
        asyncio.run(library.indexer().work())
        assert state(library, file) == IndexState("failed", "broken")

    def test_a_file_that_is_deleted_meanwhile_leaves_nothing(self, library: Library) -> None:
        file = library.keep("x")

        class Deleting:
            name = "openAI/m"

            async def embed(self, texts: Any, payer: str) -> list[list[float]]:
                library.index().forget(file.owner, [file.record])
                library.shelves.files.delete(file.owner, file.file_id)
                return [[1.0]]

        work(library, file, Deleting())
        assert (state(library, file), rows(library, file)) == (None, [])

    def test_one_that_is_gone_before_is_forgotten(self, library: Library) -> None:
        file = library.keep("x")
        library.indexer().add(file.owner, file.file_id)
        library.shelves.files.delete(file.owner, file.file_id)
        assert asyncio.run(library.indexer().work())
        assert state(library, file) is None

    def test_an_embedder_that_fails_is_asked_again_and_then_left_out(self, library: Library) -> None:
        file = library.keep("x")
        indexer = library.indexer(Failing())
        indexer.add(file.owner, file.file_id)
        for _ in range(4):
            asyncio.run(indexer.work())
            assert state(library, file) == IndexState("waiting", None, 0, None)
            assert not asyncio.run(indexer.work())
            make_due(library)
        asyncio.run(indexer.work())
        assert state(library, file) == IndexState("ready", None, 1, None)

    def test_a_shorter_text_leaves_nothing_of_the_longer(self, library: Library, split: MakeFile) -> None:
        file = split("one two three. " * 300)
        assert len(rows(library, file)) > 3
        library.store.path(file.record).write_text("short")
        work(library, file, again=True)
        assert [row["text"] for row in rows(library, file)] == ["short"]


class Failing:
    name = "openAI/m"

    async def embed(self, texts: Any, payer: str) -> list[list[float]]:
        raise BadGateway


def work(library: Library, file: Any, embedder: Any = None, *, again: bool = False) -> None:
    indexer = library.indexer(embedder)
    indexer.add(file.owner, file.file_id, again=again)
    assert asyncio.run(indexer.work())
