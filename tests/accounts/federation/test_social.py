"""Google, Apple, GitHub, Discord and Facebook, each played by a server that keeps to its documented protocol."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwk, jwt

from echo.accounts.federation import openid, social
from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.fetching import Fetcher, host_and_port
from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.accounts.federation.provider import Answer, Provider
from echo.accounts.federation.social import Places
from echo.settings.sign_in import SocialSettings
from tests.support.providers.server import Answer as Served
from tests.support.providers.server import Received, json_answer, serving

CALLBACK = "https://chat.example.com/oauth/x/callback"
SETTINGS = SocialSettings("the-client", CALLBACK, "the-secret")
POLICY = Policy(registers=True)
ATTEMPT = Attempt("the-state", "b" * 43)
TOKEN = {"access_token": "the-token", "token_type": "bearer"}


@dataclass
class Service:
    """What a service answers by path, and the forms that were sent to it."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    def answer(self, request: Received) -> Served:
        parts = urlsplit(request.path)
        self.queries.append(dict(parse_qsl(parts.query)))
        if request.method == "POST":
            self.forms.append(dict(parse_qsl(request.body.decode())))
        elif not parts.path.startswith(("/.well-known", "/keys")):
            headers = {name.lower(): value for name, value in request.headers.items()}
            assert headers["authorization"] == "Bearer the-token"
        found = self.answers[parts.path]
        return found if isinstance(found, Served) else json_answer(found)

    @property
    def places(self) -> Places:
        return Places(f"{self.url}/authorize", f"{self.url}/token", f"{self.url}/api")

    @property
    def fetcher(self) -> Fetcher:
        return Fetcher([host_and_port(self.url)], seconds=5)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service(answers={"/token": TOKEN})
    with serving(service.answer) as server:
        service.url = server.url
        yield service


def log_in(provider: Provider, service: Service, **answer: Any) -> tuple[dict[str, str], Identity]:
    """What the browser asks the service for, and who it was."""
    address = asyncio.run(provider.address(ATTEMPT))
    assert address.startswith(f"{service.url}/authorize?")
    identity = asyncio.run(provider.identity(ATTEMPT, Answer("the-code", "the-state", **answer), "the-code"))
    asked = dict(parse_qsl(urlsplit(address).query))
    assert (asked["client_id"], asked["redirect_uri"], asked["state"]) == (
        "the-client",
        CALLBACK,
        "the-state",
    )
    (form,) = service.forms
    assert (form["grant_type"], form["code"], form["redirect_uri"]) == (
        "authorization_code",
        "the-code",
        CALLBACK,
    )
    return asked, identity


def challenge(form: dict[str, str]) -> str:
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


# Services sign addresses of pictures, which makes them long.
PICTURE = f"https://pictures.example/4?signature={'x' * 300}"
GITHUB_USER = {"id": 583231, "login": "octocat", "name": None, "avatar_url": PICTURE}


class TestGitHub:
    def test_who_it_was(self, service: Service) -> None:
        service.answers |= {
            "/api/user": GITHUB_USER,
            "/api/user/emails": [
                {"email": "old@example.com", "primary": False, "verified": True},
                {"email": "octocat@example.com", "primary": True, "verified": True},
            ],
        }
        provider = social.github(SETTINGS, service.fetcher, POLICY, service.places)
        asked, identity = log_in(provider, service)
        assert identity == Identity(
            provider="github",
            subject="583231",
            email="octocat@example.com",
            email_verified=True,
            name="octocat",
            username="octocat",
            picture=PICTURE,
        )
        assert asked["scope"] == "user:email read:user"
        assert asked["code_challenge"] == challenge(service.forms[0])
        assert service.forms[0]["client_secret"] == "the-secret"

    @pytest.mark.parametrize(
        ("listed", "email"),
        [
            ([{"email": "octocat@example.com", "primary": True, "verified": False}], "octocat@example.com"),
            ([{"email": "octocat@example.com", "primary": False, "verified": True}], None),
            ({"message": "no"}, None),
        ],
    )
    def test_an_address_that_it_does_not_vouch_for(
        self, service: Service, listed: Any, email: str | None
    ) -> None:
        service.answers |= {"/api/user": GITHUB_USER, "/api/user/emails": listed}
        _, identity = log_in(social.github(SETTINGS, service.fetcher, POLICY, service.places), service)
        assert (identity.email, identity.email_verified) == (email, False)

    def test_one_of_ones_own(self, service: Service) -> None:
        own = SocialSettings("the-client", CALLBACK, "the-secret", base_url=service.url)
        service.answers = {
            "/login/oauth/access_token": TOKEN,
            "/api/v3/user": GITHUB_USER,
            "/api/v3/user/emails": [],
        }
        provider = social.github(own, service.fetcher, POLICY)
        assert asyncio.run(provider.address(ATTEMPT)).startswith(f"{service.url}/login/oauth/authorize?")
        assert asyncio.run(provider.identity(ATTEMPT, Answer(), "c")).subject == "583231"

    def test_a_code_that_is_none(self, service: Service) -> None:
        # GitHub says so with status 200.
        service.answers["/token"] = {"error": "bad_verification_code", "error_description": "the-secret"}
        with pytest.raises(Refused) as why:
            log_in(social.github(SETTINGS, service.fetcher, POLICY, service.places), service)
        assert (why.value.code, why.value.detail) == ("login_failed", "status 200 bad_verification_code")


@pytest.mark.parametrize(
    ("said", "email", "verified", "picture"),
    [
        (
            {"email": "ada@example.com", "verified": True, "avatar": "a_12ab"},
            "ada@example.com",
            True,
            "https://cdn.discordapp.com/avatars/80351110224678912/a_12ab.png",
        ),
        (
            {"email": "ada@example.com", "verified": False, "avatar": "../../x"},
            "ada@example.com",
            False,
            None,
        ),
        ({"email": None, "avatar": None}, None, False, None),
    ],
    ids=["verified", "unverified", "without"],
)
def test_discord(
    service: Service, said: dict[str, Any], email: str | None, verified: bool, picture: str | None
) -> None:
    user = {"id": "80351110224678912", "username": "ada", "global_name": "Ada L."}
    service.answers["/api/users/@me"] = {**user, **said}
    asked, identity = log_in(social.Discord(SETTINGS, service.fetcher, POLICY, service.places), service)
    assert (asked["scope"], asked["prompt"]) == ("identify email", "none")
    assert identity == Identity("discord", "80351110224678912", email, verified, "Ada L.", "ada", picture)


def test_facebook(service: Service) -> None:
    service.answers["/api/me"] = {
        "id": "4",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "picture": {"data": {"url": PICTURE}},
    }
    asked, identity = log_in(social.Facebook(SETTINGS, service.fetcher, POLICY, service.places), service)
    assert identity == Identity(
        "facebook",
        "4",
        "ada@example.com",
        True,
        "Ada Lovelace",
        "Ada Lovelace",
        PICTURE,
    )
    proof = hmac.new(b"the-secret", b"the-token", "sha256").hexdigest()
    fields = "id,name,email,picture.type(large)"
    assert service.queries[-1] == {"fields": fields, "appsecret_proof": proof}
    assert asked["scope"] == "public_profile email"
    assert asked["code_challenge"] == challenge(service.forms[0])


@pytest.mark.parametrize("picture", [{}, {"picture": {}}, {"picture": {"data": {"url": 7}}}], ids=str)
def test_facebook_without_an_address_and_a_picture(service: Service, picture: dict[str, Any]) -> None:
    service.answers["/api/me"] = {"id": 4, "name": "Ada", **picture}
    _, identity = log_in(social.Facebook(SETTINGS, service.fetcher, POLICY, service.places), service)
    assert identity == Identity("facebook", "4", None, False, "Ada", "Ada")


@pytest.mark.parametrize("picture", [[], {"data": 1}])
def test_facebook_with_a_picture_that_is_none_is_refused(service: Service, picture: Any) -> None:
    service.answers["/api/me"] = {"id": "4", "picture": picture}
    with pytest.raises(Refused, match=r"^login_failed: no JSON object$"):
        log_in(social.Facebook(SETTINGS, service.fetcher, POLICY, service.places), service)


KEY = jwk.ECKey.generate_key("P-256", {"kid": "k"})


def with_id_token(service: Service, **claims: Any) -> None:
    now = int(time.time())
    usual = {"iss": service.url, "aud": "the-client", "sub": "1", "iat": now, "exp": now + 60}
    token = jwt.encode({"alg": "ES256", "kid": "k"}, {**usual, "nonce": ATTEMPT.nonce, **claims}, KEY)
    service.answers |= {
        "/.well-known/openid-configuration": {
            "issuer": service.url,
            "authorization_endpoint": f"{service.url}/authorize",
            "token_endpoint": f"{service.url}/token",
            "jwks_uri": f"{service.url}/keys",
        },
        "/keys": {"keys": [KEY.as_dict(private=False)]},
        "/token": {**TOKEN, "id_token": token},
    }


def test_google(service: Service) -> None:
    with_id_token(
        service, email="ada@example.com", email_verified=True, name="Ada L.", given_name="Ada", picture="p"
    )
    asked, identity = log_in(openid.google(SETTINGS, service.fetcher, POLICY, service.url), service)
    assert (asked["scope"], asked["nonce"]) == ("openid profile email", ATTEMPT.nonce)
    assert asked["code_challenge"] == challenge(service.forms[0])
    assert identity == Identity("google", "1", "ada@example.com", True, "Ada L.", "Ada", "p")


@pytest.fixture
def apple(service: Service, tmp_path: Path) -> Callable[[], Provider]:
    file = tmp_path / "AuthKey.p8"
    file.write_bytes(KEY.as_pem(private=True))
    settings = SocialSettings("the-client", CALLBACK, team_id="TEAM", key_id="KEYID", key_file=file)
    return lambda: openid.apple(settings, service.fetcher, POLICY, service.url)


class TestApple:
    def test_who_it_was(self, service: Service, apple: Callable[[], Provider]) -> None:
        with_id_token(service, email="ada@example.com", email_verified="true")
        name = {"firstName": "Ada", "lastName": "Love\nlace"}
        # The address in the form is nobody's word.
        user = json.dumps({"name": name, "email": "evil@example.com"})
        asked, identity = log_in(apple(), service, user=user)
        assert (asked["response_mode"], asked["scope"]) == ("form_post", "name email")
        assert identity == Identity("apple", "1", "ada@example.com", True, "Ada Lovelace")

    def test_the_client_proves_itself_by_its_key(
        self, service: Service, apple: Callable[[], Provider]
    ) -> None:
        with_id_token(service)
        log_in(apple(), service)
        secret = jwt.decode(service.forms[0]["client_secret"], KEY, algorithms=["ES256"])
        assert secret.header == {"alg": "ES256", "kid": "KEYID", "typ": "JWT"}
        claims = secret.claims
        assert (claims["iss"], claims["sub"], claims["aud"]) == (
            "TEAM",
            "the-client",
            "https://appleid.apple.com",
        )
        assert claims["exp"] - claims["iat"] == 300

    @pytest.mark.parametrize("user", ["{", "[]", '{"name": 1}', '{"name": {"firstName": []}}', ""])
    def test_a_form_with_anything_in_it(
        self, service: Service, apple: Callable[[], Provider], user: str
    ) -> None:
        with_id_token(service)
        assert log_in(apple(), service, user=user)[1].name == ""

    def test_a_token_of_another_login(self, service: Service, apple: Callable[[], Provider]) -> None:
        with_id_token(service, nonce="another")
        with pytest.raises(Refused, match="login_failed"):
            log_in(apple(), service)


@pytest.mark.parametrize(
    "answer",
    [
        json_answer([], 200),
        json_answer({"token_type": "bearer"}),
        json_answer({"access_token": 7}),
        json_answer({"access_token": "x"}, 500),
        Served([b"<html>"], 200, {"Content-Type": "text/html"}),
        Served([], 302, {"Location": "https://evil.example.com", "Content-Length": "0"}),
        Served([b"x" * 600_000, b"x" * 600_000], 200, {"Content-Type": "application/json"}),
    ],
    ids=["list", "nothing", "number", "500", "page", "redirect", "large"],
)
def test_an_answer_that_is_none(service: Service, answer: Served) -> None:
    service.answers["/token"] = answer
    with pytest.raises(Refused, match="login_failed"):
        log_in(social.github(SETTINGS, service.fetcher, POLICY, service.places), service)
