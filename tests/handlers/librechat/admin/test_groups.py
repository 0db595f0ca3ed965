import secrets
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import UserClient
from tests.handlers.librechat.admin.conftest import A, Granted, Noted

Stored = MongoDatabase[dict[str, Any]]


def make_group(root: UserClient, **fields: Any) -> dict[str, Any]:
    answer = root.post(f"{A}/groups", json={"name": f"group-{secrets.token_hex(6)}", **fields})
    assert answer.status_code == 201, answer.text
    group: dict[str, Any] = answer.json()["group"]
    return group


class TestCreateGroup:
    def test_with_members(
        self, root: UserClient, ada: UserClient, bob: UserClient, stored: Stored, noted: Noted
    ) -> None:
        stored.users.update_one({"_id": ObjectId(bob.id)}, {"$set": {"idOnTheSource": f"entra-{bob.id}"}})
        members = [ada.id, bob.id, "somebody-else", ada.id]
        group = make_group(root, description="Those who build", memberIds=members)
        assert group["memberIds"] == [ada.id, f"entra-{bob.id}", "somebody-else"]
        assert (group["source"], group["description"]) == ("local", "Those who build")
        document = stored.groups.find_one({"_id": ObjectId(group["_id"])}) or {}
        assert document["memberIds"] == group["memberIds"]
        assert noted(group["_id"])["action"] == "group.created"
        assert root.get(f"{A}/groups/{group['_id']}").json()["group"] == group

    def test_refuses_users_that_are_none(self, root: UserClient) -> None:
        answer = root.post(f"{A}/groups", json={"name": "x", "memberIds": ["0" * 24]})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "memberIds.0")

    def test_takes_only_what_is_a_clients(self, root: UserClient, stored: Stored) -> None:
        group = make_group(root, tenantId="other", _id="x", createdAt="2020-01-01T00:00:00Z")
        document = stored.groups.find_one({"_id": ObjectId(group["_id"])}) or {}
        assert "tenantId" not in document
        assert document["createdAt"].year > 2020

    def test_refuses_a_group_of_the_directory_twice(self, root: UserClient) -> None:
        there = {"source": "entra", "idOnTheSource": secrets.token_hex(8)}
        make_group(root, **there)
        assert root.post(f"{A}/groups", json={"name": "x", **there}).status_code == 409

    @pytest.mark.parametrize(
        "body", [{}, {"name": ""}, {"name": "a\nb"}, {"name": "x", "source": "ldap"}, {"name": "x" * 501}]
    )
    def test_refuses_what_does_not_fit(self, root: UserClient, body: dict[str, Any]) -> None:
        assert root.post(f"{A}/groups", json=body).status_code == 400


class TestListGroups:
    def test_by_name_in_pages(self, root: UserClient) -> None:
        mark = secrets.token_hex(6)
        made = [make_group(root, name=f"{mark} {letter}") for letter in "bca"]
        params = {"search": mark.upper(), "limit": 2}
        answer = root.get(f"{A}/groups", params=params).json()
        assert [each["_id"] for each in answer["groups"]] == [made[2]["_id"], made[0]["_id"]]
        assert answer["total"] == 3
        last = root.get(f"{A}/groups", params={**params, "offset": 2}).json()["groups"]
        assert [each["_id"] for each in last] == [made[1]["_id"]]
        assert root.get(f"{A}/groups", params={"search": mark, "source": "entra"}).json()["total"] == 0

    def test_long_texts_are_sought_in_full(self, root: UserClient) -> None:
        mark = secrets.token_hex(12)
        made = make_group(root, description=f"about {mark} and more")
        answer = root.get(f"{A}/groups", params={"search": f"{mark} and"}).json()
        assert [each["_id"] for each in answer["groups"]] == [made["_id"]]
        assert root.get(f"{A}/groups", params={"search": f"{mark} or"}).json()["total"] == 0


class TestOneGroup:
    def test_can_be_changed(self, root: UserClient, noted: Noted) -> None:
        group = make_group(root)
        change = {"name": "Builders", "email": "b@example.com", "source": "entra"}
        changed = root.patch(f"{A}/groups/{group['_id']}", json=change).json()["group"]
        assert (changed["name"], changed["email"], changed["source"]) == (
            "Builders",
            "b@example.com",
            "local",
        )
        assert noted(group["_id"])["metadata"] == {"fields": "email, name"}

    def test_goes_with_what_is_its_own(self, root: UserClient, ada: UserClient, stored: Stored) -> None:
        group = make_group(root, memberIds=[ada.id])
        identifier = ObjectId(group["_id"])
        own = {"principalType": "group", "principalId": identifier}
        stored.aclentries.insert_one({**own, "resourceType": "agent", "permBits": 1})
        stored.systemgrants.insert_one({**own, "capability": "read:users"})
        stored.configs.insert_one({**own, "principalId": group["_id"], "priority": 1})
        answer = root.delete(f"{A}/groups/{group['_id']}")
        assert answer.json() == {"success": True, "id": group["_id"]}
        for name in ("aclentries", "systemgrants", "configs"):
            assert not stored[name].find_one({"principalId": {"$in": [identifier, group["_id"]]}})
        for call in (root.get, root.delete):
            assert call(f"{A}/groups/{group['_id']}").status_code == 404

    def test_of_a_tenant_is_not_here(self, root: UserClient, stored: Stored) -> None:
        identifier = stored.groups.insert_one({"name": "x", "memberIds": [], "tenantId": "t"}).inserted_id
        assert root.get(f"{A}/groups/{identifier}").status_code == 404


class TestMembers:
    def test_come_and_go(self, root: UserClient, ada: UserClient, noted: Noted) -> None:
        path = f"{A}/groups/{make_group(root, memberIds=['gone'])['_id']}"
        assert root.post(f"{path}/members", json={"userId": ada.id}).json()["group"]["memberIds"] == [
            *("gone", ada.id)
        ]
        assert root.post(f"{path}/members", json={"userId": ada.id}).json()["group"]["memberIds"] == [
            *("gone", ada.id)
        ]
        answer = root.get(f"{path}/members").json()
        assert answer["members"] == [
            {"userId": "gone", "name": "gone", "email": ""},
            {"userId": ada.id, "name": "ada", "email": ada.email},
        ]
        assert answer["total"] == 2
        assert noted(path.rpartition("/")[2])["action"] == "group.member_added"
        assert root.delete(f"{path}/members/{ada.id}").json() == {"success": True}
        assert root.delete(f"{path}/members/gone").json() == {"success": True}
        assert root.get(f"{path}/members").json()["total"] == 0

    def test_give_what_was_shared_with_the_group(
        self, root: UserClient, ada: UserClient, stored: Stored
    ) -> None:
        group = make_group(root)
        stored.systemgrants.insert_many(
            {"principalType": "group", "principalId": ObjectId(group["_id"]), "capability": each}
            for each in ("access:admin", "read:users")
        )
        assert ada.get(f"{A}/users").status_code == 403
        root.post(f"{A}/groups/{group['_id']}/members", json={"userId": ada.id})
        assert ada.get(f"{A}/users").status_code == 200

    def test_are_users(self, root: UserClient) -> None:
        group = make_group(root)
        answer = root.post(f"{A}/groups/{group['_id']}/members", json={"userId": "0" * 24})
        assert answer.status_code == 404
        assert root.post(f"{A}/groups/{group['_id']}/members", json={"userId": "ada"}).status_code == 400

    def test_of_a_group_that_may_do_more_are_not_made(
        self, root: UserClient, granted: Granted, stored: Stored
    ) -> None:
        clerk, group = granted("access:admin", "manage:groups"), make_group(root)
        stored.systemgrants.insert_one(
            {"principalType": "group", "principalId": ObjectId(group["_id"]), "capability": "manage:roles"}
        )
        answer = clerk.post(f"{A}/groups/{group['_id']}/members", json={"userId": clerk.id})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
        for path in (f"{A}/groups/{group['_id']}/members/gone", f"{A}/groups/{group['_id']}"):
            assert clerk.delete(path).status_code == 403
