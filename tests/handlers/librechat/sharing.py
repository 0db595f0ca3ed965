"""Grants and roles as an administrator's or another user's requests would write them."""

import secrets
from typing import Any

from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import UserClient

Stored = MongoDatabase[dict[str, Any]]
VIEW, EDIT, OWN = 1, 3, 15


def grant(stored: Stored, kind: str, resource: str, bits: int, user: UserClient | None = None) -> None:
    """Let a user, or without one everybody, do so much with a thing."""
    who: dict[str, Any] = {"principalType": "public"}
    if user is not None:
        who = {"principalType": "user", "principalId": ObjectId(user.id), "principalModel": "User"}
    stored.aclentries.insert_one(
        {**who, "resourceType": kind, "resourceId": ObjectId(resource), "permBits": bits}
    )


def allow_only(stored: Stored, user: UserClient, kind: str, *permissions: str) -> None:
    """Give a user a role of their own, which may do no more than this with one kind of thing."""
    name = f"role-{secrets.token_hex(6)}"
    stored.roles.insert_one({"name": name, "permissions": {kind: dict.fromkeys(permissions, True)}})
    stored.users.update_one({"_id": ObjectId(user.id)}, {"$set": {"role": name}})
