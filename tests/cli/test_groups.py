"""`echo-api group`: what the groups in the database are after each command."""

from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine

Stored = MongoDatabase[dict[str, Any]]
ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def users(stored: Stored) -> dict[str, str]:
    """Two users' ids by their addresses; one of them is known to a directory."""
    accounts = [
        {"_id": ObjectId(), "email": ADA, "name": "Ada", "username": "ada"},
        {"_id": ObjectId(), "email": BOB, "name": "Bob", "username": "bob", "idOnTheSource": "entra-bob"},
    ]
    stored.users.insert_many(accounts)
    return {each["email"]: str(each["_id"]) for each in accounts}


def members(stored: Stored, name: str = "Physics") -> list[str]:
    found: list[str] = (stored.groups.find_one({"name": name}) or {})["memberIds"]
    return found


class TestMembers:
    def test_are_added_and_removed(
        self, echo_api: CommandLine, stored: Stored, users: dict[str, str]
    ) -> None:
        made = echo_api.json("group", "create", "Physics", "--description", "All of them")
        assert (made["name"], made["source"], made["members"]) == ("Physics", "local", 0)
        for _ in range(2):
            assert echo_api.json("group", "add", "Physics", ADA, "bob")["members"] == 2
        # As LibreChat finds them: by the directory's id where there is one.
        assert members(stored) == [users[ADA], "entra-bob"]
        shown = echo_api.json("group", "show", made["id"])
        assert shown["members"] == [
            {"id": users[ADA], "email": ADA, "name": "Ada"},
            {"id": "entra-bob", "email": None, "name": None},
        ]
        assert echo_api.json("group", "remove", "Physics", users[BOB])["members"] == 1
        assert members(stored) == [users[ADA]]

    @pytest.mark.usefixtures("users")
    def test_stay_where_one_of_the_named_is_nobody(self, echo_api: CommandLine, stored: Stored) -> None:
        echo_api.json("group", "create", "Physics")
        assert "no user 'eve'" in echo_api.refused("group", "add", "Physics", ADA, "eve")
        assert members(stored) == []

    def test_of_the_directory_are_removed_by_either_id(
        self, echo_api: CommandLine, stored: Stored, users: dict[str, str]
    ) -> None:
        echo_api.json("group", "create", "Physics")
        stored.groups.update_one({}, {"$set": {"memberIds": [users[BOB], "entra-bob", users[ADA]]}})
        echo_api.json("group", "remove", "Physics", BOB)
        assert members(stored) == [users[ADA]]


class TestGroups:
    def test_are_listed(self, echo_api: CommandLine, stored: Stored) -> None:
        for name in ("Physics", "Chemistry"):
            echo_api.json("group", "create", name)
        stored.groups.insert_one({"name": "Biology", "source": "entra", "memberIds": ["a", "b"]})
        listed = echo_api.json("group", "list")
        assert [(each["name"], each["members"]) for each in listed] == [
            ("Biology", 2),
            ("Chemistry", 0),
            ("Physics", 0),
        ]
        assert [each["name"] for each in echo_api.json("group", "list", "--source", "entra")] == ["Biology"]
        assert [each["name"] for each in echo_api.json("group", "list", "--search", "ist")] == ["Chemistry"]
        cut = echo_api.run("group", "list", "--limit", "1")
        assert "Physics" not in cut.stdout
        assert "There are 3" in cut.stderr

    def test_of_one_name_are_told_apart_by_id(self, echo_api: CommandLine, stored: Stored) -> None:
        ids = stored.groups.insert_many([{"name": "Twins"}, {"name": "Twins"}]).inserted_ids
        told = echo_api.refused("group", "show", "Twins")
        assert all(str(each) in told for each in ids)
        assert echo_api.json("group", "show", str(ids[0]))["name"] == "Twins"

    def test_are_deleted_with_what_was_shared_with_them(self, echo_api: CommandLine, stored: Stored) -> None:
        made = echo_api.json("group", "create", "Physics")
        grants = [
            {"principalType": "group", "principalId": ObjectId(each)} for each in (made["id"], "0" * 24)
        ]
        stored.aclentries.insert_many(grants)
        echo_api.refused("group", "delete", "Physics", code=2)
        assert echo_api.json("group", "delete", "Physics", "--yes")["id"] == made["id"]
        assert stored.groups.count_documents({}) == 0
        assert [str(each["principalId"]) for each in stored.aclentries.find()] == ["0" * 24]

    @pytest.mark.parametrize("name", ["Physics", "", " ", "a\tb", "x" * 257])
    def test_need_a_new_name(self, echo_api: CommandLine, stored: Stored, name: str) -> None:
        echo_api.json("group", "create", "Physics")
        echo_api.refused("group", "create", name)
        assert stored.groups.count_documents({}) == 1

    @pytest.mark.parametrize("command", ["show", "delete"])
    def test_that_are_not_there(self, echo_api: CommandLine, command: str) -> None:
        options = ["--yes"] if command == "delete" else []
        for name in ("Nobody", "0" * 24):
            assert "There is no group" in echo_api.refused("group", command, name, *options)
