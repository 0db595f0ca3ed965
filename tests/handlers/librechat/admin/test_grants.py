from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from echo.access.capabilities import CAPABILITIES
from tests.conftest import UserClient
from tests.handlers.librechat.admin.conftest import A, Granted, Noted, give, role_of

Stored = MongoDatabase[dict[str, Any]]


def new(role: str, capability: str) -> dict[str, str]:
    return {"principalType": "role", "principalId": role, "capability": capability}


class TestEffective:
    def test_of_an_administrator_are_all(self, root: UserClient) -> None:
        assert set(root.get(f"{A}/grants/effective").json()["capabilities"]) == set(CAPABILITIES)
        assert len(CAPABILITIES) == 24

    def test_are_those_that_come_with_others(self, granted: Granted) -> None:
        clerk = granted("access:admin", "manage:users", "read:configs:interface")
        assert clerk.get(f"{A}/grants/effective").json()["capabilities"] == [
            *("access:admin", "manage:users", "read:configs:interface", "read:users")
        ]

    def test_end_at_their_time(self, granted: Granted, stored: Stored) -> None:
        clerk = granted("access:admin", "read:users")
        assert clerk.get(f"{A}/users").status_code == 200
        stored.systemgrants.update_one(
            {"principalId": role_of(stored, clerk), "capability": "read:users"},
            {"$set": {"expiresAt": datetime(2020, 1, 1, tzinfo=UTC)}},
        )
        assert clerk.get(f"{A}/users").status_code == 403


class TestGrants:
    def test_are_given_and_taken(
        self, root: UserClient, ada: UserClient, role: str, stored: Stored, noted: Noted
    ) -> None:
        answer = root.post(f"{A}/grants", json=new(role, "read:users"))
        assert answer.status_code == 201
        grant = answer.json()["grant"]
        assert (grant["principalId"], grant["capability"], grant["grantedBy"]) == (
            role,
            "read:users",
            root.id,
        )
        entry = noted(role)
        assert (entry["action"], entry["metadata"]) == ("grant.assigned", {"capability": "read:users"})
        # Again it changes nothing.
        again = root.post(f"{A}/grants", json=new(role, "read:users")).json()["grant"]
        assert (again["_id"], noted(role)["seq"]) == (grant["_id"], entry["seq"])
        assert root.get(f"{A}/grants/role/{role}").json() == {"grants": [grant]}
        listed = root.get(f"{A}/grants", params={"limit": 200}).json()
        assert grant in listed["grants"]
        assert listed["total"] >= 25
        assert root.delete(f"{A}/grants/role/{role}/read:users").json() == {"success": True}
        assert noted(role)["action"] == "grant.removed"
        assert root.delete(f"{A}/grants/role/{role}/read%3Ausers").json() == {"success": True}
        assert stored.auditlogs.count_documents({"target.id": role}) == 2

    def test_of_what_one_does_not_have_are_not_given(
        self, granted: Granted, role: str, stored: Stored
    ) -> None:
        clerk = granted("access:admin", "manage:roles", "manage:users")
        assert clerk.post(f"{A}/grants", json=new(role, "read:users")).status_code == 201
        answer = clerk.post(f"{A}/grants", json=new(role, "read:audit_log"))
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
        # What one does not have can be taken away all the same.
        give(stored, role, "read:audit_log")
        assert clerk.delete(f"{A}/grants/role/{role}/read:audit_log").status_code == 200
        # But not from administrators.
        assert clerk.delete(f"{A}/grants/role/ADMIN/read:audit_log").status_code == 403

    @pytest.mark.parametrize(
        "text", ["read:nothing", "manage:configs:", "assign:configs:public", "root", "a:b"]
    )
    def test_are_of_capabilities(self, root: UserClient, role: str, text: str) -> None:
        assert root.post(f"{A}/grants", json=new(role, text)).status_code == 400

    def test_of_sections_are_covered_by_those_of_all(self, root: UserClient, role: str) -> None:
        for each in ("read:configs:endpoints", "manage:configs:interface", "assign:configs:user"):
            assert root.post(f"{A}/grants", json=new(role, each)).status_code == 201

    def test_need_a_role(self, root: UserClient) -> None:
        assert root.post(f"{A}/grants", json=new("nobody", "read:users")).status_code == 400
        user = {**new("x", "read:users"), "principalType": "user"}
        assert root.post(f"{A}/grants", json=user).status_code == 400

    @pytest.mark.parametrize("capability", ["access:admin", "manage:roles"])
    def test_that_administrators_need_stay(self, root: UserClient, capability: str) -> None:
        answer = root.delete(f"{A}/grants/role/ADMIN/{capability}")
        assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
        assert capability in root.get(f"{A}/grants/effective").json()["capabilities"]

    def test_are_empty_for_one_who_may_not_read_roles(self, granted: Granted) -> None:
        clerk = granted("access:admin")
        assert clerk.get(f"{A}/grants").json() == {"grants": [], "total": 0, "limit": 50, "offset": 0}
        assert clerk.get(f"{A}/grants/role/ADMIN").status_code == 403
