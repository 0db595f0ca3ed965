"""A look at a deployment: what it is, and whether it lets us in and keeps its promises."""

import pytest

from storage.core.database import Database
from storage.core.errors import AccessDenied, Unavailable
from storage.operator.inspection import WriteRefused, check_writes, hosts_of, inspect
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
