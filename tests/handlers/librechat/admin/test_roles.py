import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import MakeUser, UserClient
from tests.handlers.librechat.admin.conftest import A, Granted, Noted, give, role_of

Stored = MongoDatabase[dict[str, Any]]


@pytest.fixture
def name(stored: Stored) -> Iterator[str]:
    """A name that no role has."""
    found = f"NEW-{secrets.token_hex(6)}"
    yield found
    stored.roles.delete_many({"name": found})


@pytest.fixture
def two_left(stored: Stored, make_user: MakeUser) -> Iterator[tuple[UserClient, UserClient]]:
    """Two administrators, and no other."""
    others = [each["_id"] for each in stored.users.find({"role": "ADMIN"}, {"_id": 1})]
    stored.users.update_many({"role": "ADMIN"}, {"$set": {"role": "USER"}})
    one, two = make_user("one"), make_user("two")
    both = {"_id": {"$in": [ObjectId(one.id), ObjectId(two.id)]}}
    stored.users.update_many(both, {"$set": {"role": "ADMIN"}})
    yield one, two
    stored.users.update_many({"_id": {"$in": others}}, {"$set": {"role": "ADMIN"}})


class TestRoles:
    def test_are_made_and_listed_by_name(self, root: UserClient, name: str, noted: Noted) -> None:
        body = {
            "name": name,
            "description": "The staff",
            "permissions": {"PROMPTS": {"USE": True, "X": True}},
        }
        answer = root.post(f"{A}/roles", json=body)
        assert answer.status_code == 201
        role = answer.json()["role"]
        assert (role["name"], role["description"]) == (name, "The staff")
        assert role["permissions"]["PROMPTS"] == {
            "USE": True,
            "CREATE": False,
            "SHARE": False,
            "SHARE_PUBLIC": False,
        }
        assert root.get(f"{A}/roles/{name}").json() == {"role": role}
        listed = root.get(f"{A}/roles", params={"limit": 200}).json()["roles"]
        assert {"_id": role["_id"], "name": name, "description": "The staff"} in listed
        assert noted(name)["action"] == "role.created"

    @pytest.mark.parametrize("taken", ["ADMIN", "user", "members", "permissions"])
    def test_of_some_names_are_not_made(self, root: UserClient, taken: str) -> None:
        assert root.post(f"{A}/roles", json={"name": taken}).status_code == 409

    def test_of_one_name_there_is_one(self, root: UserClient, role: str) -> None:
        assert root.post(f"{A}/roles", json={"name": role}).status_code == 409

    def test_are_renamed_wherever_they_are_named(
        self, root: UserClient, ada: UserClient, role: str, name: str, stored: Stored
    ) -> None:
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"role": role}})
        give(stored, role, "read:users")
        give(stored, name, "manage:roles")
        changed = root.patch(f"{A}/roles/{role}", json={"name": name, "description": "New"})
        assert (changed.json()["role"]["name"], changed.json()["role"]["description"]) == (name, "New")
        assert role_of(stored, ada) == name
        # Of what an older role of that name had left nothing comes back.
        held = [each["capability"] for each in stored.systemgrants.find({"principalId": name})]
        assert held == ["read:users"]
        assert root.get(f"{A}/roles/{role}").status_code == 404
        stored.systemgrants.delete_many({"principalId": name})

    @pytest.mark.parametrize("name", ["ADMIN", "USER"])
    def test_of_the_system_stay(self, root: UserClient, name: str) -> None:
        for answer in (root.delete(f"{A}/roles/{name}"), root.patch(f"{A}/roles/{name}", json={"name": "X"})):
            assert (answer.status_code, answer.json()["code"]) == (403, "system_role")

    def test_go_with_what_is_their_own(
        self, root: UserClient, ada: UserClient, role: str, stored: Stored
    ) -> None:
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"role": role}})
        give(stored, role, "read:users")
        stored.aclentries.insert_one({"principalType": "role", "principalId": role, "permBits": 1})
        assert root.delete(f"{A}/roles/{role}").json() == {"success": True}
        assert role_of(stored, ada) == "USER"
        for collection in ("aclentries", "systemgrants", "roles"):
            assert not stored[collection].find_one({"$or": [{"principalId": role}, {"name": role}]})
        actions = [each["action"] for each in stored.auditlogs.find({"target.id": role}).sort("seq")]
        assert actions == ["grant.removed", "role.deleted"]
        assert root.delete(f"{A}/roles/{role}").status_code == 404

    def test_that_may_do_more_are_not_changed(self, granted: Granted, role: str, stored: Stored) -> None:
        clerk = granted("access:admin", "manage:roles")
        give(stored, role, "read:audit_log")
        path = f"{A}/roles/{role}"
        less = {"permissions": {"PROMPTS": {"USE": False}}}
        answers = [
            clerk.patch(path, json={"name": f"{role}-2"}),
            clerk.patch(path, json={"description": "x"}),
            clerk.patch(f"{path}/permissions", json=less),
            clerk.patch(f"{A}/roles/ADMIN/permissions", json=less),
            clerk.delete(path),
        ]
        assert [each.status_code for each in answers] == [403] * 5
        assert (stored.roles.find_one({"name": role}) or {})["permissions"] == {"PROMPTS": {"USE": True}}


class TestPermissions:
    def test_are_merged_and_count_at_once(
        self, root: UserClient, ada: UserClient, role: str, stored: Stored, noted: Noted
    ) -> None:
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"role": role}})
        body = {"permissions": {"BOOKMARKS": {"USE": True}, "PROMPTS": {"CREATE": True}, "NO": {"USE": True}}}
        changed = root.patch(f"{A}/roles/{role}/permissions", json=body).json()["role"]["permissions"]
        assert (changed["BOOKMARKS"]["USE"], changed["PROMPTS"]["USE"]) == (True, True)
        seen = ada.get(f"/chat/api/roles/{role}").json()["permissions"]
        assert seen["PROMPTS"]["CREATE"] is True
        assert noted(role)["metadata"] == {"permissions": "BOOKMARKS.USE=true, PROMPTS.CREATE=true"}

    def test_that_the_web_client_changes_are_noted_too(
        self, root: UserClient, role: str, noted: Noted
    ) -> None:
        assert root.put(f"/chat/api/roles/{role}/prompts", json={"CREATE": True}).status_code == 200
        entry = noted(role)
        assert (entry["action"], entry["actor"]["id"]) == ("role.permissions_changed", root.id)
        assert entry["metadata"] == {"permissions": "PROMPTS.CREATE=true"}

    def test_that_one_does_not_have_one_does_not_give(
        self, granted: Granted, role: str, stored: Stored
    ) -> None:
        clerk = granted("access:admin", "manage:roles", permissions={"PROMPTS": {"USE": True}})
        allowed = {"permissions": {"PROMPTS": {"USE": True, "SHARE": False}}}
        refused = {"permissions": {"PROMPTS": {"SHARE": True}}}
        path = f"{A}/roles/{role}/permissions"
        assert clerk.patch(path, json=allowed).status_code == 200
        assert clerk.patch(path, json=refused).status_code == 403
        assert clerk.post(f"{A}/roles", json={"name": "more", **refused}).status_code == 403
        assert stored.roles.find_one({"name": "more"}) is None

    def test_must_be_flags(self, root: UserClient, role: str) -> None:
        for wrong in ({"PROMPTS": {"USE": "yes"}}, {"PROMPTS": True}, [], {"PROMPTS": {"$set": {}}}):
            answer = root.patch(f"{A}/roles/{role}/permissions", json={"permissions": wrong})
            assert answer.status_code == 400


class TestMembers:
    def test_come_and_go(
        self, root: UserClient, ada: UserClient, role: str, stored: Stored, noted: Noted
    ) -> None:
        path = f"{A}/roles/{role}/members"
        assert root.post(path, json={"userId": ada.id}).json() == {"success": True}
        assert role_of(stored, ada) == role
        assert root.get(path).json()["members"] == [{"userId": ada.id, "name": "ada", "email": ada.email}]
        assert noted(role)["metadata"] == {"userId": ada.id}
        assert root.delete(f"{path}/{ada.id}").json() == {"success": True}
        assert role_of(stored, ada) == "USER"
        assert root.delete(f"{path}/{ada.id}").status_code == 404
        assert root.get(path).json()["total"] == 0

    def test_of_user_are_those_without_another_role(self, root: UserClient, ada: UserClient) -> None:
        for answer in (
            root.post(f"{A}/roles/USER/members", json={"userId": ada.id}),
            root.delete(f"{A}/roles/USER/members/{ada.id}"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "system_role")
        assert root.get(f"{A}/roles/USER/members").json()["total"] >= 1

    def test_need_a_role_and_a_user(self, root: UserClient, ada: UserClient, role: str) -> None:
        assert root.post(f"{A}/roles/none/members", json={"userId": ada.id}).status_code == 404
        assert root.post(f"{A}/roles/{role}/members", json={"userId": "0" * 24}).status_code == 404

    def test_nobody_makes_themselves_an_administrator(self, granted: Granted, stored: Stored) -> None:
        clerk = granted("access:admin", "manage:roles")
        before = role_of(stored, clerk)
        answer = clerk.post(f"{A}/roles/ADMIN/members", json={"userId": clerk.id})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
        assert role_of(stored, clerk) == before

    def test_nobody_demotes_one_who_may_do_more(
        self, granted: Granted, root: UserClient, role: str, stored: Stored
    ) -> None:
        clerk = granted("access:admin", "manage:roles", permissions={"PROMPTS": {"USE": True}})
        assert clerk.delete(f"{A}/roles/ADMIN/members/{root.id}").status_code == 403
        assert clerk.post(f"{A}/roles/{role}/members", json={"userId": root.id}).status_code == 403
        assert role_of(stored, root) == "ADMIN"


class TestTheLastAdministrator:
    def test_stays_one(self, two_left: tuple[UserClient, UserClient], role: str, stored: Stored) -> None:
        one, two = two_left
        assert one.delete(f"{A}/roles/ADMIN/members/{two.id}").status_code == 200
        for answer in (
            one.delete(f"{A}/roles/ADMIN/members/{one.id}"),
            one.post(f"{A}/roles/{role}/members", json={"userId": one.id}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
        assert role_of(stored, one) == "ADMIN"

    def test_is_left_when_two_take_each_other_s_role_at_once(
        self, two_left: tuple[UserClient, UserClient], stored: Stored, services: Any
    ) -> None:
        roles = services.administration.roles._administrators
        with ThreadPoolExecutor(8) as pool:
            for _ in range(3):
                tries = [pool.submit(roles.set_role, user.id, "USER") for user in two_left * 2]
                errors = [each.exception() for each in tries]
                assert any(errors)
                assert sum(role_of(stored, user) == "ADMIN" for user in two_left) == 1
                ids = [ObjectId(user.id) for user in two_left]
                stored.users.update_many({"_id": {"$in": ids}}, {"$set": {"role": "ADMIN"}})

    def test_a_claim_of_a_dead_process_is_taken_over(
        self, two_left: tuple[UserClient, UserClient], stored: Stored
    ) -> None:
        old = datetime.now(UTC) - timedelta(minutes=2)
        stored.echo_claims.insert_one({"_id": "administrators", "claimedAt": old, "holder": ObjectId()})  # type: ignore[dict-item]
        one, two = two_left
        assert one.delete(f"{A}/roles/ADMIN/members/{two.id}").status_code == 200
        assert stored.echo_claims.find_one({"_id": "administrators"}) is None
