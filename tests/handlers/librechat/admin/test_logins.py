"""Logins to LibreChat's admin panel by another server, as the panel and a browser go through them."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from bson import ObjectId

from storage.accounts.bans import BanRepository
from storage.core.database import Database
from tests.conftest import Client
from tests.support.issuer import CLIENT, SECRET, Issuer, lying_issuer
from tests.support.two_factor import give_second_factor

HOST = "https://chat.example.com"
PANEL = "https://admin.example.com"
OAUTH = "/chat/api/admin/oauth"
VERIFIER = "a secret of the panel's"
CHALLENGE = hashlib.sha256(VERIFIER.encode()).hexdigest()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with lying_issuer() as running:
        yield running


class Panel:
    """The panel's server, and the browser of one who logs in to it."""

    def __init__(self, echo: Client, issuer: Issuer, database: Database) -> None:
        self.echo = echo
        self.issuer = issuer
        self.database = database
        self.subject = f"subject-{ObjectId()}"
        # Where the panel and its browser call from.
        self.place: dict[str, str] = {}

    def account(self, role: str = "ADMIN") -> str:
        user = {"openidId": self.subject, "openidIssuer": self.issuer.url, "provider": "openid", "role": role}
        address = {
            "email": f"{self.subject}@example.com",
            "emailVerified": True,
            "createdAt": datetime.now(UTC),
        }
        added = self.database.collection("users").insert_one({**user, **address})
        return str(added.inserted_id)

    def begin(self, path: str = f"{OAUTH}/openid") -> tuple[str, str]:
        """Where the browser is sent, and its cookie."""
        begun = self.go(path, params={"code_challenge": CHALLENGE} if path.startswith(OAUTH) else {})
        assert begun.status_code == 302
        return begun.headers["Location"], begun.headers["Set-Cookie"].partition(";")[0]

    def come_back(self, address: str, cookie: str, path: str = f"{OAUTH}/openid/callback") -> str:
        """Where the browser is sent that has logged in at the provider."""
        code = self.issuer.log_in(address, sub=self.subject, email=f"{self.subject}@example.com")
        state = dict(parse_qsl(urlsplit(address).query))["state"]
        answer = self.go(path, params={"code": code, "state": state}, headers={"Cookie": cookie})
        assert "refreshToken" not in answer.headers.get("Set-Cookie", "")
        return str(answer.headers["Location"])

    def code(self) -> str:
        page, _, code = self.come_back(*self.begin()).partition("?code=")
        assert page == f"{PANEL}/auth/openid/callback", code
        return code

    def reason(self) -> str:
        sent = urlsplit(self.come_back(*self.begin()))
        assert sent.path == "/auth/openid/callback"
        query = dict(parse_qsl(sent.query))
        assert (query["error"], query["error_description"]) == ("auth_failed", "The login was refused.")
        return query["reason"]

    def go(self, path: str, **options: Any) -> Any:
        headers = {**self.place, **options.pop("headers", {})}
        return self.echo.request("GET", path, follow_redirects=False, headers=headers, **options)

    def exchange(self, code: str, verifier: str = VERIFIER, origin: str | None = PANEL) -> Any:
        headers = {**self.place, **({"Origin": origin} if origin else {})}
        body = {"code": code, "code_verifier": verifier}
        return self.echo.post(f"{OAUTH}/exchange", json=body, headers=headers)

    def refresh(self, **body: str) -> Any:
        return self.echo.post(f"{OAUTH}/refresh", json=body)


@pytest.fixture
def panel(
    running: Any, make_application: Callable[..., Client], issuer: Issuer, app_database: Database
) -> Panel:
    environ = {"ALLOW_SOCIAL_LOGIN": "true", "OPENID_ISSUER": issuer.url, "ADMIN_PANEL_URL": f"{PANEL}/"}
    client = {"OPENID_CLIENT_ID": CLIENT, "OPENID_CLIENT_SECRET": SECRET, "DOMAIN_SERVER": HOST}
    bans = {"BAN_VIOLATIONS": "true", "TRUST_PROXY": "1"}
    return Panel(make_application(**environ, **client, **bans), issuer, app_database)


def test_an_administrator_comes_in_goes_on_and_is_sent_away(panel: Panel) -> None:
    owner = panel.account()
    assert panel.echo.get(f"{OAUTH}/openid/check").json() == {"message": "OpenID check successful"}
    address, cookie = panel.begin()
    asked = dict(parse_qsl(urlsplit(address).query))
    assert asked["redirect_uri"] == f"{HOST}{OAUTH}/openid/callback"
    assert CHALLENGE not in address
    code = panel.come_back(address, cookie).partition("?code=")[2]
    session = panel.exchange(code).json()
    assert (session["user"]["id"], session["user"]["role"]) == (owner, "ADMIN")
    user = panel.echo.with_token(session["token"])
    assert user.get("/chat/api/admin/verify").status_code == 200
    # The panel refreshes in time: in milliseconds, the moment at which the token says that it ends.
    payload = session["token"].split(".")[1]
    assert session["expiresAt"] == json.loads(urlsafe_b64decode(payload + "=="))["exp"] * 1000
    # The next refresh token is another one, and the one before ends the session once the grace is over.
    again = panel.refresh(refresh_token=session["refreshToken"], user_id=owner, provider="openid").json()
    assert again["refreshToken"] != session["refreshToken"]
    assert again["expiresAt"] >= session["expiresAt"] > 1_700_000_000_000
    other = panel.refresh(refresh_token=again["refreshToken"], user_id=str(ObjectId()))
    assert (other.status_code, other.json()["error_code"]) == (401, "REFRESH_FAILED")
    panel.database.collection("users").update_one({"_id": ObjectId(owner)}, {"$set": {"role": "USER"}})
    demoted = panel.refresh(refresh_token=again["refreshToken"])
    assert (demoted.status_code, demoted.json()["error_code"]) == (403, "FORBIDDEN")
    assert panel.refresh(refresh_token="a.b.c").status_code == 401


def test_a_code_is_good_once_for_its_panel_with_its_secret(panel: Panel) -> None:
    panel.account()
    code = panel.code()
    assert panel.exchange(code).status_code == 200
    refused = [panel.exchange(code)]
    refused.append(panel.exchange(panel.code(), origin="https://evil.example.com"))
    refused.append(panel.exchange(panel.code(), origin=None))
    guessed = panel.code()
    refused.append(panel.exchange(guessed, verifier="a guess"))
    # Who guesses has one guess.
    refused.append(panel.exchange(guessed))
    # The hash that went through the browser is not the secret.
    refused.append(panel.exchange(panel.code(), verifier=CHALLENGE))
    refused.append(panel.exchange("0" * 64))
    said = [(each.status_code, each.json()["code"], each.json()["error_code"]) for each in refused]
    assert said == [(401, "wrong_code", "INVALID_OR_EXPIRED_CODE")] * 7
    assert panel.echo.post(f"{OAUTH}/exchange", json={"code": panel.code()}).status_code == 400


def test_only_accounts_that_may_administer_come_in(panel: Panel) -> None:
    assert panel.reason() == "registration_closed"
    users = panel.database.collection("users")
    assert users.find_one({"openidId": panel.subject}) is None
    owner = panel.account(role="USER")
    assert panel.reason() == "not_admin"
    # And who may no more when the code comes.
    users.update_one({"_id": ObjectId(owner)}, {"$set": {"role": "ADMIN"}})
    code = panel.code()
    users.update_one({"_id": ObjectId(owner)}, {"$set": {"role": "USER"}})
    assert panel.exchange(code).status_code == 403
    users.update_one({"_id": ObjectId(owner)}, {"$set": {"role": "ADMIN"}})
    code = panel.code()
    users.delete_one({"_id": ObjectId(owner)})
    assert panel.exchange(code).status_code == 403


def test_from_a_place_that_is_banned_nobody_comes_in(panel: Panel) -> None:
    panel.account()
    address = f"93.1.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}"
    panel.place = {"X-Forwarded-For": address}
    code, begun = panel.code(), panel.begin()
    until = datetime.now(UTC) + timedelta(hours=1)
    BanRepository(panel.database).ban_address(address, until=until, kind="logins", points=9, owner=None)
    assert dict(parse_qsl(urlsplit(panel.come_back(*begun)).query))["reason"] == "address_banned"
    refused = panel.exchange(code)
    assert (refused.status_code, refused.json()["code"]) == (403, "address_banned")
    # That was said before the code was looked at.
    panel.place = {}
    assert panel.exchange(code).status_code == 200


def test_a_login_to_the_client_is_none_to_the_panel(panel: Panel) -> None:
    """Each is finished where it was begun: no browser can be led from one to the other."""
    panel.account()
    to_client, to_panel = panel.begin("/oauth/openid"), panel.begin()
    assert "reason=login_expired" in panel.come_back(*to_client)
    assert "reason=login_expired" in panel.come_back(*to_panel, "/oauth/openid/callback")
    _, cookie = panel.begin()
    address, _ = panel.begin()
    assert "reason=login_expired" in panel.come_back(address, cookie)


def test_an_account_with_a_second_factor_is_told_how_it_comes_in(panel: Panel) -> None:
    """The panel takes half of a session for a whole one, and shows the message of an error."""
    owner = panel.account()
    give_second_factor(panel.database.collection("users"), owner)
    refused = panel.exchange(panel.code())
    said = refused.json()
    assert (refused.status_code, said["code"]) == (401, "second_factor_required")
    assert said["error_code"] == "SECOND_FACTOR_REQUIRED"
    assert said["message"].endswith("asks for its code at a login by password only.")
    assert panel.database.collection("sessions").count_documents({"user": ObjectId(owner)}) == 0


def test_without_a_panel_or_a_provider_nothing_is_there(panel: Panel, make_application: Any) -> None:
    missing = panel.go(f"{OAUTH}/github", params={"code_challenge": CHALLENGE})
    assert (missing.status_code, missing.json()["error_code"]) == (404, "GITHUB_NOT_CONFIGURED")
    for parameters in ({}, {"code_challenge": "short"}):
        assert panel.go(f"{OAUTH}/openid", params=parameters).status_code == 400
    panel.echo = make_application(DOMAIN_SERVER=HOST)
    checked = panel.echo.get(f"{OAUTH}/openid/check")
    assert (checked.status_code, checked.json()["error_code"]) == (404, "OPENID_NOT_CONFIGURED")
    assert panel.exchange("0" * 64).status_code == 404
    assert panel.refresh(refresh_token="a.b.c").status_code == 404
    form = panel.echo.post(f"{OAUTH}/saml/callback", data={"SAMLResponse": "x", "RelayState": "y"})
    assert form.status_code == 404
