"""The thread that indexes messages: by itself, owner after owner, and it ends with the process."""

import threading
from collections.abc import Iterator
from typing import cast

import pytest

from echo.conversations.search_indexing import SearchIndexing
from storage.conversations.search_index import SearchIndex
from storage.core.errors import Unavailable
from tests.support.waiting import until


class Recorded:
    """An index of three portions for each owner; that of `broken` cannot be made."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.wanted = lambda _: None
        self.go = threading.Event()

    def build(self, owner: str) -> bool:
        self.go.wait(10)
        self.built.append(owner)
        if owner == "broken":
            raise Unavailable("away")
        return self.built.count(owner) < 3


@pytest.fixture
def index() -> Recorded:
    return Recorded()


@pytest.fixture
def indexing(index: Recorded) -> Iterator[SearchIndexing]:
    made = SearchIndexing(cast("SearchIndex", index))
    yield made
    index.go.set()
    made.close()


def test_owners_take_turns_and_an_error_ends_nothing(index: Recorded, indexing: SearchIndexing) -> None:
    index.wanted("ada")
    index.wanted("broken")
    index.wanted("bob")
    index.go.set()
    until(lambda: len(index.built) == 7)
    assert sorted(index.built) == ["ada"] * 3 + ["bob"] * 3 + ["broken"]
    # Others come between the portions of one.
    assert index.built[1] != "ada"


def test_who_waits_already_waits_once(index: Recorded, indexing: SearchIndexing) -> None:
    index.wanted("broken")
    until(lambda: not indexing._waiting)
    for _ in range(5):
        index.wanted("broken")
    index.go.set()
    until(lambda: not indexing._waiting)
    indexing.close()
    assert index.built == ["broken"] * 2


def test_without_a_request_there_is_no_thread(indexing: SearchIndexing) -> None:
    indexing.close()
    indexing.ask("ada")
    assert indexing._thread is None
