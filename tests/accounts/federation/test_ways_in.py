"""Logins by a directory and by SAML through Echo's operations, as a browser goes through them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from bson import ObjectId

from storage.core.database import Database
from tests.conftest import PASSWORD as LOCAL_PASSWORD
from tests.conftest import Client, UserClient
from tests.support.directories import PASSWORD, PEOPLE, SERVICE, SERVICE_PASSWORD, Directory, free_port
from tests.support.saml_idp import ENTRY_POINT, IdentityProvider, encoded

HOST = "https://chat.example.com"
PAGE = f"{HOST}/chat"
CALLBACK = "/oauth/saml/callback"
ADA = "ada@directory.example"
LOGINS = ("/api/auth/login", "/chat/api/auth/login")
ADMINISTER = "/chat/api/admin/login/local"
MakeApplication = Callable[..., Client]


def directory_environ(port: int, **environ: str) -> dict[str, str]:
    return {
        "LDAP_URL": f"ldap://127.0.0.1:{port}",
        "LDAP_BIND_DN": SERVICE,
        "LDAP_BIND_CREDENTIALS": SERVICE_PASSWORD,
        "LDAP_USER_SEARCH_BASE": PEOPLE,
        **environ,
    }


def log_in(echo: Client, name: str, password: str, path: str = LOGINS[0]) -> Any:
    return echo.post(path, json={"email": name, "password": password})


@pytest.mark.parametrize("directory", ["ldaptor"], indirect=True)
def test_the_ordinary_login_asks_the_directory(
    running: Any,
    ada: UserClient,
    make_application: MakeApplication,
    directory: Directory,
    app_database: Database,
) -> None:
    echo = make_application(**directory_environ(directory.port))
    shown = echo.get("/chat/api/config").json()
    assert (shown["ldap"], shown["registrationEnabled"]) == ({"enabled": True}, False)
    for path in LOGINS:
        answer = log_in(echo, ADA, PASSWORD, path)
        assert answer.status_code == 200
        assert answer.json()["user"]["email"] == ADA
    user = echo.with_token(answer.json()["token"]).get("/chat/api/user").json()
    assert (user["provider"], user["name"], user["role"]) == ("ldap", "Ada Lovelace", "USER")
    # To administer, they come in by the same password.
    refused = log_in(echo, ADA, PASSWORD, ADMINISTER)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_permissions")
    users = app_database.collection("users")
    users.update_one({"email": ADA}, {"$set": {"role": "ADMIN"}})
    assert log_in(echo, ADA, PASSWORD, ADMINISTER).status_code == 200
    assert log_in(echo, ADA, "wrong", ADMINISTER).json()["code"] == "wrong_credentials"
    users.update_one({"email": ADA}, {"$set": {"role": "USER"}})
    # Another's own password does not count any more, and nobody gets one.
    refused = [
        log_in(echo, *pair) for pair in ((ADA, "wrong"), ("no address", "x"), (ada.email, LOCAL_PASSWORD))
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
        (401, "wrong_credentials")
    ] * 3
    body = {"name": "A", "email": "a@x.example", "password": PASSWORD, "confirm_password": PASSWORD}
    assert echo.post("/api/auth/register", json=body).json()["code"] == "registration_closed"


def test_a_directory_that_is_away_and_one_of_user_names(
    running: Any, make_application: MakeApplication
) -> None:
    echo = make_application(**directory_environ(free_port(), LDAP_LOGIN_USES_USERNAME="true"))
    assert echo.get("/chat/api/config").json()["ldap"] == {"enabled": True, "username": True}
    for path in LOGINS:
        answer = log_in(echo, "ada", PASSWORD, path)
        assert (answer.status_code, answer.json()["code"]) == (503, "directory_unavailable")
        assert answer.headers["Retry-After"] == "10"


def test_without_email_logins_nobody_asks_the_directory(
    running: Any, make_application: MakeApplication
) -> None:
    echo = make_application(**directory_environ(free_port(), ALLOW_EMAIL_LOGIN="false"))
    assert log_in(echo, "ada", PASSWORD).json()["code"] == "login_disabled"


def go(echo: Client, path: str, cookie: str = "", **options: Any) -> Any:
    headers = {"Cookie": cookie} if cookie else {}
    method = options.pop("method", "GET")
    return echo.request(method, path, headers=headers, follow_redirects=False, **options)


def cookie_of(answer: Any) -> str:
    return str(answer.headers["Set-Cookie"].partition(";")[0])


def back_at(reason: str) -> str:
    return f"{PAGE}/login?redirect=false&error=auth_failed&reason={reason}"


def test_from_the_saml_button_to_the_session_once(
    running: Any, make_application: MakeApplication, idp: IdentityProvider
) -> None:
    echo = make_application(
        DOMAIN_SERVER=HOST,
        DOMAIN_CLIENT=PAGE,
        SESSION_COOKIE_SECURE="true",
        ALLOW_SOCIAL_LOGIN="true",
        SAML_ENTRY_POINT=ENTRY_POINT,
        SAML_ISSUER="echo",
        SAML_CERT=str(idp.certificate_file),
        SAML_SESSION_SECRET="not needed",
        SAML_BUTTON_LABEL="Staff",
    )
    shown = echo.get("/chat/api/config").json()
    assert (shown["samlLoginEnabled"], shown["samlLabel"], shown["socialLogins"]) == (True, "Staff", ["saml"])
    begun = go(echo, "/oauth/saml")
    # The provider's page sends a form from another site.
    assert "SameSite=None" in begun.headers["Set-Cookie"]
    asked, browser = idp.read(begun.headers["Location"]), cookie_of(begun)
    assert (asked.callback, asked.entity_id) == (f"{HOST}{CALLBACK}", "echo")
    address = f"{ObjectId()}@x.example"
    attributes = {"mail_address": [address], "given_name": ["Ada"]}
    response = idp.answer(asked, address, attributes, change=with_plain_email)
    form = {"SAMLResponse": encoded(response), "RelayState": asked.relay_state}

    def come_back(cookie: str, **changes: str) -> Any:
        return go(echo, CALLBACK, cookie, method="POST", data={**form, **changes})

    # In another browser, and of no login at all: that leaves the login good.
    for cookie, changes in (("", {}), ("echo_login=" + "x" * 43, {}), (browser, {"RelayState": "other"})):
        assert come_back(cookie, **changes).headers["Location"] == back_at("login_expired")
    answer = come_back(browser)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{PAGE}/")
    token = go(echo, "/chat/api/auth/refresh", cookie_of(answer), method="POST").json()["token"]
    user = echo.with_token(token).get("/chat/api/user").json()
    assert (user["provider"], user["email"], user["emailVerified"]) == ("saml", address, True)
    # The same again, and for another login of the same browser.
    assert come_back(browser).headers["Location"] == back_at("login_expired")
    again = idp.read(go(echo, "/oauth/saml", browser).headers["Location"])
    replayed = come_back(browser, RelayState=again.relay_state)
    assert replayed.headers["Location"] == back_at("login_failed")
    assert "Set-Cookie" not in replayed.headers


def test_the_admin_panel_by_saml(
    running: Any, make_application: MakeApplication, idp: IdentityProvider, app_database: Database
) -> None:
    echo = make_application(
        DOMAIN_SERVER=HOST,
        ADMIN_PANEL_URL="https://admin.example.com",
        ALLOW_SOCIAL_LOGIN="true",
        SAML_ENTRY_POINT=ENTRY_POINT,
        SAML_ISSUER="echo",
        SAML_CERT=str(idp.certificate_file),
    )
    address = f"{ObjectId()}@x.example"
    users = app_database.collection("users")
    account = {"provider": "saml", "samlId": address, "email": address, "role": "ADMIN"}
    for expected in ("reason=registration_closed", "code="):
        if expected == "code=":
            users.insert_one(account)
        begun = go(echo, f"/chat/api/admin/oauth/saml?code_challenge={'0' * 64}")
        asked = idp.read(begun.headers["Location"])
        assert asked.callback == f"{HOST}/chat/api/admin/oauth/saml/callback"
        response = idp.answer(asked, address, {"mail_address": [address]}, change=with_plain_email)
        form = {"SAMLResponse": encoded(response), "RelayState": asked.relay_state}
        path = urlsplit(asked.callback).path
        sent = go(echo, path, cookie_of(begun), method="POST", data=form).headers["Location"]
        assert sent.startswith("https://admin.example.com/auth/saml/callback?")
        assert expected in sent


def with_plain_email(root: Any) -> Any:
    """`pysaml2` has its own name for `email`; most providers are told to call it just so."""
    for attribute in root.iter("{urn:oasis:names:tc:SAML:2.0:assertion}Attribute"):
        if attribute.get("Name") == "mail_address":
            attribute.set("Name", "email")
    return root
