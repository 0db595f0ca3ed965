import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine
from tests.cli.test_users import EMAIL, log_in, new_user
from tests.conftest import PASSWORD, Client

Stored = MongoDatabase[dict[str, Any]]
EVE = "eve@example.com"


def invited(echo_api: CommandLine, *options: str) -> dict[str, Any]:
    made: dict[str, Any] = echo_api.json("invite", "create", "Eve@Example.com", *options)
    return {**made, "token": made["link"].partition("token=")[2]}


def register(api: Client, token: Any, email: str = EVE, **changes: Any) -> Any:
    body = {"name": "Eve", "email": email, "password": PASSWORD, "confirm_password": PASSWORD}
    return api.post("/api/auth/register", json={**body, "token": token, **changes})


class TestInvitation:
    def test_opens_a_closed_registration_once(
        self, echo_api: CommandLine, api: Client, stored: Stored
    ) -> None:
        new_user(echo_api)
        token = invited(echo_api)["token"]
        assert register(api, "").json()["code"] == "registration_closed"
        assert register(api, "undefined").json()["code"] == "registration_closed"
        made = register(api, token, email="EVE@example.com")
        assert made.status_code == 201
        assert made.json()["role"] == "user"
        assert log_in(api, EVE).status_code == 200
        assert stored.tokens.count_documents({}) == 0
        again = register(api, token)
        assert (again.status_code, again.json()["code"]) == (403, "invalid_invitation")

    def test_is_for_its_address_only_and_every_refusal_reads_the_same(
        self, echo_api: CommandLine, api: Client, stored: Stored
    ) -> None:
        token = invited(echo_api)["token"]
        late = invited(echo_api)["token"]
        past = datetime.now(UTC) - timedelta(seconds=1)
        stored.tokens.update_one({"token": digest(late)}, {"$set": {"expiresAt": past}})
        answers = [
            register(api, token, email="mallory@example.com"),
            register(api, "0" * 64),
            register(api, digest(token)),
            register(api, late),
        ]
        bodies = [{**answer.json(), "requestId": ""} for answer in answers]
        assert bodies[0]["code"] == "invalid_invitation"
        assert all(body == bodies[0] for body in bodies)
        assert stored.users.count_documents({}) == 0

    @pytest.mark.parametrize("token", [5, {"$ne": 1}, ["x"]])
    def test_a_token_that_is_no_text_is_refused(self, api: Client, token: Any) -> None:
        assert register(api, token).status_code == 400

    def test_a_refused_password_leaves_it_good(self, echo_api: CommandLine, api: Client) -> None:
        token = invited(echo_api)["token"]
        common = {"password": "password123", "confirm_password": "password123"}
        assert register(api, token, **common).status_code == 400
        assert register(api, token).status_code == 201

    def test_gives_the_role_that_it_names(self, echo_api: CommandLine, api: Client, stored: Stored) -> None:
        new_user(echo_api)
        token = invited(echo_api, "--role", "ADMIN")["token"]
        assert register(api, token).json()["role"] == "admin"
        assert "no role" in echo_api.refused("invite", "create", "x@example.com", "--role", "KING")

    def test_the_first_of_a_server_is_its_administrator_as_ever(
        self, echo_api: CommandLine, api: Client
    ) -> None:
        assert register(api, invited(echo_api)["token"]).json()["role"] == "admin"

    def test_for_an_account_that_there_is_is_refused(self, echo_api: CommandLine) -> None:
        new_user(echo_api)
        assert "has an account already" in echo_api.refused("invite", "create", EMAIL)
        assert "e-mail address" in echo_api.refused("invite", "create", "nobody")


class TestShape:
    def test_is_librechats(self, echo_api: CommandLine, stored: Stored) -> None:
        echo_api.environ["DOMAIN_CLIENT"] = "https://chat.example.com/"
        made = invited(echo_api, "--for", "2h")
        assert made["link"] == f"https://chat.example.com/register?token={made['token']}"
        [entry] = stored.tokens.find()
        assert entry.keys() == {"_id", "userId", "email", "type", "token", "createdAt", "expiresAt", "__v"}
        assert isinstance(entry["userId"], ObjectId)
        assert (entry["email"], entry["type"], entry["token"]) == (EVE, "invite", digest(made["token"]))
        assert abs(entry["expiresAt"] - datetime.now(UTC) - timedelta(hours=2)) < timedelta(seconds=30)
        assert len(made["token"]) == 64

    @pytest.mark.parametrize("kind", [{}, {"type": "invite"}])
    def test_librechats_own_are_good_here(self, api: Client, stored: Stored, kind: dict[str, str]) -> None:
        moment = datetime.now(UTC)
        invitation = {
            "userId": ObjectId(),
            "email": EVE,
            "token": digest("a" * 64),
            "createdAt": moment,
            "expiresAt": moment + timedelta(days=7),
            **kind,
        }
        stored.tokens.insert_one(invitation)
        assert register(api, "a" * 64).status_code == 201

    @pytest.mark.parametrize(
        "kind", [{"type": "oauth"}, {"type": "mcp_oauth"}, {"token": "$2a$10$" + "x" * 53}]
    )
    def test_other_tokens_are_no_invitations(
        self, echo_api: CommandLine, api: Client, stored: Stored, kind: dict[str, str]
    ) -> None:
        future = datetime.now(UTC) + timedelta(days=7)
        token = {"userId": ObjectId(), "email": EVE, "token": digest("a" * 64), "expiresAt": future, **kind}
        stored.tokens.insert_one(token)
        assert register(api, "a" * 64).status_code == 403
        assert echo_api.json("invite", "list") == []


class TestListAndRevoke:
    def test_shows_no_token(self, echo_api: CommandLine) -> None:
        made = invited(echo_api)
        listed = echo_api.run("invite", "list", "--json").stdout
        assert EVE in listed
        assert made["token"] not in listed
        assert digest(made["token"]) not in listed
        assert EVE in echo_api.run("invite", "list").stdout

    def test_a_revoked_one_is_no_longer_good(self, echo_api: CommandLine, api: Client) -> None:
        made = invited(echo_api)
        assert echo_api.json("invite", "revoke", made["id"])["email"] == EVE
        assert register(api, made["token"]).status_code == 403
        assert echo_api.json("invite", "list") == []

    @pytest.mark.parametrize("identifier", ["x", "0" * 24])
    def test_one_that_is_not_there_is_one_sentence(self, echo_api: CommandLine, identifier: str) -> None:
        assert "no such invitation" in echo_api.refused("invite", "revoke", identifier)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
