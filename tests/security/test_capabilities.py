"""Every operation of administrators asks for what was granted, and for nothing less."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from tests.conftest import MakeUser, UserClient
from tests.security.conftest import administered, send
from tests.support.operations import ALL_OPERATIONS, Op

ADMIN = "/api/admin/"
# Of those of our own that are beside the panel's.
BESIDE = "/api/usage/all"
OPERATIONS = [op for op in ALL_OPERATIONS if op.template.startswith((ADMIN, BESIDE))]
# What each operation needs besides `access:admin`, and in brackets what its service asks for; written out.
NEEDED: dict[str, tuple[str, ...]] = {
    "activate_config": ("(manage:configs assign:configs assign:configs:<principalType>)",),
    "add_group_member": ("manage:groups",),
    "add_role_member": ("manage:roles",),
    "assign_grant": ("manage:roles",),
    "bury_config_field": ("(manage:configs manage:configs:<section>)",),
    "change_role_permissions": ("manage:roles",),
    "create_group": ("manage:groups",),
    "create_role": ("manage:roles",),
    "delete_config_overrides": ("(manage:configs assign:configs assign:configs:<principalType>)",),
    "delete_group": ("manage:groups",),
    "delete_role": ("manage:roles",),
    "delete_user": ("manage:users",),
    "export_audit_log": ("read:audit_log",),
    "get_admin_role": ("read:roles",),
    "get_audit_entry": ("read:audit_log",),
    "get_base_config": ("(read:configs read:configs:<section>)",),
    "get_config_overrides": ("(read:configs read:configs:<section>)",),
    "get_group": ("read:groups",),
    "get_usage_of_all": ("read:usage",),
    "list_audit_log": ("read:audit_log",),
    "list_configs": ("(read:configs read:configs:<section>)",),
    "list_effective_capabilities": (),
    "list_grants": ("(read:roles)",),
    "list_group_members": ("read:groups",),
    "list_groups": ("read:groups",),
    "list_principal_grants": ("read:roles",),
    "list_role_members": ("read:roles",),
    "list_roles": ("read:roles",),
    "list_users": ("read:users",),
    "patch_config_fields": ("(manage:configs manage:configs:<section>)",),
    "put_config_overrides": ("(manage:configs assign:configs assign:configs:<principalType>)",),
    "remove_group_member": ("manage:groups",),
    "remove_role_member": ("manage:roles",),
    "revoke_grant": ("manage:roles",),
    "search_users": ("read:users",),
    "unset_config_field": ("(manage:configs manage:configs:<section>)",),
    "update_group": ("manage:groups",),
    "update_role": ("manage:roles",),
    "verify_admin": (),
    "verify_audit_log": ("read:audit_log",),
}
# Who has not logged in has no capabilities yet.
LOGINS = {
    "admin_login",
    "begin_panel_login",
    "check_panel_login",
    "exchange_panel_code",
    "finish_panel_login",
    "finish_panel_login_by_form",
    "refresh_panel_session",
}


def declared(op: Op) -> tuple[str, ...]:
    first, *others = op.raw["x-echo-capability"]
    assert first == "access:admin"
    if asked := op.raw.get("x-echo-capability-if"):
        others.append(f"({' '.join(asked)})")
    return tuple(others)


def test_each_operation_declares_its_own() -> None:
    found = {op.raw["operationId"]: declared(op) for op in OPERATIONS if op.raw["operationId"] not in LOGINS}
    assert found == NEEDED
    assert all(op in OPERATIONS for op in ALL_OPERATIONS if "x-echo-capability" in op.raw)


@pytest.fixture
def clerk(make_user: MakeUser, app_database: Database) -> Iterator[UserClient]:
    """A user without a capability; those that a test gives are the user's own, and what is made with them goes."""
    user = make_user("clerk")
    # The first of all users is an administrator.
    app_database.collection("users").update_one({"_id": ObjectId(user.id)}, {"$set": {"role": "USER"}})
    yield user
    app_database.collection("systemgrants").delete_many({"principalId": ObjectId(user.id)})
    app_database.collection("configs").delete_many({})
    app_database.collection("groups").delete_many({"name": "Engineers"})
    app_database.collection("roles").delete_many({"name": "STAFF"})


def grant(database: Database, user: UserClient, *capabilities: str) -> None:
    own = {"principalType": "user", "principalId": ObjectId(user.id)}
    database.collection("systemgrants").delete_many(own)
    database.collection("systemgrants").insert_many({**own, "capability": each} for each in capabilities)


def test_they_are_asked_for_by_every_operation(clerk: UserClient, app_database: Database) -> None:
    """Without any, with only one of several: refused. With all: whatever else comes, it is not that."""
    for op in OPERATIONS:
        if (name := op.raw["operationId"]) in LOGINS:
            continue
        needed = [each.strip("()").split()[0] for each in NEEDED[name]]
        for too_few in ((), ("access:admin",), tuple(needed)):
            if set(too_few) == {"access:admin", *needed} or (name == "list_grants" and too_few):
                continue
            app_database.collection("systemgrants").delete_many({"principalId": ObjectId(clerk.id)})
            if too_few:
                grant(app_database, clerk, *too_few)
            answer = ask(clerk, op)
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions"), name
        grant(app_database, clerk, "access:admin", *needed)
        answer = ask(clerk, op)
        assert answer.status_code != 403 or name in GIVES_AWAY, name
        assert answer.status_code < 500, name


# These give what the example says, which the caller would have to have as well.
GIVES_AWAY = {"assign_grant", "change_role_permissions"}


def ask(user: UserClient, op: Op) -> Any:
    params = {p["name"]: op.example_parameter(p) for p in op.parameters("query") if p.get("required")}
    return send(user, op, {**administered(user), "roleName": "NOBODY"}, params=params)
