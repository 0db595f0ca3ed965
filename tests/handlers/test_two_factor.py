"""The second factor: how a user switches it on and off, and gets new backup codes."""

from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from bson import ObjectId

from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.support.two_factor import (
    BACKUP_CODES,
    account,
    code_of,
    half,
    librechats_fields,
    log_in,
    refused,
    stored_codes,
    verify,
    wrong_code,
)


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
        assert answer.json()["message"] == "That needs a valid code of the second factor."
        assert "token" in log_in(api, ada).json()

    def test_nothing_waits_nothing_is_confirmed(self, ada: UserClient, guarded: UserClient) -> None:
        answer = guarded.post("/api/auth/2fa/confirm", json={"token": code_of()})
        assert refused(answer, 409, "two_factor_not_begun")
        assert answer.json()["message"] == "Two-factor authentication is not being set up."

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
        assert answer.json()["message"] == "Two-factor authentication is off."
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
