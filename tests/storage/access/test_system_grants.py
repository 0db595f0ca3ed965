from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.access import system_grants as module
from storage.access.principals import GROUP, ROLE, USER, Principal
from storage.access.system_grants import SystemGrantRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from storage.core.repository import now
from tests.support.chats import new_owner
from tests.support.kinds import kinds

STAFF, CLERKS = Principal(ROLE, "STAFF"), Principal(ROLE, "CLERKS")


@pytest.fixture
def grants(database: Database) -> SystemGrantRepository:
    """With a grant of a tenant's."""
    database.collection("systemgrants").insert_one({**STAFF.filter(), "capability": "t", "tenantId": "t"})
    return SystemGrantRepository(database)


def capabilities(grants: SystemGrantRepository, principal: Principal) -> list[str]:
    return [each["capability"] for each in grants.of(principal)]


def test_are_given_once_and_written_as_librechat_does(grants: SystemGrantRepository) -> None:
    giver = new_owner()
    first, is_new = grants.give(STAFF, "read:users", giver)
    assert is_new
    assert kinds(first) == {
        "_id": ObjectId,
        "principalType": "role",
        "principalId": "STAFF",
        "capability": "read:users",
        "grantedBy": ObjectId,
        "grantedAt": datetime,
        "createdAt": datetime,
        "updatedAt": datetime,
        "__v": 0,
    }
    assert first["grantedBy"] == ObjectId(giver)
    assert grants.of(STAFF) == [first]
    assert grants.give(STAFF, "read:users", new_owner()) == (first, False)
    with pytest.raises(NotFound):
        grants.give(STAFF, "read:roles", "nobody")


def test_are_held_until_they_run_out(grants: SystemGrantRepository, database: Database) -> None:
    group = Principal(GROUP, ObjectId())
    for principal, capability in ((STAFF, "a"), (STAFF, "b"), (CLERKS, "c"), (group, "d")):
        grants.give(principal, capability, new_owner())
    stored = database.collection("systemgrants")
    stored.update_one({"capability": "a"}, {"$set": {"expiresAt": now()}})
    stored.update_one({"capability": "b"}, {"$set": {"expiresAt": now() + timedelta(hours=1)}})
    stored.insert_one({**STAFF.filter(), "capability": 5})
    assert grants.held([STAFF, group, Principal(USER, ObjectId())]) == {"b", "d"}
    assert grants.held([]) == set()


def test_are_listed_by_capability(grants: SystemGrantRepository) -> None:
    for principal, capability in ((STAFF, "b"), (CLERKS, "c"), (STAFF, "a"), (CLERKS, "b")):
        grants.give(principal, capability, new_owner())
    grants.give(Principal(USER, ObjectId()), "a", new_owner())
    assert capabilities(grants, STAFF) == ["a", "b"]
    with patch.object(module, "MAX_OF_ONE", 1):
        assert capabilities(grants, STAFF) == ["a"]
    rows, total = grants.list_page(1, 2)
    found = [(each["principalId"], each["capability"]) for each in rows]
    assert (found, total) == ([("STAFF", "b"), ("CLERKS", "b")], 4)


def test_are_taken_from_one(grants: SystemGrantRepository) -> None:
    for principal in (STAFF, CLERKS):
        for capability in "ab":
            grants.give(principal, capability, new_owner())
    assert grants.take(STAFF, "a")
    assert not grants.take(STAFF, "a")
    assert not grants.take(STAFF, "t")
    assert (capabilities(grants, STAFF), capabilities(grants, CLERKS)) == (["b"], ["a", "b"])


def test_that_a_role_lacks_are_added(grants: SystemGrantRepository, database: Database) -> None:
    there, _ = grants.give(STAFF, "b", new_owner())
    grants.seed("STAFF", ["a", "b", "t"])
    grants.seed("STAFF", ["a", "b", "t"])
    first, *others = grants.of(STAFF)
    assert kinds(first) == {
        "_id": ObjectId,
        "principalType": "role",
        "principalId": "STAFF",
        "capability": "a",
        "grantedAt": datetime,
        "createdAt": datetime,
        "updatedAt": datetime,
        "__v": 0,
    }
    assert [each["capability"] for each in others] == ["b", "t"]
    assert others[0] == there
