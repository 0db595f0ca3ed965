"""Somebody who has been granted just what a test says, and what the audit log says last."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import MakeUser, UserClient

Stored = MongoDatabase[dict[str, Any]]
Granted = Callable[..., UserClient]
Noted = Callable[[str], dict[str, Any]]
A = "/chat/api/admin"


@pytest.fixture
def granted(make_user: MakeUser, stored: Stored) -> Iterator[Granted]:
    """Makes a user of a role of their own with these capabilities: `granted("access:admin", "read:users")`."""
    names: list[str] = []

    def make(*capabilities: str, permissions: dict[str, Any] | None = None) -> UserClient:
        name = f"ROLE-{secrets.token_hex(6)}"
        names.append(name)
        user = make_user("clerk")
        stored.roles.insert_one({"name": name, "description": "", "permissions": permissions or {}})
        stored.users.update_one({"_id": ObjectId(user.id)}, {"$set": {"role": name}})
        give(stored, name, *capabilities)
        return user

    yield make
    stored.roles.delete_many({"name": {"$in": names}})
    stored.systemgrants.delete_many({"principalId": {"$in": names}})


def give(stored: Stored, role: str, *capabilities: str) -> None:
    for each in capabilities:
        stored.systemgrants.insert_one({"principalType": "role", "principalId": role, "capability": each})


def role_of(stored: Stored, user: UserClient) -> str:
    return str((stored.users.find_one({"_id": ObjectId(user.id)}) or {})["role"])


@pytest.fixture
def noted(stored: Stored) -> Noted:
    """The last entry of the audit log about a target."""

    def find(target: str) -> dict[str, Any]:
        found = stored.auditlogs.find_one({"target.id": target}, sort=[("seq", -1)])
        assert found
        return found

    return find


@pytest.fixture
def role(stored: Stored) -> Iterator[str]:
    """A role of the operator's own, which allows prompts."""
    name = f"STAFF-{secrets.token_hex(6)}"
    stored.roles.insert_one({"name": name, "description": "", "permissions": {"PROMPTS": {"USE": True}}})
    yield name
    stored.roles.delete_one({"name": name})
    stored.systemgrants.delete_many({"principalId": name})
    stored.users.update_many({"role": name}, {"$set": {"role": "USER"}})
