from datetime import datetime
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.access import access_roles
from storage.access.access_roles import AccessRoleRepository
from storage.core.database import Database
from tests.support.kinds import kinds


def role(name: str, bits: int, **fields: object) -> dict[str, object]:
    return {"accessRoleId": name, "resourceType": "agent", "permBits": bits, **fields}


@pytest.fixture
def roles(database: Database) -> AccessRoleRepository:
    return AccessRoleRepository(database)


def test_are_listed_by_how_far_they_go_and_no_tenants(
    roles: AccessRoleRepository, database: Database
) -> None:
    database.collection("accessroles").insert_many(
        [
            role("owner", 15, _id=1),
            role("second", 1, _id=3),
            role("first", 1, _id=2),
            role("of a tenant", 1, tenantId="t"),
            role("other", 1, resourceType="skill"),
        ]
    )
    assert [each["accessRoleId"] for each in roles.list_kind("agent")] == ["first", "second", "owner"]
    with patch.object(access_roles, "MAX_ROLES", 2):
        assert len(roles.list_kind("agent")) == 2


def test_is_found_by_its_name_and_none_of_a_tenants(roles: AccessRoleRepository, database: Database) -> None:
    database.collection("accessroles").insert_many([role("x", 1, tenantId="t"), role("y", 2)])
    assert roles.find("x") is None
    assert (roles.find("y") or {})["permBits"] == 2


def test_are_added_wholly_and_only_where_they_are_missing(
    roles: AccessRoleRepository, database: Database
) -> None:
    """One of a tenant's with the same name is another one."""
    stored = database.collection("accessroles")
    stored.insert_many([role("x", 1, tenantId="t"), role("y", 3, mine=True)])
    with patch.object(roles, "_collection", wraps=roles._collection) as used:
        roles.seed(role("x", 1), role("y", 2), role("z", 4))
        # Of those that are there none is even tried.
        [call] = used.bulk_write.call_args_list
        assert len(call.args[0]) == 2
        roles.seed(role("x", 1), role("z", 4))
        assert len(used.bulk_write.call_args_list) == 1
    times = {"createdAt": datetime, "updatedAt": datetime, "__v": 0}
    assert [kinds(each) for each in stored.find({"tenantId": None}).sort("accessRoleId")] == [
        {**role("x", 1), "_id": ObjectId, **times},
        {**role("y", 3), "_id": ObjectId, "mine": True},
        {**role("z", 4), "_id": ObjectId, **times},
    ]
