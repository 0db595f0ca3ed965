"""The thread that indexes messages: by itself, owner after owner, and it ends with the process."""

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

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
from tests.support.waiting import PATIENCE, until
from tests.support.wiring import unreached


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


def test_the_thread_steps_back_for_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    stepped: list[tuple[int, ...]] = []
    seen: list[tuple[str, bool, int]] = []
    monkeypatch.setattr(os, "setpriority", lambda *how: stepped.append(how))

    class Work:
        def build(self, _owner: str) -> bool:
            thread = threading.current_thread()
            seen.append((thread.name, thread.daemon, threading.get_native_id()))
            return False

    indexing = SearchIndexing({"messages": Work()})
    indexing.ask("ada", "messages")
    until(lambda: seen)
    indexing.close()
    [(name, is_daemon, thread_id)] = seen
    assert (name, is_daemon) == ("echo-search-index", True)
    assert stepped == [(os.PRIO_PROCESS, thread_id, 10)]
    assert indexing._thread is not None
    assert not indexing._thread.is_alive()


def test_where_that_is_not_allowed_it_works_all_the_same(
    work: Recorded, indexing: SearchIndexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    work.go.set()
    indexing.ask("broken", "messages")
    until(lambda: work.built == ["broken"])


def test_of_each_kind_its_own_builder_works() -> None:
    built: list[tuple[str, str]] = []

    def builder(of: str) -> Any:
        return SimpleNamespace(build=lambda owner: built.append((of, owner)))

    indexing = SearchIndexing({of: builder(of) for of in ("messages", "conversations")})
    indexing.ask("ada", "conversations")
    indexing.ask("ada", "messages")
    until(lambda: len(built) == 2)
    indexing.close()
    assert built == [("conversations", "ada"), ("messages", "ada")]


def test_a_thousand_owners_wait_and_no_more(
    work: Recorded, indexing: SearchIndexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert search_indexing.MOST_WAITING == 1000
    monkeypatch.setattr(search_indexing, "MOST_WAITING", 2)
    # It is working on the first one, and the others wait.
    indexing.ask("first", "messages")
    until(lambda: not indexing._waiting)
    for owner in ("ada", "bob", "eve"):
        indexing.ask(owner, "messages")
    assert list(indexing._waiting) == [("ada", "messages"), ("bob", "messages")]


class Waits:
    """In the place of a condition: it notes how long it was to be waited for."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        pass

    def wait_for(self, _done: Any, seconds: float) -> None:
        self.waited.append(seconds)


class TestResting:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        clock = SimpleNamespace(now=100.0)
        monkeypatch.setattr(search_indexing, "time", SimpleNamespace(monotonic=lambda: clock.now))
        return clock

    def test_takes_as_long_as_was_worked(self, clock: SimpleNamespace) -> None:
        def build(_owner: str) -> bool:
            clock.now += 3
            made.rest()
            clock.now += 5
            return False

        work: Any = SimpleNamespace(build=build)
        waits: Any = Waits()
        made = SearchIndexing({"messages": work})
        made._changed = waits
        made._build("ada", "messages")
        assert waits.waited == [3.0, 5.0]
        # What passed between two pieces of work is not worked.
        clock.now = 1000.0
        made._build("ada", "messages")
        assert waits.waited == [3.0, 5.0, 3.0, 5.0]

    def test_ends_with_the_process(self) -> None:
        indexing = SearchIndexing({})
        indexing.close()
        with pytest.raises(Ended):
            indexing.rest()
        with pytest.raises(Ended):
            indexing._next()

    def test_is_cut_short_by_the_end_of_the_process(self) -> None:
        indexing = SearchIndexing({})
        ended = threading.Event()

        def rest() -> None:
            # As if it had worked since the machine began.
            with pytest.raises(Ended):
                indexing.rest()
            ended.set()

        resting = threading.Thread(target=rest, daemon=True)
        resting.start()
        indexing.close()
        assert ended.wait(PATIENCE)


class TestLooking:
    def test_is_for_what_is_stale_and_never_fails(self) -> None:
        def away() -> list[tuple[str, str]]:
            raise Unavailable("away")

        indexing = SearchIndexing({}, lambda: [("ada", "messages"), ("bob", "conversations")])
        indexing._look()
        assert list(indexing._waiting) == [("ada", "messages"), ("bob", "conversations")]
        SearchIndexing({}, away)._look()
        nothing = SearchIndexing({})
        nothing._look()
        assert list(nothing._waiting) == []

    def test_is_done_every_ten_minutes_without_work_and_the_first_who_asked_comes_first(self) -> None:
        assert search_indexing.LOOKING == 600.0
        stale = [[("ada", "messages"), ("bob", "messages")]]
        indexing = SearchIndexing({}, stale.pop)
        waited: list[float] = []

        class Slept(Waits):
            def wait(self, seconds: float) -> bool:
                waited.append(seconds)
                # Somebody may wake it for nothing.
                return len(waited) == 1

        slept: Any = Slept()
        indexing._changed = slept
        assert indexing._next() == ("ada", "messages")
        assert (waited, stale) == ([600.0, 600.0], [])
        assert indexing._next() == ("bob", "messages")
        assert (waited, indexing._waiting) == ([600.0, 600.0], {})


def test_indexes_ask_for_their_own_kind_and_rest_with_their_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with unreached() as database:
        indexes = SearchIndexes(database)
        asked: list[tuple[str, str]] = []
        monkeypatch.setattr(indexes.making, "ask", lambda *what: asked.append(what))
        indexes.messages.wanted("ada")
        indexes.titles.wanted("bob")
        assert asked == [("ada", "messages"), ("bob", "conversations")]
        builders: Any = indexes.making._builders
        assert {of: each._source.collection for of, each in builders.items()} == {
            "messages": "messages",
            "conversations": "conversations",
        }
        rests: list[str] = []
        monkeypatch.setattr(indexes.making, "rest", lambda: rests.append("rest"))
        for each in builders.values():
            each._rest()
        assert rests == ["rest", "rest"]
        assert indexes.making._stale.__name__ == "stale"
