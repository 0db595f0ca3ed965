"""Logins by a real OpenID provider, through Echo's operations, as a browser goes through them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from bson import ObjectId

from tests.conftest import Client
from tests.support.openid_provider import OpenIdProviderProcess, openid_provider

HOST = "http://chat.example.com"
CALLBACK = f"{HOST}/oauth/openid/callback"
PAGE = f"{HOST}/chat"
# Apple's needs a file, which is read at a login only.
OTHERS = {
    f"{name}_CLIENT_{part}": "x" for name in ("GOOGLE", "GITHUB", "DISCORD") for part in ("ID", "SECRET")
}


@pytest.fixture(scope="module")
def provider(request: pytest.FixtureRequest) -> Iterator[OpenIdProviderProcess]:
    cache = Path(request.config.cache.mkdir("openid-provider"))
    with openid_provider(cache, callback=CALLBACK, logout=f"{PAGE}/login") as running:
        yield running


MakeEcho = Callable[..., Client]


@pytest.fixture
def make_echo(
    running: Any, make_application: Callable[..., Client], provider: OpenIdProviderProcess
) -> MakeEcho:
    def make(**environ: str) -> Client:
        return make_application(
            **{
                "DOMAIN_SERVER": HOST,
                "DOMAIN_CLIENT": PAGE,
                "ALLOW_SOCIAL_LOGIN": "true",
                "OPENID_ISSUER": provider.url,
                "OPENID_CLIENT_ID": "echo",
                "OPENID_CLIENT_SECRET": "the client is a secret",
                "OPENID_SESSION_SECRET": "not needed",
                "OPENID_USE_END_SESSION_ENDPOINT": "true",
                **environ,
            }
        )

    return make


def go(echo: Client, path: str, cookie: str = "", **options: Any) -> Any:
    headers = {"Cookie": cookie} if cookie else {}
    return echo.request(
        options.pop("method", "GET"), path, headers=headers, follow_redirects=False, **options
    )


def cookie_of(answer: Any) -> str:
    return str(answer.headers["Set-Cookie"].partition(";")[0])


def log_in(echo: Client, provider: OpenIdProviderProcess, subject: str) -> Any:
    """Echo's answer to a browser that comes back from a login."""
    begun = go(echo, "/oauth/openid")
    assert (begun.status_code, begun.headers["Cache-Control"]) == (302, "no-store")
    back = provider.log_in(begun.headers["Location"], subject, callback=CALLBACK)
    return go(echo, back.removeprefix(HOST), cookie_of(begun))


def bearer(echo: Client, cookie: str) -> Client:
    """The client of a session, as LibreChat's client makes one of the cookie."""
    return echo.with_token(go(echo, "/chat/api/auth/refresh", cookie, method="POST").json()["token"])


def someone(provider: OpenIdProviderProcess, **claims: Any) -> str:
    subject = f"subject-{ObjectId()}"
    usual = {"email": f"{subject}@example.com", "email_verified": True, "name": "Grace Hopper"}
    provider.set_claims(subject, **{**usual, **claims})
    return subject


def test_from_the_button_to_the_session_and_out_again(
    make_echo: MakeEcho, provider: OpenIdProviderProcess
) -> None:
    echo = make_echo()
    shown = echo.get("/chat/api/config").json()
    assert (shown["openidLoginEnabled"], shown["socialLogins"]) == (True, ["openid"])
    subject = someone(provider, preferred_username="Grace")
    answer = log_in(echo, provider, subject)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{PAGE}/")
    user = bearer(echo, cookie_of(answer))
    said = user.get("/chat/api/user").json()
    assert (said["name"], said["username"], said["provider"]) == ("Grace Hopper", "grace", "openid")
    assert (said["email"], said["emailVerified"]) == (f"{subject}@example.com", True)
    bye = urlsplit(user.post("/chat/api/auth/logout").json()["redirect"])
    assert f"{bye.scheme}://{bye.netloc}{bye.path}" == f"{provider.url}/session/end"
    assert dict(parse_qsl(bye.query)) == {
        "post_logout_redirect_uri": f"{PAGE}/login",
        "client_id": "echo",
    }
    assert user.get("/chat/api/user").status_code == 401


def test_a_public_client_and_a_first_refusal(make_echo: MakeEcho, provider: OpenIdProviderProcess) -> None:
    echo = make_echo(
        OPENID_CLIENT_ID="public",
        OPENID_CLIENT_SECRET="",
        OPENID_USE_PKCE="true",
        OPENID_REQUIRED_ROLE="staff",
        OPENID_REQUIRED_ROLE_PARAMETER_PATH="realm_access.roles",
        OPENID_REQUIRED_ROLE_TOKEN_KIND="userinfo",
    )
    subject = someone(provider)
    refused = log_in(echo, provider, subject)
    assert refused.headers["Location"] == f"{PAGE}/login?redirect=false&error=auth_failed&reason=role_missing"
    assert "Set-Cookie" not in refused.headers
    provider.set_claims(subject, email=f"{subject}@example.com", realm_access={"roles": ["staff"]})
    assert log_in(echo, provider, subject).headers["Location"] == f"{PAGE}/"


def test_programs_exchange_the_providers_own_access_token(
    make_echo: MakeEcho, provider: OpenIdProviderProcess
) -> None:
    echo = make_echo(OPENID_REUSE_TOKENS="true", OPENID_AUDIENCE="https://api.example.com")
    subject = someone(provider)
    for client, status in (("programs", 401), ("echo", 302), ("programs", 200), ("another", 401)):
        if client == "echo":
            assert log_in(echo, provider, subject).status_code == status
            continue
        token = access_token(provider, client, subject)
        answer = echo.post("/api/auth/exchange", json={"token": token})
        assert answer.status_code == status, client
    assert echo.post("/api/auth/exchange", json={"token": "a.b.c"}).status_code == 401


def access_token(provider: OpenIdProviderProcess, client: str, subject: str) -> str:
    """What another program got of the provider for the user."""
    address = (
        f"{provider.url}/auth?client_id={client}&response_type=code&scope=openid%20email&state=s"
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    )
    back = provider.log_in(address, subject, callback=CALLBACK)
    form = {
        "grant_type": "authorization_code",
        "code": dict(parse_qsl(urlsplit(back).query))["code"],
        "redirect_uri": CALLBACK,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
    answer = requests.post(f"{provider.url}/token", data=form, auth=(client, "of a program"), timeout=20)
    token: str = answer.json()["access_token"]
    return token


def test_buttons_and_where_they_lead(make_echo: MakeEcho) -> None:
    echo = make_echo(
        OPENID_CLIENT_ID="",
        OPENID_BUTTON_LABEL="",
        **OTHERS,
        GITHUB_ENTERPRISE_BASE_URL="https://git.example",
    )
    shown = echo.get("/chat/api/config").json()
    assert [name for name in shown if name.endswith("LoginEnabled") and shown[name] is True] == [
        "discordLoginEnabled",
        "githubLoginEnabled",
        "googleLoginEnabled",
        "socialLoginEnabled",
        "emailLoginEnabled",
    ]
    assert shown["socialLogins"] == ["google", "github", "discord"]
    assert "openidLabel" not in shown
    assert echo.get("/api/config").json()["socialLogins"] == shown["socialLogins"]
    sent = go(echo, "/chat/oauth/github").headers["Location"]
    assert sent.startswith("https://git.example/login/oauth/authorize?")
    assert dict(parse_qsl(urlsplit(sent).query))["redirect_uri"] == f"{HOST}/oauth/github/callback"
    for name in ("openid", "facebook", "apple"):
        assert go(echo, f"/oauth/{name}").status_code == 404
    assert go(echo, "/oauth/facebook/callback").status_code == 404
    assert go(echo, "/oauth/apple/callback", method="POST", data={"state": "x"}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/oauth/openid/callback",
        "/oauth/openid/callback?code=x&state=y",
        "/oauth/openid/callback?error=access_denied&state=https://evil.example.com",
        "/oauth/openid/callback?code=x&state=y&redirect_uri=https://evil.example.com&DOMAIN_CLIENT=//evil",
    ],
)
def test_whatever_comes_back_ends_on_our_own_page(api: Client, make_echo: MakeEcho, path: str) -> None:
    sent = go(make_echo(), path, "echo_login=" + "x" * 43).headers["Location"]
    assert sent == f"{PAGE}/login?redirect=false&error=auth_failed&reason=login_expired"
