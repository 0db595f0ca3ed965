"""A document is changed as by the driver, without MongoDB's account of it, and once though a connection breaks."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pymongo
import pytest
from bson import CodecOptions, ObjectId
from pymongo import WriteConcern
from pymongo.errors import (
    AutoReconnect,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from storage.core.changing import change_at_once, may_be_tried_again
from storage.core.database import Database, Document
from tests.support.broken import broken_at
from tests.support.chats import profiled, shared_database

BEGINNING = datetime(2026, 1, 2, 3, 4, 5, 678_000)
ONE_MORE = {"$inc": {"number": 1}}


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def wanted(database: Database) -> Document:
    """The filter for a document whose number is 1."""
    document: Document = {"_id": ObjectId(), "number": 1, "at": BEGINNING}
    database.collection("changed").insert_one(document)
    return {"_id": document["_id"]}


def number(database: Database, wanted: Document) -> int:
    found = database.collection("changed").find_one(wanted)
    assert found is not None
    return int(found["number"])


class TestChangeAtOnce:
    def test_gives_what_was_before_or_what_is_after(self, database: Database, wanted: Document) -> None:
        changed = database.collection("changed")
        before = change_at_once(changed, wanted, ONE_MORE)
        assert before is not None
        assert (before["_id"], before["number"]) == (wanted["_id"], 1)
        assert before["at"].isoformat() == "2026-01-02T03:04:05.678000+00:00"
        shown = {"_id": 0, "number": 1}
        assert change_at_once(changed, wanted, ONE_MORE, shown) == {"number": 2}
        assert change_at_once(changed, wanted, ONE_MORE, shown, after=True) == {"number": 4}

    def test_dates_are_as_the_collection_has_them(self, database: Database, wanted: Document) -> None:
        options: CodecOptions[Document] = CodecOptions(tz_aware=False)
        bare = database.collection("changed").with_options(codec_options=options)
        before = change_at_once(bare, wanted, ONE_MORE)
        assert before is not None
        assert before["at"] == BEGINNING

    def test_none_where_there_is_none_and_none_is_made(self, database: Database) -> None:
        missing = {"_id": ObjectId()}
        assert change_at_once(database.collection("changed"), missing, ONE_MORE) is None
        assert database.collection("changed").count_documents(missing) == 0

    def test_mongodb_keeps_no_account_of_it(self, database: Database, wanted: Document) -> None:
        changed = database.collection("changed")
        with profiled(database, "changed") as notes:
            change_at_once(changed, wanted, ONE_MORE)
            changed.find_one_and_update(wanted, ONE_MORE)
        [own, drivers] = [each["command"] for each in notes]
        assert {"lsid", "txnNumber"} & own.keys() == set()
        assert {"lsid", "txnNumber"} <= drivers.keys()

    def test_waits_for_what_the_collection_has_it_wait_for(
        self, database: Database, wanted: Document
    ) -> None:
        changed = database.collection("changed")
        hasty = changed.with_options(write_concern=WriteConcern(w=1, j=False))
        with profiled(database, "changed") as notes:
            change_at_once(changed, wanted, ONE_MORE)
            change_at_once(hasty, wanted, ONE_MORE)
        concerns = [each["command"]["writeConcern"] for each in notes]
        assert concerns == [{"w": "majority", "j": True}, {"w": 1, "j": False}]

    def test_a_change_that_mongodb_refuses_fails_at_once(self, database: Database, wanted: Document) -> None:
        taken_back: list[int] = []
        with pytest.raises(OperationFailure, match="Unknown modifier"):
            change_at_once(
                database.collection("changed"), wanted, {"$no": 1}, take_back=lambda: taken_back.append(1)
            )
        assert taken_back == []

    def test_ends_with_the_deadline_of_the_client_or_of_the_block(
        self, mongo_uri: str, database: Database, wanted: Document
    ) -> None:
        slow = {**wanted, "$where": "sleep(400) || true"}
        hasty = Database(mongo_uri, seconds=0.2)
        with closing(hasty), pytest.raises(PyMongoError) as of_client:
            change_at_once(hasty.client[database.name]["changed"], slow, ONE_MORE)
        with pymongo.timeout(0.2), pytest.raises(PyMongoError) as of_block:
            change_at_once(database.collection("changed"), slow, ONE_MORE)
        assert (of_client.value.timeout, of_block.value.timeout) == (True, True)


class TestBrokenConnection:
    def taking_back(self, database: Database, wanted: Document, notes: list[int]) -> Callable[[], object]:
        def take_back() -> None:
            notes.append(number(database, wanted))
            database.collection("changed").update_one(wanted, {"$set": {"number": 1}})

        return take_back

    @pytest.mark.parametrize(("done", "found"), [(True, 2), (False, 1)])
    def test_what_was_perhaps_done_is_taken_back_and_done_once(
        self, database: Database, wanted: Document, done: bool, found: int
    ) -> None:
        notes: list[int] = []
        take_back = self.taking_back(database, wanted, notes)
        changed, shown = database.collection("changed"), {"_id": 0, "number": 1}
        with broken_at("findAndModify", done=done) as breaks:
            assert change_at_once(changed, wanted, ONE_MORE, shown, take_back=take_back) == {"number": 1}
        assert (len(breaks), notes, number(database, wanted)) == (1, [found], 2)

    def test_one_that_may_be_done_twice_needs_nothing_more(
        self, database: Database, wanted: Document
    ) -> None:
        with broken_at("findAndModify", done=True) as breaks:
            after = change_at_once(
                database.collection("changed"), wanted, {"$max": {"number": 9}}, after=True
            )
        assert after is not None
        assert (len(breaks), after["number"]) == (1, 9)

    def test_the_second_attempt_may_be_sent_again_as_the_drivers(
        self, database: Database, wanted: Document
    ) -> None:
        notes: list[int] = []
        take_back = self.taking_back(database, wanted, notes)
        with broken_at("findAndModify", done=True, times=2) as breaks:
            before = change_at_once(
                database.collection("changed"), wanted, ONE_MORE, {"number": 1}, take_back=take_back
            )
        assert before is not None
        assert (len(breaks), before["number"], number(database, wanted)) == (2, 1, 2)

    def test_the_third_break_is_told(self, database: Database, wanted: Document) -> None:
        with broken_at("findAndModify", done=False, times=3) as breaks, pytest.raises(AutoReconnect):
            change_at_once(database.collection("changed"), wanted, ONE_MORE)
        assert (len(breaks), number(database, wanted)) == (3, 1)

    def test_where_the_database_may_write_nothing_again_it_is_told_at_once(
        self, mongo_uri: str, database: Database, wanted: Document
    ) -> None:
        once = Database(f"{mongo_uri}{'&' if '?' in mongo_uri else '?'}retryWrites=false", seconds=10)
        with closing(once), broken_at("findAndModify", done=True) as breaks:
            changed = once.client[database.name]["changed"]
            with pytest.raises(AutoReconnect):
                change_at_once(changed, wanted, ONE_MORE, take_back=lambda: breaks.append("taken back"))
        assert (breaks, number(database, wanted)) == (["findAndModify"], 2)

    def test_where_no_server_is_found_again_the_first_error_is_told(
        self, database: Database, wanted: Document
    ) -> None:
        def take_back() -> None:
            raise ServerSelectionTimeoutError("none")

        with broken_at("findAndModify", done=True), pytest.raises(AutoReconnect) as caught:
            change_at_once(database.collection("changed"), wanted, ONE_MORE, take_back=take_back)
        assert "connection closed" in str(caught.value)


class TestMayBeTriedAgain:
    @pytest.mark.parametrize(
        ("error", "may"),
        [
            (AutoReconnect("broken"), True),
            (NetworkTimeout("slow"), True),
            (NotPrimaryError("moved"), True),
            (OperationFailure("a shard is not reached", 6), True),
            (OperationFailure("refused", 9), False),
            (ExecutionTimeout("slow", 50), False),
            (ServerSelectionTimeoutError("none"), False),
            (WaitQueueTimeoutError("busy"), False),
        ],
    )
    def test_what_another_attempt_may_mend(self, error: Any, may: bool) -> None:
        assert may_be_tried_again(error) is may

    def test_what_mongodb_says_may_be(self) -> None:
        error = OperationFailure("busy", 462, {"errorLabels": ["RetryableError"]})
        assert may_be_tried_again(error)

    def test_not_when_the_time_is_over(self) -> None:
        with pymongo.timeout(10):
            assert may_be_tried_again(AutoReconnect("broken"))
        with pymongo.timeout(1e-9):
            assert not may_be_tried_again(AutoReconnect("broken"))
