"""A role is renamed and removed wherever it is named, and nowhere else."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import Conflict, NotFound
from storage.core.repository import now
from storage.operator.role_changes import RoleChanges

NAMED = ("systemgrants", "aclentries", "configs")


@pytest.fixture
def changes(database: Database) -> RoleChanges:
    return RoleChanges(database)


def role(database: Database, name: str, **other: Any) -> None:
    database.collection("roles").insert_one({"name": name, "permissions": {"of": name}, **other})


def principals(database: Database, collection: str) -> list[tuple[Any, Any]]:
    rows = database.collection(collection).find().sort("_id", 1)
    return [(row["principalType"], row["principalId"]) for row in rows]


def fill(database: Database) -> None:
    """What names two roles, a user who is called like one, and a group."""
    for collection in NAMED:
        database.collection(collection).insert_many(
            {"_id": number, "principalType": kind, "principalId": name, "capability": f"c{number}"}
            for number, (kind, name) in enumerate(
                [("role", "OLD"), ("role", "NEW"), ("role", "OTHER"), ("user", "OLD"), ("group", "NEW")]
            )
        )
    database.collection("users").insert_many(
        {"_id": ObjectId(), "email": f"{name}@example.com", "role": name} for name in ("OLD", "OTHER")
    )


def roles_of_users(database: Database) -> dict[str, str]:
    return {row["email"].partition("@")[0]: row["role"] for row in database.collection("users").find()}


class TestRename:
    def test_calls_it_so_wherever_it_is_named(self, changes: RoleChanges, database: Database) -> None:
        for name in ("OLD", "NEW"):
            role(database, name, tenantId="t")
        role(database, "OLD")
        fill(database)
        before = now()
        renamed = changes.rename("OLD", "NEW")
        assert (renamed["name"], renamed["permissions"], renamed.get("tenantId")) == (
            "NEW",
            {"of": "OLD"},
            None,
        )
        # What a role of that name had before is nobody's.
        for collection in NAMED:
            assert principals(database, collection) == [
                ("role", "NEW"),
                ("role", "OTHER"),
                ("user", "OLD"),
                ("group", "NEW"),
            ]
        assert roles_of_users(database) == {"OLD": "NEW", "OTHER": "OTHER"}
        moved = database.collection("users").find_one({"role": "NEW"}) or {}
        assert before <= moved["updatedAt"] <= now() + timedelta(seconds=1)
        others = database.collection("roles").find({"tenantId": "t"})
        assert [row["name"] for row in others] == ["OLD", "NEW"]

    def test_of_one_that_is_not_there_is_refused(self, changes: RoleChanges, database: Database) -> None:
        role(database, "OLD", tenantId="t")
        fill(database)
        with pytest.raises(NotFound):
            changes.rename("OLD", "NEW")
        assert roles_of_users(database) == {"OLD": "OLD", "OTHER": "OTHER"}

    def test_to_a_name_that_is_taken_is_refused(self, changes: RoleChanges, database: Database) -> None:
        role(database, "OLD")
        role(database, "NEW")
        fill(database)
        with pytest.raises(Conflict):
            changes.rename("OLD", "NEW")
        assert roles_of_users(database) == {"OLD": "OLD", "OTHER": "OTHER"}
        assert principals(database, "aclentries")[0] == ("role", "OLD")


class TestDelete:
    def test_makes_its_users_plain_and_takes_what_it_had(
        self, changes: RoleChanges, database: Database
    ) -> None:
        for tenant in ({"tenantId": "t"}, {}):
            role(database, "OLD", **tenant)
        fill(database)
        database.collection("systemgrants").insert_one({"principalType": "role", "principalId": "OLD"})
        before = now()
        assert changes.delete("OLD") == ["c0"]
        assert roles_of_users(database) == {"OLD": "USER", "OTHER": "OTHER"}
        plain = database.collection("users").find_one({"role": "USER"}) or {}
        assert before <= plain["updatedAt"] <= now() + timedelta(seconds=1)
        for collection in NAMED:
            assert principals(database, collection) == [
                ("role", "NEW"),
                ("role", "OTHER"),
                ("user", "OLD"),
                ("group", "NEW"),
            ]
        assert [row.get("tenantId") for row in database.collection("roles").find({"name": "OLD"})] == ["t"]

    def test_of_one_that_is_not_there_is_refused(self, changes: RoleChanges, database: Database) -> None:
        role(database, "OLD", tenantId="t")
        fill(database)
        with pytest.raises(NotFound):
            changes.delete("OLD")
        assert roles_of_users(database) == {"OLD": "OLD", "OTHER": "OTHER"}
