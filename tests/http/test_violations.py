"""Bans by violations, as LibreChat has them: `BAN_VIOLATIONS`, over the limits of the contract."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database as MongoDatabase

from echo.accounts.violations import KINDS, may_be_banned
from echo.settings import load_settings
from tests.conftest import PASSWORD, Client, UserClient
from tests.support.contract import ProjectChecker

Make = Callable[..., Client]
Stored = MongoDatabase[dict[str, Any]]
COUNTED = {"ECHO_RATE_LIMITS": "on", "TRUST_PROXY": "1", "BAN_VIOLATIONS": "true"}


@pytest.fixture
def stored(application_uri: str) -> Any:
    with MongoClient[dict[str, Any]](application_uri, tz_aware=True) as client:
        yield client.get_default_database()


def somewhere() -> str:
    """An address in the internet that no other test has."""
    return f"93.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}"


def login(client: Client, email: str, address: str, password: str = PASSWORD) -> Any:
    body = {"email": email, "password": password}
    return client.post("/api/auth/login", json=body, headers={"X-Forwarded-For": address})


def register(client: Client, address: str) -> Any:
    body = {
        "name": "x",
        "email": f"{secrets.token_hex(8)}@example.com",
        "password": PASSWORD,
        "confirm_password": PASSWORD,
    }
    return client.post("/api/auth/register", json=body, headers={"X-Forwarded-For": address})


def fork(client: Client, user: UserClient, address: str) -> Any:
    body = {"conversationId": "none", "messageId": "none"}
    headers = {**user.headers, "X-Forwarded-For": address}
    return client.post("/api/convos/fork", json=body, headers=headers)


def ban_of(stored: Stored, subject: str) -> dict[str, Any]:
    found = stored.logs.find_one({"key": f"BANS:{subject}"})
    assert found is not None
    value: dict[str, Any] = json.loads(found["value"])
    assert value["expires"] == value["value"]["expiresAt"]
    return value["value"]


class TestAnAccount:
    def test_is_banned_at_the_interval_with_all_its_sessions(
        self, make_application: Make, ada: UserClient, stored: Stored
    ) -> None:
        client = make_application(**COUNTED, FORK_USER_MAX="1", BAN_INTERVAL="3", BAN_DURATION="1000*60*10")
        statuses = [fork(client, ada, somewhere()).status_code for _ in range(3)]
        assert statuses == [404, 429, 429]
        assert stored.sessions.count_documents({"user": ObjectId(ada.id)}) == 1
        last = somewhere()
        assert fork(client, ada, last).status_code == 429
        assert stored.sessions.count_documents({"user": ObjectId(ada.id)}) == 0
        ban = ban_of(stored, ada.id)
        assert (ban["type"], ban["violation_count"]) == ("fork_limit", 3)
        assert 590_000 < ban["duration"] <= 600_000
        refused = login(client, ada.email, somewhere())
        assert (refused.status_code, refused.json()["code"]) == (403, "account_banned")
        assert "account" in refused.json()["message"]
        assert "banned" in refused.json()["message"]
        assert ban_of(stored, last)["user_id"] == ada.id

    def test_is_not_banned_unless_that_is_asked_for(
        self, make_application: Make, ada: UserClient, stored: Stored
    ) -> None:
        environ = {**COUNTED, "BAN_VIOLATIONS": "false", "BAN_INTERVAL": "1"}
        client = make_application(**environ, FORK_USER_MAX="1")
        assert [fork(client, ada, somewhere()).status_code for _ in range(4)] == [404, 429, 429, 429]
        assert stored.logs.find_one({"key": f"BANS:{ada.id}"}) is None
        assert stored.echo_violations.find_one({"user": ObjectId(ada.id)}) is None

    def test_a_score_of_nought_is_none_and_a_high_one_bans_at_once(
        self, make_application: Make, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        limits = {"FORK_USER_MAX": "1", "BAN_INTERVAL": "5"}
        lenient = make_application(**COUNTED, **limits, FORK_VIOLATION_SCORE="0")
        strict = make_application(**COUNTED, **limits, FORK_VIOLATION_SCORE="7")
        for _ in range(7):
            fork(lenient, ada, somewhere())
        assert stored.logs.find_one({"key": f"BANS:{ada.id}"}) is None
        assert [fork(strict, bob, somewhere()).status_code for _ in range(2)] == [404, 429]
        assert ban_of(stored, bob.id)["violation_count"] == 7

    def test_points_are_counted_by_all_processes_together_and_for_each_account_alone(
        self, make_application: Make, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        limits = {**COUNTED, "FORK_USER_MAX": "1", "BAN_INTERVAL": "2"}
        first, second = make_application(**limits), make_application(**limits)
        for client in (first, second, first):
            fork(client, ada, somewhere())
        fork(first, bob, somewhere())
        fork(second, bob, somewhere())
        assert stored.logs.find_one({"key": f"BANS:{ada.id}"})
        assert stored.logs.find_one({"key": f"BANS:{bob.id}"}) is None

    def test_too_many_answers_at_once_are_a_violation(
        self, make_application: Make, ada: UserClient, stored: Stored, settings: Any
    ) -> None:
        fake = next(each for each in settings.providers if each.name == "Fake")
        client = make_application(
            **COUNTED,
            OPENAI_API_KEY="sk-tests-only",
            OPENAI_REVERSE_PROXY=str(fake.base_url),
            OPENAI_MODELS="gpt-4o",
            CONCURRENT_MESSAGE_MAX="1",
            BAN_INTERVAL="1",
        )

        def ask() -> int:
            body = {"text": "Hello", "model": "gpt-4o", "endpoint": "openAI", "conversationId": "new"}
            headers = {**ada.headers, "X-Forwarded-For": somewhere()}
            return int(client.post("/api/agents/chat/openAI", json=body, headers=headers).status_code)

        assert [ask(), ask()] == [200, 429]
        assert ban_of(stored, ada.id)["type"] == "concurrent"


class TestAnAddress:
    def test_that_guesses_passwords_is_banned_and_nobody_elses_account(
        self, make_application: Make, ada: UserClient, stored: Stored
    ) -> None:
        client = make_application(**COUNTED, LOGIN_MAX="1", BAN_INTERVAL="2")
        address = somewhere()
        statuses = [login(client, ada.email, address, "wrong").status_code for _ in range(4)]
        assert statuses == [401, 429, 429, 429]
        assert ban_of(stored, address)["type"] == "logins"
        assert stored.logs.find_one({"key": f"BANS:{ada.id}"}) is None
        assert register(client, somewhere()).status_code == 201
        refused = register(client, address)
        assert (refused.status_code, refused.json()["code"]) == (403, "address_banned")
        # Who is in stays in.
        assert client.get("/api/user", headers={**ada.headers, "X-Forwarded-For": address}).status_code == 200

    def test_of_one_ipv6_subscriber_is_one(self, make_application: Make) -> None:
        client = make_application(**COUNTED, REGISTER_MAX="1", BAN_INTERVAL="1")
        network = f"2a02:{secrets.token_hex(2)}:{secrets.token_hex(2)}:1"
        statuses = [register(client, f"{network}::{host}").status_code for host in (1, 2)]
        assert statuses == [201, 429]
        login_there = login(client, "nobody@example.com", f"{network}::3")
        assert (login_there.status_code, login_there.json()["code"]) == (403, "address_banned")

    def test_is_not_banned_when_it_may_be_the_proxy(self, make_application: Make, stored: Stored) -> None:
        client = make_application(**COUNTED, LOGIN_MAX="1", BAN_INTERVAL="1")
        address = f"10.{secrets.randbelow(255)}.{secrets.randbelow(255)}.7"
        email = f"{secrets.token_hex(8)}@example.com"
        assert [login(client, email, address).status_code for _ in range(3)] == [401, 429, 429]
        assert stored.logs.find_one({"key": f"BANS:{address}"}) is None

    def test_of_librechats_making_is_heeded(self, make_application: Make, stored: Stored) -> None:
        address, end = somewhere(), 4102444800000
        value = {"value": {"type": "logins", "duration": 1, "expiresAt": end}, "expires": end}
        stored.logs.insert_one({"key": f"BANS:{address}", "value": json.dumps(value)})
        assert login(make_application(**COUNTED), "x@example.com", address).status_code == 403
        off = {**COUNTED, "BAN_VIOLATIONS": "false"}
        assert login(make_application(**off), "x@example.com", address).status_code == 401

    @pytest.mark.parametrize("base", ["/api", "/chat/api"])
    def test_that_is_banned_comes_in_by_no_door(
        self, base: str, make_application: Make, ada: UserClient, stored: Stored
    ) -> None:
        mail = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": "9", "EMAIL_FROM": "echo@example.com"}
        client = make_application(
            **COUNTED, **mail, ALLOW_PASSWORD_RESET="true", DOMAIN_CLIENT="http://localhost:1"
        )
        address, end = somewhere(), 4102444800000
        value = {"value": {"type": "logins", "duration": 1, "expiresAt": end}, "expires": end}
        stored.logs.insert_one({"key": f"BANS:{address}", "value": json.dumps(value)})
        person = {"name": "x", "email": ada.email, "password": PASSWORD, "confirm_password": PASSWORD}
        doors: dict[str, dict[str, str]] = {
            "auth/login": {"email": ada.email, "password": PASSWORD},
            "auth/register": person,
            "auth/2fa/verify-temp": {"tempToken": "x", "token": "123456"},
            "auth/requestPasswordReset": {"email": ada.email},
            "auth/resetPassword": {
                "userId": ada.id,
                "token": "x",
                "password": PASSWORD,
                "confirm_password": PASSWORD,
            },
            "user/verify": {"email": ada.email, "token": "x"},
            "user/verify/resend": {"email": ada.email},
        }
        for place in (address, somewhere()):
            answers = {
                door: client.post(f"{base}/{door}", json=body, headers={"X-Forwarded-For": place})
                for door, body in doors.items()
            }
            closed = {door for door, each in answers.items() if each.json().get("code") == "address_banned"}
            assert closed == (doors.keys() if place == address else set())
            assert place != address or {each.status_code for each in answers.values()} == {403}

    @pytest.mark.parametrize(
        ("address", "may"),
        [
            ("8.8.8.8", True),
            ("2a00:1450::1", True),
            ("::ffff:8.8.8.8", True),
            ("127.0.0.1", False),
            ("10.0.0.1", False),
            ("172.18.0.1", False),
            ("100.64.0.1", False),
            ("fd00::1", False),
            ("::1", False),
            ("::ffff:10.0.0.1", False),
            ("unknown", False),
        ],
    )
    def test_may_be_banned_if_it_is_one_of_the_internet(self, address: str, may: bool) -> None:
        assert may_be_banned(address) is may


def test_the_points_of_each_kind_are_librechats() -> None:
    rules = load_settings({}).violations
    assert (rules.ban, rules.interval) == (False, 20)
    assert rules.scores == {
        "logins": 1,
        "registrations": 1,
        "two_factor": 1,
        "reset_password_limit": 1,
        "reset_password_submission": 1,
        "verify_email_limit": 1,
        "verify_email_submission": 1,
        "concurrent": 1,
        "message_limit": 1,
        "fork_limit": 1,
        "import_limit": 1,
        "file_upload_limit": 0,
        "stt_limit": 0,
        "tts_limit": 0,
        "tool_call_limit": 0,
    }


def test_every_limit_is_a_violation_or_is_known_to_be_none(checker: ProjectChecker) -> None:
    operations = [
        operation
        for document in (checker.echo.document, checker.librechat.document)
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]
    limits = {name for operation in operations for name in operation.get("x-echo-rate-limits", ())}
    none = {"search_user", "refresh_ip", "two_factor_user", "export_ip", "export_user", "api_ip", "api_user"}
    assert limits - none == KINDS.keys()
