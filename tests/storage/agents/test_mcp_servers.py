from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.agents import mcp_servers as module
from storage.agents.mcp_servers import McpServerRepository
from storage.core.database import Database, Document
from storage.core.errors import Conflict, NotFound
from tests.support.chats import new_owner
from tests.support.kinds import kinds

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def servers(database: Database) -> McpServerRepository:
    return McpServerRepository(database)


def put(servers: McpServerRepository, owner: str, base: str, taken: Sequence[str] = ()) -> Document:
    return servers.insert(owner, servers.make(owner), base, {"url": "u"}, taken)


def names(found: Sequence[Document]) -> list[str]:
    return [each["serverName"] for each in found]


def test_are_stored_as_librechat_does(servers: McpServerRepository, ada: str, bob: str) -> None:
    made = servers.insert(bob, servers.make(ada), "mine", {"url": "u"}, ())
    assert kinds(made) == {
        "_id": ObjectId,
        "author": ObjectId,
        "serverName": "mine",
        "normalizedServerName": "mine",
        "config": {"url": "u"},
        "createdAt": datetime,
        "updatedAt": datetime,
        "__v": 0,
    }
    # Whose they are is said again where they are stored.
    assert made["author"] == ObjectId(bob)
    assert servers.make(ada)["author"] == ObjectId(ada)
    assert servers.get("mine") == made
    for other in ("Mine", "min"):
        with pytest.raises(NotFound):
            servers.get(other)


@pytest.mark.parametrize(
    ("there", "taken", "expected"),
    [
        ([], [], "a.b"),
        (["axb", "a.b-x", "other"], [], "a.b"),
        (["a.b"], [], "a.b-2"),
        (["a.b", "a.b-2", "a.b-7"], [], "a.b-8"),
        ([], ["a.b"], "a.b-2"),
        ([], ["axb", "a.b-x", "a.b-3-c"], "a.b"),
        (["a.b-9"], ["a.b-12", "other"], "a.b-13"),
        (["a.b-1"], [], "a.b-2"),
    ],
)
def test_get_the_first_free_name(
    servers: McpServerRepository,
    database: Database,
    there: list[str],
    taken: list[str],
    expected: str,
) -> None:
    for name in there:
        database.collection("mcpservers").insert_one({"serverName": name})
    assert put(servers, new_owner(), "a.b", taken)["serverName"] == expected


def test_are_given_up_where_every_name_is_taken(servers: McpServerRepository, ada: str) -> None:
    put(servers, ada, "mine")
    with patch.object(servers, "_free_name", side_effect=["mine", "mine", "free"]) as chosen:
        assert put(servers, ada, "mine")["serverName"] == "free"
        chosen.side_effect = lambda *_: "mine"
        with pytest.raises(Conflict) as caught:
            put(servers, ada, "mine")
    assert caught.value.field == "serverName"
    assert chosen.call_count == 3 + 5


def test_are_listed_the_last_changed_first(
    servers: McpServerRepository, database: Database, ada: str
) -> None:
    made = [put(servers, ada, name) for name in "abcd"]
    stored = database.collection("mcpservers")
    for each, year in zip(made, (2021, 2023, 2022, 2022), strict=True):
        stored.update_one({"_id": each["_id"]}, {"$set": {"updatedAt": datetime(year, 1, 1, tzinfo=UTC)}})
    ids = [each["_id"] for each in made]
    assert names(servers.listed(ids)) == ["b", "c", "d", "a"]
    assert names(servers.listed([ids[0], ObjectId()])) == ["a"]
    assert sorted(names(servers.named(["a", "c", "x"]))) == ["a", "c"]
    with patch.object(module, "MAX_LISTED", 1):
        assert names(servers.listed(ids)) == ["b"]
        assert len(servers.named(["a", "c"])) == 1


def test_are_changed_and_deleted_one_by_one(
    servers: McpServerRepository, database: Database, ada: str
) -> None:
    one, other = put(servers, ada, "one"), put(servers, ada, "other")
    database.collection("mcpservers").update_many({}, {"$set": {"updatedAt": LONG_AGO}})
    changed: Any = servers.update(one["_id"], {"url": "v"})
    assert changed == {**one, "config": {"url": "v"}, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > LONG_AGO
    assert servers.get("other") == {**other, "updatedAt": LONG_AGO}
    assert servers.delete(one["_id"])
    assert not servers.delete(one["_id"])
    assert names(list(database.collection("mcpservers").find())) == ["other"]
    with pytest.raises(NotFound):
        servers.update(one["_id"], {})
