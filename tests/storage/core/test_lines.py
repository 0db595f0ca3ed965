"""Commands on one connection do what the driver's do, once, though the connection breaks."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import pymongo
import pytest
from bson import CodecOptions, ObjectId
from pymongo import WriteConcern
from pymongo.collection import Collection
from pymongo.errors import (
    AutoReconnect,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from storage.core.availability import Availability, DatabaseAway
from storage.core.database import Database, Document
from storage.core.lines import Line, again, may_be_tried_again
from tests.support.broken import broken_at
from tests.support.chats import profiled, shared_database

BEGINNING = datetime(2026, 1, 2, 3, 4, 5, 678_000)
MIB = 1024 * 1024
ONE_MORE = {"$inc": {"number": 1}}


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def line(database: Database) -> Iterator[Line]:
    with database.line() as line:
        yield line


@pytest.fixture
def rows(database: Database) -> Collection[Document]:
    return database.collection("rows")


@pytest.fixture
def wanted(rows: Collection[Document]) -> Document:
    """The filter for a document whose number is 1."""
    document: Document = {"_id": ObjectId(), "number": 1, "at": BEGINNING}
    rows.insert_one(document)
    return {"_id": document["_id"]}


@contextmanager
def other_client(mongo_uri: str, options: str, seconds: float = 10) -> Iterator[Database]:
    """The same deployment by a client with these options of its URI."""
    other = Database(f"{mongo_uri}{'&' if '?' in mongo_uri else '?'}{options}", seconds=seconds)
    with closing(other):
        yield other


def number(rows: Collection[Document], wanted: Document) -> int:
    found = rows.find_one(wanted)
    assert found is not None
    return int(found["number"])


def fresh(count: int) -> list[Document]:
    return [{"_id": ObjectId(), "number": number} for number in range(count)]


def there(rows: Collection[Document], documents: list[Document]) -> list[Document]:
    return list(rows.find({"_id": {"$in": [each["_id"] for each in documents]}}).sort("number"))


class TestConnection:
    def test_one_is_held_for_all_commands_until_it_is_given_back(
        self, mongo_uri: str, database: Database
    ) -> None:
        with other_client(mongo_uri, "maxPoolSize=1") as small:
            rows = small.client[database.name]["rows"]
            with small.line() as line:
                line.insert(rows, fresh(1))
                connection = line.connection
                line.change(rows, {}, ONE_MORE)
                line.find(rows, {}, {}, most=1)
                assert line.connection is connection
                # The driver has no other.
                with pymongo.timeout(0.1), pytest.raises(PyMongoError):
                    rows.find_one({})
                line.give_back()
                rows.find_one({})
                line.find(rows, {}, {}, most=1)
                assert line.connection is connection
            rows.find_one({})

    def test_none_is_taken_before_a_command(self, mongo_uri: str, database: Database) -> None:
        with other_client(mongo_uri, "maxPoolSize=1") as small, small.line():
            small.client[database.name]["rows"].find_one({})

    def test_after_an_error_the_driver_has_it_again(
        self, mongo_uri: str, database: Database, wanted: Document
    ) -> None:
        with other_client(mongo_uri, "maxPoolSize=1") as small, small.line() as line:
            rows = small.client[database.name]["rows"]
            with pytest.raises(DuplicateKeyError):
                line.insert(rows, [wanted])
            assert rows.find_one(wanted) == line.find(rows, wanted, {}, most=1)[0]

    def test_one_that_broke_is_not_used_again_and_the_driver_knows(
        self, database: Database, line: Line, rows: Collection[Document]
    ) -> None:
        line.find(rows, {}, {}, most=1)
        broken = line.connection
        with broken_at("find", done=False):
            line.find(rows, {}, {}, most=1)
        assert line.connection is not broken
        pools = [server.pool for server in database.client._get_topology()._servers.values()]
        assert not any(broken in pool.conns for pool in pools)
        assert broken.closed

    def test_where_the_database_is_away_it_is_told_at_once(
        self, mongo_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(_: object) -> None:
            raise DatabaseAway("away")

        with other_client(mongo_uri, "") as other, other.line() as line:
            monkeypatch.setattr(Availability, "check", away)
            with pytest.raises(DatabaseAway):
                line.find(other.collection("rows"), {}, {}, most=1)


class TestFind:
    def test_finds_what_is_wanted_as_the_collection_has_it(
        self, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        [row] = line.find(rows, wanted, {"_id": 0, "at": 1}, most=2)
        assert row.keys() == {"at"}
        assert row["at"].isoformat() == "2026-01-02T03:04:05.678000+00:00"
        bare = rows.with_options(codec_options=CodecOptions(tz_aware=False))
        assert line.find(bare, wanted, {"at": 1}, most=2)[0]["at"] == BEGINNING
        assert line.find(rows, {"_id": ObjectId()}, {}, most=2) == []

    def test_is_one_command_for_as_many_as_are_wanted(
        self, database: Database, line: Line, rows: Collection[Document]
    ) -> None:
        documents = fresh(200)
        rows.insert_many(documents)
        keys = {"_id": {"$in": [each["_id"] for each in documents]}}
        with profiled(database, "rows") as notes:
            assert len(line.find(rows, keys, {}, most=150)) == 150
        [note] = notes
        assert (note["command"]["find"], note["nreturned"], note["cursorExhausted"]) == ("rows", 150, True)
        assert "lsid" not in note["command"]

    @pytest.mark.parametrize("done", [True, False])
    def test_is_asked_again_where_the_connection_breaks(
        self, line: Line, rows: Collection[Document], wanted: Document, done: bool
    ) -> None:
        with broken_at("find", done=done) as breaks:
            [row] = line.find(rows, wanted, {"_id": 1}, most=1)
        assert (len(breaks), row) == (1, wanted)

    def test_is_not_asked_again_where_the_uri_says_so(
        self, mongo_uri: str, database: Database, wanted: Document
    ) -> None:
        with other_client(mongo_uri, "retryReads=false") as once, once.line() as line:
            rows = once.client[database.name]["rows"]
            with broken_at("find", done=False) as breaks, pytest.raises(AutoReconnect):
                line.find(rows, wanted, {}, most=1)
        assert len(breaks) == 1

    def test_a_query_that_mongodb_refuses_fails(self, line: Line, rows: Collection[Document]) -> None:
        with pytest.raises(OperationFailure, match="unknown operator"):
            line.find(rows, {"a": {"$no": 1}}, {}, most=1)

    def test_ends_with_the_deadline_of_the_client_or_of_the_block(
        self, mongo_uri: str, database: Database, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        slow = {**wanted, "$where": "sleep(400) || true"}
        with other_client(mongo_uri, "", 0.2) as hasty, pytest.raises(PyMongoError) as of_client:
            hasty.line().find(hasty.client[database.name]["rows"], slow, {}, most=1)
        with pymongo.timeout(0.2), pytest.raises(PyMongoError) as of_block:
            line.find(rows, slow, {}, most=1)
        assert (of_client.value.timeout, of_block.value.timeout) == (True, True)


class TestChange:
    def test_gives_what_was_before_or_what_is_after(
        self, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        before = line.change(rows, wanted, ONE_MORE)
        assert before is not None
        assert (before["_id"], before["number"]) == (wanted["_id"], 1)
        assert before["at"].isoformat() == "2026-01-02T03:04:05.678000+00:00"
        shown = {"_id": 0, "number": 1}
        assert line.change(rows, wanted, ONE_MORE, shown) == {"number": 2}
        assert line.change(rows, wanted, ONE_MORE, shown, after=True) == {"number": 4}

    def test_dates_are_as_the_collection_has_them(
        self, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        bare = rows.with_options(codec_options=CodecOptions(tz_aware=False))
        before = line.change(bare, wanted, ONE_MORE)
        assert before is not None
        assert before["at"] == BEGINNING

    def test_none_where_there_is_none_and_none_is_made(self, line: Line, rows: Collection[Document]) -> None:
        missing = {"_id": ObjectId()}
        assert line.change(rows, missing, ONE_MORE) is None
        assert rows.count_documents(missing) == 0

    def test_mongodb_keeps_no_account_of_it(
        self, database: Database, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        with profiled(database, "rows") as notes:
            line.change(rows, wanted, ONE_MORE)
            rows.find_one_and_update(wanted, ONE_MORE)
        [own, drivers] = [each["command"] for each in notes]
        assert {"lsid", "txnNumber"} & own.keys() == set()
        assert {"lsid", "txnNumber"} <= drivers.keys()

    def test_waits_for_what_the_collection_has_it_wait_for(
        self, database: Database, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        hasty = rows.with_options(write_concern=WriteConcern(w=1, j=False))
        with profiled(database, "rows") as notes:
            line.change(rows, wanted, ONE_MORE)
            line.change(hasty, wanted, ONE_MORE)
        concerns = [each["command"]["writeConcern"] for each in notes]
        assert concerns == [{"w": "majority", "j": True}, {"w": 1, "j": False}]

    def test_a_change_that_mongodb_refuses_fails_at_once(
        self, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        taken_back: list[int] = []
        with pytest.raises(OperationFailure, match="Unknown modifier"):
            line.change(rows, wanted, {"$no": 1}, take_back=lambda: taken_back.append(1))
        assert taken_back == []

    def test_ends_with_the_deadline_of_the_client_or_of_the_block(
        self, mongo_uri: str, database: Database, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        slow = {**wanted, "$where": "sleep(400) || true"}
        with other_client(mongo_uri, "", 0.2) as hasty, pytest.raises(PyMongoError) as of_client:
            hasty.line().change(hasty.client[database.name]["rows"], slow, ONE_MORE)
        with pymongo.timeout(0.2), pytest.raises(PyMongoError) as of_block:
            line.change(rows, slow, ONE_MORE)
        assert (of_client.value.timeout, of_block.value.timeout) == (True, True)


class TestChangeOnABrokenConnection:
    @pytest.fixture(autouse=True)
    def of_the_test(self, line: Line, rows: Collection[Document], wanted: Document) -> None:
        self.line, self.rows, self.wanted = line, rows, wanted
        self.found: list[int] = []

    def take_back(self) -> None:
        self.found.append(number(self.rows, self.wanted))
        self.rows.update_one(self.wanted, {"$set": {"number": 1}})

    @pytest.mark.parametrize(("done", "found"), [(True, 2), (False, 1)])
    def test_what_was_perhaps_done_is_taken_back_and_done_once(self, done: bool, found: int) -> None:
        with broken_at("findAndModify", done=done) as breaks:
            before = self.line.change(
                self.rows, self.wanted, ONE_MORE, {"number": 1}, take_back=self.take_back
            )
        assert before == {**self.wanted, "number": 1}
        assert (len(breaks), self.found, number(self.rows, self.wanted)) == (1, [found], 2)

    def test_one_that_may_be_done_twice_needs_nothing_more(self) -> None:
        with broken_at("findAndModify", done=True) as breaks:
            after = self.line.change(self.rows, self.wanted, {"$max": {"number": 9}}, after=True)
        assert after is not None
        assert (len(breaks), after["number"]) == (1, 9)

    def test_the_second_attempt_may_be_sent_again_as_the_drivers(self) -> None:
        with broken_at("findAndModify", done=True, times=2) as breaks:
            before = self.line.change(
                self.rows, self.wanted, ONE_MORE, {"number": 1}, take_back=self.take_back
            )
        # MongoDB shows all of it then.
        assert before is not None
        assert (len(breaks), before["number"], number(self.rows, self.wanted)) == (2, 1, 2)

    def test_the_third_break_is_told(self) -> None:
        with broken_at("findAndModify", done=False, times=3) as breaks, pytest.raises(AutoReconnect):
            self.line.change(self.rows, self.wanted, ONE_MORE)
        assert (len(breaks), number(self.rows, self.wanted)) == (3, 1)

    def test_where_the_uri_has_writes_sent_once_it_is_told_at_once(
        self, mongo_uri: str, database: Database
    ) -> None:
        with other_client(mongo_uri, "retryWrites=false") as once, once.line() as line:
            rows = once.client[database.name]["rows"]
            with broken_at("findAndModify", done=True), pytest.raises(AutoReconnect):
                line.change(rows, self.wanted, ONE_MORE, take_back=self.take_back)
        assert (self.found, number(self.rows, self.wanted)) == ([], 2)


class TestInsert:
    @pytest.mark.parametrize("count", [1, 3])
    def test_stores_them_and_waits_for_the_journal(
        self, database: Database, line: Line, rows: Collection[Document], count: int
    ) -> None:
        documents = fresh(count)
        raw = rows.database
        raw.command("profile", 2)
        assert line.insert(rows, documents) is False
        raw.command("profile", 0)
        [note] = raw["system.profile"].find({"ns": f"{database.name}.rows", "op": "insert"})
        raw.drop_collection("system.profile")
        assert there(rows, documents) == documents
        assert note["command"]["writeConcern"] == {"w": "majority", "j": True}
        # MongoDB keeps no account of it.
        assert {"lsid", "txnNumber"} & note["command"].keys() == set()

    def test_a_key_that_is_there_ends_it(
        self, line: Line, rows: Collection[Document], wanted: Document
    ) -> None:
        first, last = fresh(2)
        with pytest.raises(DuplicateKeyError) as caught:
            line.insert(rows, [first, wanted, last])
        assert caught.value.details is not None
        assert caught.value.details["keyPattern"] == {"_id": 1}
        assert there(rows, [first, last]) == [first]

    def test_more_than_sixteen_megabytes_only_in_several(
        self, line: Line, rows: Collection[Document]
    ) -> None:
        documents = [{**each, "text": "." * 7 * MIB} for each in fresh(3)]
        line.insert(rows, documents)
        assert there(rows, documents) == documents
        [single] = fresh(1)
        with pytest.raises(DocumentTooLarge):
            line.insert(rows, [{**single, "text": "." * 17 * MIB}])

    @pytest.mark.parametrize("done", [True, False])
    @pytest.mark.parametrize("count", [1, 2])
    def test_is_sent_again_and_done_once_where_the_connection_breaks(
        self, line: Line, rows: Collection[Document], done: bool, count: int
    ) -> None:
        documents = fresh(count)
        with broken_at("insert", done=done) as breaks:
            assert line.insert(rows, documents) is True
        assert (len(breaks), there(rows, documents)) == (1, documents)

    def test_of_several_those_are_sent_again_that_are_not_there(
        self, line: Line, rows: Collection[Document]
    ) -> None:
        documents = fresh(3)
        rows.insert_one(documents[0])
        with broken_at("insert", done=False):
            assert line.insert(rows, documents) is True
        assert there(rows, documents) == documents

    def test_the_second_attempt_may_be_sent_again_as_the_drivers(
        self, line: Line, rows: Collection[Document]
    ) -> None:
        documents = fresh(1)
        with broken_at("insert", done=True, times=2) as breaks:
            line.insert(rows, documents)
        assert (len(breaks), there(rows, documents)) == (2, documents)

    def test_the_third_break_is_told(self, line: Line, rows: Collection[Document]) -> None:
        documents = fresh(1)
        with broken_at("insert", done=False, times=3) as breaks, pytest.raises(AutoReconnect):
            line.insert(rows, documents)
        assert (len(breaks), there(rows, documents)) == (3, [])

    def test_another_value_that_is_there_is_told_the_second_time_too(
        self, database: Database, line: Line, wanted: Document
    ) -> None:
        taken = database.collection("taken")
        taken.create_index("number", unique=True)
        [first] = fresh(1)
        taken.insert_one(first)
        with broken_at("insert", done=False), pytest.raises(DuplicateKeyError):
            line.insert(taken, [{**wanted, "number": 0}])
        assert list(taken.find()) == [first]

    def test_where_the_uri_has_writes_sent_once_it_is_told_at_once(
        self, mongo_uri: str, database: Database, rows: Collection[Document]
    ) -> None:
        documents = fresh(1)
        with (
            other_client(mongo_uri, "retryWrites=false") as once,
            broken_at("insert", done=True) as breaks,
            pytest.raises(AutoReconnect),
        ):
            once.line().insert(once.client[database.name]["rows"], documents)
        assert (len(breaks), there(rows, documents)) == (1, documents)


class TestAgain:
    def test_gives_what_the_second_attempt_gives(self) -> None:
        assert again(AutoReconnect("first"), lambda: 2) == 2

    def test_raises_the_error_where_none_is_made(self) -> None:
        attempts: list[int] = []
        with pytest.raises(WaitQueueTimeoutError, match="first"):
            again(WaitQueueTimeoutError("first"), lambda: attempts.append(1))
        assert attempts == []

    @pytest.mark.parametrize(
        ("second", "told"),
        [
            (AutoReconnect("second"), "second"),
            (OperationFailure("second", 9), "second"),
            (ServerSelectionTimeoutError("second"), "first"),
            (OperationFailure("second", 9, {"errorLabels": ["NoWritesPerformed"]}), "first"),
        ],
    )
    def test_the_first_error_says_more_than_of_one_that_was_not_made(
        self, second: PyMongoError, told: str
    ) -> None:
        def attempt() -> None:
            raise second

        with pytest.raises(PyMongoError, match=told):
            again(AutoReconnect("first"), attempt)


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
