"""Commands to MongoDB as watchers see them: name, collection, time and error, and nothing of what they say."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from storage.core.commands import Command, CommandWatch, Ended

Seen = list[tuple[Command, float, str | None]]


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
def client(mongo_uri: str, seen: Seen) -> Iterator[MongoClient[dict[str, Any]]]:
    def watch(command: Command) -> Ended:
        return lambda seconds, error: seen.append((command, seconds, error))

    with MongoClient[dict[str, Any]](mongo_uri, event_listeners=[CommandWatch([watch, watch])]) as client:
        yield client


def test_each_is_told_to_every_watcher_with_its_collection_and_its_time(
    client: MongoClient[dict[str, Any]], seen: Seen
) -> None:
    letters = client["echo_commands"]["letters"]
    list(letters.aggregate([{"$limit": 1}]))
    letters.find_one({"secret": "canary"})
    client.admin.command("ping")
    assert [command for command, _, _ in seen] == [
        *[Command("aggregate", "letters")] * 2,
        *[Command("find", "letters")] * 2,
        # It is about none: what stands under its name is 1.
        *[Command("ping", "none")] * 2,
    ]
    assert all(0 < seconds < 60 and error is None for _, seconds, error in seen)
    assert "canary" not in str(seen)


def test_what_fails_is_told_with_the_name_of_its_error(
    client: MongoClient[dict[str, Any]], seen: Seen
) -> None:
    with pytest.raises(OperationFailure):
        client["echo_commands"]["letters"].find_one({"$nothing": 1})
    assert [(command, error) for command, _, error in seen] == [(Command("find", "letters"), "BadValue")] * 2


def test_the_next_page_of_a_cursor_is_of_its_collection(
    client: MongoClient[dict[str, Any]], seen: Seen
) -> None:
    letters = client["echo_commands"]["pages"]
    letters.insert_many([{} for _ in range(3)])
    assert len(list(letters.find(batch_size=2))) == 3
    client.drop_database("echo_commands")
    commands = list(dict.fromkeys(command for command, _, _ in seen))
    assert commands == [
        Command("insert", "pages"),
        Command("find", "pages"),
        Command("getMore", "pages"),
        Command("dropDatabase", "none"),
    ]


def test_the_end_of_a_command_nobody_saw_begin_is_nothing() -> None:
    CommandWatch([])._end(1, 1, None)


@pytest.mark.parametrize(
    ("failure", "error"),
    [({"codeName": "Stop"}, "Stop"), ({}, "NetworkError"), ({"codeName": ""}, "NetworkError")],
)
def test_a_broken_connection_has_a_name_too(failure: dict[str, Any], error: str) -> None:
    event: Any = SimpleNamespace(
        request_id=7,
        command_name="getMore",
        command={"getMore": 1, "collection": "letters"},
        duration_micros=2_500_000,
        failure=failure,
    )
    told: list[Any] = []
    watch = CommandWatch([lambda command: lambda seconds, name: told.append((command, seconds, name))])
    watch.started(event)
    watch.failed(event)
    # Once.
    watch.failed(event)
    assert told == [(Command("getMore", "letters"), 2.5, error)]
