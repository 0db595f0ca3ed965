"""The second factor: at login, and what the user does about it."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pyotp
import pytest
import structlog
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.auth.tokens import Tokens
from echo.settings import Settings
from storage.bans import BanRepository
from storage.database import Database
from tests.conftest import PASSWORD, Client, UserClient
from tests.support.threads import together
from tests.support.two_factor import (
    BACKUP_CODES,
    SECRET,
    code_of,
    encrypt_v2,
    encrypt_v3,
    give_second_factor,
    librechats_fields,
    stored_codes,
    wrong_code,
)

Stored = MongoDatabase[dict[str, Any]]
VERIFY = "/api/auth/2fa/verify-temp"


@pytest.fixture
def guarded(ada: UserClient, stored: Stored) -> UserClient:
    """A user with a second factor as LibreChat made it."""
    give_second_factor(stored.users, ada.id)
    return ada


def log_in(api: Client, user: UserClient, **changes: Any) -> Any:
    return api.post("/api/auth/login", json={"email": user.email, "password": PASSWORD, **changes})


def half(api: Client, user: UserClient) -> str:
    """The temporary token of a login."""
    answer = log_in(api, user)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["tempToken"])


def verify(api: Client, temp_token: str, **proof: str) -> Any:
    return api.post(VERIFY, json={"tempToken": temp_token, **proof})


def account(stored: Stored, user: UserClient) -> dict[str, Any]:
    document = stored.users.find_one({"_id": ObjectId(user.id)})
    assert document is not None
    return document


def refused(answer: Any, status: int, code: str) -> bool:
    return (answer.status_code, answer.json()["code"]) == (status, code)


class TestLogin:
    def test_gives_neither_a_session_nor_a_cookie(
        self, api: Client, guarded: UserClient, stored: Stored
    ) -> None:
        before = stored.sessions.count_documents({"user": ObjectId(guarded.id)})
        answer = log_in(api, guarded)
        assert answer.status_code == 200
        assert answer.json().keys() == {"twoFAPending", "tempToken"}
        assert answer.json()["twoFAPending"] is True
        assert "set-cookie" not in answer.headers
        assert stored.sessions.count_documents({"user": ObjectId(guarded.id)}) == before

    def test_a_wrong_password_does_not_tell_that_there_is_one(
        self, api: Client, guarded: UserClient, bob: UserClient
    ) -> None:
        answers = [log_in(api, user, password="not the password").json() for user in (guarded, bob)]
        assert {**answers[0], "requestId": ""} == {**answers[1], "requestId": ""}

    def test_only_the_password_tells_of_a_ban(
        self, api: Client, guarded: UserClient, settings: Settings
    ) -> None:
        database = Database(str(settings.mongo_uri))
        BanRepository(database).ban(guarded.id, until=datetime.now(UTC) + timedelta(hours=1))
        assert refused(log_in(api, guarded), 403, "account_banned")
        assert refused(log_in(api, guarded, password="not the password"), 401, "wrong_credentials")
        database.close()

    def test_without_the_key_nobody_comes_in(
        self, make_application: Callable[..., Client], guarded: UserClient, bob: UserClient
    ) -> None:
        keyless = make_application(CREDS_KEY="", CREDS_IV="")
        answer = log_in(keyless, guarded)
        assert refused(answer, 503, "two_factor_unavailable")
        assert "CREDS_KEY" in answer.json()["message"]
        assert "set-cookie" not in answer.headers
        assert refused(log_in(keyless, guarded, password="not the password"), 401, "wrong_credentials")
        assert "token" in log_in(keyless, bob).json()

    @pytest.mark.parametrize("flag", [False, None, 0])
    def test_an_account_without_one_logs_in_as_ever(
        self, api: Client, guarded: UserClient, stored: Stored, flag: Any
    ) -> None:
        give_second_factor(stored.users, guarded.id, twoFactorEnabled=flag)
        assert log_in(api, guarded).json()["user"]["id"] == guarded.id


class TestVerifyTwoFactorLogin:
    def test_a_code_of_the_app_begins_the_session(self, api: Client, guarded: UserClient) -> None:
        answer = verify(api, half(api, guarded), token=code_of())
        assert answer.status_code == 200
        assert answer.json()["user"]["id"] == guarded.id
        assert "refreshToken=" in answer.headers["set-cookie"]
        assert api.with_token(answer.json()["token"]).get("/api/user").json()["id"] == guarded.id

    @pytest.mark.parametrize("steps", [-1, 1])
    def test_clocks_may_differ_by_a_step(self, api: Client, guarded: UserClient, steps: int) -> None:
        # At the very end of a step the code of the one before may be two steps old when it arrives.
        while time.time() % 30 > 25:
            time.sleep(0.5)
        assert verify(api, half(api, guarded), token=code_of(steps=steps)).status_code == 200

    @pytest.mark.parametrize("steps", [-3, 3])
    def test_but_not_by_more(self, api: Client, guarded: UserClient, steps: int) -> None:
        assert refused(verify(api, half(api, guarded), token=code_of(steps=steps)), 401, "wrong_code")

    def test_a_code_is_good_for_once(self, api: Client, guarded: UserClient) -> None:
        code = code_of()
        assert verify(api, half(api, guarded), token=code).status_code == 200
        assert refused(verify(api, half(api, guarded), token=code), 401, "wrong_code")

    def test_of_many_at_once_one_gets_in(self, api: Client, guarded: UserClient) -> None:
        temp_token, code = half(api, guarded), code_of()
        statuses = together(lambda _: verify(api, temp_token, token=code).status_code)
        assert sorted(statuses) == [200] + [401] * (len(statuses) - 1)

    def test_the_same_code_of_another_user_is_another_code(
        self, api: Client, guarded: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        give_second_factor(stored.users, bob.id)
        code = code_of()
        assert verify(api, half(api, guarded), token=code).status_code == 200
        assert verify(api, half(api, bob), token=code).status_code == 200

    def test_a_backup_code_is_used_up(self, api: Client, guarded: UserClient, stored: Stored) -> None:
        assert verify(api, half(api, guarded), backupCode=BACKUP_CODES[1]).status_code == 200
        assert refused(verify(api, half(api, guarded), backupCode=BACKUP_CODES[1]), 401, "wrong_code")
        codes = account(stored, guarded)["backupCodes"]
        assert [each["used"] for each in codes] == [False, True, False]
        assert isinstance(codes[1]["usedAt"], datetime)
        assert [codes[n]["usedAt"] for n in (0, 2)] == [None, None]
        assert verify(api, half(api, guarded), backupCode=BACKUP_CODES[0]).status_code == 200

    def test_of_many_with_one_backup_code_one_gets_in(self, api: Client, guarded: UserClient) -> None:
        temp_token = half(api, guarded)
        statuses = together(lambda _: verify(api, temp_token, backupCode=BACKUP_CODES[0]).status_code)
        assert sorted(statuses) == [200] + [401] * (len(statuses) - 1)

    def test_blanks_around_and_within_do_not_matter(self, api: Client, guarded: UserClient) -> None:
        code = code_of()
        assert verify(api, half(api, guarded), token=f" {code[:3]} {code[3:]}\n").status_code == 200
        assert verify(api, half(api, guarded), backupCode=f"\t{BACKUP_CODES[0]} ").status_code == 200

    def test_all_failures_read_the_same(
        self, api: Client, guarded: UserClient, bob: UserClient, tokens: Tokens
    ) -> None:
        good = half(api, guarded)
        hashed = hashlib.sha256(BACKUP_CODES[0].encode()).hexdigest()
        answers = [
            verify(api, good, token=wrong_code()),
            verify(api, good, token=""),
            verify(api, good, backupCode="00000000"),
            verify(api, good, backupCode=hashed),
            verify(api, good, token=wrong_code(), backupCode=BACKUP_CODES[0]),
            verify(api, good),
            verify(api, "nonsense", token=code_of()),
            verify(api, tokens.make_pending("0" * 24), token=code_of()),
            verify(api, tokens.make_pending("nobody"), token=code_of()),
            # Has no second factor.
            verify(api, tokens.make_pending(bob.id), token=code_of()),
        ]
        bodies = [{**each.json(), "requestId": ""} for each in answers]
        assert bodies == [bodies[0]] * len(bodies)
        assert refused(answers[0], 401, "wrong_code")
        assert all(
            "www-authenticate" in each.headers and "set-cookie" not in each.headers for each in answers
        )

    def test_an_expired_token_is_refused(
        self, api: Client, guarded: UserClient, tokens: Tokens, settings: Settings
    ) -> None:
        claims = jwt.decode(tokens.make_pending(guarded.id), options={"verify_signature": False})
        old = jwt.encode(
            {**claims, "exp": int(time.time()) - 1}, str(settings.jwt_secret), headers={"typ": "2fa+jwt"}
        )
        assert refused(verify(api, old, token=code_of()), 401, "wrong_code")

    def test_no_other_token_opens_it_and_it_opens_nothing_else(
        self, api: Client, guarded: UserClient
    ) -> None:
        access = guarded.headers["Authorization"].removeprefix("Bearer ")
        for token in (access, guarded.refresh_token):
            assert refused(verify(api, token, token=code_of()), 401, "wrong_code")
        temp_token = half(api, guarded)
        bearer = {"Authorization": f"Bearer {temp_token}"}
        assert api.get("/api/user", headers=bearer).status_code == 401
        assert api.post("/api/auth/refresh", headers=bearer).status_code == 401
        cookie = {"Cookie": f"refreshToken={temp_token}"}
        assert api.post("/api/auth/refresh", headers=cookie).status_code == 401

    def test_a_ban_in_between_holds(self, api: Client, guarded: UserClient, settings: Settings) -> None:
        temp_token = half(api, guarded)
        database = Database(str(settings.mongo_uri))
        BanRepository(database).ban(guarded.id, until=datetime.now(UTC) + timedelta(hours=1))
        database.close()
        answer = verify(api, temp_token, token=code_of())
        assert refused(answer, 403, "account_banned")
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("secret", [SECRET, encrypt_v2(SECRET)], ids=["plain", "encryptV2"])
    def test_older_forms_of_the_secret(
        self, api: Client, guarded: UserClient, stored: Stored, secret: str
    ) -> None:
        give_second_factor(stored.users, guarded.id, totpSecret=secret)
        assert verify(api, half(api, guarded), token=code_of()).status_code == 200

    @pytest.mark.parametrize(
        "secret",
        [
            encrypt_v3(SECRET, "ab" * 32),
            encrypt_v3("no base32, not at all"),
            encrypt_v3(""),
            "v3:zz:zz",
            "not base32 and no cipher",
            "",
            None,
            7,
        ],
    )
    def test_a_secret_that_cannot_be_read_opens_nothing_but_backup_codes_do(
        self, api: Client, guarded: UserClient, stored: Stored, secret: Any
    ) -> None:
        give_second_factor(stored.users, guarded.id, totpSecret=secret)
        with structlog.testing.capture_logs() as logged:
            assert refused(verify(api, half(api, guarded), token=code_of()), 401, "wrong_code")
        assert any("CREDS_KEY" in each["event"] for each in logged) is (secret not in ("", None, 7))
        assert verify(api, half(api, guarded), backupCode=BACKUP_CODES[0]).status_code == 200

    @pytest.mark.parametrize("codes", [None, "text", [None, 7, {}], [{"codeHash": None}], {}])
    def test_backup_codes_of_another_form_are_none(
        self, api: Client, guarded: UserClient, stored: Stored, codes: Any
    ) -> None:
        give_second_factor(stored.users, guarded.id, backupCodes=codes)
        assert refused(verify(api, half(api, guarded), backupCode=BACKUP_CODES[0]), 401, "wrong_code")
        assert verify(api, half(api, guarded), token=code_of()).status_code == 200

    @pytest.mark.parametrize(
        "body", [{}, {"token": "123456"}, {"tempToken": 1}, {"tempToken": "x" * 5000}, []]
    )
    def test_an_invalid_body_is_refused(self, api: Client, body: Any) -> None:
        assert api.post(VERIFY, json=body).status_code == 400

    def test_without_the_key_it_says_so(
        self, make_application: Callable[..., Client], guarded: UserClient, tokens: Tokens
    ) -> None:
        keyless = make_application(CREDS_KEY="", CREDS_IV="")
        answer = verify(keyless, tokens.make_pending(guarded.id), token=code_of())
        assert refused(answer, 503, "two_factor_unavailable")


class TestLimits:
    """Other addresses for each test: what they count is kept for minutes."""

    @pytest.fixture
    def address(self) -> Iterator[str]:
        numbers = iter(range(1, 1000))
        start = secrets.token_hex(2)
        return (f"2001:db8:2fa:{start}::{number:x}" for number in numbers)

    def _verify(self, client: Client, temp_token: str, address: str, code: str) -> int:
        body = {"tempToken": temp_token, "token": code}
        headers = {"X-Forwarded-For": address}
        return int(client.post(VERIFY, json=body, headers=headers).status_code)

    def test_by_address(self, make_application: Callable[..., Client], address: Iterator[str]) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", TRUST_PROXY="1", TWO_FACTOR_TEMP_MAX="3")
        one = next(address)
        assert [self._verify(client, "nonsense", one, "1") for _ in range(5)] == [401] * 3 + [429] * 2
        assert self._verify(client, "nonsense", next(address), "1") == 401

    def test_by_account_from_any_address_and_with_any_temporary_token(
        self,
        make_application: Callable[..., Client],
        guarded: UserClient,
        bob: UserClient,
        tokens: Tokens,
        address: Iterator[str],
    ) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", TRUST_PROXY="1", TWO_FACTOR_TEMP_MAX="3")
        statuses = [
            self._verify(client, tokens.make_pending(guarded.id), next(address), wrong_code())
            for _ in range(4)
        ]
        assert statuses == [401, 401, 401, 429]
        # Not even the right one.
        assert self._verify(client, tokens.make_pending(guarded.id), next(address), code_of()) == 429
        assert self._verify(client, tokens.make_pending(bob.id), next(address), code_of()) == 401

    def test_by_account_and_day(
        self,
        make_application: Callable[..., Client],
        guarded: UserClient,
        tokens: Tokens,
        address: Iterator[str],
    ) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", TRUST_PROXY="1", ECHO_TWO_FACTOR_MAX="2")
        for expected in (401, 401, 429):
            temp_token = tokens.make_pending(guarded.id)
            body = {"tempToken": temp_token, "token": wrong_code()}
            answer = client.post(VERIFY, json=body, headers={"X-Forwarded-For": next(address)})
            assert answer.status_code == expected
        assert int(answer.headers["retry-after"]) > 3600

    def test_a_forged_token_locks_nobody_out(
        self,
        make_application: Callable[..., Client],
        guarded: UserClient,
        tokens: Tokens,
        address: Iterator[str],
    ) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", TRUST_PROXY="1", TWO_FACTOR_TEMP_MAX="3")
        forged = jwt.encode({"sub": guarded.id}, "f" * 40, headers={"typ": "2fa+jwt"})
        assert {self._verify(client, forged, next(address), "1") for _ in range(5)} == {401}
        assert self._verify(client, tokens.make_pending(guarded.id), next(address), code_of()) == 200

    def test_of_a_session_that_guesses(
        self, make_application: Callable[..., Client], guarded: UserClient
    ) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", ECHO_TWO_FACTOR_MAX="3").with_token(
            guarded.headers["Authorization"].removeprefix("Bearer ")
        )
        paths = ("verify", "disable", "enable", "backup/regenerate", "disable")
        answers = [client.post(f"/api/auth/2fa/{path}", json={"token": wrong_code()}) for path in paths]
        assert [each.status_code for each in answers] == [403, 403, 403, 429, 429]


def secret_in(address: str) -> str:
    app = pyotp.parse_uri(address)
    assert isinstance(app, pyotp.TOTP)
    return str(app.secret)


class TestEnableAndConfirm:
    def test_from_nothing_to_a_login_with_a_code(self, api: Client, ada: UserClient, stored: Stored) -> None:
        setup = ada.post("/api/auth/2fa/enable").json()
        assert ada.user["twoFactorEnabled"] is False
        assert "token" in log_in(api, ada).json(), "it is not in force before it is confirmed"
        secret = secret_in(setup["otpauthUrl"])
        code = code_of(secret)
        # As LibreChat's web client does: with one code.
        assert ada.post("/api/auth/2fa/verify", json={"token": code}).status_code == 200
        assert ada.post("/api/auth/2fa/confirm", json={"token": code}).status_code == 200
        assert ada.user["twoFactorEnabled"] is True
        assert refused(verify(api, half(api, ada), token=code), 401, "wrong_code"), "it was used"
        assert verify(api, half(api, ada), token=code_of(secret, steps=1)).status_code == 200
        assert verify(api, half(api, ada), backupCode=setup["backupCodes"][3]).status_code == 200

    def test_lies_in_the_database_as_librechats_does(self, ada: UserClient, stored: Stored) -> None:
        setup = ada.post("/api/auth/2fa/enable", json={}).json()
        secret = secret_in(setup["otpauthUrl"])
        waiting = account(stored, ada)
        assert waiting["pendingTotpSecret"].startswith("v3:")
        assert waiting["pendingBackupCodes"] == stored_codes(setup["backupCodes"])
        ada.post("/api/auth/2fa/confirm", json={"token": code_of(secret)})
        done = account(stored, ada)
        assert {name: type(done[name]) for name in librechats_fields()} == {
            name: type(value) for name, value in librechats_fields().items()
        }
        assert done["totpSecret"] == waiting["pendingTotpSecret"]
        assert done["backupCodes"] == waiting["pendingBackupCodes"]
        assert secret not in repr(done)
        assert all(code not in repr(done) for code in setup["backupCodes"])

    def test_ten_backup_codes_of_librechats_form(self, ada: UserClient) -> None:
        codes = ada.post("/api/auth/2fa/enable").json()["backupCodes"]
        assert len(set(codes)) == 10
        assert all(len(bytes.fromhex(code)) == 4 for code in codes)

    def test_another_one_needs_proof_and_the_old_one_holds_until_then(
        self, api: Client, guarded: UserClient, stored: Stored
    ) -> None:
        for body in ({}, {"token": wrong_code()}, {"backupCode": "00000000"}):
            assert refused(guarded.post("/api/auth/2fa/enable", json=body), 403, "code_refused")
        assert refused(guarded.post("/api/auth/2fa/enable"), 403, "code_refused")
        assert (
            "pendingBackupCodes" not in account(stored, guarded)
            or not account(stored, guarded)["pendingBackupCodes"]
        )
        setup = guarded.post("/api/auth/2fa/enable", json={"token": code_of()}).json()
        assert verify(api, half(api, guarded), token=code_of(steps=1)).status_code == 200
        new = secret_in(setup["otpauthUrl"])
        assert guarded.post("/api/auth/2fa/confirm", json={"token": code_of(new)}).status_code == 200
        assert refused(verify(api, half(api, guarded), token=code_of(steps=-1)), 401, "wrong_code")
        assert refused(verify(api, half(api, guarded), backupCode=BACKUP_CODES[0]), 401, "wrong_code")
        assert verify(api, half(api, guarded), token=code_of(new, steps=1)).status_code == 200

    def test_the_last_setup_counts(self, ada: UserClient) -> None:
        first, second = (secret_in(ada.post("/api/auth/2fa/enable").json()["otpauthUrl"]) for _ in range(2))
        assert refused(ada.post("/api/auth/2fa/confirm", json={"token": code_of(first)}), 403, "code_refused")
        assert ada.post("/api/auth/2fa/confirm", json={"token": code_of(second)}).status_code == 200

    def test_a_wrong_code_confirms_nothing(self, api: Client, ada: UserClient) -> None:
        secret = secret_in(ada.post("/api/auth/2fa/enable").json()["otpauthUrl"])
        answer = ada.post("/api/auth/2fa/confirm", json={"token": wrong_code(secret)})
        assert refused(answer, 403, "code_refused")
        assert "token" in log_in(api, ada).json()

    def test_nothing_waits_nothing_is_confirmed(self, ada: UserClient, guarded: UserClient) -> None:
        answer = guarded.post("/api/auth/2fa/confirm", json={"token": code_of()})
        assert refused(answer, 409, "two_factor_not_begun")

    def test_one_that_an_older_librechat_left_unconfirmed_can_be(
        self, api: Client, ada: UserClient, stored: Stored
    ) -> None:
        old = {name: value for name, value in librechats_fields().items() if "pending" not in name}
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {**old, "twoFactorEnabled": False}})
        assert ada.post("/api/auth/2fa/verify", json={"token": code_of()}).status_code == 200
        assert ada.post("/api/auth/2fa/confirm", json={"token": code_of()}).status_code == 200
        assert verify(api, half(api, ada), backupCode=BACKUP_CODES[0]).status_code == 200

    def test_other_sessions_go_on(self, api: Client, ada: UserClient) -> None:
        other = api.with_token(log_in(api, ada).json()["token"])
        secret = secret_in(ada.post("/api/auth/2fa/enable").json()["otpauthUrl"])
        ada.post("/api/auth/2fa/confirm", json={"token": code_of(secret)})
        assert other.get("/api/user").status_code == 200

    def test_the_address_names_server_and_user(self, ada: UserClient) -> None:
        app = pyotp.parse_uri(ada.post("/api/auth/2fa/enable").json()["otpauthUrl"])
        assert (app.issuer, app.name) == ("Echo", ada.email)


class TestVerify:
    def test_uses_nothing_up(self, api: Client, guarded: UserClient, stored: Stored) -> None:
        before = account(stored, guarded)
        for proof in ({"token": code_of()}, {"backupCode": BACKUP_CODES[0]}) * 2:
            assert guarded.post("/api/auth/2fa/verify", json=proof).status_code == 200
        assert account(stored, guarded) == before

    def test_refuses_what_is_wrong_or_used(self, api: Client, guarded: UserClient) -> None:
        verify(api, half(api, guarded), backupCode=BACKUP_CODES[0])
        wrong = ({}, {"token": wrong_code()}, {"backupCode": BACKUP_CODES[0]}, {"backupCode": "x"})
        for proof in wrong:
            assert refused(guarded.post("/api/auth/2fa/verify", json=proof), 403, "code_refused")

    def test_of_what_waits(self, ada: UserClient) -> None:
        codes = ada.post("/api/auth/2fa/enable").json()["backupCodes"]
        assert ada.post("/api/auth/2fa/verify", json={"backupCode": codes[0]}).status_code == 200

    def test_of_nothing(self, ada: UserClient) -> None:
        answer = ada.post("/api/auth/2fa/verify", json={"token": "123456"})
        assert refused(answer, 409, "two_factor_not_begun")


class TestDisable:
    @pytest.mark.parametrize("proof", ["token", "backupCode"])
    def test_by_proof_nothing_is_left(
        self, api: Client, guarded: UserClient, stored: Stored, proof: str
    ) -> None:
        body = {proof: code_of() if proof == "token" else BACKUP_CODES[2]}
        assert guarded.post("/api/auth/2fa/disable", json=body).status_code == 200
        assert "token" in log_in(api, guarded).json()
        left = account(stored, guarded)
        assert (left["twoFactorEnabled"], left["totpSecret"], left["backupCodes"]) == (False, None, [])

    @pytest.mark.parametrize(
        "body", [{}, {"token": "x"}, {"backupCode": "00000000"}, {"token": "", "backupCode": ""}]
    )
    def test_without_proof_it_stays(self, guarded: UserClient, stored: Stored, body: Any) -> None:
        before = account(stored, guarded)
        assert refused(guarded.post("/api/auth/2fa/disable", json=body), 403, "code_refused")
        assert account(stored, guarded) == before

    def test_without_a_body_it_stays(self, guarded: UserClient) -> None:
        assert refused(guarded.post("/api/auth/2fa/disable"), 403, "code_refused")

    def test_what_waits_is_forgotten_without_proof(self, ada: UserClient) -> None:
        secret = secret_in(ada.post("/api/auth/2fa/enable").json()["otpauthUrl"])
        assert ada.post("/api/auth/2fa/disable").status_code == 200
        answer = ada.post("/api/auth/2fa/confirm", json={"token": code_of(secret)})
        assert refused(answer, 409, "two_factor_not_begun")

    def test_a_code_that_disabled_does_not_open(
        self, api: Client, guarded: UserClient, stored: Stored
    ) -> None:
        code, temp_token = code_of(), half(api, guarded)
        guarded.post("/api/auth/2fa/disable", json={"token": code})
        assert refused(verify(api, temp_token, token=code_of(steps=1)), 401, "wrong_code")


class TestRegenerateBackupCodes:
    def test_by_proof_the_old_ones_are_dead(self, api: Client, guarded: UserClient, stored: Stored) -> None:
        answer = guarded.post("/api/auth/2fa/backup/regenerate", json={"token": code_of()}).json()
        assert len(set(answer["backupCodes"])) == 10
        assert answer["backupCodesHash"] == stored_codes(answer["backupCodes"])
        assert account(stored, guarded)["backupCodes"] == stored_codes(answer["backupCodes"])
        assert refused(verify(api, half(api, guarded), backupCode=BACKUP_CODES[0]), 401, "wrong_code")
        assert verify(api, half(api, guarded), backupCode=answer["backupCodes"][9]).status_code == 200

    def test_without_proof_the_old_ones_stay(self, guarded: UserClient, stored: Stored) -> None:
        before = account(stored, guarded)
        for body in ({}, {"token": wrong_code()}, {"backupCode": "00000000"}):
            assert refused(guarded.post("/api/auth/2fa/backup/regenerate", json=body), 403, "code_refused")
        assert account(stored, guarded) == before

    def test_where_it_is_off_there_are_none(self, ada: UserClient, stored: Stored) -> None:
        answer = ada.post("/api/auth/2fa/backup/regenerate", json={})
        assert refused(answer, 409, "two_factor_off")
        assert account(stored, ada)["backupCodes"] == []


@pytest.mark.parametrize("path", ["enable", "verify", "confirm", "backup/regenerate"])
def test_without_the_key_nothing_is_set_up(
    make_application: Callable[..., Client], guarded: UserClient, path: str
) -> None:
    keyless = make_application(CREDS_KEY="", CREDS_IV="").with_token(
        guarded.headers["Authorization"].removeprefix("Bearer ")
    )
    answer = keyless.post(f"/api/auth/2fa/{path}", json={"token": code_of()})
    assert refused(answer, 503, "two_factor_unavailable")
