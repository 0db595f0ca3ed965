"""What each start stores: what LibreChat stores, and nothing over what administrators set."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bson import json_util

from echo.access.permissions import DEFAULTS
from echo.access.seeding import seed_access, seeded_access_roles
from echo.settings import Settings
from storage.core.database import Database

LIBRECHATS = Path(__file__).parents[1] / "librechat" / "database.json"
ALL_OF_THEM = {
    *("agent_viewer", "agent_editor", "agent_owner"),
    *("promptGroup_viewer", "promptGroup_editor", "promptGroup_owner"),
    *("mcpServer_viewer", "mcpServer_editor", "mcpServer_owner"),
    *("remoteAgent_viewer", "remoteAgent_editor", "remoteAgent_owner"),
    *("skill_viewer", "skill_editor", "skill_owner"),
    *("sharedLink_viewer", "sharedLink_owner"),
}


@pytest.fixture(scope="module")
def librechats() -> dict[str, list[dict[str, Any]]]:
    collections = json_util.loads(LIBRECHATS.read_text(encoding="utf-8"))["collections"]
    return {name: collections[name]["documents"] for name in ("accessroles", "roles")}


def roles(database: Database) -> dict[str, Any]:
    return {each["name"]: each["permissions"] for each in database.collection("roles").find()}


class TestSeeds:
    def test_are_librechats(self, librechats: dict[str, Any]) -> None:
        seeded = {each["accessRoleId"]: each for each in seeded_access_roles()}
        assert set(seeded) == ALL_OF_THEM
        for role in librechats["accessroles"]:
            assert seeded[role["accessRoleId"]].items() <= role.items()
        # The one that differs: with it, users have API keys.
        theirs = {each["name"]: each["permissions"] for each in librechats["roles"]}
        theirs["USER"]["REMOTE_AGENTS"]["USE"] = True
        assert theirs == DEFAULTS

    def test_come_once(self, database: Database, settings: Settings) -> None:
        for _ in range(2):
            seed_access(settings, database)
        assert database.collection("accessroles").count_documents({}) == len(ALL_OF_THEM)
        assert database.collection("roles").count_documents({}) == 2
        assert roles(database) == DEFAULTS

    def test_leave_what_administrators_set(self, database: Database, settings: Settings) -> None:
        seed_access(settings, database)
        for name in ("USER", "ADMIN"):
            change = {
                "$set": {"permissions.PROMPTS.SHARE": name == "USER", "permissions.RUN_CODE.USE": False}
            }
            database.collection("roles").update_one({"name": name}, change)
        database.collection("roles").insert_one({"name": "STAFF", "permissions": {}})
        before = roles(database)
        seed_access(settings, database)
        assert roles(database) == before

    def test_write_what_the_file_says_into_both_and_no_other_role(
        self, database: Database, settings: Settings
    ) -> None:
        database.collection("roles").insert_one({"name": "STAFF", "permissions": {"PROMPTS": {"USE": False}}})
        said = {"PROMPTS": {"SHARE": True}, "MARKETPLACE": {"USE": False}}
        seed_access(replace(settings, permissions=said), database)
        assert roles(database) == {
            "STAFF": {"PROMPTS": {"USE": False}},
            "USER": {
                **DEFAULTS["USER"],
                "PROMPTS": {"USE": True, "CREATE": True, "SHARE": True, "SHARE_PUBLIC": False},
                "MARKETPLACE": {"USE": False},
            },
            "ADMIN": {**DEFAULTS["ADMIN"], "MARKETPLACE": {"USE": False}},
        }

    def test_take_back_that_memories_were_switched_off(self, database: Database, settings: Settings) -> None:
        off = dict.fromkeys(DEFAULTS["USER"]["MEMORIES"], False)
        seed_access(replace(settings, permissions={"MEMORIES": off}), database)
        assert roles(database)["USER"]["MEMORIES"] == off
        seed_access(settings, database)
        assert roles(database)["USER"]["MEMORIES"] == off
        again = replace(settings.memory, asked_for=True)
        seed_access(replace(settings, memory=again, permissions={"MEMORIES": {"OPT_OUT": False}}), database)
        assert roles(database)["USER"]["MEMORIES"] == {**DEFAULTS["USER"]["MEMORIES"], "OPT_OUT": False}

    def test_leave_memories_off_that_the_file_switches_off_by_name(
        self, database: Database, settings: Settings
    ) -> None:
        memory = replace(settings.memory, asked_for=True)
        seed_access(replace(settings, memory=memory, permissions={"MEMORIES": {"USE": False}}), database)
        assert roles(database)["USER"]["MEMORIES"]["USE"] is False

    def test_add_what_types_have_had_only_for_a_while(self, database: Database, settings: Settings) -> None:
        old = {"PROMPTS": {"USE": True, "CREATE": False}, "AGENTS": {"SHARE": True}}
        database.collection("roles").insert_one({"name": "ADMIN", "permissions": old})
        seed_access(settings, database)
        stored = roles(database)["ADMIN"]
        assert stored["PROMPTS"] == {"USE": True, "CREATE": False, "SHARE": True, "SHARE_PUBLIC": True}
        assert stored["AGENTS"] == {"SHARE": True, "SHARE_PUBLIC": True}
