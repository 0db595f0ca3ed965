"""What a search with an index reads, up to which limits, and when it asks for the index to be made."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo import monitoring
from pymongo.client_session import ClientSession

from storage.conversations import search_index
from storage.conversations.narrowing import Candidates
from storage.conversations.search_index import SearchIndex, few_of, many_of
from storage.conversations.search_parts import Portion, SearchPartRepository
from storage.conversations.search_states import MESSAGES, SearchStateRepository, State
from storage.core.database import Database
from storage.core.grams import sought
from storage.core.repository import now
from storage.core.stop import Stop
from tests.support.chats import message_document
from tests.support.commands import CommandNotes, watched_by
from tests.support.database import PreparedDatabase

LONG_AGO = now() - timedelta(days=30)


def put_state(database: Database, owner: str, **fields: Any) -> State:
    """An index that nothing was taken up into yet."""
    whole = {
        "of": "messages",
        "version": 1,
        "portions": (),
        "again": [],
        "large": [],
        "through": now(),
        "swept": now(),
        "expires": now() + timedelta(days=7),
        **fields,
    }
    state = State(owner=owner, **whole)
    assert SearchStateRepository(database).store(owner, None, state)
    return state


def put(database: Database, owner: str, count: int, **fields: Any) -> list[ObjectId]:
    """Messages that were not changed for a long time; their keys."""
    rows = [{**message_document(owner=owner), "updatedAt": LONG_AGO, **fields} for _ in range(count)]
    database.collection("messages").insert_many(rows)
    return [row["_id"] for row in rows]


class Asking:
    """Searches, and who was named as one for whom there is work."""

    def __init__(self, database: Database, owner: str) -> None:
        self.database, self.owner, self.asked = database, owner, list[str]()
        self.index = SearchIndex(database, MESSAGES, self.asked.append)

    def search(self, stop: Stop | None = None) -> Candidates | None:
        return self.index.narrowed(self.owner, "needle", stop or Stop(60))

    def found(self) -> set[Any] | None:
        candidates = self.search()
        return set(candidates.keys) if candidates and candidates.keys is not None else None


@pytest.fixture
def hers(database: Database, ada: str) -> Asking:
    return Asking(database, ada)


class TestAskingForIt:
    def test_begins_with_more_than_the_fewest_that_are_worth_it(
        self, hers: Asking, bob: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert search_index.WORTHWHILE == 4096
        monkeypatch.setattr(search_index, "WORTHWHILE", 3)
        put(hers.database, bob, 4)
        put(hers.database, hers.owner, 3)
        assert (hers.search(), hers.asked) == (None, [])
        put(hers.database, hers.owner, 1)
        assert (hers.search(), hers.asked) == (None, [hers.owner])

    def test_goes_on_with_as_many_new_ones_as_make_a_portion(
        self, hers: Asking, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert search_index.PORTION == 512
        monkeypatch.setattr(search_index, "PORTION", 3)
        put_state(hers.database, hers.owner)
        keys = put(hers.database, hers.owner, 2)
        assert (hers.found(), hers.asked) == (set(keys), [])
        keys += put(hers.database, hers.owner, 1)
        assert (hers.found(), hers.asked) == (set(keys), [hers.owner])

    @pytest.mark.parametrize(
        ("hours", "stale", "is_asked"),
        [(23, 0, False), (25, 0, True), (25, 3, True), (2, 3, True), (0.9, 3, False)],
    )
    def test_is_for_what_was_deleted_too(
        self, hers: Asking, hours: float, stale: int, is_asked: bool
    ) -> None:
        put_state(hers.database, hers.owner, swept=now() - timedelta(hours=hours))
        for _ in range(stale):
            SearchStateRepository(hers.database).mark(hers.owner)
        assert hers.found() == set()
        assert hers.asked == [hers.owner] * is_asked

    def test_has_no_use_where_it_was_refused(self, hers: Asking) -> None:
        put_state(hers.database, hers.owner, is_refused=True, swept=LONG_AGO)
        assert (hers.search(), hers.asked) == (None, [])


class TestKeys:
    def test_are_those_that_came_or_were_changed_since_or_are_too_large_or_were_missed(
        self, hers: Asking, bob: str
    ) -> None:
        old, changed, at_that_moment, *_ = put(hers.database, hers.owner, 5)
        last = put(hers.database, hers.owner, 1)[0]
        through = now() - timedelta(hours=1)
        messages = hers.database.collection("messages")
        messages.update_one({"_id": changed}, {"$set": {"updatedAt": now()}})
        messages.update_one({"_id": at_that_moment}, {"$set": {"updatedAt": through}})
        again, large = ObjectId(), ObjectId()
        portion = Portion("p", 0, 0, last)
        empty = {"_id": "p.x", "user": hers.owner, "data": b"", "expiresAt": now() + timedelta(days=1)}
        parts = hers.database.collection("echo_search_parts")
        parts.insert_many({**empty, "_id": f"p.{number}"} for number in range(32))
        put_state(
            hers.database, hers.owner, portions=(portion,), again=[again], large=[large], through=through
        )
        (new,) = put(hers.database, hers.owner, 1)
        # As another program may make them.
        (other,) = put(hers.database, hers.owner, 1, _id="not an ObjectId")
        put(hers.database, bob, 1, updatedAt=now())
        assert hers.found() == {changed, at_that_moment, again, large, new, other}
        assert old not in (hers.found() or ())

    def test_of_more_than_the_most_all_are_read(self, hers: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        assert search_index.MOST_FRESH == 5000
        monkeypatch.setattr(search_index, "MOST_FRESH", 3)
        again = ObjectId()
        put_state(hers.database, hers.owner, again=[again])
        keys = put(hers.database, hers.owner, 2)
        assert hers.found() == {again, *keys}
        put(hers.database, hers.owner, 1)
        assert hers.search() is None


@pytest.mark.parametrize(
    ("count", "few"),
    [(0, 1000), (40_000, 1000), (40_400, 1000), (40_401, 1005), (1_000_000, 5000)],
)
def test_few_are_five_times_the_root_of_all_and_a_thousand_at_least(count: int, few: int) -> None:
    assert few_of(count) == few


@pytest.mark.parametrize(("count", "many"), [(0, 666), (40_401, 670), (1_000_000, 3333)])
def test_many_are_two_thirds_of_that(count: int, many: int) -> None:
    assert many_of(count) == many


class TestHowNearTheNextOneIs:
    def found(self, hers: Asking, monkeypatch: pytest.MonkeyPatch, count: int, few: int) -> list[Any]:
        """What is named where so many of twelve have the pieces, at once and patiently."""
        monkeypatch.setattr(search_index, "few_of", lambda _: few)
        made = put(hers.database, hers.owner, 12, text="hay")
        lists = {piece: [*range(count)] for piece in sought("needle")}
        parts = SearchPartRepository(hers.database)
        portion = parts.add(hers.owner, now() + timedelta(days=1), sorted(made), lists, lambda: None)
        put_state(hers.database, hers.owner, portions=(portion,))
        return [
            hers.index.narrowed(hers.owner, "needle", Stop(60), patiently=patiently)
            for patiently in (False, True)
        ]

    def test_of_few_nothing_is_said(self, hers: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        assert search_index.PATIENTLY == 8
        for each in self.found(hers, monkeypatch, 2, 4):
            assert (len(each.keys), each.every) == (2, None)

    def test_of_many_it_is_how_many_have_it(self, hers: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        for each in self.found(hers, monkeypatch, 3, 4):
            assert (len(each.keys), each.every) == (3, 4)

    def test_more_are_named_only_patiently(self, hers: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        at_once, patiently = self.found(hers, monkeypatch, 5, 4)
        assert at_once == Candidates(None, 3)
        assert (len(patiently.keys), patiently.every) == (5, 2)

    def test_too_many_are_never_named(self, hers: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.found(hers, monkeypatch, 9, 1) == [Candidates(None, 12), Candidates(None, 1)]


class Used(Stop):
    """Its session has its number from a command before; else another one's could get the same."""

    @contextmanager
    def over(self, database: Database) -> Iterator[ClientSession]:
        with super().over(database) as session:
            database.collection("users").find_one({}, session=session)
            yield session


class Noting(CommandNotes):
    """Notes every command."""

    def __init__(self) -> None:
        self.commands: list[Mapping[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands.append(event.command)


class TestCommands:
    """All of a search's commands are of one session, by which they are ended together."""

    @pytest.fixture
    def noting(self) -> Noting:
        return Noting()

    @pytest.fixture
    def watched(
        self, prepared_database: PreparedDatabase, database: Database, noting: Noting
    ) -> Iterator[Database]:
        with watched_by(noting, prepared_database) as watched:
            yield watched

    def of_one_session(self, noting: Noting) -> list[Mapping[str, Any]]:
        first, *commands = [each for each in noting.commands if "lsid" in each and "endSessions" not in each]
        assert {each["lsid"]["id"] for each in commands} == {first["lsid"]["id"]}
        return commands

    def test_without_an_index_it_counts_no_more_than_it_must(
        self, watched: Database, noting: Noting, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search_index, "WORTHWHILE", 7)
        hers = Asking(watched, ada)
        noting.commands.clear()
        hers.search(Used(60))
        read, count = self.of_one_session(noting)
        assert (read["find"], count["aggregate"]) == ("echo_search", "messages")
        assert count["hint"] == {"user": 1, "_id": 1}
        assert {"$limit": 8} in count["pipeline"]

    def test_with_an_index_new_and_changed_ones_are_one_answer_each(
        self, watched: Database, database: Database, noting: Noting, ada: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        put_state(database, ada)
        monkeypatch.setattr(search_index, "MOST_FRESH", 7)
        hers = Asking(watched, ada)
        noting.commands.clear()
        hers.search(Used(60))
        _, *reads = self.of_one_session(noting)
        assert [(each["find"], each["limit"], each["batchSize"]) for each in reads] == [
            *(("messages", 8, 9), ("messages", 8, 9))
        ]
        assert [dict(each["hint"]) for each in reads] == [
            {"user": 1, "_id": 1},
            {"user": 1, "updatedAt": 1, "_id": 1},
        ]
        assert [each["projection"] for each in reads] == [{"_id": 1}] * 2

    def test_of_an_index_with_holes_the_state_is_removed(
        self, watched: Database, database: Database, noting: Noting, ada: str, bob: str
    ) -> None:
        for owner in (ada, bob):
            put_state(database, owner, portions=(Portion("lost", 0, 1, ObjectId()),))
        hers = Asking(watched, ada)
        noting.commands.clear()
        assert hers.search(Used(60)) is None
        assert self.of_one_session(noting)[-1]["delete"] == "echo_search"
        assert database.collection("echo_search").distinct("user") == [bob]
