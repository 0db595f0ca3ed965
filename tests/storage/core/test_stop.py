"""Queries that are ended: after their time, and when somebody says so, whatever rights the user has."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo import MongoClient, _csot
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure, ServerSelectionTimeoutError

from storage.conversations.conversations import ConversationRepository
from storage.conversations.messages import MessageRepository
from storage.core.database import Database
from storage.core.errors import TookTooLong, Unavailable
from storage.core.search import Search
from storage.core.stop import Stop
from tests.support.chats import new_id, profiled, put_message
from tests.support.single_server import single_server
from tests.support.waiting import until

# Of what is put below it takes many seconds.
SLOW = "a" * 11 + "b"


def put_much(database: Database, owner: str) -> None:
    for _ in range(25):
        put_message(database, owner, new_id(), text="a" * 1_000_000)


def searching(client: MongoClient[Any], database: Database) -> list[dict[str, Any]]:
    """The searches that run in MongoDB."""
    running = client.admin.aggregate([{"$currentOp": {"allUsers": False}}])
    return [each for each in running if each.get("ns", "").startswith(f"{database.name}.messages")]


def end(database: Database, owner: str) -> BaseException | None:
    """What a slow search ends with that is told to end while it runs."""
    stop, ended = Stop(600), []

    def search() -> None:
        try:
            MessageRepository(database).list_page(owner, limit=10, search=SLOW, stop=stop)
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    until(lambda: searching(database.client, database))
    stop.tell()
    thread.join(60)
    assert not thread.is_alive()
    return ended[0] if ended else None


@pytest.fixture
def many(database: Database, ada: str) -> Database:
    """A database with long repetitive texts of Ada's."""
    put_much(database, ada)
    return database


def test_one_that_is_told_ends_in_the_database_too(many: Database, ada: str) -> None:
    assert isinstance(end(many, ada), TookTooLong)
    until(lambda: not searching(many.client, many))


@pytest.mark.parametrize("repository", [MessageRepository, ConversationRepository])
def test_one_that_takes_too_long_is_ended(many: Database, ada: str, repository: type[Any]) -> None:
    with pytest.raises(TookTooLong):
        repository(many).list_page(ada, limit=10, search=SLOW, stop=Stop(0.5))
    until(lambda: not searching(many.client, many))
    # Everything else goes on.
    assert MessageRepository(many).list_page(ada, limit=1).items


def test_the_comparison_afterwards_has_the_same_limit(database: Database) -> None:
    stop = Stop(600)
    with stop.over(database):
        stop.tell()
        with pytest.raises(TookTooLong):
            list(Search("x").holding([{"text": "x"}], dict.values, stop))


def test_one_that_is_told_before_it_begins_never_does(database: Database, ada: str) -> None:
    stop = Stop(600)
    stop.tell()
    with pytest.raises(TookTooLong):
        MessageRepository(database).list_page(ada, limit=10, search="x", stop=stop)


def test_its_time_is_over_when_it_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("storage.core.stop.time", SimpleNamespace(monotonic=lambda: clock[0]))
    stop = Stop(5)
    for passed, is_over in ((0.0, False), (4.9, False), (5.0, True)):
        clock[0] = 100 + passed
        if is_over:
            with pytest.raises(TookTooLong):
                stop.check()
        else:
            stop.check()


def test_one_that_has_ended_is_told_in_vain(database: Database, ada: str) -> None:
    stop = Stop(600)
    assert MessageRepository(database).list_page(ada, limit=10, search="x", stop=stop).items == []
    stop.tell()
    assert MessageRepository(database).list_page(ada, limit=10, search="x").items == []


def test_a_database_that_is_away_is_no_slow_search(ada: str) -> None:
    database = Database("mongodb://127.0.0.1:1/x", timeout_ms=200)
    with pytest.raises(Unavailable):
        MessageRepository(database).list_page(ada, limit=10, search="x", stop=Stop(1))
    database.close()


@pytest.fixture(scope="module")
def restricted() -> Iterator[Database]:
    """A single server on which Echo's user may read and write one database, and nothing else."""
    with single_server("--auth") as uri, MongoClient[Any](uri) as first:
        first.admin.command("createUser", "root", pwd="r", roles=["root"])
        with MongoClient[Any](uri.replace("//", "//root:r@")) as root:
            root.limited.command("createUser", "echo", pwd="e", roles=["readWrite"])
        database = Database(f"{uri.replace('//', '//echo:e@')}limited")
        yield database
        database.close()


def test_needs_no_right_but_to_read(restricted: Database, ada: str) -> None:
    put_much(restricted, ada)
    assert isinstance(end(restricted, ada), TookTooLong)
    with pytest.raises(TookTooLong):
        MessageRepository(restricted).list_page(ada, limit=10, search=SLOW, stop=Stop(0.5))


def test_every_list_has_a_time_limit(database: Database, ada: str) -> None:
    """Of lists without a search it is ten seconds, and MongoDB holds it."""
    put_message(database, ada, new_id(), text="x")
    with profiled(database, "messages") as notes:
        MessageRepository(database).list_page(ada, limit=10)
        MessageRepository(database).list_page(ada, limit=10, search="x", stop=Stop(7))
    first, second = (note["command"]["maxTimeMS"] for note in notes)
    assert first == 10_000
    assert 0 < second <= 7000


class Deployment:
    """One that gives a session, and notes which are killed."""

    def __init__(self) -> None:
        self.given, self.killed = list[object](), list[object]()

    @contextmanager
    def session_from_now(self) -> Iterator[object]:
        self.given.append(object())
        yield self.given[-1]

    def kill(self, session: object) -> None:
        self.killed.append(session)


def unavailable(cause: Exception) -> Unavailable:
    """As the driver's errors are translated."""
    try:
        raise Unavailable("no answer") from cause
    except Unavailable as error:
        return error


class TestOver:
    """What ends within it, and how."""

    @pytest.fixture
    def deployment(self) -> Any:
        return Deployment()

    @pytest.mark.parametrize(
        ("error", "is_told", "becomes"),
        [
            (OperationFailure("took too long", 50), False, TookTooLong),
            (OperationFailure("no", 2), False, OperationFailure),
            (OperationFailure("killed", 11601), False, OperationFailure),
            (OperationFailure("killed", 11601), True, TookTooLong),
            (unavailable(NetworkTimeout("no answer")), False, TookTooLong),
            (unavailable(OperationFailure("took too long", 50)), False, TookTooLong),
            (unavailable(AutoReconnect("broken")), False, Unavailable),
            (unavailable(AutoReconnect("broken")), True, TookTooLong),
            (unavailable(ServerSelectionTimeoutError("nobody")), False, Unavailable),
            (unavailable(ValueError("odd")), False, Unavailable),
            (Unavailable("alone"), False, Unavailable),
            (ValueError("odd"), True, ValueError),
        ],
    )
    def test_what_took_too_long_is_told_from_what_is_away(
        self, deployment: Any, error: Exception, is_told: bool, becomes: type[Exception]
    ) -> None:
        stop = Stop(600)

        def fail() -> None:
            if is_told:
                stop.tell()
            raise error

        with pytest.raises(becomes) as caught, stop.over(deployment):
            fail()
        assert (caught.value.__cause__ if becomes is TookTooLong else caught.value) is error

    def test_what_is_under_way_is_killed_and_nothing_else(self, deployment: Any) -> None:
        stop = Stop(600)
        with stop.over(deployment) as session:
            assert deployment.killed == []
            stop.tell()
            stop.tell()
        assert deployment.given == [session]
        assert deployment.killed == [session, session]
        stop.tell()
        assert deployment.killed == [session, session]

    def test_what_failed_is_under_way_no_more(self, deployment: Any) -> None:
        stop = Stop(600)
        with pytest.raises(ValueError, match="odd"), stop.over(deployment):
            raise ValueError("odd")
        stop.tell()
        assert deployment.killed == []

    @pytest.mark.parametrize(("passed", "left"), [(0.0, 5.0), (3.0, 2.0), (4.9999, 0.001)])
    def test_it_has_the_time_that_is_left(
        self, deployment: Any, monkeypatch: pytest.MonkeyPatch, passed: float, left: float
    ) -> None:
        clock = [100.0]
        monkeypatch.setattr("storage.core.stop.time", SimpleNamespace(monotonic=lambda: clock[0]))
        stop = Stop(5)
        clock[0] += passed
        with stop.over(deployment):
            assert _csot.get_timeout() == pytest.approx(left)
        assert _csot.get_timeout() is None

    def test_it_begins_nothing_once_its_time_is_over(self, deployment: Any) -> None:
        stop = Stop(0)
        with pytest.raises(TookTooLong), stop.over(deployment):
            pass
        assert deployment.given == []
