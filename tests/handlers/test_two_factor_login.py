"""A login in two steps: the password, then a code of the second factor."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import structlog
from bson import ObjectId

from echo.accounts.passwords import hash_password
from echo.accounts.tokens import Tokens
from echo.settings import Settings
from storage.accounts.bans import BanRepository
from storage.core.database import Database
from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.support.threads import together
from tests.support.two_factor import (
    BACKUP_CODES,
    SECRET,
    VERIFY,
    account,
    code_of,
    encrypt_v2,
    encrypt_v3,
    give_second_factor,
    half,
    log_in,
    refused,
    verify,
    wrong_code,
)


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
        # At the very end of a step the code of the one before may be two steps old when it arrives: then once more.
        step, status = -1, 0
        while step != int(time.time() / 30):
            step = int(time.time() / 30)
            status = verify(api, half(api, guarded), token=code_of(steps=steps)).status_code
        assert status == 200

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
        self, api: Client, guarded: UserClient, bob: UserClient, tokens: Tokens, password_hash: str
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
            verify(api, tokens.make_pending("0" * 24, password_hash), token=code_of()),
            verify(api, tokens.make_pending("nobody", password_hash), token=code_of()),
            # Has no second factor.
            verify(api, tokens.make_pending(bob.id, password_hash), token=code_of()),
        ]
        bodies = [{**each.json(), "requestId": ""} for each in answers]
        assert bodies == [bodies[0]] * len(bodies)
        assert refused(answers[0], 401, "wrong_code")
        assert all(
            "www-authenticate" in each.headers and "set-cookie" not in each.headers for each in answers
        )

    def test_an_expired_token_is_refused(
        self, api: Client, guarded: UserClient, tokens: Tokens, password_hash: str, settings: Settings
    ) -> None:
        claims = jwt.decode(
            tokens.make_pending(guarded.id, password_hash), options={"verify_signature": False}
        )
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

    def test_another_password_in_between_holds(
        self, api: Client, guarded: UserClient, stored: Stored
    ) -> None:
        temp_token = half(api, guarded)
        stored.users.update_one(
            {"_id": ObjectId(guarded.id)}, {"$set": {"password": hash_password("another 1")}}
        )
        assert refused(verify(api, temp_token, token=code_of()), 401, "wrong_code")
        assert refused(verify(api, temp_token, backupCode=BACKUP_CODES[0]), 401, "wrong_code")

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
        self, make_application: Callable[..., Client], guarded: UserClient, tokens: Tokens, password_hash: str
    ) -> None:
        keyless = make_application(CREDS_KEY="", CREDS_IV="")
        answer = verify(keyless, tokens.make_pending(guarded.id, password_hash), token=code_of())
        assert refused(answer, 503, "two_factor_unavailable")


class TestLimits:
    """Other addresses for each test: what they count is kept for minutes."""

    @pytest.fixture
    def address(self) -> Iterator[str]:
        numbers = iter(range(1, 1000))
        start = secrets.token_hex(2)
        return (f"2001:db8:{start}:{number:x}::1" for number in numbers)

    def _verify(self, client: Client, temp_token: str, address: str, code: str) -> int:
        body = {"tempToken": temp_token, "token": code}
        headers = {"X-Forwarded-For": address}
        return int(client.post(VERIFY, json=body, headers=headers).status_code)

    def test_by_address(self, make_application: Callable[..., Client], address: Iterator[str]) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", TRUST_PROXY="1", TWO_FACTOR_TEMP_MAX="3")
        one = next(address)
        assert [self._verify(client, "nonsense", one, "1") for _ in range(5)] == [401] * 3 + [429] * 2
        assert self._verify(client, "nonsense", next(address), "1") == 401

    def test_by_account_from_any_address_and_with_any_temporary_token(  # noqa: PLR0917 - pytest gives them by name
        self,
        make_application: Callable[..., Client],
        guarded: UserClient,
        bob: UserClient,
        tokens: Tokens,
        password_hash: str,
        address: Iterator[str],
    ) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", TRUST_PROXY="1", TWO_FACTOR_TEMP_MAX="3")
        statuses = [
            self._verify(client, tokens.make_pending(guarded.id, password_hash), next(address), wrong_code())
            for _ in range(4)
        ]
        assert statuses == [401, 401, 401, 429]
        # Not even the right one.
        assert (
            self._verify(client, tokens.make_pending(guarded.id, password_hash), next(address), code_of())
            == 429
        )
        assert (
            self._verify(client, tokens.make_pending(bob.id, password_hash), next(address), code_of()) == 401
        )

    def test_by_account_and_day(
        self,
        make_application: Callable[..., Client],
        guarded: UserClient,
        tokens: Tokens,
        password_hash: str,
        address: Iterator[str],
    ) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", TRUST_PROXY="1", ECHO_TWO_FACTOR_MAX="2")
        for expected in (401, 401, 429):
            temp_token = tokens.make_pending(guarded.id, password_hash)
            body = {"tempToken": temp_token, "token": wrong_code()}
            answer = client.post(VERIFY, json=body, headers={"X-Forwarded-For": next(address)})
            assert answer.status_code == expected
        assert int(answer.headers["retry-after"]) > 3600

    def test_a_forged_token_locks_nobody_out(
        self,
        make_application: Callable[..., Client],
        guarded: UserClient,
        tokens: Tokens,
        password_hash: str,
        address: Iterator[str],
    ) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", TRUST_PROXY="1", TWO_FACTOR_TEMP_MAX="3")
        forged = jwt.encode({"sub": guarded.id}, "f" * 40, headers={"typ": "2fa+jwt"})
        assert {self._verify(client, forged, next(address), "1") for _ in range(5)} == {401}
        assert (
            self._verify(client, tokens.make_pending(guarded.id, password_hash), next(address), code_of())
            == 200
        )

    def test_of_a_session_that_guesses(
        self, make_application: Callable[..., Client], guarded: UserClient
    ) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", ECHO_TWO_FACTOR_MAX="3").with_token(
            guarded.headers["Authorization"].removeprefix("Bearer ")
        )
        paths = ("verify", "disable", "enable", "backup/regenerate", "disable")
        answers = [client.post(f"/api/auth/2fa/{path}", json={"token": wrong_code()}) for path in paths]
        assert [each.status_code for each in answers] == [403, 403, 403, 429, 429]
