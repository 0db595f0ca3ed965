import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import jwt
import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.accounts.tokens import RefreshClaims, Tokens, hash_refresh_token
from tests.conftest import PASSWORD, Client, UserClient


def a_registration(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Grace",
        "email": f"grace-{secrets.token_hex(6)}@example.com",
        "password": PASSWORD,
        "confirm_password": PASSWORD,
        **changes,
    }


def cookie_of(response: Any) -> str:
    jar: SimpleCookie = SimpleCookie(response.headers["set-cookie"])
    return jar["refreshToken"].value


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def exchanged_before(
    seconds: int, user: UserClient, stored: MongoDatabase[dict[str, Any]], tokens: Tokens
) -> str:
    """What followed the user's refresh token, as if it had been exchanged so long ago."""
    session = stored.sessions.find_one({"_id": ObjectId(user.session_id)})
    assert session is not None
    successor = tokens.make_successor(
        user.refresh_token,
        RefreshClaims(user.id, user.session_id),
        issued_at=int(time.time()) - seconds,
        session_end=session["expiration"],
    )
    change = {"$set": {"refreshTokenHash": hash_refresh_token(successor)}}
    stored.sessions.update_one({"_id": session["_id"]}, change)
    return successor


class TestRegister:
    def test_answers_with_the_new_user(self, api: Client) -> None:
        body = a_registration(username="grace")
        response = api.post("/api/auth/register", json=body)
        assert response.status_code == 201
        user = response.json()
        assert user["name"] == "Grace"
        assert user["email"] == body["email"]
        assert "password" not in response.text

    def test_the_new_user_can_log_in(self, api: Client) -> None:
        body = a_registration()
        api.post("/api/auth/register", json=body)
        credentials = {"email": body["email"], "password": PASSWORD}
        assert api.post("/api/auth/login", json=credentials).status_code == 200

    def test_a_taken_address_is_a_conflict_in_any_case(self, api: Client, ada: UserClient) -> None:
        response = api.post("/api/auth/register", json=a_registration(email=ada.email.upper()))
        assert response.status_code == 409
        assert response.json()["code"] == "email_taken"

    @pytest.mark.parametrize(
        ("domain", "status"),
        [
            ("library.example", 201),
            ("LIBRARY.example", 201),
            ("school.example", 201),
            ("sub.library.example", 403),
            ("evillibrary.example", 403),
            ("library.example.org", 403),
        ],
    )
    def test_may_be_for_some_domains_only(
        self, make_application: Callable[..., Client], tmp_path: Path, domain: str, status: int
    ) -> None:
        path = tmp_path / "librechat.yaml"
        path.write_text(
            'version: 1.3.5\nregistration: {allowedDomains: [library.example, "@School.example"]}\n'
        )
        client = make_application(CONFIG_PATH=str(path))
        body = a_registration(email=f"grace-{secrets.token_hex(6)}@{domain}")
        response = client.post("/api/auth/register", json=body)
        assert response.status_code == status
        assert response.json().get("code") == (None if status == 201 else "domain_not_allowed")

    def test_passwords_that_differ_are_refused(self, api: Client) -> None:
        response = api.post("/api/auth/register", json=a_registration(confirm_password=PASSWORD + "x"))
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == ["confirm_password"]

    @pytest.mark.parametrize("password", ["abc", "password123", "x" * 73, "é" * 37, "nul\0nul\0nul"], ids=len)
    def test_a_weak_password_is_refused(self, api: Client, password: str) -> None:
        response = api.post(
            "/api/auth/register", json=a_registration(password=password, confirm_password=password)
        )
        assert response.status_code == 400

    @pytest.mark.parametrize("missing", ["name", "email", "password", "confirm_password"])
    def test_a_missing_field_is_named(self, api: Client, missing: str) -> None:
        body = a_registration()
        del body[missing]
        response = api.post("/api/auth/register", json=body)
        assert response.status_code == 400
        assert missing in [error["field"] for error in response.json()["errors"]]

    def test_nothing_but_the_declared_is_taken(
        self, api: Client, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        forged = {"role": "ADMIN", "_id": "0" * 24, "provider": "google", "tenantId": "x", "plugins": ["p"]}
        api.post("/api/auth/register", json=a_registration())
        user = api.post("/api/auth/register", json=a_registration(**forged)).json()
        document = stored.users.find_one({"_id": ObjectId(user["id"])})
        assert document is not None
        assert document["role"] == "USER"
        assert document["provider"] == "local"
        assert "tenantId" not in document
        assert document.get("plugins", []) == []

    def test_an_invitation_that_is_not_valid_is_refused_where_anyone_may_register(self, api: Client) -> None:
        body = a_registration(token="0" * 64)
        response = api.post("/api/auth/register", json=body)
        assert (response.status_code, response.json()["code"]) == (403, "invalid_invitation")
        assert api.post("/api/auth/register", json={**body, "token": ""}).status_code == 201

    def test_a_closed_server_refuses(self, make_application: Callable[..., Client]) -> None:
        closed = make_application(ALLOW_REGISTRATION="false")
        response = closed.post("/api/auth/register", json=a_registration())
        assert response.status_code == 403
        assert response.json()["code"] == "registration_closed"


class TestLogin:
    def test_gives_a_token_the_user_and_a_cookie(self, api: Client, ada: UserClient) -> None:
        response = api.post("/api/auth/login", json={"email": ada.email, "password": ada.password})
        assert response.status_code == 200
        assert response.json()["user"]["id"] == ada.id
        account = api.get("/api/user", headers=bearer(response.json()["token"]))
        assert account.json()["id"] == ada.id

    def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(
        self, api: Client, ada: UserClient
    ) -> None:
        response = api.post("/api/auth/login", json={"email": ada.email, "password": ada.password})
        morsel = SimpleCookie(response.headers["set-cookie"])["refreshToken"]
        assert morsel["httponly"]
        assert morsel["samesite"] == "Strict"
        assert morsel["path"] == "/"

    def test_the_address_is_compared_in_lower_case(self, api: Client, ada: UserClient) -> None:
        body = {"email": ada.email.upper(), "password": ada.password}
        assert api.post("/api/auth/login", json=body).status_code == 200

    def test_wrong_password_and_unknown_account_get_one_answer(self, api: Client, ada: UserClient) -> None:
        wrong = api.post("/api/auth/login", json={"email": ada.email, "password": "not the password"})
        unknown = api.post("/api/auth/login", json={"email": "nobody@example.com", "password": PASSWORD})
        assert wrong.status_code == unknown.status_code == 401
        one, other = wrong.json(), unknown.json()
        assert {**one, "requestId": ""} == {**other, "requestId": ""}
        assert "set-cookie" not in wrong.headers

    @pytest.mark.parametrize("body", [{}, {"email": "x@example.com"}, {"email": 1, "password": "p"}, []])
    def test_an_invalid_body_is_refused(self, api: Client, body: Any) -> None:
        assert api.post("/api/auth/login", json=body).status_code == 400

    def test_a_librechat_hash_keeps_working(
        self, api: Client, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        made_by_librechat = "$2a$10$f4hpDA3GdyWIWFJxwAs4IOfmqX6kEk/e/2JPF8yTZmDbbZRLsTwTe"
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"password": made_by_librechat}})
        body = {"email": ada.email, "password": "password-ada1"}
        assert api.post("/api/auth/login", json=body).status_code == 200


class TestRefreshToken:
    def test_without_token_and_cookie_is_refused(self, api: Client) -> None:
        assert api.post("/api/auth/refresh").status_code == 401

    def test_a_bearer_token_alone_suffices(self, api: Client, ada: UserClient) -> None:
        response = ada.post("/api/auth/refresh")
        assert response.status_code == 200
        assert "set-cookie" not in response.headers
        assert api.get("/api/user", headers=bearer(response.json()["token"])).json()["id"] == ada.id

    def test_the_cookie_alone_suffices_and_is_exchanged(self, api: Client, ada: UserClient) -> None:
        old = f"refreshToken={ada.refresh_token}"
        response = api.post("/api/auth/refresh", headers={"Cookie": old})
        assert response.status_code == 200
        assert api.get("/api/user", headers=bearer(response.json()["token"])).json()["id"] == ada.id
        assert cookie_of(response) != ada.refresh_token

    def test_the_new_cookie_works_too(self, api: Client, ada: UserClient) -> None:
        first = api.post("/api/auth/refresh", headers={"Cookie": f"refreshToken={ada.refresh_token}"})
        second = api.post("/api/auth/refresh", headers={"Cookie": f"refreshToken={cookie_of(first)}"})
        assert second.status_code == 200

    def test_a_cookie_used_twice_at_once_gives_the_current_one_again(
        self, api: Client, ada: UserClient
    ) -> None:
        old = {"Cookie": f"refreshToken={ada.refresh_token}"}
        first, second = (api.post("/api/auth/refresh", headers=old) for _ in range(2))
        assert [first.status_code, second.status_code] == [200, 200]
        assert cookie_of(first) == cookie_of(second) != ada.refresh_token
        for answer in (first, second):
            assert api.get("/api/user", headers=bearer(answer.json()["token"])).json()["id"] == ada.id
        new = {"Cookie": f"refreshToken={cookie_of(second)}"}
        assert api.post("/api/auth/refresh", headers=new).status_code == 200

    def test_a_cookie_used_again_later_ends_the_session(
        self, api: Client, ada: UserClient, stored: MongoDatabase[dict[str, Any]], tokens: Tokens
    ) -> None:
        successor = exchanged_before(31, ada, stored, tokens)
        old = {"Cookie": f"refreshToken={ada.refresh_token}"}
        answer = api.post("/api/auth/refresh", headers=old)
        assert (answer.status_code, answer.json()["code"]) == (401, "session_expired")
        new = {"Cookie": f"refreshToken={successor}"}
        assert api.post("/api/auth/refresh", headers=new).status_code == 401
        assert ada.get("/api/user").status_code == 401

    def test_one_before_the_one_before_ends_the_session(self, api: Client, ada: UserClient) -> None:
        old = {"Cookie": f"refreshToken={ada.refresh_token}"}
        second = {"Cookie": f"refreshToken={cookie_of(api.post('/api/auth/refresh', headers=old))}"}
        assert api.post("/api/auth/refresh", headers=second).status_code == 200
        assert api.post("/api/auth/refresh", headers=old).status_code == 401
        assert api.post("/api/auth/refresh", headers=second).status_code == 401

    def test_nothing_is_good_for_longer_than_the_session(
        self, api: Client, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=300)
        session = {"_id": ObjectId(ada.session_id)}
        stored.sessions.update_one(session, {"$set": {"expiration": end}})
        by_token = ada.post("/api/auth/refresh")
        old = {"Cookie": f"refreshToken={ada.refresh_token}"}
        by_cookie = api.post("/api/auth/refresh", headers=old)
        given = [by_token.json()["token"], by_cookie.json()["token"], cookie_of(by_cookie)]
        ends = [jwt.decode(token, options={"verify_signature": False})["exp"] for token in given]
        assert ends == [int(end.timestamp())] * 3
        morsel = SimpleCookie(by_cookie.headers["set-cookie"])["refreshToken"]
        assert 200 < int(morsel["max-age"]) <= 300
        assert stored.sessions.find_one(session)["expiration"] == end  # type: ignore[index]

    def test_no_access_token_is_had_of_a_session_that_has_ended(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        # That the session was alive is remembered for a moment, which must not be enough.
        assert ada.get("/api/user").status_code == 200
        over = {"$set": {"expiration": datetime.now(UTC) - timedelta(seconds=1)}}
        stored.sessions.update_one({"_id": ObjectId(ada.session_id)}, over)
        answer = ada.post("/api/auth/refresh")
        assert (answer.status_code, answer.json()["code"]) == (401, "session_expired")

    @pytest.mark.parametrize("value", ["nonsense", "a.b.c", ""])
    def test_a_cookie_that_is_no_token_is_refused(self, api: Client, value: str) -> None:
        assert api.post("/api/auth/refresh", headers={"Cookie": f"refreshToken={value}"}).status_code == 401

    def test_an_access_token_is_no_refresh_token(self, api: Client, ada: UserClient) -> None:
        access = ada.headers["Authorization"].removeprefix("Bearer ")
        assert api.post("/api/auth/refresh", headers={"Cookie": f"refreshToken={access}"}).status_code == 401

    def test_a_refresh_token_is_no_access_token(self, api: Client, ada: UserClient) -> None:
        assert api.get("/api/user", headers=bearer(ada.refresh_token)).status_code == 401


class TestLogout:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post("/api/auth/logout").status_code == 401

    def test_another_users_session_goes_on(self, ada: UserClient, bob: UserClient) -> None:
        assert ada.post("/api/auth/logout").status_code == 200
        assert bob.get("/api/user").status_code == 200

    def test_both_tokens_are_dead(self, api: Client, ada: UserClient) -> None:
        ada.post("/api/auth/logout")
        assert ada.get("/api/user").status_code == 401
        old = {"Cookie": f"refreshToken={ada.refresh_token}"}
        assert api.post("/api/auth/refresh", headers=old).status_code == 401

    def test_takes_the_cookie_away(self, ada: UserClient) -> None:
        response = ada.post("/api/auth/logout")
        assert cookie_of(response) == ""
        assert "max-age=0" in response.headers["set-cookie"].lower()

    def test_another_session_of_the_user_goes_on(self, api: Client, ada: UserClient) -> None:
        other = api.post("/api/auth/login", json={"email": ada.email, "password": ada.password}).json()
        ada.post("/api/auth/logout")
        assert api.get("/api/user", headers=bearer(other["token"])).status_code == 200
