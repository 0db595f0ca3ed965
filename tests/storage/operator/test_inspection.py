"""A look at a deployment: what it is, and whether it lets us in and keeps its promises."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo import WriteConcern
from pymongo.errors import OperationFailure

from storage.core.database import Database
from storage.core.errors import AccessDenied, Unavailable
from storage.operator.inspection import (
    Deployment,
    WriteRefused,
    check_writes,
    count_second_factors,
    hosts_of,
    inspect,
)
from tests.support.single_server import single_server


class TestInspect:
    def test_says_what_answers(self, empty_database: Database) -> None:
        deployment = inspect(empty_database)
        assert deployment.major >= 4
        assert deployment.kind in ("single server", "replica set", "sharded cluster")
        assert deployment.has_transactions is (deployment.kind != "single server")
        assert abs(deployment.clock_seconds) < 60

    def test_changes_nothing(self, empty_database: Database) -> None:
        inspect(empty_database)
        check_writes(empty_database)
        assert empty_database.client[empty_database.name].list_collection_names() == []

    def test_nothing_there(self) -> None:
        database = Database("mongodb://127.0.0.1:1/x", timeout_ms=200)
        with pytest.raises(Unavailable, match="refused") as refused:
            inspect(database)
        assert not isinstance(refused.value, AccessDenied)
        database.close()


class TestASingleServerThatAsksForAPassword:
    def test_is_told_from_one_that_is_not_there(self) -> None:
        with single_server("--auth") as uri:
            for where in (f"{uri}x", uri.replace("//", "//ada:wrong@") + "x"):
                database = Database(where)
                with pytest.raises(AccessDenied):
                    inspect(database)
                with pytest.raises((WriteRefused, AccessDenied)):
                    check_writes(database)
                database.close()


class TestWrites:
    def test_that_cannot_be_acknowledged_are_refused(self, mongo_uri: str) -> None:
        uri = f"{mongo_uri}{'&' if '?' in mongo_uri else '?'}w=7"
        database = Database(uri)
        with pytest.raises(WriteRefused):
            check_writes(database)
        database.close()


class TestHosts:
    @pytest.mark.parametrize(
        ("uri", "hosts"),
        [
            ("mongodb://127.0.0.1:5/x", "127.0.0.1:5"),
            ("mongodb://ada:secret@one.example,two.example:7/x?w=1", "one.example:27017, two.example:7"),
            ("mongodb+srv://ada:secret@cluster.example/x", "cluster.example"),
            ("mongodb+srv://cluster.example?w=1", "cluster.example"),
            ("mongodb://%2Ftmp%2Fmongod.sock/x", "/tmp/mongod.sock"),
        ],
    )
    def test_stand_without_user_and_password(self, uri: str, hosts: str) -> None:
        assert hosts_of(uri) == hosts

    @pytest.mark.parametrize(
        "uri",
        [
            "mongodb://ada:secret/more@h/x",
            "mongodb://ada:123/more@h/x",
            "mongodb+srv://ada:secret/more@h/x",
            "mongodb://ada:se@cret@h:port/x",
            "mongodb://",
            "nonsense",
        ],
    )
    def test_of_a_broken_uri_are_not_guessed(self, uri: str) -> None:
        assert hosts_of(uri) == ""


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock shows nine hours more than UTC."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


class Played:
    """A deployment that answers what it is told to, and refuses writes with an error."""

    def __init__(self, hello: dict[str, Any] | None = None, error: Exception | None = None) -> None:
        self.hello = hello or {}
        self.error = error
        self.write_concern = WriteConcern(w="majority", j=True)
        self.asked_with: dict[str, Any] = {}
        self.client = SimpleNamespace(
            admin=SimpleNamespace(command=lambda name: self.hello), server_info=lambda: {"version": "8.0.4"}
        )

    def collection(self, name: str) -> "Played":
        return self

    def find_one(self, *_: Any) -> None:
        """Nothing is there."""

    def with_options(self, *, write_concern: WriteConcern) -> "Played":
        self.asked_with = write_concern.document
        return self

    def delete_one(self, _: Any) -> None:
        if self.error:
            raise self.error


@pytest.mark.usefixtures("far_east")
@pytest.mark.parametrize("seconds", [-100, 0, 3600])
def test_a_clock_is_compared_wherever_the_machine_is(seconds: int) -> None:
    # The driver gives times without their zone, which is UTC, where it is not told otherwise.
    theirs = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(tzinfo=None)
    found = inspect(cast("Database", Played({"localTime": theirs})))
    assert abs(found.clock_seconds - seconds) < 60
    assert inspect(cast("Database", Played({"localTime": "soon"}))).clock_seconds == 0.0


@pytest.mark.parametrize(
    ("hello", "kind", "has_transactions"),
    [
        ({}, "single server", False),
        ({"setName": "rs0"}, "replica set", True),
        ({"msg": "isdbgrid"}, "sharded cluster", True),
        ({"msg": "other", "setName": "rs0"}, "replica set", True),
    ],
)
def test_a_deployment_is_known_by_what_it_says(
    hello: dict[str, str], kind: str, has_transactions: bool
) -> None:
    found = inspect(cast("Database", Played(hello)))
    assert found == Deployment("8.0.4", kind, 0.0)
    assert (found.major, found.has_transactions) == (8, has_transactions)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OperationFailure("x", 13), "the user may only read"),
        (OperationFailure("x", 79, {"codeName": "NoSuchConcern"}), "the server answers NoSuchConcern"),
        (OperationFailure("x", 99), "the server answers 99"),
    ],
)
def test_a_refused_write_says_why(error: Exception, why: str) -> None:
    with pytest.raises(WriteRefused) as refused:
        check_writes(cast("Database", Played(error=error)))
    assert str(refused.value) == why


def test_a_write_is_asked_for_as_all_are_and_not_for_ever() -> None:
    played = Played()
    check_writes(cast("Database", played))
    assert played.asked_with == {"w": "majority", "j": True, "wtimeout": 5000}
    played.error = Unavailable("away")
    with pytest.raises(WriteRefused, match=r"^it was not acknowledged in time$"):
        check_writes(cast("Database", played))


def test_accounts_with_a_second_factor_are_counted_up_to_a_number(database: Database) -> None:
    factors = (True, True, True, False, None)
    database.collection("users").insert_many(
        {"email": str(number), "twoFactorEnabled": enabled} for number, enabled in enumerate(factors)
    )
    assert [count_second_factors(database, most=most) for most in (2, 3, 9)] == [2, 3, 3]
