"""How far the index of searches is: of two writers one stores its own, and deletions are noted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from bson import ObjectId

from storage.conversations import search_states
from storage.conversations.search_parts import Portion
from storage.conversations.search_states import BEFORE_ALL, MESSAGES, TITLES, SearchStateRepository, State
from storage.core.database import Database, Document
from storage.core.repository import now

FIRST, LAST = ObjectId("1" * 24), ObjectId("2" * 24)
PORTIONS = (Portion("p", 1, 5, FIRST), Portion("q", 0, 3, LAST))


@pytest.fixture
def states(database: Database) -> SearchStateRepository:
    return SearchStateRepository(database)


def state(owner: str, **fields: object) -> State:
    moment = now()
    whole = State(owner, "messages", 1, PORTIONS, [FIRST], [LAST], moment, moment, moment + timedelta(days=7))
    return replace(whole, **fields)  # type: ignore[arg-type]


def stored(database: Database, owner: str, of: str = "messages") -> Document | None:
    return database.collection("echo_search").find_one({"_id": f"{owner}.{of}"})


class TestState:
    def test_knows_how_far_it_is_and_how_much_that_was(self) -> None:
        whole = state("ada")
        assert (whole.last, whole.count) == (LAST, 8)
        empty = replace(whole, portions=())
        assert (empty.last, empty.count) == (BEFORE_ALL, 0)
        assert ObjectId("0" * 24) == BEFORE_ALL

    def test_is_read_as_it_was_stored(
        self, states: SearchStateRepository, database: Database, ada: str, bob: str
    ) -> None:
        whole = state(ada, is_refused=True)
        assert states.store(ada, None, whole)
        assert states.get(ada, MESSAGES) == whole
        assert stored(database, ada) == {
            "_id": f"{ada}.messages",
            "user": ada,
            "of": "messages",
            "version": 1,
            "portions": [
                {"name": "p", "size": 1, "count": 5, "last": FIRST},
                {"name": "q", "size": 0, "count": 3, "last": LAST},
            ],
            "again": [FIRST],
            "large": [LAST],
            "through": whole.through,
            "swept": whole.swept,
            "expiresAt": whole.expires,
            "refused": True,
        }
        assert states.get(ada, TITLES) is None
        assert states.get(bob, MESSAGES) is None
        indexes = database.collection("echo_search").index_information()
        assert indexes["expiresAt_1"]["expireAfterSeconds"] == 0


class TestStore:
    def test_of_two_first_ones_one_is_stored(self, states: SearchStateRepository, ada: str, bob: str) -> None:
        first = state(ada)
        assert states.store(ada, None, first)
        assert not states.store(ada, None, state(ada, portions=()))
        assert states.get(ada, MESSAGES) == first
        assert states.store(ada, None, state(ada, of="conversations"))
        assert states.store(bob, None, state(bob))

    def test_in_place_of_the_one_that_was_read_and_of_no_other(
        self, states: SearchStateRepository, ada: str
    ) -> None:
        before = state(ada)
        states.store(ada, None, before)
        after = replace(before, portions=PORTIONS[:1], is_refused=True)
        assert states.store(ada, before, after)
        assert states.get(ada, MESSAGES) == replace(after, version=2)
        assert not states.store(ada, before, state(ada))
        assert not states.remove(ada, before)
        assert states.get(ada, MESSAGES) == replace(after, version=2)
        assert states.remove(ada, replace(after, version=2))
        assert states.get(ada, MESSAGES) is None

    def test_nobody_elses(self, states: SearchStateRepository, ada: str, bob: str) -> None:
        before = state(ada)
        states.store(ada, None, before)
        assert not states.store(bob, before, before)
        assert not states.remove(bob, before)
        states.remove_all(bob)
        assert states.get(ada, MESSAGES) == before
        states.remove_all(ada)
        assert states.get(ada, MESSAGES) is None


class TestDeletions:
    def test_are_counted_for_all_that_is_the_owners(
        self, states: SearchStateRepository, database: Database, ada: str, bob: str
    ) -> None:
        for owner, of in ((ada, "messages"), (ada, "conversations"), (bob, "messages")):
            states.store(owner, None, state(owner, of=of))
        states.mark(ada)
        states.mark(ada)
        assert (states.get(ada, MESSAGES) or state(ada)).stale == 2
        assert (states.get(ada, TITLES) or state(ada)).stale == 2
        assert "stale" not in (stored(database, bob) or {"stale": 1})

    def test_are_out_of_it_unless_there_were_more(
        self, states: SearchStateRepository, database: Database, ada: str
    ) -> None:
        for of in ("messages", "conversations"):
            states.store(ada, None, state(ada, of=of))
        states.mark(ada)
        swept = states.get(ada, MESSAGES)
        assert swept is not None
        states.mark(ada)
        states.unmark(ada, swept)
        assert (stored(database, ada) or {})["stale"] == 2
        states.unmark(ada, replace(swept, stale=2))
        assert "stale" not in (stored(database, ada) or {"stale": 1})
        assert (stored(database, ada, "conversations") or {})["stale"] == 2

    def test_are_looked_for_an_hour_later(
        self, states: SearchStateRepository, ada: str, bob: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hour = timedelta(hours=1)
        assert (hour, search_states.MOST_STALE) == (search_states.SOON, 100)
        states.store(ada, None, state(ada, swept=now() - hour - timedelta(seconds=1)))
        states.store(ada, None, state(ada, of="conversations", swept=now() - hour + timedelta(minutes=5)))
        states.store(bob, None, state(bob, swept=now() - hour - timedelta(seconds=1)))
        assert states.stale() == []
        states.mark(ada)
        assert states.stale() == [(ada, "messages")]
        states.mark(bob)
        assert sorted(states.stale()) == sorted([(ada, "messages"), (bob, "messages")])
        monkeypatch.setattr(search_states, "MOST_STALE", 1)
        assert len(states.stale()) == 1
