"""Agents as the operator sees them: everybody's, with the addresses of their authors."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import NotFound
from storage.operator.agent_directory import AgentDirectory


@pytest.fixture
def directory(database: Database) -> AgentDirectory:
    return AgentDirectory(database)


@pytest.fixture
def author(database: Database) -> ObjectId:
    user = {"_id": ObjectId(), "email": "ada@example.com"}
    database.collection("users").insert_one(user)
    return ObjectId(user["_id"])


def add(database: Database, agent_id: Any, author: ObjectId, **fields: Any) -> Any:
    agent = {"id": agent_id, "author": author, "name": "x", "updatedAt": datetime(2026, 1, 1, tzinfo=UTC)}
    return database.collection("agents").insert_one({**agent, **fields}).inserted_id


def ids(directory: AgentDirectory, *, author: Any = None, search: str | None = None) -> list[str]:
    return [each["id"] for each in directory.list(author=author, search=search)]


def test_the_last_changed_comes_first(
    directory: AgentDirectory, database: Database, author: ObjectId
) -> None:
    for agent_id, day in (("b", 1), ("c", 3), ("a", 1), ("d", 2)):
        add(database, agent_id, author, updatedAt=datetime(2026, 1, day, tzinfo=UTC))
    # Something that is no agent.
    add(database, 7, author)
    assert ids(directory) == ["c", "d", "b", "a"]


def test_what_is_listed_has_no_instructions(
    directory: AgentDirectory, database: Database, author: ObjectId
) -> None:
    shown = {"description": "d", "provider": "p", "model": "m", "category": "c", "tools": ["t"]}
    add(database, "a", author, instructions="secret", versions=[{}], **shown)
    [agent] = directory.list(author=None, search=None)
    assert agent.keys() == {"_id", "id", "name", "author", "updatedAt", "authorEmail", *shown}
    assert agent["authorEmail"] == "ada@example.com"


def test_is_of_one_author(directory: AgentDirectory, database: Database, author: ObjectId) -> None:
    add(database, "a", author)
    add(database, "b", ObjectId())
    assert ids(directory, author=str(author)) == ["a"]
    assert [each["authorEmail"] for each in directory.list(author=None, search="b")] == [None]


def test_is_searched_in_name_description_and_id(
    directory: AgentDirectory, database: Database, author: ObjectId
) -> None:
    add(database, "agent_1", author, name="WEATHER man")
    add(database, "agent_2", author, description="tells the weather")
    add(database, "weather_3", author)
    add(database, "agent_4", author, instructions="weather", name="Wéather")
    assert ids(directory, search="weather") == ["agent_1", "agent_2", "weather_3", "agent_4"]
    assert ids(directory, search="weather man") == ["agent_1"]
    assert ids(directory, search="w.*r") == []


def test_one_is_shown_whole_with_how_many_versions_it_has_had(
    directory: AgentDirectory, database: Database, author: ObjectId
) -> None:
    add(database, "a", author, instructions="i", versions=[{}, {}])
    add(database, "b", ObjectId(), versions="none")
    found = directory.get("a")
    assert (found["instructions"], found["version"], found["authorEmail"]) == ("i", 2, "ada@example.com")
    assert "versions" not in found
    assert (directory.get("b")["version"], directory.get("b")["authorEmail"]) == (0, None)
    with pytest.raises(NotFound):
        directory.get("c")


def test_to_whom_it_is_shared(directory: AgentDirectory, database: Database, author: ObjectId) -> None:
    one, other = add(database, "a", author), add(database, "b", author)
    for number, (kind, resource) in enumerate(
        [("remoteAgent", one), ("agent", one), ("agent", other), ("promptGroup", one)]
    ):
        database.collection("aclentries").insert_one(
            {"_id": number, "resourceType": kind, "resourceId": resource, "principalType": "public"}
        )
    assert [each["_id"] for each in directory.grants(directory.get("a"))] == [0, 1]
