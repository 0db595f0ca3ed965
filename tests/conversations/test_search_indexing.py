"""The thread that indexes messages: by itself, owner after owner, and it ends with the process."""

import threading
from collections.abc import Iterator

import pytest

from echo.conversations import search_indexing
from echo.conversations.search_indexing import Ended, SearchIndexing
from storage.core.errors import Unavailable
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


def test_without_a_request_there_is_no_thread(indexing: SearchIndexing) -> None:
    indexing.close()
    indexing.ask("ada", "messages")
    assert indexing._thread is None
    with pytest.raises(Ended):
        indexing.rest()
