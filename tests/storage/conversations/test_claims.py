"""Naming messages before they are stored: what is named, what is taken back, and how long is waited for what."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure

from storage.conversations import claims as module
from storage.conversations.claims import Claims, Ends, OnTheirWay, naming
from storage.core.database import Database, Document
from storage.core.errors import Conflict, Unavailable
from tests.support.chats import START, message_document, new_id, put_conversation
from tests.support.stored import messages_of, stored

UPDATE = {"$max": {"updatedAt": START + timedelta(days=1)}}


def key_of(age: timedelta) -> ObjectId:
    """A key that was made so long ago."""
    return ObjectId(int((datetime.now(UTC) - age).timestamp()).to_bytes(4, "big") + ObjectId().binary[4:])


class Clock:
    """Time that passes in pauses alone, half a second in each; `after` what is done then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slept = 100.0, list[float]()
        self.after: dict[int, Callable[[], object]] = {}
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += 0.5
        self.after.get(len(self.slept), lambda: None)()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Hers:
    """A conversation, and what names its messages."""

    def __init__(self, database: Database, owner: str, **fields: Any) -> None:
        self.database, self.owner, self.line = database, owner, database.line()
        self.conversation_id = put_conversation(database, owner, **fields)
        self.mine = {"user": owner, "conversationId": self.conversation_id}
        self.claims = Claims(database)

    def message(self, key: ObjectId) -> Document:
        made = message_document(owner=self.owner, conversation_id=self.conversation_id, text="x")
        return {**made, "_id": key}

    def insert(self, key: ObjectId) -> None:
        self.database.collection("messages").insert_one(self.message(key))

    @property
    def conversation(self) -> Document:
        return stored(self.database, self.owner, self.conversation_id)

    @property
    def named(self) -> Any:
        return self.conversation.get("messages")

    @property
    def there(self) -> list[ObjectId]:
        return [each["_id"] for each in messages_of(self.database, self.owner, self.conversation_id)]


@pytest.fixture
def hers(database: Database, ada: str) -> Iterator[Hers]:
    hers = Hers(database, ada, endpoint="openAI", title="T")
    with hers.line:
        yield hers


def test_the_limits() -> None:
    assert (500, 64, timedelta(minutes=10)) == (module.MOST_NAMED, module.LAST_NAMES, module.AGE)
    assert (module.PATIENCE_SECONDS, module.DOUBT_SECONDS, module.PAUSE_SECONDS) == (2.0, 1.0, 0.002)
    assert module.LAST_NAMED == {"messages": {"$slice": -64}}
    assert naming([1, 2]) == {"messages": {"$each": [1, 2], "$slice": -500}}  # type: ignore[list-item]


class TestClaim:
    def test_names_them_and_gives_what_was_before(self, hers: Hers) -> None:
        first, second, third = (ObjectId() for _ in range(3))
        before = hers.claims.claim(hers.line, hers.mine, [first, second], UPDATE)
        assert before is not None
        assert (before["endpoint"], before["updatedAt"], before.get("messages", [])) == ("openAI", START, [])
        again = hers.claims.claim(hers.line, hers.mine, [third], {"$set": {"model": "m"}})
        assert again is not None
        assert (again["messages"], again["updatedAt"]) == ([second], START + timedelta(days=1))
        assert "title" not in again
        assert hers.named == [first, second, third]
        assert hers.conversation["model"] == "m"

    def test_after_one_that_is_named_and_after_no_other(self, hers: Hers) -> None:
        first, second = ObjectId(), ObjectId()
        hers.claims.claim(hers.line, hers.mine, [first], UPDATE)
        assert hers.claims.claim(hers.line, hers.mine, [second], UPDATE, after=ObjectId()) is None
        assert hers.named == [first]
        assert hers.claims.claim(hers.line, hers.mine, [second], UPDATE, after=first) is not None
        assert hers.named == [first, second]

    def test_where_there_is_none_or_its_names_are_no_list_nothing_changes(
        self, database: Database, hers: Hers, bob: str
    ) -> None:
        odd = Hers(database, hers.owner, messages="odd")
        for mine in (odd.mine, {**hers.mine, "user": bob}, {**hers.mine, "conversationId": new_id()}):
            assert hers.claims.claim(hers.line, mine, [ObjectId()], UPDATE) is None
        assert (odd.named, odd.conversation["updatedAt"]) == ("odd", START)
        assert hers.named is None

    def test_another_refusal_is_none_of_these(self, hers: Hers) -> None:
        with pytest.raises(OperationFailure):
            hers.claims.claim(hers.line, hers.mine, [ObjectId()], {"$nonsense": {}})

    def test_waits_for_no_journal(self, hers: Hers) -> None:
        assert hers.claims.unhurried.write_concern.document == {"w": 1, "j": False}
        assert hers.claims.unhurried.name == "conversations"


class TestStore:
    def claimed(self, hers: Hers, count: int) -> list[Document]:
        keys = [ObjectId() for _ in range(count)]
        hers.claims.claim(hers.line, hers.mine, keys, UPDATE)
        return [hers.message(key) for key in keys]

    @pytest.mark.parametrize("count", [1, 2])
    def test_stores_them_and_what_the_conversation_gets_besides(self, hers: Hers, count: int) -> None:
        messages = self.claimed(hers, count)
        hers.claims.store(
            hers.line, hers.mine, messages, module.time.monotonic(), update={"$set": {"model": "m"}}
        )
        assert hers.there == hers.named == [each["_id"] for each in messages]
        assert hers.conversation["model"] == "m"

    def test_gives_the_line_back_whatever_comes_of_it(self, hers: Hers) -> None:
        messages = self.claimed(hers, 1)
        assert hers.line._held is not None
        hers.claims.store(hers.line, hers.mine, messages, module.time.monotonic())
        assert hers.line._held is None
        hers.line.find(hers.database.collection("messages"), {}, {}, most=1)
        with pytest.raises(Conflict):
            hers.claims.store(hers.line, hers.mine, messages, module.time.monotonic())
        assert hers.line._held is None

    def test_what_mongodb_refuses_is_named_no_more(self, hers: Hers) -> None:
        there = self.claimed(hers, 1)
        hers.claims.store(hers.line, hers.mine, there, module.time.monotonic())
        messages = self.claimed(hers, 2)
        messages[1]["messageId"] = there[0]["messageId"]
        with pytest.raises(Conflict):
            hers.claims.store(hers.line, hers.mine, messages, module.time.monotonic())
        assert hers.there == hers.named == [there[0]["_id"]]

    def test_what_may_have_been_stored_stays_named(self, hers: Hers, monkeypatch: pytest.MonkeyPatch) -> None:
        def lost(*_: object) -> None:
            raise Unavailable("no answer")

        monkeypatch.setattr(hers.line, "insert", lost)
        messages = self.claimed(hers, 1)
        with pytest.raises(Unavailable):
            hers.claims.store(hers.line, hers.mine, messages, module.time.monotonic())
        assert hers.named == [messages[0]["_id"]]

    @pytest.mark.parametrize(("seconds", "is_given_up"), [(1.0, False), (1.1, True)])
    def test_who_took_long_looks_whether_they_were_given_up(
        self, hers: Hers, clock: Clock, seconds: float, is_given_up: bool
    ) -> None:
        messages = self.claimed(hers, 2)
        hers.claims.give_back(hers.mine, [each["_id"] for each in messages])
        if is_given_up:
            with pytest.raises(Unavailable) as caught:
                hers.claims.store(hers.line, hers.mine, messages, clock.now - seconds)
            assert str(caught.value) == "a message took too long, and was given up"
            assert hers.there == []
        else:
            hers.claims.store(hers.line, hers.mine, messages, clock.now - seconds)
            assert len(hers.there) == 2

    def test_who_took_long_and_is_still_named_is_stored(
        self, database: Database, hers: Hers, clock: Clock
    ) -> None:
        other = Hers(database, hers.owner)
        messages = self.claimed(hers, 2)
        hers.claims.store(hers.line, hers.mine, messages, clock.now - 60)
        assert hers.there == hers.named == [each["_id"] for each in messages]
        # To be named by another conversation is not enough.
        key = ObjectId()
        other.claims.claim(hers.line, other.mine, [key], UPDATE)
        with pytest.raises(Unavailable):
            hers.claims.store(hers.line, hers.mine, [hers.message(key)], clock.now - 60)
        assert hers.there == [each["_id"] for each in messages]

    def test_only_their_own_are_named_no_more(self, hers: Hers) -> None:
        first, second, third = (ObjectId() for _ in range(3))
        hers.claims.claim(hers.line, hers.mine, [first, second, third], UPDATE)
        hers.claims.give_back(hers.mine, [first, third])
        assert hers.named == [second]


class TestCheck:
    def test_raises_what_is_named_and_not_there(self, hers: Hers) -> None:
        there, coming, later = (ObjectId() for _ in range(3))
        hers.insert(there)
        with pytest.raises(OnTheirWay) as caught:
            hers.claims.check({"messages": [coming, there, later]}, hers.mine, None)
        assert (caught.value.mine, caught.value.keys) == (hers.mine, [coming, later])
        assert str(caught.value) == "messages are on their way"
        hers.claims.check({"messages": [there]}, hers.mine, None)

    def test_looks_in_the_session_of_whoever_asks(self, hers: Hers, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[tuple[Any, ...]] = []

        def find(query: Document, shown: Document, *, session: Any) -> list[Document]:
            asked.append((query, shown, session))
            return []

        monkeypatch.setattr(hers.claims, "_messages", SimpleNamespace(find=find))
        key, session = ObjectId(), object()
        with pytest.raises(OnTheirWay):
            hers.claims.check({"messages": [key]}, hers.mine, session)  # type: ignore[arg-type]
        assert asked == [({"_id": {"$in": [key]}, **hers.mine}, {"_id": 1}, session)]

    def test_one_that_is_in_another_conversation_is_not_there(self, database: Database, hers: Hers) -> None:
        key = ObjectId()
        Hers(database, hers.owner).insert(key)
        with pytest.raises(OnTheirWay):
            hers.claims.check({"messages": [key]}, hers.mine, None)

    @pytest.mark.parametrize("conversation", [None, {}, {"messages": None}, {"messages": "odd"}])
    def test_without_names_nothing_is_on_its_way(self, hers: Hers, conversation: Document | None) -> None:
        hers.claims.check(conversation, hers.mine, None)

    def test_names_that_are_old_or_none_are_not_waited_for(self, hers: Hers) -> None:
        old = key_of(timedelta(minutes=10, seconds=5))
        hers.claims.check({"messages": [old, "odd", None, {"$ne": 1}]}, hers.mine, None)
        young = key_of(timedelta(minutes=9))
        with pytest.raises(OnTheirWay) as caught:
            hers.claims.check({"messages": [old, young]}, hers.mine, None)
        assert caught.value.keys == [young]


class TestAwaiting:
    def test_ends_when_they_have_come(self, hers: Hers, clock: Clock) -> None:
        first, second = ObjectId(), ObjectId()
        hers.claims.claim(hers.line, hers.mine, [first, second], UPDATE)
        clock.after = {1: lambda: hers.insert(second), 3: lambda: hers.insert(first)}
        hers.claims.await_stored(hers.mine, [first, second])
        assert clock.slept == [0.002] * 3
        assert hers.named == [first, second]

    def test_gives_up_those_that_do_not_come_in_two_seconds(self, hers: Hers, clock: Clock) -> None:
        first, second = ObjectId(), ObjectId()
        hers.claims.claim(hers.line, hers.mine, [first, second], UPDATE)
        hers.insert(first)
        hers.claims.await_stored(hers.mine, [first, second])
        # Two seconds are not too long.
        assert clock.slept == [0.002] * 5
        assert hers.named == [first]


class TestSettled:
    """Work that finds messages on their way a few times, and then none."""

    def settle(
        self, hers: Hers, monkeypatch: pytest.MonkeyPatch, found: list[list[ObjectId]]
    ) -> list[list[ObjectId]]:
        """What is given up meanwhile."""
        given_up: list[list[ObjectId]] = []

        def atomically(work: Callable[[Any], str], *, seconds: float | None) -> str:
            assert seconds == 60.0
            if found:
                raise OnTheirWay(hers.mine, found.pop(0))
            return work("a session")

        def give_back(mine: Document, keys: list[ObjectId]) -> None:
            assert mine == hers.mine
            given_up.append(keys)

        monkeypatch.setattr(hers.database, "atomically", atomically)
        monkeypatch.setattr(hers.claims, "give_back", give_back)
        assert hers.claims.settled(lambda session: f"done in {session}", seconds=60.0) == "done in a session"
        return given_up

    def test_is_done_again_until_nothing_is_on_its_way(
        self, hers: Hers, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = ObjectId()
        assert self.settle(hers, monkeypatch, [[key]] * 3) == []
        assert clock.slept == [0.002] * 3

    def test_gives_up_each_after_two_seconds_of_its_own(
        self, hers: Hers, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = ObjectId(), ObjectId()
        found = [[first], [first, second], [first, second], [first], [first], [first, second], [second]]
        # The first one was seen 2.5 seconds ago when it is given up, the second one 2.5 then.
        assert self.settle(hers, monkeypatch, found) == [[first], [second]]
        assert len(clock.slept) == 7


class TestEnds:
    MINE = ({"user": "ada", "conversationId": "c"}, {"user": "bob", "conversationId": "c"})

    def test_the_last_of_each_conversation_and_owner(self) -> None:
        ends, (hers, his) = Ends(), self.MINE
        assert ends.of(hers) is None
        first, second = message_document("m1"), message_document("m2")
        ends.note(hers, first)
        ends.note(hers, second)
        assert ends.of(hers) == (second["_id"], "m2")
        assert ends.of(his) is None

    def test_of_more_than_the_most_the_oldest_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Ends.MOST == 4096
        monkeypatch.setattr(Ends, "MOST", 2)
        ends, message = Ends(), message_document("m")
        places = [{"user": "ada", "conversationId": name} for name in "abc"]
        for place in (places[0], places[1], places[0], places[2]):
            ends.note(place, message)
        assert [ends.of(place) is not None for place in places] == [True, False, True]
