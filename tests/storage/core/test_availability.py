"""A server that takes connections and says nothing: a deadline for what asks it, none for what comes after."""

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient, _csot
from pymongo.errors import ServerSelectionTimeoutError

from echo.http.rate_limits import SharedMongoStorage
from storage.conversations.threads import ThreadRepository
from storage.core.availability import Availability, DatabaseAway, GuardedClient
from storage.core.database import Database
from storage.core.errors import StorageError, Unavailable, Uncertain
from storage.core.finding import find_at_once
from storage.core.translation import translated
from storage.embedded import EmbeddedServer
from storage.embedded.binary import EmbeddedUnavailable
from storage.operator.indexes import ensure_indexes
from tests.support.chats import new_owner, say
from tests.support.single_server import single_server
from tests.support.stopped import server_pid, stopped
from tests.support.threads import together
from tests.support.waiting import until

SECONDS = 1.0
OPERATIONS: tuple[Callable[[Any], Any], ...] = (
    lambda things: things.insert_one({}),
    lambda things: things.update_one({"_id": 1}, {"$inc": {"n": 1}}),
    lambda things: things.delete_many({"_id": 7}),
    lambda things: list(things.aggregate([{"$match": {}}])),
    lambda things: things.count_documents({}),
    lambda things: things.insert_many([{}, {}]),
    lambda things: things.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}}),
    lambda things: things.create_index("n"),
    lambda things: list(things.list_indexes()),
    lambda things: find_at_once(things, {}, {}, (), most=1),
)


@dataclass
class Server:
    """A server that a test may stop."""

    uri: str
    pid: int


@pytest.fixture(scope="module", params=["replica set", "single server"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    try:
        if request.param == "single server":
            with single_server() as uri:
                yield Server(uri, server_pid(uri))
            return
        with tempfile.TemporaryDirectory(prefix="echo-hung-") as directory:
            embedded = EmbeddedServer(Path(directory) / "mongodb")
            uri = embedded.start()
            yield Server(uri, server_pid(uri))
            embedded.stop()
    except EmbeddedUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """Guarded, with a short deadline; its indexes and one document are there."""
    with_time = Database(server.uri)
    ensure_indexes(with_time)
    with_time.collection("things").update_one({"_id": 1}, {"$set": {"n": 0}}, upsert=True)
    with_time.close()
    database = Database(server.uri, seconds=SECONDS)
    with translated():
        database.collection("things").find_one({})
    yield database
    database.close()


def error_of(work: Callable[[], object]) -> StorageError:
    with pytest.raises(StorageError) as raised, translated():
        work()
    return raised.value


def timed(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def answers(database: Database) -> bool:
    try:
        database.ping()
    except Unavailable:
        return False
    return True


class TestAServerThatHangs:
    def test_is_waited_for_once_and_not_again(self, server: Server, database: Database) -> None:
        things = database.collection("things")
        with stopped(server.pid):
            first = timed(lambda: error_of(lambda: things.find_one({})))
            error_of(lambda: things.find_one({}))
            later = timed(lambda: [error_of(lambda: things.find_one({})) for _ in range(20)])
        assert first >= SECONDS / 2
        # Twenty that wait would take twenty times as long as one.
        assert later < 5 * first

    def test_many_at_once_wait_together(self, server: Server, database: Database) -> None:
        things = database.collection("things")
        with stopped(server.pid):
            first = timed(lambda: error_of(lambda: things.find_one({})))
        assert until(lambda: answers(database))
        with stopped(server.pid):
            all_of_them = timed(lambda: together(lambda _: error_of(lambda: things.find_one({}))))
        assert all_of_them < 4 * first

    def test_is_asked_nothing_once_that_is_known(self, server: Server, database: Database) -> None:
        things = database.collection("things")
        with stopped(server.pid):
            error_of(lambda: things.find_one({}))
            error_of(lambda: things.find_one({}))
            for work in OPERATIONS:
                error = error_of(lambda work=work: work(things))  # type: ignore[misc]
                # Not sent: so certainly not done.
                assert type(error) is Unavailable
                assert isinstance(error.__cause__, DatabaseAway)
            error = error_of(
                lambda: database.atomically(lambda session: things.insert_one({}, session=session))
            )
            assert type(error) is Unavailable

    def test_a_librarys_commands_too(self, server: Server, database: Database) -> None:
        counters = SharedMongoStorage(database.unhurried)
        with stopped(server.pid):
            error_of(lambda: database.collection("things").find_one({}))
            error_of(lambda: database.collection("things").find_one({}))
            with pytest.raises(Exception, match="does not answer"):
                counters.incr("key", 60)

    def test_is_back_as_soon_as_it_goes_on(
        self, server: Server, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "storage"):
            with stopped(server.pid):
                error_of(lambda: database.collection("things").find_one({}))
                error_of(lambda: database.collection("things").find_one({}))
            assert until(lambda: answers(database))
        assert [record.getMessage() for record in caplog.records] == [
            "the database does not answer; requests that need it are refused",
            "the database answers again",
        ]
        assert database.collection("things").find_one({"_id": 1})

    def test_a_ping_that_is_not_answered_is_enough(self, server: Server, database: Database) -> None:
        with stopped(server.pid):
            with pytest.raises(Unavailable):
                database.ping(SECONDS)
            error = error_of(lambda: database.collection("things").find_one({}))
        assert isinstance(error.__cause__, DatabaseAway)


class TestAWriteThatIsNotAnswered:
    def test_may_have_happened(self, server: Server, database: Database) -> None:
        with stopped(server.pid):
            error = error_of(lambda: database.collection("things").insert_one({}))
        assert type(error) is Uncertain

    def test_is_stored_wholly_or_not_at_all(self, server: Server, database: Database) -> None:
        if not database._has_transactions:
            pytest.skip("a single server orders its writes instead")
        owner, threads = new_owner(), ThreadRepository(database)
        say(threads, owner, "first", "before")
        with stopped(server.pid), pytest.raises(Unavailable):
            say(threads, owner, "second", "meanwhile")
        assert until(lambda: answers(database))
        stored = list(database.collection("messages").find({"user": owner}, {"conversationId": 1, "text": 1}))
        conversations = list(database.collection("conversations").find({"user": owner}))
        assert "before" in [each["text"] for each in stored]
        assert sorted(key for each in conversations for key in each["messages"]) == sorted(
            each["_id"] for each in stored
        )
        assert "first" in [each["conversationId"] for each in conversations]

    def test_holds_up_no_later_one(self, server: Server, database: Database) -> None:
        if not database._has_transactions:
            pytest.skip("a single server has no transactions")
        owner, threads = new_owner(), ThreadRepository(database)
        say(threads, owner, "one", "before")
        with stopped(server.pid), pytest.raises(Unavailable):
            say(threads, owner, "one", "meanwhile")
        assert until(lambda: answers(database))

        def stored() -> bool:
            try:
                say(threads, owner, "one", "afterwards")
            except Unavailable:
                return False
            return True

        # MongoDB itself would hold the locks of an abandoned transaction for a minute.
        assert until(stored, 20)


class TestASlowOperation:
    def test_is_ended_and_nothing_else_is(self, database: Database, caplog: pytest.LogCaptureFixture) -> None:
        things = database.collection("things")
        with caplog.at_level(logging.ERROR, "storage"):
            for _ in range(3):
                assert (
                    type(error_of(lambda: list(things.find({"$where": "sleep(5000) || true"})))) is Uncertain
                )
                assert things.find_one({"_id": 1})
        assert caplog.records == []

    def test_has_a_minute_where_it_takes_long_by_nature(self, database: Database) -> None:
        slow = {"_id": 1, "$where": "sleep(1500) || true"}
        with translated(), database.patiently():
            assert len(list(database.collection("things").find(slow))) == 1

    def test_a_transaction_too(self, database: Database) -> None:
        things, slow = database.collection("things"), {"_id": 1, "$where": "sleep(1500) || true"}
        found = database.atomically(lambda session: things.count_documents({"_id": 1}, session=session))
        assert found == 1
        with pytest.raises(Uncertain):
            database.atomically(lambda session: list(things.find(slow, session=session)))
        assert (
            len(database.atomically(lambda session: list(things.find(slow, session=session)), seconds=60))
            == 1
        )


class TestWhatIsKnown:
    """`Availability` alone, with a ping that is answered when a test says so."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("storage.core.availability.PAUSE_SECONDS", 0.005)

    @pytest.fixture
    def known(self) -> Iterator[Availability]:
        self.pings, self.answered, self.asked = list[str](), threading.Event(), threading.Event()
        self.held = threading.Event()
        self.held.set()
        availability = Availability(30.0)
        availability.ask_by(self.ping)
        yield availability
        availability.close()
        self.held.set()

    def ping(self) -> None:
        self.pings.append(threading.current_thread().name)
        self.asked.set()
        self.held.wait(30)
        if not self.answered.is_set():
            raise ServerSelectionTimeoutError("no answer")

    def is_away(self, known: Availability) -> bool:
        try:
            known.check()
        except DatabaseAway as error:
            return str(error) == "the database does not answer"
        return False

    def test_nothing_is_asked_before_there_is_a_doubt(self, known: Availability) -> None:
        assert not self.is_away(known)
        assert (known.away, self.pings) == (False, [])

    def test_it_is_away_until_a_ping_is_answered(self, known: Availability) -> None:
        known.doubt()
        assert self.is_away(known)
        assert known.away
        assert until(lambda: len(self.pings) > 2)
        assert self.is_away(known)
        self.answered.set()
        assert until(lambda: not self.is_away(known))
        assert not known.away
        assert set(self.pings) == {"echo-database-ping"}

    def test_what_begins_meanwhile_waits_for_the_verdict(self, known: Availability) -> None:
        self.held.clear()
        known.doubt()
        verdicts: list[bool] = []
        waiting = threading.Thread(target=lambda: verdicts.append(self.is_away(known)))
        waiting.start()
        assert self.asked.wait(30)
        assert verdicts == []
        self.held.set()
        waiting.join(30)
        assert verdicts == [True]

    def test_one_that_is_answered_was_a_slow_operation(
        self, known: Availability, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.answered.set()
        known.doubt()
        assert not self.is_away(known)
        assert until(lambda: known._asking is None)
        assert (len(self.pings), caplog.records) == (1, [])

    def test_only_one_thread_asks(self, known: Availability) -> None:
        self.held.clear()
        for _ in range(5):
            known.doubt()
        assert self.asked.wait(30)
        assert len(self.pings) == 1
        self.answered.set()
        self.held.set()
        assert until(lambda: known._asking is None)
        # Another doubt asks again, and its verdict is waited for anew.
        self.answered.clear()
        known.doubt()
        assert self.is_away(known)

    def test_the_ping_itself_is_let_through(self, known: Availability) -> None:
        through: list[bool] = []
        known.ask_by(lambda: through.append(self.is_away(known)))
        known.doubt()
        assert until(lambda: through == [False])

    def test_nobody_asks_after_the_end_or_without_a_ping(self, known: Availability) -> None:
        without = Availability()
        without.doubt()
        assert not self.is_away(without)
        known.close()
        known.doubt()
        assert not self.is_away(known)
        assert self.pings == []

    def test_the_end_ends_the_asking(self, known: Availability, caplog: pytest.LogCaptureFixture) -> None:
        known.doubt()
        assert self.is_away(known)
        known.close()
        assert until(lambda: known._asking is None)
        assert not known.away
        # Nobody knows that it answers again.
        assert [record.getMessage() for record in caplog.records] == [
            "the database does not answer; requests that need it are refused"
        ]

    def test_a_ping_has_its_time(self) -> None:
        times: list[float | None] = []
        availability = Availability(7.0)
        availability.ask_by(lambda: times.append(_csot.remaining()))
        availability.doubt()
        assert until(lambda: bool(times))
        assert times[0] is not None
        assert 5 < times[0] <= 7
        availability.close()


class TestTheDriver:
    """What is reached into: an upgrade that moves it shall be seen here."""

    def test_looks_for_a_server_by_the_method_that_is_overridden(self, server: Server) -> None:
        asked: list[str] = []

        class Counting(Availability):
            def check(self) -> None:
                asked.append("check")

        with GuardedClient(server.uri, availability=Counting()) as client:
            things = client.get_database("test").get_collection("things")
            for work in (
                lambda: things.find_one({}),
                lambda: things.insert_one({}),
                lambda: client.admin.command("ping"),
                lambda: things.count_documents({}),
            ):
                asked.clear()
                work()
                assert asked

    def test_takes_it_as_an_error_that_is_not_tried_again(self) -> None:
        assert issubclass(DatabaseAway, ServerSelectionTimeoutError)


class TestTimes:
    @pytest.mark.parametrize(
        ("options", "timeout", "connect", "selection"),
        [
            ("", 10, 5, 5),
            ("?timeoutMS=2500", 2.5, 5, 5),
            ("?socketTimeoutMS=700", None, 5, 5),
            ("?connectTimeoutMS=900", 10, 0.9, 5),
            ("?serverSelectionTimeoutMS=200", 10, 5, 0.2),
        ],
    )
    def test_of_the_uri_win(
        self, options: str, timeout: float | None, connect: float, selection: float
    ) -> None:
        database = Database(f"mongodb://127.0.0.1:1/x{options}", seconds=10)
        found = database.client.options
        assert found.timeout == timeout
        assert found.pool_options.connect_timeout == connect
        assert found.server_selection_timeout == selection
        database.close()

    def test_are_none_unless_asked_for(self) -> None:
        database = Database("mongodb://127.0.0.1:1/x")
        assert database.client.options.timeout is None
        assert type(database.client) is MongoClient
        database.close()
