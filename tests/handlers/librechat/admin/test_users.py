from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import MakeUser, UserClient
from tests.handlers.librechat.admin.conftest import A, Granted, Noted, give, role_of

Stored = MongoDatabase[dict[str, Any]]


class TestListUsers:
    def test_shows_the_newest_first_in_pages(self, root: UserClient, make_user: MakeUser) -> None:
        first, second = make_user("first"), make_user("second")
        answer = root.get(f"{A}/users", params={"limit": 2}).json()
        assert [each["id"] for each in answer["users"]] == [second.id, first.id]
        assert (answer["limit"], answer["offset"]) == (2, 0)
        after = root.get(f"{A}/users", params={"limit": 1, "offset": 1}).json()
        assert [each["id"] for each in after["users"]] == [first.id]
        assert answer["total"] == after["total"] >= 3

    def test_shows_no_secret(self, root: UserClient, ada: UserClient) -> None:
        (user,) = root.get(f"{A}/users", params={"limit": 1}).json()["users"]
        assert user == {
            "id": ada.id,
            "name": "ada",
            "username": "ada",
            "email": ada.email,
            "avatar": "",
            "role": "USER",
            "provider": "local",
            "createdAt": user["createdAt"],
            "updatedAt": user["updatedAt"],
        }

    def test_takes_the_nearest_limit(self, root: UserClient) -> None:
        assert root.get(f"{A}/users", params={"limit": 0}).json()["limit"] == 1
        assert root.get(f"{A}/users", params={"limit": 9999}).json()["limit"] == 200


class TestSearchUsers:
    def test_finds_by_a_part_of_a_name_or_address(self, root: UserClient, make_user: MakeUser) -> None:
        ada, _bob = make_user("zephyrine"), make_user("bob")
        answer = root.get(f"{A}/users/search", params={"q": "ZEPHYR"}).json()
        assert answer["users"] == [
            {"id": ada.id, "name": "zephyrine", "email": ada.email, "username": "zephyrine"}
        ]
        assert (answer["total"], answer["capped"]) == (1, False)
        assert root.get(f"{A}/users/search", params={"q": ada.email, "limit": 1}).json()["capped"] is True

    @pytest.mark.parametrize("text", [".*", "^a", "a|b", "(((", "$where"])
    def test_takes_the_text_as_it_is(self, root: UserClient, ada: UserClient, text: str) -> None:
        assert root.get(f"{A}/users/search", params={"q": text}).json()["users"] == []

    @pytest.mark.parametrize("text", ["", "a", "a" * 201])
    def test_refuses_what_is_too_short_or_too_long(self, root: UserClient, text: str) -> None:
        assert root.get(f"{A}/users/search", params={"q": text}).status_code == 400


class TestDeleteUser:
    def test_removes_everything_and_says_so_in_the_log(
        self, root: UserClient, ada: UserClient, stored: Stored, noted: Noted
    ) -> None:
        ada.post(f"/api/messages/of-{ada.id}", json={"text": "private", "sender": "user"})
        answer = root.delete(f"{A}/users/{ada.id}")
        assert (answer.status_code, answer.json()) == (200, {"message": "User deleted successfully"})
        assert stored.users.find_one({"_id": ObjectId(ada.id)}) is None
        assert stored.messages.find_one({"user": ada.id}) is None
        assert stored.sessions.find_one({"user": ObjectId(ada.id)}) is None
        entry = noted(ada.id)
        assert (entry["action"], entry["actor"]["id"]) == ("user.deleted", root.id)
        assert (entry["target"]["name"], entry["metadata"]) == ("ada", {"role": "USER"})
        assert root.delete(f"{A}/users/{ada.id}").status_code == 404

    def test_is_not_for_oneself(self, root: UserClient) -> None:
        answer = root.delete(f"{A}/users/{root.id}")
        assert (answer.status_code, answer.json()["code"]) == (403, "own_account")
        assert answer.json()["error"] == answer.json()["message"]

    def test_spares_one_who_may_do_more(
        self, root: UserClient, granted: Granted, ada: UserClient, stored: Stored
    ) -> None:
        clerk, equal = granted("access:admin", "manage:users"), granted("read:users")
        assert clerk.delete(f"{A}/users/{root.id}").status_code == 403
        give(stored, role_of(stored, equal), "read:audit_log")
        assert clerk.delete(f"{A}/users/{equal.id}").status_code == 403
        stored.systemgrants.delete_one(
            {"principalId": role_of(stored, equal), "capability": "read:audit_log"}
        )
        assert clerk.delete(f"{A}/users/{equal.id}").status_code == 200
        assert clerk.delete(f"{A}/users/{ada.id}").status_code == 200
