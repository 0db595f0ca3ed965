"""Making the index of searches and keeping it true: each step, its limits, and what is stored of it."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from bson import ObjectId
from pymongo import monitoring

from storage.conversations import search_building
from storage.conversations.search_building import Builder, due
from storage.conversations.search_parts import Portion, SearchPartRepository
from storage.conversations.search_states import MESSAGES, SearchStateRepository, State
from storage.core.database import Database, Document
from storage.core.grams import sought
from storage.core.repository import now
from tests.support.chats import message_document, new_id
from tests.support.commands import CommandNotes, watched_by
from tests.support.database import PreparedDatabase

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def key_of(moment: datetime, number: int) -> ObjectId:
    """As MongoDB makes them, in the order of the numbers."""
    return ObjectId(int(moment.timestamp()).to_bytes(4, "big") + number.to_bytes(8, "big"))


class Hers:
    """An owner's messages, the first of them an hour old, and their index."""

    def __init__(self, database: Database, owner: str) -> None:
        self.database, self.owner = database, owner
        self.messages, self.parts = (database.collection(name) for name in ("messages", "echo_search_parts"))
        self.states = SearchStateRepository(database)
        self.begun = now() - timedelta(hours=1)
        # Others have other keys.
        self.count = secrets.randbelow(1 << 40)

    def put(self, texts: Iterable[str], **fields: Any) -> list[ObjectId]:
        rows = []
        for text in texts:
            self.count += 1
            row = message_document(owner=self.owner, conversation_id=new_id(), text=text)
            moments = {"createdAt": self.begun, "updatedAt": self.begun}
            rows.append({**row, **moments, "_id": key_of(self.begun, self.count), **fields})
        self.messages.insert_many(rows)
        return [row["_id"] for row in rows]

    def change(self, *keys: ObjectId, text: str = "changed") -> None:
        self.messages.update_many({"_id": {"$in": keys}}, {"$set": {"text": text, "updatedAt": now()}})

    def build(self, rest: Callable[[], object] = lambda: None) -> bool:
        return Builder(self.database, MESSAGES, rest).build(self.owner)

    @property
    def state(self) -> State:
        state = self.states.get(self.owner, MESSAGES)
        assert state is not None
        return state

    def pretend(self, **fields: Any) -> None:
        """What the state says, though it does not."""
        self.database.collection("echo_search").update_one({"user": self.owner}, {"$set": fields})

    def indexed(self, text: str) -> set[ObjectId]:
        """What the lists alone have."""
        parts = SearchPartRepository(self.database)
        return parts.find(self.owner, self.state.portions, sought(text), 1000, None)

    def names(self) -> set[str]:
        """The portions of which something is stored."""
        return {row["_id"].split(".")[0] for row in self.parts.find({}, {"_id": 1})}


@pytest.fixture
def hers(database: Database, ada: str, monkeypatch: pytest.MonkeyPatch) -> Hers:
    monkeypatch.setattr(search_building, "PORTION", 4)
    return Hers(database, ada)


def test_the_limits() -> None:
    building = search_building
    assert (building.PORTION, building.PORTION_CHARACTERS) == (512, 2_000_000)
    assert (building.MOST_PIECES, building.MOST_LARGE, building.MOST_CHANGED) == (50_000, 200, 1000)
    assert (building.SETTLED, building.SWEPT, building.KEPT) == (5 * MINUTE, DAY, 7 * DAY)


@pytest.mark.parametrize(
    ("hours", "fields", "is_due"),
    [
        (23.9, {}, False),
        (24.1, {}, True),
        (24.1, {"is_refused": True}, False),
        (0.9, {"stale": 1}, False),
        (1.1, {"stale": 1}, True),
    ],
)
def test_it_is_due_after_a_day_and_after_an_hour_where_something_was_deleted(
    hours: float, fields: Document, is_due: bool
) -> None:
    swept = now() - timedelta(hours=hours)
    assert due(State("ada", "messages", 1, (), [], [], swept, swept, swept, **fields)) is is_due


class TestTakingUp:
    def test_stores_a_whole_portion_and_how_far_it_is(self, hers: Hers) -> None:
        keys = hers.put(["one", "one two", "two", "three"])
        began = now()
        assert hers.build()
        state = hers.state
        (portion,) = state.portions
        assert (portion.size, portion.count, portion.last) == (0, 4, keys[3])
        assert (state.version, state.again, state.large, state.is_refused, state.stale) == (
            1,
            [],
            [],
            False,
            0,
        )
        ended = now()
        assert began - 5 * MINUTE <= state.through <= ended - 5 * MINUTE
        assert began <= state.swept <= ended
        assert state.expires == state.swept + 7 * DAY
        assert hers.parts.distinct("expiresAt") == [state.expires]
        assert hers.parts.distinct("user") == [hers.owner]
        assert hers.indexed("one") == set(keys[:2])
        assert hers.indexed("two") == set(keys[1:3])
        # There are no more, and it says so.
        assert not hers.build()
        assert hers.state == state

    def test_goes_on_after_the_last_one_and_keeps_what_was_known(self, hers: Hers) -> None:
        hers.put(["one"] * 4)
        hers.build()
        first = hers.state
        again, large = ObjectId(), ObjectId()
        hers.pretend(again=[again], large=[large])
        keys = hers.put(["two"] * 4)
        assert hers.build()
        state = hers.state
        assert [each.last for each in state.portions] == [first.last, keys[3]]
        assert (state.again, state.large, state.version) == ([again], [large], 2)
        assert (state.swept, state.expires) == (first.swept, first.expires)
        assert hers.indexed("two") == set(keys)

    def test_waits_for_as_many_as_make_a_portion(self, hers: Hers) -> None:
        hers.put(["one"] * 3)
        assert not hers.build()
        assert hers.states.get(hers.owner, MESSAGES) is None
        assert hers.names() == set()

    @pytest.mark.parametrize(
        ("texts", "taken"), [(["12345", "12345", "1"], None), (["12345", "123456", "1"], 2)]
    )
    def test_takes_fewer_where_they_have_many_characters(
        self, hers: Hers, texts: list[str], taken: int | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search_building, "PORTION_CHARACTERS", 10 if taken else 11)
        keys = hers.put(texts)
        assert hers.build() is (taken is not None)
        if taken:
            assert (hers.state.count, hers.state.last) == (taken, keys[taken - 1])

    def test_leaves_those_that_others_may_still_write_beside(self, hers: Hers) -> None:
        hers.put(["one"] * 3)
        hers.put(["one"], _id=key_of(now() - 4 * MINUTE, 1))
        assert not hers.build()
        hers.put(["one"], _id=key_of(now() - 6 * MINUTE, 2))
        assert hers.build()

    def test_reads_texts_however_deep(self, hers: Hers) -> None:
        deep = [{"text": {"value": "deep", "more": ["deeper", 5, None]}}]
        hers.put(["x"] * 3)
        (key,) = hers.put(["flat"], content=deep, other="unread")
        hers.build()
        assert [hers.indexed(word) for word in ("flat", "deep", "deeper")] == [{key}] * 3
        assert hers.indexed("unread") == set()

    def test_gives_way_after_each_text(self, hers: Hers) -> None:
        hers.put(["one"] * 4)
        rested: list[int] = []

        def rest() -> None:
            rested.append(1)
            if len(rested) == 4:
                raise TimeoutError

        with pytest.raises(TimeoutError):
            hers.build(rest)
        assert hers.names() == set()

    def test_notes_what_was_taken_up_and_changed_since(self, hers: Hers) -> None:
        keys = hers.put(["one"] * 4)
        hers.build()
        hers.change(keys[1])
        hers.put(["two"] * 4)
        hers.build()
        assert hers.state.again == [keys[1]]

    @pytest.mark.parametrize(("most", "is_kept"), [(3, True), (2, False)])
    def test_begins_anew_when_too_many_were_changed(
        self, hers: Hers, most: int, is_kept: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search_building, "MOST_CHANGED", most)
        keys = hers.put(["one"] * 4)
        hers.build()
        hers.change(*keys[:3])
        hers.put(["two"] * 4)
        assert hers.build()
        assert (hers.states.get(hers.owner, MESSAGES) is not None) is is_kept
        assert len(hers.names()) == (2 if is_kept else 0)

    @pytest.mark.parametrize(("most", "is_refused"), [(3, False), (2, True)])
    def test_is_given_up_where_too_many_are_too_large(
        self, hers: Hers, most: int, is_refused: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search_building, "MOST_PIECES", 3)
        monkeypatch.setattr(search_building, "MOST_LARGE", most)
        keys = hers.put(["a long one"] * 3 + ["one"])
        assert hers.build() is not is_refused
        state = hers.state
        assert (state.is_refused, state.large) == (is_refused, [] if is_refused else keys[:3])
        assert (len(state.portions), len(hers.names())) == ((0, 0) if is_refused else (1, 1))
        assert state.again == []
        assert not hers.build()
        if not is_refused:
            assert hers.indexed("one") == {keys[3]}

    @pytest.mark.parametrize("before", [0, 1])
    def test_of_an_owner_who_was_erased_meanwhile_nothing_new_stays(
        self, hers: Hers, bob: str, monkeypatch: pytest.MonkeyPatch, before: int
    ) -> None:
        his = Hers(hers.database, bob)
        his.put(["his"] * 4)
        his.build()
        for _ in range(before):
            hers.put(["one"] * 4)
            hers.build()
        names = hers.names()
        hers.put(["one"] * 4)
        store = SearchStateRepository.store

        def erased(*arguments: Any) -> bool:
            hers.messages.delete_many({"user": hers.owner})
            return store(*arguments)

        monkeypatch.setattr(SearchStateRepository, "store", erased)
        assert not hers.build()
        # What was there before goes with whoever erases the owner.
        assert hers.names() == names
        assert (hers.states.get(hers.owner, MESSAGES) is None) is (before == 0)


class Noting(CommandNotes):
    """Notes what is read of messages."""

    def __init__(self) -> None:
        self.finds: list[Any] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command.get("find") == "messages":
            names = ("filter", "hint", "sort", "limit", "projection")
            self.finds.append({name: event.command.get(name) for name in names})


class TestReading:
    """Each read is by an index, and has no more than it needs."""

    BY_KEY: ClassVar[Document] = {"user": 1, "_id": 1}
    BY_CHANGE: ClassVar[Document] = {"user": 1, "updatedAt": 1, "_id": 1}

    @pytest.fixture
    def finds(
        self, prepared_database: PreparedDatabase, hers: Hers, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[list[Any]]:
        noting = Noting()
        monkeypatch.setattr(search_building, "MOST_CHANGED", 6)
        with watched_by(noting, prepared_database) as watched:
            self.builder = Builder(watched, MESSAGES)
            yield noting.finds

    def test_of_what_is_taken_up(self, hers: Hers, finds: list[Any]) -> None:
        hers.put(["one"] * 4)
        self.builder.build(hers.owner)
        following, whether_any = finds
        assert following["hint"] == self.BY_KEY
        assert (following["sort"], following["limit"]) == ({"_id": 1}, 4)
        assert following["projection"] == {"text": 1, "content.text": 1}
        assert whether_any["filter"] == {"user": hers.owner}
        assert (whether_any["limit"], whether_any["projection"]) == (1, {"_id": 1})

    def test_of_what_was_changed(self, hers: Hers, finds: list[Any]) -> None:
        keys = hers.put(["one"] * 8)
        hers.build()
        state = hers.state
        self.builder.build(hers.owner)
        following, changed, _ = finds
        assert following["filter"]["_id"]["$gt"] == keys[3]
        assert changed["hint"] == self.BY_CHANGE
        assert (changed["limit"], changed["projection"]) == (7, {"_id": 1})
        assert changed["filter"] == {
            "user": hers.owner,
            "updatedAt": {"$gte": state.through},
            "_id": {"$lte": keys[3]},
        }

    def test_of_what_is_there(self, hers: Hers, finds: list[Any]) -> None:
        keys = hers.put(["one"] * 8)
        hers.build()
        hers.build()
        hers.pretend(swept=now() - 2 * DAY)
        self.builder.build(hers.owner)
        assert [each["filter"]["_id"] for each in finds] == [
            {"$gt": ObjectId("0" * 24), "$lte": keys[3]},
            {"$gt": keys[3], "$lte": keys[7]},
        ]
        assert [each["hint"] for each in finds] == [self.BY_KEY] * 2
        assert [each["projection"] for each in finds] == [{"_id": 1}] * 2
        assert [each["filter"]["user"] for each in finds] == [hers.owner] * 2


class TestJoining:
    def test_is_of_the_first_of_a_size_and_keeps_the_order(
        self, hers: Hers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys = []
        for number in range(4):
            keys += hers.put([f"word{number}"] * 4)
            assert hers.build()
        before = hers.state
        assert [each.size for each in before.portions] == [0, 0, 0, 0]
        # As it is when the first one was joined before.
        first = {**before.portions[0].stored, "size": 1}
        hers.pretend(portions=[first, *(each.stored for each in before.portions[1:])])
        monkeypatch.setattr(search_building, "FAN", 2)
        assert hers.build()
        after = hers.state
        assert [(each.size, each.count, each.last) for each in after.portions] == [
            *((1, 4, keys[3]), (1, 8, keys[11]), (0, 4, keys[15]))
        ]
        assert after.version == before.version + 1
        assert hers.parts.distinct("expiresAt") == [after.expires]
        assert hers.names() == {each.name for each in after.portions}

    def test_needs_so_many_of_one_size(self, hers: Hers, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search_building, "FAN", 3)
        steps = []
        for _ in range(3):
            hers.put(["one"] * 4)
            steps.append(hers.build())
        assert [each.count for each in hers.state.portions] == [4, 4, 4]
        assert hers.build()
        assert [each.count for each in hers.state.portions] == [12]
        assert steps == [True] * 3

    @pytest.mark.parametrize(("size", "is_joined"), [(3, True), (4, False)])
    def test_ends_with_the_largest(
        self, hers: Hers, size: int, is_joined: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search_building, "FAN", 2)
        joined: list[tuple[Portion, ...]] = []

        def join(parts: object, owner: str, expires: datetime, some: Any, rest: object) -> Portion:
            joined.append(some)
            return Portion("made", size + 1, 2, some[-1].last)

        monkeypatch.setattr(SearchPartRepository, "join", join)
        portions = tuple(Portion(name, size, 1, key_of(hers.begun, 1)) for name in "ab")
        moment = now()
        whole = State(hers.owner, "messages", 1, portions, [], [], moment, moment, moment + DAY)
        hers.states.store(hers.owner, None, whole)
        assert hers.build() is is_joined
        assert joined == ([portions] if is_joined else [])


class TestSweeping:
    @pytest.fixture
    def swept(self, hers: Hers) -> list[ObjectId]:
        """The keys of two portions, which are to be swept."""
        keys = hers.put(["one", "two", "three", "four"])
        hers.build()
        keys += hers.put(["five", "six", "seven", "eight"])
        hers.build()
        hers.pretend(swept=now() - 2 * DAY)
        return keys

    def test_takes_out_what_has_gone_and_leaves_the_other_portions(
        self, hers: Hers, swept: list[ObjectId], bob: str
    ) -> None:
        Hers(hers.database, bob).put(["his"], _id=key_of(hers.begun - MINUTE, 1))
        hers.messages.delete_one({"_id": swept[1]})
        before = hers.state
        began = now()
        assert hers.build()
        state = hers.state
        assert (hers.indexed("two"), hers.indexed("one")) == (set(), {swept[0]})
        assert [each.count for each in state.portions] == [4, 4]
        assert state.portions[0] != before.portions[0]
        assert state.portions[1] == before.portions[1]
        assert began <= state.swept <= now()
        assert (state.again, state.expires) == ([], before.expires)
        assert hers.names() == {each.name for each in state.portions}
        # Nothing is due any more.
        assert not hers.build()

    def test_takes_out_the_text_before_of_what_was_changed(self, hers: Hers, swept: list[ObjectId]) -> None:
        hers.pretend(again=[swept[4]])
        assert hers.build()
        assert hers.indexed("five") == set()
        assert hers.indexed("six") == {swept[5]}
        assert hers.state.again == [swept[4]]

    def test_forgets_of_what_has_gone_that_it_was_changed_or_large(
        self, hers: Hers, swept: list[ObjectId]
    ) -> None:
        hers.pretend(again=[swept[0], swept[1]], large=[swept[2], swept[3]])
        hers.messages.delete_many({"_id": {"$in": [swept[1], swept[3]]}})
        hers.build()
        assert (hers.state.again, hers.state.large) == ([swept[0]], [swept[2]])

    def test_notes_what_was_missed(self, hers: Hers, swept: list[ObjectId]) -> None:
        first = key_of(hers.begun - MINUTE, 1)
        hers.put(["missed"], _id=first)
        hers.pretend(again=[ObjectId("f" * 24)])
        hers.build()
        assert set(hers.state.again) == {first, ObjectId("f" * 24)}

    @pytest.mark.parametrize(("most", "is_kept"), [(2, True), (1, False)])
    def test_begins_anew_when_too_many_were_missed(
        self, hers: Hers, swept: list[ObjectId], most: int, is_kept: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search_building, "MOST_CHANGED", most)
        for number in range(2):
            hers.put(["missed"], _id=key_of(hers.begun - MINUTE, number))
        hers.messages.delete_one({"_id": swept[0]})
        assert hers.build()
        assert (hers.states.get(hers.owner, MESSAGES) is not None) is is_kept
        assert len(hers.names()) == (2 if is_kept else 0)

    @pytest.mark.parametrize(("days", "is_renewed"), [(3.4, True), (3.6, False)])
    def test_keeps_it_for_a_week_more_after_half_of_it(
        self, hers: Hers, swept: list[ObjectId], days: float, is_renewed: bool
    ) -> None:
        ends = now() + days * DAY
        hers.pretend(expiresAt=ends)
        hers.parts.update_many({}, {"$set": {"expiresAt": ends}})
        hers.messages.delete_one({"_id": swept[0]})
        hers.build()
        state = hers.state
        assert state.expires == (state.swept + 7 * DAY if is_renewed else ends)
        # That which was made anew, and that which stays.
        assert hers.parts.distinct("expiresAt") == [state.expires]

    def test_that_is_ended_leaves_what_was_there(self, hers: Hers, swept: list[ObjectId]) -> None:
        hers.messages.delete_many({"_id": {"$in": [swept[0], swept[4]]}})
        before, names = hers.state, hers.names()
        rested: list[int] = []

        def rest() -> None:
            rested.append(1)
            # The first portion is made anew, and the second begun.
            if len(rested) == 40:
                raise TimeoutError

        with pytest.raises(TimeoutError):
            hers.build(rest)
        assert (hers.state, hers.names()) == (before, names)

    def test_gives_way_after_each_portion(self, hers: Hers, swept: list[ObjectId]) -> None:
        rested: list[int] = []
        assert hers.build(lambda: rested.append(1))
        assert rested == [1, 1]

    def test_is_noted_unless_more_was_deleted_meanwhile(
        self, hers: Hers, swept: list[ObjectId], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hers.states.mark(hers.owner)
        hers.build()
        assert hers.state.stale == 0
        hers.states.mark(hers.owner)
        hers.pretend(swept=now() - 2 * DAY)
        hers.build(lambda: hers.states.mark(hers.owner))
        assert hers.state.stale == 3

    def test_of_which_another_stored_something_meanwhile_nothing_stays(
        self, hers: Hers, swept: list[ObjectId]
    ) -> None:
        hers.states.mark(hers.owner)
        hers.messages.delete_one({"_id": swept[0]})
        names = hers.names()
        assert not hers.build(lambda: hers.pretend(version=99))
        assert (hers.names(), hers.state.stale) == (names, 1)

    def test_of_what_is_lost_begins_anew(self, hers: Hers, swept: list[ObjectId], bob: str) -> None:
        his = Hers(hers.database, bob)
        his.put(["his"] * 4)
        his.build()
        first = hers.state.portions[0].name
        hers.parts.delete_many({"_id": {"$regex": f"^{first}"}})
        assert hers.build()
        assert hers.states.get(hers.owner, MESSAGES) is None
        assert hers.names() == {his.state.portions[0].name}
