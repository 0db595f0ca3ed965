"""The thread that indexes messages: by itself, owner after owner, and it ends with the process."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from bson import ObjectId

from echo.conversations import search_indexing
from echo.conversations.search_indexing import Ended, SearchIndexes, SearchIndexing
from storage.conversations import search_building, search_index
from storage.core.database import Database
from storage.core.errors import Unavailable
from storage.core.repository import now
from storage.core.stop import Stop
from tests.support.chats import new_owner
from tests.support.database import PreparedDatabase
from tests.support.waiting import until


class Recorded:
    """Work of three pieces for each owner; that for `broken` cannot be done."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.go = threading.Event()

    def build(self, owner: str) -> bool:
        self.go.wait(10)
        self.built.append(owner)
        if owner == "broken":
            raise Unavailable("away")
        return self.built.count(owner) < 3


@pytest.fixture
def work() -> Recorded:
    return Recorded()


@pytest.fixture
def indexing(work: Recorded) -> Iterator[SearchIndexing]:
    made = SearchIndexing({"messages": work}, lambda: [("deleted", "messages")])
    yield made
    work.go.set()
    made.close()


def test_owners_take_turns_and_an_error_ends_nothing(work: Recorded, indexing: SearchIndexing) -> None:
    for owner in ("ada", "broken", "bob"):
        indexing.ask(owner, "messages")
    work.go.set()
    until(lambda: len(work.built) == 7)
    assert sorted(work.built) == ["ada"] * 3 + ["bob"] * 3 + ["broken"]
    # Others come between the portions of one.
    assert work.built[1] != "ada"


def test_who_waits_already_waits_once(work: Recorded, indexing: SearchIndexing) -> None:
    indexing.ask("broken", "messages")
    until(lambda: not indexing._waiting)
    for _ in range(5):
        indexing.ask("broken", "messages")
    work.go.set()
    until(lambda: work.built == ["broken"] * 2)
    indexing.close()
    assert work.built == ["broken"] * 2


def test_a_thread_without_work_looks_for_what_was_deleted(
    work: Recorded, indexing: SearchIndexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_indexing, "LOOKING", 0.01)
    work.go.set()
    indexing.ask("broken", "messages")
    until(lambda: "deleted" in work.built)


def test_a_search_has_the_index_made_that_the_next_one_uses(
    prepared_database: PreparedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_building, "PORTION", 8)
    monkeypatch.setattr(search_building, "SETTLED", timedelta(0))
    monkeypatch.setattr(search_index, "WORTHWHILE", 15)
    database, owner = Database(prepared_database.uri), new_owner()
    moment = now() - timedelta(hours=1)
    for collection in ("messages", "conversations"):
        database.collection(collection).insert_many(
            {
                "_id": ObjectId(int(moment.timestamp()).to_bytes(4, "big") + number.to_bytes(8, "big")),
                "user": owner,
                **{f"{name}Id": f"{name} {number}" for name in ("message", "conversation")},
                **dict.fromkeys(("text", "title"), f"number {number}"),
                "updatedAt": moment,
            }
            for number in range(16)
        )
    indexes = SearchIndexes(database)

    def found(index: search_index.SearchIndex) -> int | None:
        candidates = index.narrowed(owner, "r 15", Stop(10))
        return len(candidates.keys) if candidates and candidates.keys is not None else None

    try:
        until(lambda: found(indexes.messages) == found(indexes.titles) == 1)
    finally:
        indexes.making.close()
        database.close()
        prepared_database.clear()


def test_without_a_request_there_is_no_thread(indexing: SearchIndexing) -> None:
    indexing.close()
    indexing.ask("ada", "messages")
    assert indexing._thread is None
    with pytest.raises(Ended):
        indexing.rest()
