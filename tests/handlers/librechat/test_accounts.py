"""Accounts, sessions and what users choose, by LibreChat's contract."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from tests.conftest import PASSWORD, Client, MakeUser, UserClient
from tests.handlers.conftest import Stored
from tests.support.two_factor import code_of


def registration(email: str) -> dict[str, str]:
    return {
        "name": "Ada",
        "username": "ada",
        "email": email,
        "password": PASSWORD,
        "confirm_password": PASSWORD,
    }


class TestRegister:
    def test_an_address_that_is_taken_looks_like_a_new_one(self, api: Client, stored: Stored) -> None:
        email = f"{uuid.uuid4()}@example.com"
        answers = [api.post("/chat/api/auth/register", json=registration(email)) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert stored.users.count_documents({"email": email}) == 1

    def test_what_is_wrong_is_said(self, api: Client) -> None:
        body = {**registration("ada@example.com"), "confirm_password": "another one 123"}
        answer = api.post("/chat/api/auth/register", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


class TestSessions:
    def test_a_login_answers_the_user_as_librechat_does(self, api: Client, ada: UserClient) -> None:
        answer = api.post("/chat/api/auth/login", json={"email": ada.email, "password": PASSWORD})
        assert answer.status_code == 200
        user = answer.json()["user"]
        assert {name: user[name] for name in ("_id", "id", "email", "role", "provider", "plugins")} == {
            "_id": ada.id,
            "id": ada.id,
            "email": ada.email,
            "role": "USER",
            "provider": "local",
            "plugins": [],
        }
        assert "HttpOnly; Path=/; SameSite=Strict" in answer.headers["set-cookie"]

    def test_a_wrong_password_and_a_wrong_address_look_the_same(self, api: Client, ada: UserClient) -> None:
        answers = [
            api.post("/chat/api/auth/login", json={"email": email, "password": "wrong wrong 1"})
            for email in (ada.email, "nobody@example.com")
        ]
        assert [answer.status_code for answer in answers] == [401, 401]
        assert len({answer.json()["message"] for answer in answers}) == 1

    def test_who_has_no_session_yet_is_told_so_without_an_error(self, api: Client) -> None:
        answer = api.post("/chat/api/auth/refresh")
        assert (answer.status_code, answer.text) == (200, "Refresh token not provided")

    def test_a_cookie_is_exchanged(self, api: Client, ada: UserClient) -> None:
        headers = {"Cookie": f"refreshToken={ada.refresh_token}"}
        answer = api.post("/chat/api/auth/refresh", headers=headers)
        assert answer.status_code == 200
        assert answer.json()["user"]["id"] == ada.id
        assert "refreshToken=" in answer.headers["set-cookie"]

    def test_a_cookie_that_means_nothing_is_an_error(self, api: Client) -> None:
        assert api.post("/chat/api/auth/refresh", headers={"Cookie": "refreshToken=x"}).status_code == 401

    def test_with_a_second_factor_a_code_is_asked_for(self, api: Client, guarded: UserClient) -> None:
        credentials = {"email": guarded.email, "password": PASSWORD}
        half = api.post("/chat/api/auth/login", json=credentials).json()
        assert half["twoFAPending"] is True
        proof = {"tempToken": half["tempToken"], "token": code_of()}
        whole = api.post("/chat/api/auth/2fa/verify-temp", json=proof)
        assert whole.status_code == 200
        assert whole.json()["user"]["twoFactorEnabled"] is True


class TestUser:
    def test_roles_are_as_they_are_stored(self, ada: UserClient, stored: Stored) -> None:
        assert ada.get("/chat/api/user").json()["role"] == "USER"
        stored.users.update_one({"email": ada.email}, {"$set": {"role": "EDITORS"}})
        assert ada.get("/chat/api/user").json()["role"] == "EDITORS"

    def test_what_old_documents_lack_or_have_in_another_form_is_left_out(
        self, ada: UserClient, stored: Stored
    ) -> None:
        stored.users.update_one(
            {"email": ada.email},
            {
                "$set": {
                    "favorites": [None, {"agentId": 3}, {"spec": "s"}],
                    "skillStates": [],
                    "personalization": 1,
                }
            },
        )
        user = ada.get("/chat/api/user").json()
        assert user["favorites"] == [{"spec": "s"}]
        assert user["personalization"] == {"memories": True}
        assert user["skillStates"] == {}

    def test_secrets_stay(self, guarded: UserClient) -> None:
        text = guarded.get("/chat/api/user").text
        for name in ("password", "totpSecret", "backupCodes", "refreshToken"):
            assert name not in text


class TestTerms:
    def test_are_accepted_once(self, ada: UserClient) -> None:
        assert ada.get("/chat/api/user/terms").json() == {"termsAccepted": False}
        first = ada.post("/chat/api/user/terms/accept").json()["termsAcceptedAt"]
        assert ada.post("/chat/api/user/terms/accept").json()["termsAcceptedAt"] == first
        assert ada.get("/chat/api/user/terms").json() == {"termsAccepted": True, "termsAcceptedAt": first}
        assert ada.get("/chat/api/user").json()["termsAccepted"] is True


class TestFavorites:
    def test_the_list_is_replaced(self, ada: UserClient) -> None:
        lists: list[list[dict[str, str]]] = [
            [{"agentId": "agent_1"}, {"model": "gpt-4o", "endpoint": "openAI"}, {"spec": "careful"}],
            [],
        ]
        for favorites in lists:
            answer = ada.post("/chat/api/user/settings/favorites", json={"favorites": favorites})
            assert answer.json() == favorites
            assert ada.get("/chat/api/user/settings/favorites").json() == favorites

    @pytest.mark.parametrize(
        "entry",
        [
            {},
            {"model": "gpt-4o"},
            {"agentId": "a", "spec": "s"},
            {"agentId": "a", "model": "m", "endpoint": "e"},
        ],
    )
    def test_an_entry_is_of_one_kind(self, ada: UserClient, entry: dict[str, str]) -> None:
        answer = ada.post("/chat/api/user/settings/favorites", json={"favorites": [entry]})
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")

    def test_there_is_a_bound(self, ada: UserClient) -> None:
        favorites = [{"agentId": f"agent_{number}"} for number in range(51)]
        path = "/chat/api/user/settings/favorites"
        assert ada.post(path, json={"favorites": favorites}).status_code == 400
        assert ada.post(path, json={"favorites": favorites[:50]}).status_code == 200


def test_the_order_of_pinned_conversations_is_kept(ada: UserClient, bob: UserClient) -> None:
    path = "/chat/api/user/settings/pinned-order"
    assert ada.get(path).json() == []
    assert ada.post(path, json={"pinnedOrder": ["b", "a"]}).json() == ["b", "a"]
    assert ada.get(path).json() == ["b", "a"]
    assert bob.get(path).json() == []


class TestDeleteAccount:
    def test_everything_goes(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        ada.post(f"/api/messages/{uuid.uuid4()}", json={"text": "mine", "sender": "user"})
        assert ada.delete("/chat/api/user/delete").json() == {"message": "User deleted"}
        assert stored.messages.count_documents({"user": ada.id}) == 0
        assert stored.users.find_one({"email": ada.email}) is None
        assert stored.users.find_one({"email": bob.email}) is not None
        # The web client goes on asking for a while.
        assert ada.get("/chat/api/user").status_code == 401

    def test_a_second_factor_must_be_proved(self, guarded: UserClient, stored: Stored) -> None:
        refused = guarded.delete("/chat/api/user/delete")
        assert (refused.status_code, refused.json()["code"]) == (403, "code_refused")
        assert stored.users.find_one({"email": guarded.email})
        assert (
            guarded.request("DELETE", "/chat/api/user/delete", json={"token": code_of()}).status_code == 200
        )

    def test_a_stolen_access_token_is_not_enough(self, ada: UserClient, stored: Stored) -> None:
        long_ago = datetime.now(UTC) - timedelta(minutes=6)
        stored.sessions.update_many({"user": ObjectId(ada.id)}, {"$set": {"createdAt": long_ago}})
        refused = ada.delete("/chat/api/user/delete")
        assert (refused.status_code, refused.json()["code"]) == (403, "login_too_old")
        assert stored.users.find_one({"email": ada.email})

    def test_it_can_be_switched_off(self, make_application: Callable[..., Client], ada: UserClient) -> None:
        closed = make_application(ALLOW_ACCOUNT_DELETION="false")
        closed.headers = ada.headers
        answer = closed.delete("/chat/api/user/delete")
        assert (answer.status_code, answer.json()["code"]) == (403, "deletion_disabled")
        assert closed.get("/chat/api/config").json()["allowAccountDeletion"] is False

    def test_the_last_administrator_stays(self, make_user: MakeUser, stored: Stored) -> None:
        admin: Any = make_user("admin")
        others = list(stored.users.find({"role": "ADMIN"}, {"_id": 1}))
        stored.users.update_many({"role": "ADMIN"}, {"$set": {"role": "USER"}})
        stored.users.update_one({"email": admin.email}, {"$set": {"role": "ADMIN"}})
        answer = admin.delete("/chat/api/user/delete")
        stored.users.update_many(
            {"_id": {"$in": [each["_id"] for each in others]}}, {"$set": {"role": "ADMIN"}}
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
