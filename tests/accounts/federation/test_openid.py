"""Logins by an OpenID provider, and every way in which one must not succeed."""

import asyncio
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from bson import ObjectId
from joserfc import jwk
from starlette.testclient import TestClient

from echo.accounts.federation import signed
from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.attempts import Attempts
from echo.accounts.federation.fetching import Fetcher, host_and_port
from echo.accounts.federation.openid import OpenIdProvider
from echo.accounts.federation.portraits import Portraits
from echo.accounts.federation.provider import Answer
from echo.accounts.federation.service import Federation, Redirect
from echo.accounts.service import SignedIn
from echo.errors import NotFound, Unauthorized
from echo.handling.caller import Caller, ClientInfo
from echo.services import Services
from echo.settings.sign_in import Claim, GroupSettings, OpenIdSettings, RoleClaim
from storage.accounts.bans import FOR_EVER, BanRepository
from storage.accounts.login_states import LoginStateRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database
from tests.accounts.federation.conftest import MakeAccounts, make_delegations
from tests.support.issuer import CLIENT, SECRET, Issuer, encoded, lying_issuer
from tests.support.two_factor import give_second_factor

HOME = "https://chat.example.com/chat"
# Of the issuer's own name, and of a new one.
OTHER_KEY = jwk.RSAKey.generate_key(2048, {"kid": "first"})
NEW_KEY = jwk.RSAKey.generate_key(2048, {"kid": "second"})
BROWSER = ClientInfo("127.0.0.1", secure=False)


@pytest.fixture(scope="module")
def running_issuer() -> Iterator[Issuer]:
    with lying_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running_issuer: Issuer) -> Iterator[Issuer]:
    """The provider, which tells the truth again afterwards."""
    fresh = {**vars(running_issuer)}
    running_issuer.requests.clear()
    yield running_issuer
    vars(running_issuer).update(fresh)


@dataclass
class Door:
    """The way in, and one browser before it."""

    federation: Federation
    issuer: Issuer
    database: Database
    cookie: str | None = None

    def begin(self) -> str:
        """Where the browser is sent; it keeps its cookie."""
        sent = asyncio.run(self.federation.begin("openid", BROWSER, self.cookie))
        assert sent.cookies, sent
        self.cookie = sent.cookies[0].partition(";")[0].removeprefix("echo_login=")
        return sent.location

    def come_back(self, address: str, code: str | None, **changes: Any) -> Redirect:
        state = dict(parse_qsl(urlsplit(address).query))["state"]
        answer = replace(Answer(code=code, state=state), **changes)
        return asyncio.run(self.federation.finish("openid", BROWSER, self.cookie, answer))

    def log_in(self, **claims: Any) -> Redirect:
        address = self.begin()
        return self.come_back(address, self.issuer.log_in(address, **{**somebody(), **claims}))

    def user(self, subject: str) -> dict[str, Any] | None:
        return self.database.collection("users").find_one({"openidId": subject})


def somebody() -> dict[str, Any]:
    subject = str(ObjectId())
    return {"sub": subject, "email": f"{subject}@example.com", "email_verified": True, "name": "Grace"}


def reason(sent: Redirect) -> str:
    """Why the browser ended on the login page: it gets no session, and learns no more."""
    location = urlsplit(sent.location)
    assert f"{location.scheme}://{location.netloc}{location.path}" == f"{HOME}/login"
    query = dict(parse_qsl(location.query))
    assert (query.pop("redirect"), query.pop("error"), sent.cookies) == ("false", "auth_failed", ())
    (said,) = query.values()
    return said


MakeDoor = Callable[..., Door]


@pytest.fixture
def make_door(
    running: TestClient,
    services: Services,
    app_database: Database,
    issuer: Issuer,
    make_accounts: MakeAccounts,
) -> MakeDoor:
    def make(accounts: FederatedAccounts | None = None, **changes: Any) -> Door:
        settings = OpenIdSettings(
            **{
                "issuer": f"{issuer.url}/",
                "client_id": CLIENT,
                "client_secret": SECRET,
                "callback_url": "https://chat.example.com/oauth/openid/callback",
                **changes,
            }
        )
        fetcher = Fetcher([host_and_port(issuer.url)], seconds=5)
        provider = OpenIdProvider(settings, fetcher)
        users = UserRepository(app_database)
        federation = Federation(
            {"openid": provider},
            accounts or make_accounts(),
            Attempts(LoginStateRepository(app_database), secure=None),
            services.accounts.auth,
            Portraits(fetcher, services.library.file_store, users, max_pixels=1_000_000),
            delegations=make_delegations(app_database, provider),
            client_address=HOME,
            organisation=provider,
        )
        return Door(federation, issuer, app_database)

    return make


def test_what_the_provider_gives_is_kept_until_the_logout(
    door: Door, issuer: Issuer, app_database: Database
) -> None:
    """Encrypted, and for whoever has logged in."""
    issuer.access_token, issuer.refresh_token = "canary-access", "canary-refresh"
    claims = somebody()
    door.log_in(**claims)
    user = app_database.collection("users").find_one({"openidId": claims["sub"]}) or {}
    kept = app_database.collection("echo_openid_tokens")
    [record] = kept.find({"user": user["_id"]})
    assert record["refresh"]
    assert "canary" not in str(record)
    caller = Caller(str(user["_id"]), "s", "", "", "openid", "USER")
    assert asyncio.run(door.federation.delegations.token(caller.id, "x")) == "x-of-canary-access"
    door.federation.farewell(caller)
    assert kept.count_documents({"user": user["_id"]}) == 0


@pytest.fixture
def door(make_door: MakeDoor) -> Door:
    return make_door()


def test_a_login_ends_on_the_client_with_a_session(door: Door, issuer: Issuer) -> None:
    claims = somebody()
    address = door.begin()
    asked = dict(parse_qsl(urlsplit(address).query))
    assert address.startswith(f"{issuer.url}/authorize?tenant=1&")
    assert asked["redirect_uri"] == "https://chat.example.com/oauth/openid/callback"
    assert (asked["scope"], len(asked["nonce"]), len(asked["state"])) == ("openid profile email", 43, 43)
    sent = door.come_back(address, issuer.log_in(address, **claims))
    assert sent.location == f"{HOME}/"
    (cookie,) = sent.cookies
    assert cookie.startswith("refreshToken=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    user = door.user(claims["sub"]) or {}
    assert (user["openidIssuer"], user["name"], user["provider"]) == (issuer.url, "Grace", "openid")


def test_the_cookie_of_a_login_is_for_this_login_alone(door: Door) -> None:
    sent = asyncio.run(door.federation.begin("openid", ClientInfo("192.0.2.1", secure=True), None))
    parts = {part.strip() for part in sent.cookies[0].split(";")[1:]}
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600"} <= parts


class TestTheState:
    def test_missing(self, door: Door, issuer: Issuer) -> None:
        address = door.begin()
        code = issuer.log_in(address, **somebody())
        assert reason(door.come_back(address, code, state=None)) == "login_expired"

    def test_replayed(self, door: Door, issuer: Issuer) -> None:
        address = door.begin()
        first = door.come_back(address, issuer.log_in(address, **somebody()))
        assert first.location == f"{HOME}/"
        again = door.come_back(address, issuer.log_in(address, **somebody()))
        assert reason(again) == "login_expired"

    @pytest.mark.parametrize("cookie", [None, "", "x" * 43, "short", "rA9m\r\nSet-Cookie: a=b"])
    def test_of_another_browser_which_does_not_end_it(
        self, door: Door, issuer: Issuer, cookie: str | None
    ) -> None:
        address = door.begin()
        code = issuer.log_in(address, **somebody())
        own, door.cookie = door.cookie, cookie
        assert reason(door.come_back(address, code)) == "login_expired"
        door.cookie = own
        assert door.come_back(address, code).location == f"{HOME}/"

    def test_of_another_provider(self, door: Door, issuer: Issuer) -> None:
        address = door.begin()
        state = dict(parse_qsl(urlsplit(address).query))["state"]
        attempts = Attempts(LoginStateRepository(door.database), secure=None)
        with pytest.raises(Exception, match="login_expired"):
            attempts.take("google", state, door.cookie)

    def test_too_old(self, door: Door, issuer: Issuer) -> None:
        address = door.begin()
        states = door.database.collection("echo_login_states")
        states.update_many({}, [{"$set": {"expiresAt": {"$subtract": ["$expiresAt", 601_000]}}}])
        code = issuer.log_in(address, **somebody())
        assert reason(door.come_back(address, code)) == "login_expired"

    def test_of_two_tabs(self, door: Door, issuer: Issuer) -> None:
        first, second = door.begin(), door.begin()
        for address in (second, first):
            sent = door.come_back(address, issuer.log_in(address, **somebody()))
            assert sent.location == f"{HOME}/"

    def test_is_not_in_the_database(self, door: Door) -> None:
        address = door.begin()
        asked = dict(parse_qsl(urlsplit(address).query))
        kept = str(list(door.database.collection("echo_login_states").find({})))
        assert not any(secret in kept for secret in (asked["state"], asked["nonce"], str(door.cookie)))


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"iss": "https://evil.example.com"},
        {"aud": "another"},
        {"aud": ["another", "echo"]},
        {"aud": ["another", "echo"], "azp": "another"},
        {"exp": 1},
        {"iat": "yesterday"},
        {"exp": "never"},
        {"sub": 7},
        {"sub": ""},
        {"at_hash": "AAAA"},
    ],
    ids=str,
)
def test_an_id_token_with_a_wrong_claim_lets_nobody_in(
    door: Door, issuer: Issuer, claims: dict[str, Any]
) -> None:
    issuer.claims = claims
    assert reason(door.log_in()) == "login_failed"


@pytest.mark.parametrize("claim", ["nonce", "iss", "aud", "exp", "iat", "sub"])
def test_an_id_token_without_a_claim_lets_nobody_in(door: Door, issuer: Issuer, claim: str) -> None:
    issuer.without = (claim,)
    assert reason(door.log_in()) == "login_failed"


def forge(issuer: Issuer, address: str, kind: str) -> str:
    """An ID token for this login whose claims are right and whose signature is not the issuer's."""
    nonce, now = dict(parse_qsl(urlsplit(address).query))["nonce"], int(time.time())
    claims = {**somebody(), "iss": issuer.url, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": nonce}
    if kind == "another key":
        return Issuer(issuer.url, OTHER_KEY).sign(claims)
    if kind == "another kid":
        return issuer.sign(claims, kid="third")
    if kind == "cut":
        return issuer.sign(claims)[:-4]
    alg = {"none": "none", "HS256 with the public key": "HS256", "HS256 with the secret": "HS256"}[kind]
    text = f"{encoded({'alg': alg, 'kid': issuer.key.kid})}.{encoded(claims)}"
    if kind == "none":
        return f"{text}."
    key = SECRET.encode() if "secret" in kind else issuer.key.as_pem(private=False)
    mark = hmac.digest(key, text.encode(), "sha256")
    signature = jwk.OctKey.import_key(mark).as_dict()["k"]
    return f"{text}.{signature}"


@pytest.mark.parametrize(
    "kind",
    ["another key", "another kid", "cut", "none", "HS256 with the public key", "HS256 with the secret"],
)
def test_an_id_token_that_the_issuer_did_not_sign_lets_nobody_in(
    door: Door, issuer: Issuer, kind: str
) -> None:
    address = door.begin()
    code = issuer.log_in(address)
    issuer.forged = forge(issuer, address, kind)
    assert reason(door.come_back(address, code)) == "login_failed"


def test_a_key_that_is_published_for_something_else_has_signed_nothing(door: Door, issuer: Issuer) -> None:
    public = issuer.key.as_dict(private=False)
    issuer.published = [{**public, "use": "enc"}, {"kty": "oct", "k": "AAAA", "kid": "first"}]
    assert reason(door.log_in()) == "login_failed"


def test_a_new_key_of_the_issuer_is_taken(
    door: Door, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert door.log_in().location == f"{HOME}/"
    issuer.key = NEW_KEY
    # The issuer is not asked for each unknown key: anybody could make it ask.
    assert reason(door.log_in()) == "login_failed"
    monkeypatch.setattr("echo.accounts.federation.discovery.AGAIN_SECONDS", 0.0)
    assert door.log_in().location == f"{HOME}/"
    assert issuer.requests.count("/.well-known/openid-configuration") == 1


def test_a_code_of_another_login_is_not_redeemed(door: Door, issuer: Issuer) -> None:
    """PKCE: who has got hold of a code, and puts it into a login of their own."""
    stolen = issuer.log_in(door.begin(), **somebody())
    assert reason(door.come_back(door.begin(), stolen)) == "login_failed"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"code": None, "error": "access_denied"}, "provider_refused"),
        ({"iss": "https://evil.example.com"}, "login_failed"),
    ],
)
def test_an_answer_that_is_none_of_this_providers(
    door: Door, issuer: Issuer, answer: dict[str, Any], code: str
) -> None:
    address = door.begin()
    good = issuer.log_in(address, **somebody())
    assert reason(door.come_back(address, **{"code": good, **answer})) == code


def test_userinfo_says_more_of_the_same_subject(door: Door, issuer: Issuer) -> None:
    claims = somebody()
    issuer.userinfo = {"sub": claims["sub"], "given_name": "Grace", "family_name": "Hopper"}
    assert door.log_in(**claims).location == f"{HOME}/"
    assert (door.user(claims["sub"]) or {})["name"] == "Grace Hopper"
    issuer.userinfo = {"sub": "another", "email": "another@example.com"}
    assert reason(door.log_in(**claims)) == "login_failed"


def test_the_client_proves_itself_by_form_where_the_issuer_takes_that(door: Door, issuer: Issuer) -> None:
    issuer.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"]}
    assert door.log_in().location == f"{HOME}/"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example.com"},
        {"token_endpoint": None},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": "https://10.0.0.7/token"},
        {"token_endpoint": "http://sso.example.com/token"},
        {"token_endpoint": "https://user@sso.example.com/token"},
        {"jwks_uri": "https://[::1]/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_metadata_that_lead_elsewhere_let_nobody_in(
    door: Door, issuer: Issuer, metadata: dict[str, Any]
) -> None:
    issuer.metadata = metadata
    sent = asyncio.run(door.federation.begin("openid", BROWSER, None))
    if sent.cookies:
        door.cookie = sent.cookies[0].partition(";")[0].removeprefix("echo_login=")
        sent = door.come_back(sent.location, issuer.log_in(sent.location, **somebody()))
    assert reason(sent) == "login_failed"


class TestRoles:
    def test_who_lacks_the_required_one_has_no_account(self, make_door: MakeDoor) -> None:
        required = RoleClaim(("chat", "staff"), Claim("realm_access.roles", "id"))
        door, claims = make_door(required=required), somebody()
        for roles in (None, [], ["Chat"], "other,thing", {"chat": 1}):
            assert reason(door.log_in(**claims, realm_access={"roles": roles})) == "role_missing"
        assert door.user(claims["sub"]) is None
        for roles in (["x", "staff"], "x, chat"):
            assert door.log_in(**claims, realm_access={"roles": roles}).location == f"{HOME}/"

    def test_of_an_access_token(self, make_door: MakeDoor, issuer: Issuer) -> None:
        door = make_door(required=RoleClaim(("chat",), Claim("https://example.com/roles", "access")))
        assert reason(door.log_in()) == "role_missing"
        issuer.access_token = issuer.sign({"https://example.com/roles": ["chat"]})
        assert door.log_in().location == f"{HOME}/"

    def test_administrators_and_groups(self, make_door: MakeDoor) -> None:
        name = f"team-{ObjectId()}"
        groups = GroupSettings(Claim("groups", "id"), "sso-")
        door = make_door(admin=RoleClaim(("boss",), Claim("groups", "id")), groups=groups)
        # The last administrator would stay one.
        door.log_in(**somebody(), groups=["boss"])
        claims = somebody()
        door.log_in(**claims, groups=["boss", name])
        user = door.user(claims["sub"]) or {}
        listed = door.database.collection("groups").find({"memberIds": str(user["_id"])})
        assert user["role"] == "ADMIN"
        assert {group["name"] for group in listed} == {"sso-boss", f"sso-{name}"}
        door.log_in(**claims, groups=[])
        assert (door.user(claims["sub"]) or {})["role"] == "USER"


def test_a_banned_account_does_not_come_in(door: Door) -> None:
    claims = somebody()
    door.log_in(**claims)
    owner = str((door.user(claims["sub"]) or {})["_id"])
    BanRepository(door.database).ban(owner, until=FOR_EVER)
    assert reason(door.log_in(**claims)) == "account_banned"


def test_a_second_factor_is_asked_for_here_as_well(door: Door) -> None:
    claims = somebody()
    door.log_in(**claims)
    owner = str((door.user(claims["sub"]) or {})["_id"])
    give_second_factor(door.database.collection("users"), owner)
    sent = door.log_in(**claims)
    location = urlsplit(sent.location)
    assert (f"https://{location.netloc}{location.path}", sent.cookies) == (f"{HOME}/login/2fa", ())
    assert list(parse_qs(location.query)) == ["tempToken"]


class TestExchange:
    AUDIENCE = "https://api.example.com"

    def exchange(self, door: Door, token: str) -> Any:
        return asyncio.run(door.federation.exchange(token, BROWSER))

    def claims(self, door: Door, subject: str, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {"iss": door.issuer.url, "aud": self.AUDIENCE, "sub": subject, "exp": now + 60}
        return {**usual, **changes}

    def test_a_token_for_a_session(self, make_door: MakeDoor, issuer: Issuer) -> None:
        door, who = make_door(exchanges_tokens=True, audiences=(self.AUDIENCE,)), somebody()
        door.log_in(**who)
        signed_in = self.exchange(door, issuer.sign(self.claims(door, who["sub"]), typ="at+jwt"))
        assert isinstance(signed_in, SignedIn)
        assert signed_in.user["openidId"] == who["sub"]

    @pytest.mark.parametrize("changes", [{"scp": "access"}, {"scope": "openid"}], ids=str)
    def test_for_the_client_itself_a_token_shows_what_it_is(
        self, make_door: MakeDoor, issuer: Issuer, changes: dict[str, Any]
    ) -> None:
        """As Entra ID's: an ID token differs from an access token by the scope alone."""
        door, who = make_door(exchanges_tokens=True), somebody()
        door.log_in(**who)
        for audience in (CLIENT, [CLIENT, self.AUDIENCE]):
            claims = self.claims(door, who["sub"], aud=audience, ver="2.0", tid="tenant", roles=["admin"])
            with pytest.raises(Unauthorized, match="token_refused"):
                self.exchange(door, issuer.sign(claims, typ="JWT"))
            assert isinstance(self.exchange(door, issuer.sign({**claims, **changes}, typ="JWT")), SignedIn)

    @pytest.mark.parametrize(
        ("changes", "typ"),
        [
            ({"iss": "https://evil.example.com"}, "JWT"),
            ({"aud": "https://other.example.com"}, "JWT"),
            ({"aud": None}, "JWT"),
            ({"exp": 1}, "JWT"),
            ({"exp": None}, "JWT"),
            ({"nbf": 2**40}, "JWT"),
            ({"sub": "0" * 24}, "JWT"),
            ({}, "logout+jwt"),
            ({"at_hash": "x"}, "JWT"),
            ({"typ": "ID"}, "JWT"),
            ({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, "JWT"),
        ],
        ids=str,
    )
    def test_a_token_that_is_none(
        self, make_door: MakeDoor, issuer: Issuer, changes: dict[str, Any], typ: str
    ) -> None:
        door, who = make_door(exchanges_tokens=True, audiences=(self.AUDIENCE,)), somebody()
        door.log_in(**who)
        claims = self.claims(door, who["sub"], **changes)
        with pytest.raises(Unauthorized, match="token_refused"):
            self.exchange(door, issuer.sign(claims, typ=typ))
        with pytest.raises(Unauthorized, match="token_refused"):
            self.exchange(door, Issuer(issuer.url, OTHER_KEY).sign(self.claims(door, who["sub"])))

    @pytest.mark.parametrize(("left", "is_good"), [(-1, True), (0, False)])
    def test_a_token_is_none_from_the_second_on_at_which_it_ends(
        self, make_door: MakeDoor, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, left: int, is_good: bool
    ) -> None:
        """RFC 7519, section 4.1.4: "on or after"; clocks may differ by the tolerance."""
        door = make_door(exchanges_tokens=True, audiences=(self.AUDIENCE,), clock_tolerance=30)
        who = somebody()
        door.log_in(**who)
        token = issuer.sign(self.claims(door, who["sub"], exp=2_000_000_000, nbf=2_000_000_060 + left))
        monkeypatch.setattr(signed, "time", SimpleNamespace(time=lambda: 2_000_000_030.0 + left))
        if is_good:
            assert isinstance(self.exchange(door, token), SignedIn)
        else:
            with pytest.raises(Unauthorized, match="token_refused"):
                self.exchange(door, token)

    def test_is_not_there_where_it_is_not_switched_on(self, door: Door, issuer: Issuer) -> None:
        with pytest.raises(NotFound):
            self.exchange(door, issuer.sign(self.claims(door, "somebody")))
