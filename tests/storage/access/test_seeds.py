"""Roles that every start adds: only what is missing, and what the configuration names."""

import pytest

from storage.access.access_roles import AccessRoleRepository
from storage.access.roles import RoleRepository
from storage.core.database import Database, Document
from storage.core.errors import NotFound
from tests.support.threads import together

DEFAULTS = {"PROMPTS": {"USE": True, "SHARE": False}, "BOOKMARKS": {"USE": True}}
VIEWER = {
    "accessRoleId": "agent_viewer",
    "name": "viewer",
    "description": "text",
    "resourceType": "agent",
    "permBits": 1,
}


@pytest.fixture
def roles(database: Database) -> RoleRepository:
    return RoleRepository(database)


@pytest.fixture
def access_roles(database: Database) -> AccessRoleRepository:
    return AccessRoleRepository(database)


def stored(database: Database, name: str = "USER") -> Document:
    [role] = database.collection("roles").find({"name": name}, {"_id": 0})
    return role


class TestRole:
    def test_that_is_missing_is_made_as_librechat_makes_it(
        self, roles: RoleRepository, database: Database
    ) -> None:
        roles.seed("USER", DEFAULTS, {})
        assert stored(database) == {"name": "USER", "description": "", "permissions": DEFAULTS, "__v": 0}

    def test_keeps_what_it_has_and_gets_the_types_that_it_lacks(
        self, roles: RoleRepository, database: Database
    ) -> None:
        had = {"PROMPTS": {"USE": False}, "OTHER": {"USE": True}}
        database.collection("roles").insert_one({"name": "USER", "permissions": had, "more": 1})
        roles.seed("USER", DEFAULTS, {})
        assert stored(database) == {
            "name": "USER",
            "permissions": {**had, "BOOKMARKS": {"USE": True}},
            "more": 1,
        }

    def test_has_what_is_said_and_nothing_else_is_overwritten(
        self, roles: RoleRepository, database: Database
    ) -> None:
        had = {"PROMPTS": {"USE": True, "CREATE": False, "SHARE": False}}
        database.collection("roles").insert_one({"name": "USER", "permissions": had})
        roles.seed("USER", DEFAULTS, {"PROMPTS": {"SHARE": True}, "BOOKMARKS": {"USE": False}})
        assert stored(database)["permissions"] == {
            "PROMPTS": {"USE": True, "CREATE": False, "SHARE": True},
            "BOOKMARKS": {"USE": False},
        }

    def test_is_made_once_however_many_start(self, roles: RoleRepository, database: Database) -> None:
        together(lambda _: roles.seed("USER", DEFAULTS, {"PROMPTS": {"SHARE": True}}))
        assert stored(database)["permissions"]["PROMPTS"] == {"USE": True, "SHARE": True}

    def test_of_a_tenant_is_another(self, roles: RoleRepository, database: Database) -> None:
        database.collection("roles").insert_one({"name": "USER", "tenantId": "one", "permissions": {}})
        assert roles.find("USER") is None
        roles.seed("USER", DEFAULTS, {})
        assert [each.get("tenantId") for each in database.collection("roles").find().sort("_id")] == [
            "one",
            None,
        ]
        assert roles.list_page(0, 10)[1] == 1


class TestChange:
    def test_sets_these_permissions_and_no_other(self, roles: RoleRepository) -> None:
        roles.seed("USER", DEFAULTS, {})
        changed = roles.change("USER", "PROMPTS", {"SHARE": True})
        assert changed["permissions"] == {"PROMPTS": {"USE": True, "SHARE": True}, "BOOKMARKS": {"USE": True}}
        assert roles.find("USER") == changed

    def test_of_no_role_is_not_found(self, roles: RoleRepository) -> None:
        with pytest.raises(NotFound):
            roles.change("NOBODY", "PROMPTS", {"SHARE": True})


class TestPage:
    def test_is_by_name_without_permissions(self, roles: RoleRepository) -> None:
        for name in ("USER", "ADMIN", "STAFF"):
            roles.seed(name, DEFAULTS, {})
        found, total = roles.list_page(1, 1)
        assert [each["name"] for each in found] == ["STAFF"]
        assert total == 3
        assert set(found[0]) == {"_id", "name", "description"}


class TestAccessRole:
    def test_is_made_once_however_many_start(
        self, access_roles: AccessRoleRepository, database: Database
    ) -> None:
        together(lambda _: access_roles.seed(VIEWER))
        [role] = database.collection("accessroles").find()
        assert role.pop("createdAt") == role.pop("updatedAt")
        assert {name: value for name, value in role.items() if name != "_id"} == {**VIEWER, "__v": 0}

    def test_that_is_there_stays(self, access_roles: AccessRoleRepository, database: Database) -> None:
        database.collection("accessroles").insert_one({"accessRoleId": "agent_viewer", "permBits": 3})
        access_roles.seed(VIEWER, {**VIEWER, "accessRoleId": "agent_owner", "permBits": 15})
        assert (access_roles.find("agent_viewer") or {})["permBits"] == 3
        assert (access_roles.find("agent_owner") or {})["permBits"] == 15

    def test_are_listed_by_kind_the_least_first(self, access_roles: AccessRoleRepository) -> None:
        for name, kind, bits in (("owner", "agent", 15), ("viewer", "agent", 1), ("reader", "skill", 1)):
            access_roles.seed({**VIEWER, "accessRoleId": name, "resourceType": kind, "permBits": bits})
        assert [each["accessRoleId"] for each in access_roles.list_kind("agent")] == ["viewer", "owner"]
