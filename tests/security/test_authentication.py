"""No operation that the contract secures answers without a valid access token."""

import json
import time
from dataclasses import replace
from typing import Any

import jwt
import pytest

from echo.accounts.tokens import Tokens
from echo.settings import Settings
from tests.conftest import Client, UserClient
from tests.security.conftest import send
from tests.support.operations import ALL_OPERATIONS, Op

SECURED = [op for op in ALL_OPERATIONS if op.secured]
# The metrics are the operator's: no user's token is for them, of a living session or an ended one.
BY_TOKEN = [op for op in SECURED if op.id != "get_metrics"]
IDS = {"id": "asst_x", "userId": "0" * 24}
ANYONE = {
    "get_health",
    "get_ready",
    "login",
    "begin_passkey_login",
    "login_by_passkey",
    "exchange_token",
    "verify_two_factor_login",
    "register",
    "request_password_reset",
    "resend_verification",
    "reset_password",
    "verify_email",
    "get_config",
    "get_openapi",
    "get_docs",
    "get_docs_asset",
    "get_librechat_openapi",
    "librechat.admin_login",
    "librechat.begin_panel_login",
    "librechat.check_panel_login",
    "librechat.exchange_panel_code",
    "librechat.finish_panel_login",
    "librechat.finish_panel_login_by_form",
    "librechat.refresh_panel_session",
    "librechat.begin_apple_login",
    "librechat.begin_saml_login",
    "librechat.begin_discord_login",
    "librechat.begin_facebook_login",
    "librechat.begin_github_login",
    "librechat.begin_google_login",
    "librechat.begin_openid_login",
    "librechat.finish_apple_login",
    "librechat.finish_saml_login",
    "librechat.finish_discord_login",
    "librechat.finish_facebook_login",
    "librechat.finish_github_login",
    "librechat.finish_google_login",
    "librechat.finish_mcp_oauth",
    "librechat.finish_openid_login",
    "librechat.get_banner",
    "librechat.get_config",
    "librechat.get_health",
    "librechat.download_shared_file",
    "librechat.get_share",
    "librechat.get_share_config",
    "librechat.login",
    "librechat.preview_shared_file",
    "librechat.show_shared_file",
    "librechat.refresh_token",
    "librechat.register",
    "librechat.request_password_reset",
    "librechat.resend_verification",
    "librechat.reset_password",
    "librechat.verify_email",
    "librechat.verify_two_factor_login",
}


def test_only_these_are_open_to_anyone() -> None:
    assert {op.id for op in ALL_OPERATIONS if not op.secured} == ANYONE


@pytest.mark.parametrize("op", SECURED, ids=lambda op: op.id)
class TestEverySecuredOperation:
    def test_refuses_the_anonymous(self, op: Op, api: Client) -> None:
        response = send(api, op, IDS)
        assert response.status_code == 401
        assert response.json()["code"] == "unauthorized"

    def test_refuses_what_is_no_token(self, op: Op, api: Client) -> None:
        for value in ("Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer \xe9", "bearer null", ""):
            headers = {"Authorization": value.encode("latin-1")}
            assert send(api, op, IDS, headers=headers).status_code == 401, value

    def test_refuses_a_refresh_token_as_access_token(self, op: Op, api: Client, ada: UserClient) -> None:
        headers = {"Authorization": f"Bearer {ada.refresh_token}"}
        assert send(api, op, IDS, headers=headers).status_code == 401


@pytest.mark.parametrize("op", BY_TOKEN, ids=lambda op: op.id)
def test_a_token_of_an_ended_session_is_refused(op: Op, ada: UserClient) -> None:
    assert ada.post("/api/auth/logout").is_success
    response = send(ada, op, IDS)
    assert response.status_code == 401
    assert response.json()["code"] == "session_expired"


class TestForgedTokens:
    @pytest.fixture
    def claims(self, ada: UserClient) -> dict[str, Any]:
        token = ada.headers["Authorization"].removeprefix("Bearer ")
        return jwt.decode(token, options={"verify_signature": False})

    def _status(self, api: Client, token: str) -> int:
        return int(api.get("/api/user", headers={"Authorization": f"Bearer {token}"}).status_code)

    def test_the_control_passes(self, api: Client, claims: dict[str, Any], settings: Settings) -> None:
        token = jwt.encode(claims, str(settings.jwt_secret), "HS256", headers={"typ": "at+jwt"})
        assert self._status(api, token) == 200

    def test_without_a_signature(self, api: Client, claims: dict[str, Any]) -> None:
        assert self._status(api, jwt.encode(claims, None, "none", headers={"typ": "at+jwt"})) == 401

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    def test_by_another_algorithm(
        self, api: Client, claims: dict[str, Any], settings: Settings, algorithm: str
    ) -> None:
        key = str(settings.jwt_secret) + "x" * 64
        assert self._status(api, jwt.encode(claims, key, algorithm, headers={"typ": "at+jwt"})) == 401

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": "other"},
            {"aud": "other"},
            {"exp": int(time.time()) - 5},
            {"sid": "f" * 24},
            {"sub": "f" * 24},
        ],
    )
    def test_of_another_service_session_or_time(
        self, api: Client, claims: dict[str, Any], settings: Settings, change: dict[str, Any]
    ) -> None:
        token = jwt.encode({**claims, **change}, str(settings.jwt_secret), "HS256", headers={"typ": "at+jwt"})
        assert self._status(api, token) == 401

    def test_an_access_token_is_no_refresh_cookie(self, api: Client, ada: UserClient) -> None:
        token = ada.headers["Authorization"].removeprefix("Bearer ")
        assert api.post("/api/auth/refresh", headers={"Cookie": f"refreshToken={token}"}).status_code == 401


class TestRefreshTokens:
    def _refresh(self, api: Client, token: str) -> Any:
        return api.post("/api/auth/refresh", headers={"Cookie": f"refreshToken={token}"})

    def _cookie(self, response: Any) -> str:
        return str(response.headers["set-cookie"]).partition("=")[2].partition(";")[0]

    def test_rotate(self, api: Client, ada: UserClient) -> None:
        first = self._refresh(api, ada.refresh_token)
        assert first.status_code == 200
        assert self._cookie(first) != ada.refresh_token
        assert self._refresh(api, self._cookie(first)).status_code == 200

    def test_one_used_long_before_ends_the_session(self, api: Client, ada: UserClient) -> None:
        second = self._cookie(self._refresh(api, ada.refresh_token))
        successor = self._cookie(self._refresh(api, second))
        assert self._refresh(api, ada.refresh_token).status_code == 401
        assert self._refresh(api, successor).status_code == 401
        assert ada.get("/api/user").status_code == 401

    def test_an_expired_access_token_does_not_stand_in_the_way(
        self, api: Client, ada: UserClient, tokens: Tokens, settings: Settings
    ) -> None:
        expired = jwt.encode({"exp": 1}, str(settings.jwt_secret), "HS256", headers={"typ": "at+jwt"})
        headers = {"Authorization": f"Bearer {expired}", "Cookie": f"refreshToken={ada.refresh_token}"}
        assert api.post("/api/auth/refresh", headers=headers).status_code == 200

    def test_expired_are_refused(self, api: Client, ada: UserClient, tokens: Tokens) -> None:
        old = replace(tokens, refresh_seconds=-5).make_refresh(ada.id, ada.session_id)
        assert self._refresh(api, old).status_code == 401

    def test_are_stored_hashed_only(self, ada: UserClient, session_repository: Any) -> None:
        stored = repr(session_repository.get(ada.id, ada.session_id))
        assert ada.refresh_token not in stored


class TestOddClaims:
    """A key that signs elsewhere too, or an older version, must not make a fault of ours."""

    ODD = (
        {"sub": 1},
        {"sub": "x"},
        {"sid": {"$ne": None}},
        {"sid": "\ud800"},
        {"email": None},
        {"role": ["USER"]},
        {"exp": 10**400},
        {"exp": "99999999999"},
        {"iat": float("inf")},
        {"nbf": {}},
    )

    @pytest.mark.parametrize("odd", ODD, ids=repr)
    def test_of_an_access_token_are_401(
        self, ada: UserClient, settings: Settings, odd: dict[str, Any]
    ) -> None:
        token = ada.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False}) | odd
        claims = {name: value for name, value in claims.items() if value is not None}
        response = ada.get("/api/user", headers=bearer(claims, str(settings.jwt_secret), "at+jwt"))
        assert response.status_code == 401
        assert response.json()["code"] == "invalid_token"

    @pytest.mark.parametrize("odd", [{"id": 1}, {"id": "x"}, {"sessionId": []}, {"exp": 10**400}], ids=repr)
    def test_of_a_refresh_token_are_401(
        self, ada: UserClient, api: Client, settings: Settings, odd: dict[str, Any]
    ) -> None:
        claims = jwt.decode(ada.refresh_token, options={"verify_signature": False}) | odd
        token = bearer(claims, str(settings.jwt_refresh_secret), "JWT")["Authorization"].partition(" ")[2]
        response = api.post("/api/auth/refresh", headers={"Cookie": f"refreshToken={token}"})
        assert response.status_code == 401

    @pytest.mark.parametrize("odd", [{"sub": 1}, {"sub": "x"}, {"pwd": []}, {"exp": 10**400}], ids=repr)
    def test_of_half_a_login_are_401(
        self, ada: UserClient, api: Client, tokens: Tokens, settings: Settings, odd: dict[str, Any]
    ) -> None:
        pending = tokens.make_pending(ada.id, "hash")
        claims = jwt.decode(pending, options={"verify_signature": False}) | odd
        token = bearer(claims, str(settings.jwt_secret), "2fa+jwt")["Authorization"].partition(" ")[2]
        body = {"tempToken": token, "token": "123456"}
        assert api.post("/api/auth/2fa/verify-temp", json=body).status_code == 401


def bearer(claims: dict[str, Any], key: str, kind: str) -> dict[str, str]:
    """A header with a token of whatever claims: PyJWT itself would not sign some of them."""
    payload = json.dumps(claims).encode()
    token = jwt.api_jws.encode(payload, key, "HS256", headers={"typ": kind})
    return {"Authorization": f"Bearer {token}"}
