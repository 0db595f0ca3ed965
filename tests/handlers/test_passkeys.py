"""Passkeys, with an authenticator in software."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from tests.conftest import PASSWORD, Client, UserClient
from tests.handlers.conftest import Stored
from tests.support.authenticator import PRESENT, VERIFIED, Authenticator
from tests.support.two_factor import give_second_factor

# Where the application's own client is: DOMAIN_CLIENT.
SITE = "http://localhost:3080"


def register(user: UserClient, device: Authenticator, name: str = "Phone") -> Any:
    challenge = user.post("/api/user/passkeys/challenge", json={"password": PASSWORD}).json()
    body = {"challengeId": challenge["challengeId"], "name": name, "credential": device.create(challenge)}
    return user.post("/api/user/passkeys", json=body)


def login(api: Client, device: Authenticator) -> Any:
    challenge = api.post("/api/auth/passkey/challenge").json()
    body = {"challengeId": challenge["challengeId"], "credential": device.sign(challenge)}
    return api.post("/api/auth/passkey", json=body)


@pytest.fixture
def device(ada: UserClient) -> Authenticator:
    """One that Ada has registered."""
    device = Authenticator()
    assert register(ada, device).status_code == 201
    return device


class TestRegistration:
    def test_asks_for_a_check_of_who_holds_the_device(self, ada: UserClient) -> None:
        options = ada.post("/api/user/passkeys/challenge", json={"password": PASSWORD}).json()["publicKey"]
        chosen = options["authenticatorSelection"]
        assert (chosen["userVerification"], chosen["residentKey"]) == ("required", "required")
        assert options["rp"] == {"id": "localhost", "name": "Echo"}
        user = ada.get("/api/user").json()
        assert (options["user"]["name"], options["user"]["displayName"]) == (ada.email, user["name"])
        assert options["user"]["id"] == base64.urlsafe_b64encode(bytes.fromhex(ada.id)).decode()
        assert (options["timeout"], len(options["challenge"])) == (300_000, 43)

    def test_names_who_has_no_name_by_the_address(self, ada: UserClient, stored: Stored) -> None:
        mine = {"_id": ObjectId(ada.id)}
        stored.users.update_one(mine, {"$set": {"name": ""}})
        user = ada.post("/api/user/passkeys/challenge", json={"password": PASSWORD}).json()["publicKey"][
            "user"
        ]
        assert (user["name"], user["displayName"]) == (ada.email, ada.email)

    def test_asks_for_the_password(self, ada: UserClient) -> None:
        for proof in ({}, {"password": "wrong horse 1 battery"}):
            refused = ada.post("/api/user/passkeys/challenge", json=proof)
            assert (refused.status_code, refused.json()["code"]) == (403, "password_refused")

    def test_asks_for_a_code_where_there_is_a_second_factor(self, ada: UserClient, stored: Stored) -> None:
        give_second_factor(stored.users, ada.id)
        for proof in ({"password": PASSWORD}, {"token": "000000"}):
            refused = ada.post("/api/user/passkeys/challenge", json=proof)
            assert (refused.status_code, refused.json()["code"]) == (403, "code_refused")

    def test_keeps_the_public_key(self, ada: UserClient, device: Authenticator, stored: Stored) -> None:
        (passkey,) = ada.get("/api/user/passkeys").json()["passkeys"]
        assert passkey.keys() == {"id", "name", "backedUp", "createdAt"}
        kept = stored.echo_passkeys.find_one({"user": ObjectId(ada.id)})
        assert kept["credentialId"]
        assert kept["publicKey"]
        assert kept["signCount"] == 0
        assert kept["transports"] == ["internal"]

    def test_tells_the_browser_what_there_is(self, ada: UserClient, device: Authenticator) -> None:
        options = ada.post("/api/user/passkeys/challenge", json={"password": PASSWORD}).json()["publicKey"]
        assert len(options["excludeCredentials"]) == 1

    def test_of_one_that_is_there_is_refused(self, bob: UserClient, device: Authenticator) -> None:
        refused = register(bob, device)
        assert (refused.status_code, refused.json()["code"]) == (409, "passkey_known")

    @pytest.mark.parametrize(
        "bent",
        [
            {"origin": "https://evil.example"},
            {"origin": "http://localhost:3081"},
            {"host": "evil.example"},
            {"flags": PRESENT},
            {"flags": VERIFIED},
        ],
        ids=["origin", "port", "site", "not verified", "not present"],
    )
    def test_of_what_does_not_fit_is_refused(self, ada: UserClient, bent: dict[str, Any]) -> None:
        refused = register(ada, Authenticator(**bent))
        assert (refused.status_code, refused.json()["code"]) == (422, "passkey_refused")
        assert refused.json()["message"] == "The passkey could not be checked; begin again."

    def test_takes_a_challenge_once_and_only_from_whom_it_was_given(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        challenge = ada.post("/api/user/passkeys/challenge", json={"password": PASSWORD}).json()
        body = {
            "challengeId": challenge["challengeId"],
            "name": "x",
            "credential": Authenticator().create(challenge),
        }
        assert bob.post("/api/user/passkeys", json=body).status_code == 422
        assert ada.post("/api/user/passkeys", json=body).status_code == 201
        assert ada.post("/api/user/passkeys", json=body).status_code == 422

    def test_of_more_than_twenty_is_refused(self, ada: UserClient, stored: Stored) -> None:
        stored.echo_passkeys.insert_many(
            {"user": ObjectId(ada.id), "credentialId": f"{ada.id}{number:02}", "name": "x"}
            for number in range(20)
        )
        refused = register(ada, Authenticator())
        assert (refused.status_code, refused.json()["code"]) == (422, "too_many_of_a_kind")


class TestALogin:
    def test_begins_a_session(self, api: Client, ada: UserClient, device: Authenticator) -> None:
        signed_in = login(api, device)
        assert signed_in.json()["user"]["id"] == ada.id
        assert "refreshToken=" in signed_in.headers["Set-Cookie"]
        assert api.with_token(signed_in.json()["token"]).get("/api/user").status_code == 200
        assert "usedAt" in ada.get("/api/user/passkeys").json()["passkeys"][0]
        assert login(api, device).status_code == 200

    def test_stands_for_the_second_factor(
        self, api: Client, ada: UserClient, device: Authenticator, stored: Stored
    ) -> None:
        give_second_factor(stored.users, ada.id)
        assert login(api, device).status_code == 200

    def test_takes_no_answer_twice(self, api: Client, device: Authenticator) -> None:
        challenge = api.post("/api/auth/passkey/challenge").json()
        body = {"challengeId": challenge["challengeId"], "credential": device.sign(challenge)}
        assert api.post("/api/auth/passkey", json=body).status_code == 200
        assert api.post("/api/auth/passkey", json=body).status_code == 401

    @pytest.mark.parametrize(
        "bend",
        [
            lambda device: setattr(device, "origin", "https://evil.example"),
            lambda device: setattr(device, "host", "evil.example"),
            lambda device: setattr(device, "flags", PRESENT),
            lambda device: setattr(device, "key", Authenticator().key),
            lambda device: setattr(device, "id", b"unknown"),
            lambda device: setattr(device, "handle", "AAAAAAAAAAAAAAAA"),
            lambda device: setattr(device, "handle", "not base64url!"),
        ],
        ids=["origin", "site", "not verified", "another key", "unknown", "another user", "no handle"],
    )
    def test_of_what_does_not_fit_is_refused_with_one_text(
        self, api: Client, device: Authenticator, bend: Callable[[Authenticator], None]
    ) -> None:
        bend(device)
        refused = login(api, device)
        assert (refused.status_code, refused.json()["code"]) == (401, "wrong_passkey")
        assert refused.json()["message"] == "The passkey could not be checked; begin again."

    def test_with_a_counter_of_before_is_refused(self, api: Client, device: Authenticator) -> None:
        """Somebody has a copy of the key."""
        device.count = 10
        assert login(api, device).status_code == 200
        device.count = 5
        assert login(api, device).status_code == 401

    def test_takes_no_challenge_of_a_registration(
        self, api: Client, ada: UserClient, device: Authenticator
    ) -> None:
        challenge = ada.post("/api/user/passkeys/challenge", json={"password": PASSWORD}).json()
        body = {"challengeId": challenge["challengeId"], "credential": device.sign(challenge)}
        assert api.post("/api/auth/passkey", json=body).status_code == 401

    def test_of_a_banned_user_is_refused(
        self, api: Client, ada: UserClient, device: Authenticator, services: Any
    ) -> None:
        from storage.accounts.bans import FOR_EVER  # noqa: PLC0415

        services.accounts.auth._bans.ban(ada.id, until=FOR_EVER)
        refused = login(api, device)
        assert (refused.status_code, refused.json()["code"]) == (403, "account_banned")

    def test_of_an_account_of_another_service_is_refused(
        self, api: Client, ada: UserClient, device: Authenticator, stored: Stored
    ) -> None:
        """Whoever the organisation has shown out would come in by it for ever."""
        stored.users.update_one(
            {"_id": ObjectId(ada.id)}, {"$set": {"provider": "openid", "openidId": ada.id}}
        )
        assert login(api, device).json()["code"] == "wrong_passkey"
        refused = ada.post("/api/user/passkeys/challenge", json={"password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (409, "no_password")

    def test_of_an_address_that_is_not_verified_is_refused(
        self, api: Client, ada: UserClient, device: Authenticator, stored: Stored
    ) -> None:
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"emailVerified": False}})
        refused = login(api, device)
        assert (refused.status_code, refused.json()["code"]) == (422, "email_unverified")

    @pytest.mark.parametrize(
        "environ",
        [
            {"ALLOW_EMAIL_LOGIN": "false"},
            {"LDAP_URL": "ldap://127.0.0.1:9", "LDAP_USER_SEARCH_BASE": "dc=example"},
        ],
        ids=["by browser only", "by a directory"],
    )
    def test_is_off_where_logins_with_a_stored_password_are(
        self, make_application: Callable[..., Client], device: Authenticator, environ: dict[str, str]
    ) -> None:
        refused = login(make_application(**environ), device)
        assert (refused.status_code, refused.json()["code"]) == (403, "login_disabled")


class TestChanges:
    def test_of_the_name(self, ada: UserClient, bob: UserClient, device: Authenticator) -> None:
        (passkey,) = ada.get("/api/user/passkeys").json()["passkeys"]
        path = f"/api/user/passkeys/{passkey['id']}"
        assert bob.patch(path, json={"name": "mine"}).status_code == 404
        assert ada.patch(path, json={"name": "Laptop"}).json()["name"] == "Laptop"

    def test_one_that_is_removed_opens_nothing(
        self, api: Client, ada: UserClient, bob: UserClient, device: Authenticator
    ) -> None:
        (passkey,) = ada.get("/api/user/passkeys").json()["passkeys"]
        path = f"/api/user/passkeys/{passkey['id']}"
        assert bob.delete(path).status_code == 404
        assert ada.delete(path).status_code == 204
        assert ada.delete(path).status_code == 404
        assert login(api, device).status_code == 401
