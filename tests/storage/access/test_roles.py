from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.access import roles as module
from storage.access.roles import RoleRepository
from storage.core.database import Database
from storage.core.errors import Conflict, NotFound, TooMany
from tests.support.kinds import kinds


@pytest.fixture
def roles(database: Database) -> RoleRepository:
    """With a role of a tenant's, and one of the same name as ours."""
    database.collection("roles").insert_many(
        {"name": name, "tenantId": "t", "permissions": {}} for name in ("STAFF", "OTHER")
    )
    return RoleRepository(database)


def tenants(database: Database) -> list[object]:
    return list(database.collection("roles").find({"tenantId": "t"}, {"_id": 0}).sort("name"))


@pytest.fixture(autouse=True)
def _tenants_stay(roles: RoleRepository, database: Database) -> object:
    before = tenants(database)
    yield
    assert tenants(database) == before


def test_are_made_as_librechat_makes_them(roles: RoleRepository, database: Database) -> None:
    made = roles.create("STAFF", "those", {"PROMPTS": {"USE": True}})
    assert kinds(made) == {
        "_id": ObjectId,
        "name": "STAFF",
        "description": "those",
        "permissions": {"PROMPTS": {"USE": True}},
        "__v": 0,
    }
    assert roles.find("STAFF") == made
    assert roles.find("OTHER") is None


def test_are_made_once_and_up_to_a_limit(roles: RoleRepository, database: Database) -> None:
    database.ensure_indexes({"roles": roles.indexes})
    with patch.object(module, "MAX_ROLES", 2):
        roles.create("STAFF", "", {})
        with pytest.raises(Conflict):
            roles.create("STAFF", "", {})
        roles.create("B", "", {})
        with pytest.raises(TooMany) as caught:
            roles.create("C", "", {})
    assert (caught.value.kind, caught.value.most) == ("roles", 2)


def test_are_listed_by_name_in_pages_without_what_they_allow(roles: RoleRepository) -> None:
    for name in "BCA":
        roles.create(name, name.lower(), {"PROMPTS": {"USE": True}})
    found, total = roles.list_page(1, 1)
    assert ([kinds(each) for each in found], total) == (
        [{"_id": ObjectId, "name": "B", "description": "b"}],
        3,
    )
    assert [each["name"] for each in roles.list_page(0, 9)[0]] == ["A", "B", "C"]


def test_are_changed_in_what_is_said(roles: RoleRepository) -> None:
    made = roles.create("STAFF", "d", {"PROMPTS": {"USE": True, "CREATE": True}, "MCP": {"USE": True}})
    changed = roles.change("STAFF", "PROMPTS", {"USE": False})
    assert changed["permissions"] == {"PROMPTS": {"USE": False, "CREATE": True}, "MCP": {"USE": True}}
    merged = roles.merge("STAFF", {"PROMPTS": {"CREATE": False}, "MCP": {"USE": False, "SHARE": True}})
    permissions = {"PROMPTS": {"USE": False, "CREATE": False}, "MCP": {"USE": False, "SHARE": True}}
    assert merged == {**made, "permissions": permissions}
    assert roles.merge("STAFF", {}) == merged
    assert roles.describe("STAFF", "e") == {**merged, "description": "e"}
    assert roles.find("STAFF") == {**merged, "description": "e"}


def test_that_are_not_there_are_not_changed(roles: RoleRepository) -> None:
    for change in (
        lambda: roles.change("OTHER", "PROMPTS", {"USE": False}),
        lambda: roles.merge("OTHER", {"PROMPTS": {"USE": False}}),
        lambda: roles.merge("OTHER", {}),
        lambda: roles.describe("OTHER", "e"),
    ):
        with pytest.raises(NotFound):
            change()


def test_are_revived_where_their_use_is_off(roles: RoleRepository) -> None:
    for name, use in (("OFF", False), ("ON", True)):
        roles.create(name, "", {"MCP": {"USE": use, "SHARE": False}, "PROMPTS": {"USE": False}})
    roles.create("NONE", "", {})
    for name in ("OFF", "ON", "NONE", "OTHER"):
        roles.revive(name, "MCP", {"USE": True, "SHARE": True})
    found = {name: (roles.find(name) or {})["permissions"] for name in ("OFF", "ON", "NONE")}
    assert found == {
        "OFF": {"MCP": {"USE": True, "SHARE": True}, "PROMPTS": {"USE": False}},
        "ON": {"MCP": {"USE": True, "SHARE": False}, "PROMPTS": {"USE": False}},
        "NONE": {},
    }


def test_get_at_a_start_what_they_lack(roles: RoleRepository) -> None:
    roles.create("STAFF", "", {"MCP": {"USE": False}})
    defaults = {"MCP": {"USE": True, "SHARE": True, "CREATE": True}, "PROMPTS": {"USE": True}}
    roles.seed("STAFF", defaults, {}, added=("SHARE", "USE"))
    assert (roles.find("STAFF") or {})["permissions"] == {
        "MCP": {"USE": False, "SHARE": True},
        "PROMPTS": {"USE": True},
    }
    roles.seed("OTHER", {}, {"MCP": {"USE": True}})
    assert kinds(roles.find("OTHER")) == {
        "_id": ObjectId,
        "name": "OTHER",
        "description": "",
        "permissions": {"MCP": {"USE": True}},
        "__v": 0,
    }
