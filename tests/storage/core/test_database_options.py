"""What the driver is told: times, guarantees, sessions and limits; and which indexes are equal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bson import CodecOptions, UuidRepresentation
from pymongo import MongoClient, WriteConcern, _csot
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.operations import IndexModel
from pymongo.read_preferences import SecondaryPreferred

from storage.core import database as module
from storage.core.availability import GuardedClient
from storage.core.commands import CommandWatch
from storage.core.database import Database, index_shape, times
from storage.core.errors import Unavailable
from storage.core.members import chosen

URI = "mongodb://127.0.0.1:1/x"
REPLICA_SET = f"{URI}?replicaSet=r&readPreference=secondaryPreferred"


@contextmanager
def database_of(uri: str = URI, **options: Any) -> Iterator[Database]:
    database = Database(uri, **options)
    try:
        yield database
    finally:
        database.close()


class TestTimes:
    @pytest.mark.parametrize(
        ("given", "timeout_ms", "seconds", "wanted"),
        [
            ({}, 5000, None, {"serverSelectionTimeoutMS": 5000}),
            (
                {},
                5000,
                7,
                {"serverSelectionTimeoutMS": 5000, "connectTimeoutMS": 5000, "timeoutMS": 7000},
            ),
            (
                {},
                5000,
                2.5,
                {"serverSelectionTimeoutMS": 2500, "connectTimeoutMS": 2500, "timeoutMS": 2500},
            ),
            ({"serverselectiontimeoutms": 1}, 5000, None, {}),
            ({"SERVERSELECTIONTIMEOUTMS": 1, "ConnectTimeoutMS": 1}, 5000, 7, {"timeoutMS": 7000}),
            ({"sockettimeoutms": 1}, 5, 7, {"serverSelectionTimeoutMS": 5, "connectTimeoutMS": 5}),
            ({"timeoutms": 1}, 5, 7, {"serverSelectionTimeoutMS": 5, "connectTimeoutMS": 5}),
            ({"retryWrites": True, "connecttimeoutms": 1}, 5, None, {"serverSelectionTimeoutMS": 5}),
        ],
    )
    def test_are_those_that_the_uri_leaves_to_us(
        self, given: dict[str, Any], timeout_ms: int, seconds: float | None, wanted: dict[str, float]
    ) -> None:
        assert times(given, timeout_ms, seconds) == wanted


class TestIndexShape:
    def test_is_of_the_keys_in_their_order_and_of_what_makes_a_difference(self) -> None:
        index: dict[str, Any] = {"name": "n", "v": 2, "background": True, "hidden": True, "unique": True}
        index |= {"key": {"b": 1, "a": -1}}
        index |= {"sparse": False, "expireAfterSeconds": 0}
        index |= {"partialFilterExpression": {"a": 1}, "collation": {"locale": "en"}}
        assert index_shape(index) == (
            [("b", 1), ("a", -1)],
            {
                "unique": True,
                "expireAfterSeconds": 0,
                "partialFilterExpression": {"a": 1},
                "collation": {"locale": "en"},
            },
        )
        assert index_shape({"key": {"a": 1}, "sparse": True}) == ([("a", 1)], {"sparse": True})


class TestClient:
    def test_says_who_it_is_and_reads_times_and_ids_in_one_way(self) -> None:
        with database_of() as database:
            options = database.client.options
            assert options.pool_options.metadata["application"] == {"name": "echo"}
            assert database.client.codec_options == CodecOptions(
                tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
            )
            assert type(database.client) is MongoClient
        with database_of(app_name="another") as database:
            metadata = database.client.options.pool_options.metadata
            assert metadata["application"] == {"name": "another"}

    @pytest.mark.parametrize("seconds", [None, 7.0])
    def test_tells_those_who_watch_and_nobody_else(self, seconds: float | None) -> None:
        def watch(_: object) -> Any:
            raise NotImplementedError

        with database_of(seconds=seconds) as database:
            assert not database.client.options.event_listeners
        with database_of(seconds=seconds, watchers=[watch]) as database:
            (listener,) = database.client.options.event_listeners
            assert isinstance(listener, CommandWatch)
            assert listener._watchers == (watch,)

    @pytest.mark.parametrize(("seconds", "ping"), [(1.5, 1.5), (2.0, 2.0), (9.0, 2.0)])
    def test_with_a_limit_it_is_guarded_and_pings_within_two_seconds(
        self, seconds: float, ping: float
    ) -> None:
        with database_of(seconds=seconds) as database:
            assert isinstance(database.client, GuardedClient)
            assert database.client._availability._ping_seconds == ping
            assert database.client.options.timeout == seconds

    @pytest.mark.parametrize("seconds", [None, 7.0])
    def test_is_asked_which_member_only_where_there_may_be_several(self, seconds: float | None) -> None:
        with database_of(seconds=seconds) as database:
            assert database.client.options.server_selector is not chosen
        with database_of(REPLICA_SET, seconds=seconds) as database:
            assert database.client.options.server_selector is chosen
            assert database.collection_elsewhere("t").read_preference == SecondaryPreferred()

    def test_in_the_unhurried_database_nothing_waits_for_the_journal(self) -> None:
        with database_of() as database:
            assert database.unhurried.write_concern == WriteConcern(w=1, j=False)
            assert database.unhurried.name == "x"
            assert database.client.get_default_database().write_concern == WriteConcern("majority", j=True)

    def test_of_an_impossible_uri_it_says_why(self) -> None:
        with pytest.raises(Unavailable) as caught:
            Database("mongodb://127.0.0.1:99999/x")
        assert str(caught.value) == str(caught.value.__cause__)
        assert str(caught.value).startswith("Port must be an integer")


class TestLimits:
    @pytest.mark.parametrize(("seconds", "expected"), [(None, None), (7.0, 60.0), (90.0, 90.0)])
    def test_of_what_takes_long_are_a_minute_or_the_usual_if_that_is_longer(
        self, seconds: float | None, expected: float | None
    ) -> None:
        assert module.PATIENT_SECONDS == 60.0
        with database_of(seconds=seconds) as database, database.patiently():
            assert _csot.get_timeout() == expected

    @pytest.mark.parametrize(
        ("usual", "seconds", "expected"),
        [(None, 60.0, None), (7.0, None, 7.0), (7.0, 60.0, 60.0), (90.0, 60.0, 90.0), (7.0, 0.1, 7.0)],
    )
    def test_of_what_belongs_together_is_the_longer_one(
        self, usual: float | None, seconds: float | None, expected: float | None
    ) -> None:
        with database_of(seconds=usual) as database:
            database._has_transactions = False
            assert database.atomically(lambda session: (session, _csot.get_timeout()), seconds=seconds) == (
                None,
                expected,
            )

    @pytest.mark.parametrize(("seconds", "expected"), [(None, None), (0.5, 0.5)])
    def test_of_a_ping_is_what_it_is_given(
        self, monkeypatch: pytest.MonkeyPatch, seconds: float | None, expected: float | None
    ) -> None:
        with database_of() as database:
            asked = commands_of(database, monkeypatch)
            database.ping(seconds)
        assert asked == [(("ping",), {}, expected)]


def commands_of(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The commands to the deployment, each with its options and its limit."""
    asked: list[Any] = []

    class Admin:
        def command(self, *arguments: Any, **options: Any) -> dict[str, Any]:
            asked.append((arguments, options, _csot.get_timeout()))
            return {}

    monkeypatch.setattr(type(database.client), "admin", Admin(), raising=False)
    monkeypatch.setattr(module, "at_each_member", lambda client, *rest: asked.append((client, *rest)))
    return asked


class Session:
    """As far as it is looked at."""

    session_id = "s"


class TestSessions:
    SESSION: Any = Session()

    def test_are_killed_on_the_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with database_of() as database:
            asked = commands_of(database, monkeypatch)
            database.kill(self.SESSION)
        assert asked == [(("killSessions", ["s"]), {}, None)]

    def test_are_killed_on_every_member_where_long_reads_go_elsewhere(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with database_of(REPLICA_SET) as database:
            asked = commands_of(database, monkeypatch)
            database.kill(self.SESSION)
            assert asked == [(database.client, "killSessions", ["s"])]

    @pytest.mark.parametrize("uri", [URI, REPLICA_SET])
    def test_from_now_know_how_far_the_primary_is_where_that_matters(
        self, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with database_of(uri) as database:
            asked = commands_of(database, monkeypatch)
            with database.session_from_now() as session:
                elsewhere = uri == REPLICA_SET
                assert session.options.causal_consistency is elsewhere
                assert asked == ([(("ping",), {"session": session}, None)] if elsewhere else [])
            assert session.has_ended


class Collection:
    """One that makes indexes as it is told to; the names of those that it was asked for together."""

    def __init__(self, *refused: tuple[str, Exception], there: tuple[Any, ...] = ()) -> None:
        self.refused, self.there, self.asked = dict(refused), there, list[list[str]]()

    def create_indexes(self, models: list[IndexModel]) -> None:
        names = [model.document["name"] for model in models]
        self.asked.append(names)
        for name in names:
            if name in self.refused:
                raise self.refused[name]

    def list_indexes(self) -> tuple[Any, ...]:
        return self.there


class TestIndexes:
    MODELS = (IndexModel("a"), IndexModel("b"), IndexModel("c"))

    def ensure(self, monkeypatch: pytest.MonkeyPatch, collection: Collection, **more: Any) -> None:
        with database_of() as database:
            monkeypatch.setattr(database, "_database", {"things": collection, "others": Collection()})
            database.ensure_indexes({"others": [], "things": iter(self.MODELS), **more})

    def test_are_made_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        collection = Collection()
        self.ensure(monkeypatch, collection)
        assert collection.asked == [["a_1", "b_1", "c_1"]]

    @pytest.mark.parametrize(
        "error",
        [DuplicateKeyError("doubles", 11000), *(OperationFailure("no", code) for code in (67, 85, 86))],
    )
    def test_are_made_each_alone_where_one_cannot_be(
        self, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        collection = Collection(("b_1", error))
        self.ensure(monkeypatch, collection)
        assert collection.asked == [["a_1", "b_1", "c_1"], ["a_1"], ["b_1"], ["c_1"]]

    def test_another_error_is_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        collection = Collection(("b_1", OperationFailure("not now", 91)))
        with pytest.raises(Unavailable):
            self.ensure(monkeypatch, collection)
        assert collection.asked == [["a_1", "b_1", "c_1"]]

    def test_another_error_of_one_alone_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        not_now = OperationFailure("not now", 91)
        collection = Collection(("b_1", OperationFailure("no", 85)), ("a_1", not_now))
        monkeypatch.setattr(Database, "_create_indexes", lambda *_: False)
        with pytest.raises(Unavailable):
            self.ensure(monkeypatch, collection)
        assert collection.asked == [["a_1"]]

    @pytest.mark.parametrize(
        ("there", "said"),
        [
            ({"name": "other", "key": {"b": 1}}, []),
            (
                {"name": "b_1", "key": {"b": 1}, "unique": True},
                ["index things.b_1 exists with other options"],
            ),
        ],
    )
    def test_one_with_other_options_is_said_and_an_equal_one_is_not(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, there: Any, said: list[str]
    ) -> None:
        unlike = {"name": "_id_", "key": {"_id": 1}}
        collection = Collection(("b_1", OperationFailure("no", 86)), there=(unlike, there))
        self.ensure(monkeypatch, collection)
        assert [record.getMessage() for record in caplog.records] == said
