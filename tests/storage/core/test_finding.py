"""What is found with one command, and that it is found as a cursor of the driver's would find it."""

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any
from unittest.mock import MagicMock

import bson
import pymongo
import pytest
from bson import CodecOptions, ObjectId
from pymongo.collection import Collection
from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError
from pymongo.message import _OpMsg
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import Primary, SecondaryPreferred
from pymongo.synchronous.pool import Connection

from storage.core.commands import Command, Ended
from storage.core.database import Database, Document
from storage.core.finding import QuickCollection, asked, find_at_once, find_one_at_once
from tests.support.chats import profiled, shared_database

MIB = 1024 * 1024
LOCAL = ReadConcern("local")
BEGINNING = datetime(2026, 1, 2, 3, 4, 5, 678_000)


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def group(database: Database) -> ObjectId:
    """What three documents have in common, whose numbers are 1, 2 and 3."""
    group = ObjectId()
    rows: list[Document] = [{"group": group, "number": n, "at": BEGINNING, "left": "out"} for n in (2, 3, 1)]
    database.collection("found").insert_many(rows)
    return group


def numbers(documents: list[Document]) -> list[int]:
    return [each["number"] for each in documents]


def break_connections(database: Database) -> int:
    """Cut the connections to the server as a network does, so that the driver does not know; how many."""
    pools = [server.pool for server in database.client._get_topology()._servers.values()]
    connections: list[Any] = [each for pool in pools for each in pool.conns]
    for each in connections:
        each.conn.get_conn.shutdown(socket.SHUT_RDWR)
    return len(connections)


class TestFindAtOnce:
    def test_has_the_first_in_their_order_and_of_them_what_is_shown(
        self, database: Database, group: ObjectId
    ) -> None:
        found = database.collection("found")
        shown = {"_id": 0, "number": 1, "at": 1}
        answer = find_at_once(found, {"group": group}, shown, [("number", -1)], most=2)
        rows = answer.documents()
        assert [tuple(row) for row in rows] == [("number", "at")] * 2
        assert numbers(rows) == [3, 2]
        assert rows[0]["at"].isoformat() == "2026-01-02T03:04:05.678000+00:00"
        assert 50 < answer.size < 1000

    def test_dates_are_as_the_collection_has_them(self, database: Database, group: ObjectId) -> None:
        options: CodecOptions[Document] = CodecOptions(tz_aware=False)
        bare = database.collection("found").with_options(codec_options=options)
        rows = find_at_once(bare, {"group": group}, {}, (), most=5).documents()
        assert sorted(numbers(rows)) == [1, 2, 3]
        assert {row["at"] for row in rows} == {BEGINNING}

    def test_is_one_command_without_a_session_and_leaves_nothing_open(
        self, database: Database, group: ObjectId
    ) -> None:
        found = database.collection("found")
        found.insert_many([{"group": group, "number": n} for n in range(4, 401)])
        with profiled(database, "found") as notes:
            assert len(find_at_once(found, {"group": group}, {}, (), most=300).documents()) == 300
        [note] = notes
        assert (note["command"]["find"], note["nreturned"], note["cursorExhausted"]) == ("found", 300, True)
        assert "lsid" not in note["command"]

    def test_ends_with_the_deadline_of_the_client_of_the_block_and_its_own(
        self, mongo_uri: str, database: Database, group: ObjectId
    ) -> None:
        slow = {"group": group, "$where": "sleep(400) || true"}
        found = database.collection("found")
        hasty = Database(mongo_uri, seconds=0.2)
        with closing(hasty), pytest.raises(PyMongoError) as of_client:
            find_at_once(hasty.client[database.name]["found"], slow, {}, (), most=5)
        with pymongo.timeout(0.2), pytest.raises(PyMongoError) as of_block:
            find_at_once(found, slow, {}, (), most=5)
        with pytest.raises(ExecutionTimeout):
            find_at_once(found, slow, {}, (), most=5, max_time_ms=100)
        assert (of_client.value.timeout, of_block.value.timeout) == (True, True)

    def test_is_asked_again_where_the_connection_breaks(self, database: Database, group: ObjectId) -> None:
        found = database.collection("found")
        assert break_connections(database) > 0
        assert numbers(find_at_once(found, {"group": group}, {}, [("number", 1)], most=5).documents()) == [
            1,
            2,
            3,
        ]

    def test_a_query_that_mongodb_refuses_fails(self, database: Database) -> None:
        with pytest.raises(OperationFailure, match="unknown operator"):
            find_at_once(database.collection("found"), {"a": {"$no": 1}}, {}, (), most=1)

    def test_a_server_that_is_addressed_directly_is_asked_for_what_it_has(
        self, mongo_uri: str, database: Database, group: ObjectId
    ) -> None:
        near = database.collection("found").with_options(
            read_preference=SecondaryPreferred(), read_concern=LOCAL
        )
        with profiled(database, "found") as notes:
            assert len(find_at_once(near, {"group": group}, {}, (), most=5).documents()) == 3
        command = notes[0]["command"]
        assert (command["$readPreference"], command["readConcern"]["level"]) == (
            {"mode": "primaryPreferred"},
            "local",
        )

    def test_watchers_are_told(self, mongo_uri: str, database: Database, group: ObjectId) -> None:
        told: list[Command] = []

        def watch(command: Command) -> Ended:
            told.append(command)
            return lambda seconds, error: None

        with closing(Database(mongo_uri, watchers=[watch])) as watched:
            found = watched.client[database.name]["found"]
            rows = find_at_once(found, {"group": group}, {}, [("number", 1)], most=5).documents()
        assert numbers(rows) == [1, 2, 3]
        assert Command("find", "found") in told

    def test_a_connection_that_compresses_is_left_to_the_driver(self, database: Database) -> None:
        connection = MagicMock(Connection, listeners=None, compression_context=object())
        connection.command.return_value.raw = b"the driver's"
        found = database.collection("found")
        assert asked(connection, database.client, found, {"find": "found"}, Primary()) == b"the driver's"
        connection.send_message.assert_not_called()

    def test_a_login_that_has_ended_is_left_to_the_driver(self, database: Database, group: ObjectId) -> None:
        connection, found = MagicMock(Connection), database.collection("found")
        connection.compression_context = connection.listeners = None
        connection.max_bson_size = 16 * MIB
        refused = bson.encode({"ok": 0.0, "code": 391, "errmsg": "reauthenticate"})
        connection.receive_message.return_value = _OpMsg(0, refused)
        connection.command.return_value.raw = b"the driver's"
        command = {"find": "found", "filter": {"group": group}}
        assert asked(connection, database.client, found, command, Primary()) == b"the driver's"
        [call] = connection.command.call_args_list
        assert call.args[:2] == (database.name, command)

    def test_more_than_sixteen_megabytes_end_it_early(self, database: Database, group: ObjectId) -> None:
        found = database.collection("found")
        found.insert_many([{"group": group, "number": n, "text": "." * 7 * MIB} for n in (4, 5, 6)])
        answer = find_at_once(found, {"group": group}, {}, [("number", -1)], most=6)
        assert answer.size > 14 * MIB
        assert numbers(answer.documents()) == [6, 5]


class TestQuickCollection:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"projection": {"_id": 0, "number": 1}},
            {"sort": [("number", -1)]},
            {"sort": [("number", 1)], "projection": {"number": 1}},
            {"skip": 2, "sort": [("number", 1)]},
            {"projection": ["number"]},
            {"max_time_ms": 5000},
        ],
    )
    def test_finds_what_the_driver_finds(
        self, database: Database, group: ObjectId, options: dict[str, Any]
    ) -> None:
        quick = database.collection("found")
        own: Collection[Document] = database.client[database.name]["found"]
        assert (type(quick), type(own)) == (QuickCollection, Collection)
        expected = own.find_one({"group": group}, **options)
        assert expected is not None
        assert quick.find_one({"group": group}, **options) == expected
        assert quick.find_one(expected.get("_id"), {"left": 1}) == own.find_one(
            expected.get("_id"), {"left": 1}
        )
        assert quick.find_one({"group": ObjectId()}, **options) is None

    def test_needs_no_session_and_takes_one(self, database: Database, group: ObjectId) -> None:
        quick = database.collection("found")
        with profiled(database, "found") as notes, database.client.start_session() as session:
            quick.find_one({"group": group}, {"number": 1}, sort=[("number", 1)])
            quick.find_one({"group": group}, session=session)
        assert ["lsid" in note["command"] for note in notes] == [False, True]


class TestFindOneAtOnce:
    def test_is_the_document_or_none(self, database: Database, group: ObjectId) -> None:
        found = database.collection("found")
        wanted = {"group": group, "number": 2}
        assert find_one_at_once(found, wanted) == found.find_one(wanted)
        assert find_one_at_once(found, wanted, {"_id": 0, "left": 1}) == {"left": "out"}
        assert find_one_at_once(found, {"group": ObjectId()}) is None
