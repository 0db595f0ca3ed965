"""`echo-api role`: what the roles in the database are after each command."""

from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine
from tests.cli.test_users import EMAIL, new_user

Stored = MongoDatabase[dict[str, Any]]


def permissions(stored: Stored, name: str) -> Any:
    return (stored.roles.find_one({"name": name}) or {}).get("permissions")


class TestShowing:
    def test_lists_roles_with_how_many_users_have_each(self, echo_api: CommandLine, stored: Stored) -> None:
        new_user(echo_api)
        stored.users.insert_one({"email": "old@example.com"})
        echo_api.json("role", "create", "STAFF", "--description", "Employees")
        assert echo_api.json("role", "list") == [
            {"name": "ADMIN", "description": "", "users": 1},
            {"name": "STAFF", "description": "Employees", "users": 0},
            {"name": "USER", "description": "", "users": 1},
        ]
        table = echo_api.run("role", "list").stdout
        assert "STAFF" in table
        assert "Employees" in table

    def test_shows_every_permission(self, echo_api: CommandLine) -> None:
        shown = echo_api.json("role", "show", "USER")
        assert (shown["name"], shown["description"]) == ("USER", "")
        assert len(shown["permissions"]) == 16
        assert shown["permissions"]["PROMPTS"] == {
            "USE": True,
            "CREATE": True,
            "SHARE": False,
            "SHARE_PUBLIC": False,
        }
        table = echo_api.run("role", "show", "USER").stdout.split()
        assert table[table.index("PROMPTS.SHARE") + 1] == "no"
        assert table[table.index("PROMPTS.USE") + 1] == "yes"

    def test_of_a_role_that_is_not_there(self, echo_api: CommandLine) -> None:
        assert echo_api.refused("role", "show", "NOBODY") == "echo-api: There is no role 'NOBODY'.\n"


class TestCreating:
    def test_has_the_permissions_of_another(self, echo_api: CommandLine, stored: Stored) -> None:
        made = echo_api.json("role", "create", "GUESTS", "--like", "ADMIN")
        assert made["permissions"] == permissions(stored, "ADMIN") == permissions(stored, "GUESTS")
        assert echo_api.json("role", "create", " STAFF ")["name"] == "STAFF"
        assert permissions(stored, "STAFF") == permissions(stored, "USER")

    @pytest.mark.parametrize("name", ["USER", "", " ", "a\nb", "x" * 129])
    def test_refuses_what_is_no_new_name(self, echo_api: CommandLine, stored: Stored, name: str) -> None:
        echo_api.refused("role", "create", name)
        assert not stored.roles.find_one({"name": {"$nin": ["ADMIN", "USER"]}})

    def test_refuses_a_model_that_is_not_there(self, echo_api: CommandLine) -> None:
        assert "no role 'NOBODY'" in echo_api.refused("role", "create", "STAFF", "--like", "NOBODY")


class TestSetting:
    def test_switches_one_permission(self, echo_api: CommandLine, stored: Stored) -> None:
        echo_api.json("role", "create", "STAFF")
        before = permissions(stored, "STAFF")
        shown = echo_api.json("role", "set", "STAFF", "people-picker.view_users", "on")
        assert shown["permissions"]["PEOPLE_PICKER"]["VIEW_USERS"] is True
        expected = {**before, "PEOPLE_PICKER": {**before["PEOPLE_PICKER"], "VIEW_USERS": True}}
        assert permissions(stored, "STAFF") == expected
        echo_api.json("role", "set", "STAFF", "PEOPLE_PICKER.VIEW_USERS", "off")
        assert permissions(stored, "STAFF") == before

    @pytest.mark.parametrize("permission", ["PROMPTS", "PROMPTS.VIEW_USERS", "NOTHING.USE", "PROMPTS.USE.x"])
    def test_refuses_what_is_none(self, echo_api: CommandLine, stored: Stored, permission: str) -> None:
        echo_api.refused("role", "set", "USER", permission, "on")

    def test_refuses_a_role_that_is_not_there(self, echo_api: CommandLine) -> None:
        assert "no role 'NOBODY'" in echo_api.refused("role", "set", "NOBODY", "PROMPTS.USE", "on")

    def test_says_where_the_file_will_take_it_back(
        self, echo_api: CommandLine, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "librechat.yaml").write_text("version: 1.3.5\ninterface: {prompts: false}\n")
        told = echo_api.run("role", "set", "USER", "PROMPTS.USE", "on").stderr
        assert "librechat.yaml says otherwise of PROMPTS.USE" in told
        assert not echo_api.run("role", "set", "USER", "PROMPTS.USE", "off").stderr
        assert not echo_api.run("role", "set", "USER", "PROMPTS.SHARE", "on").stderr


class TestAssigning:
    def test_gives_a_user_the_role(self, echo_api: CommandLine, stored: Stored) -> None:
        new_user(echo_api)
        echo_api.json("role", "create", "STAFF")
        echo_api.json("user", "create", "bob@example.com", "--generate")
        assert echo_api.json("role", "assign", "bob@example.com", "STAFF")["role"] == "STAFF"
        assert (stored.users.find_one({"email": "bob@example.com"}) or {})["role"] == "STAFF"
        assert "last administrator" in echo_api.refused("role", "assign", EMAIL, "STAFF")


class TestDeleting:
    def test_makes_its_users_plain_ones(self, echo_api: CommandLine, stored: Stored) -> None:
        echo_api.json("role", "create", "STAFF")
        stored.users.insert_one({"email": "eve@example.com", "role": "STAFF"})
        whom = {"principalType": "role", "resourceType": "agent"}
        stored.aclentries.insert_many([{**whom, "principalId": name} for name in ("STAFF", "USER")])
        assert echo_api.json("role", "delete", "STAFF", "--yes") == {"name": "STAFF", "users": 1}
        assert (stored.users.find_one({}) or {})["role"] == "USER"
        assert [each["name"] for each in stored.roles.find().sort("name")] == ["ADMIN", "USER"]
        assert [each["principalId"] for each in stored.aclentries.find()] == ["USER"]

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("USER", "USER cannot be deleted."), ("ADMIN", "ADMIN cannot"), ("NOBODY", "no role 'NOBODY'")],
    )
    def test_refuses_those_that_stay(
        self, echo_api: CommandLine, stored: Stored, name: str, reason: str
    ) -> None:
        assert reason in echo_api.refused("role", "delete", name, "--yes")

    def test_asks_first(self, echo_api: CommandLine, stored: Stored) -> None:
        echo_api.json("role", "create", "STAFF")
        echo_api.refused("role", "delete", "STAFF", code=2)
        assert stored.roles.count_documents({"name": "STAFF"}) == 1
