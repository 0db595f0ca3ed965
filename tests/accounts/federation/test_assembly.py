"""How ways in are put together of the settings: each service by its own, the panel's apart, and what they may ask."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId
from PIL import Image

from echo.accounts.federation import assembly, openid, social
from echo.accounts.federation import saml as saml_module
from echo.accounts.federation.assembly import build_federation, build_panel_logins
from echo.accounts.federation.fetching import Fetcher
from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.accounts.federation.panel import PanelLogins
from echo.accounts.federation.provider import Answer
from echo.accounts.federation.service import Federation
from echo.accounts.service import AuthService, SignedIn
from echo.accounts.tokens import Tokens
from echo.errors import NotFound
from echo.files import FileStore
from echo.handling.caller import ClientInfo
from echo.settings import Settings
from storage.core.database import Database
from tests.conftest import make_settings
from tests.support.providers.server import Answer as Served
from tests.support.providers.server import serving
from tests.support.waiting import PATIENCE

HOST, CLIENT, PANEL = "https://chat.example.com", "https://chat.example.com/c", "https://admin.example.com"
BROWSER = ClientInfo("203.0.113.7", secure=False)
SERVICES = {
    "ALLOW_SOCIAL_LOGIN": "true",
    "DOMAIN_SERVER": HOST,
    "DOMAIN_CLIENT": CLIENT,
    **{
        f"{name}_CLIENT_{part}": f"{name.lower()}-{part.lower()}"
        for name in ("GOOGLE", "GITHUB", "DISCORD", "FACEBOOK")
        for part in ("ID", "SECRET")
    },
    "APPLE_CLIENT_ID": "apple-id",
    "APPLE_TEAM_ID": "team",
    "APPLE_KEY_ID": "key",
    "APPLE_PRIVATE_KEY_PATH": "apple.p8",
}
OPENID = {
    "OPENID_ISSUER": "https://sso.corp.example:8443/realm",
    "OPENID_CLIENT_ID": "echo",
    "OPENID_CLIENT_SECRET": "secret",
}
WITH_PANEL = {**SERVICES, **OPENID, "ADMIN_PANEL_URL": PANEL}
SOCIAL = Policy(registers=True)
TOKENS = {"access_token": "own", "refresh_token": "again", "expires_in": 3600}
NAMES = ("google", "apple", "github", "discord", "facebook")


@dataclass
class Stub:
    """A provider that says of everybody the same, and what it was made of."""

    name: str
    settings: Any
    fetcher: Any
    policy: Policy = SOCIAL
    further: tuple[Any, ...] = ()
    says: dict[str, Any] = field(default_factory=dict)
    comes_by_form: bool = False
    exchanges_tokens: bool = True

    async def address(self, attempt: Any) -> str:
        return f"https://{self.name}.example/?state={attempt.state}"

    async def identity(self, attempt: Any, answer: Answer, code: str) -> Identity:
        unique = str(ObjectId())
        fields = {"email": f"{unique}@example.com", "email_verified": True, **self.says}
        return Identity(self.name, unique, **fields)


@dataclass
class Made:
    """The providers of a test by their names, as they were made last."""

    by_name: dict[str, Stub] = field(default_factory=dict)
    allowed: list[tuple[str, ...]] = field(default_factory=list)
    exchanges_tokens: bool = True

    def service(self, name: str) -> Callable[..., Stub]:
        def make(settings: Any, fetcher: Any, policy: Policy, *further: Any) -> Stub:
            self.by_name[name] = Stub(name, settings, fetcher, policy, further)
            return self.by_name[name]

        return make

    def organisation(self, settings: Any, fetcher: Any) -> Stub:
        self.by_name["openid"] = Stub("openid", settings, fetcher, exchanges_tokens=self.exchanges_tokens)
        return self.by_name["openid"]

    def saml(self, settings: Any) -> Stub:
        self.by_name["saml"] = Stub("saml", settings, None)
        return self.by_name["saml"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    made = Made()
    for module, attribute, name in (
        (openid, "google", "google"),
        (openid, "apple", "apple"),
        (social, "github", "github"),
        (social, "Discord", "discord"),
        (social, "Facebook", "facebook"),
    ):
        monkeypatch.setattr(module, attribute, made.service(name))
    monkeypatch.setattr(openid, "OpenIdProvider", made.organisation)
    monkeypatch.setattr(saml_module, "SamlProvider", made.saml)

    def noted(allowed: Any) -> Fetcher:
        made.allowed.append(tuple(allowed))
        return Fetcher(made.allowed[-1])

    monkeypatch.setattr(assembly, "Fetcher", noted)
    return made


class Auth:
    """Lets everybody in, and notes whom."""

    def __init__(self) -> None:
        self.entered: list[dict[str, Any]] = []

    def refuse_banned_address(self, client: ClientInfo) -> None:
        assert client is BROWSER

    def login_federated(self, user: dict[str, Any], client: ClientInfo) -> SignedIn:
        assert client is BROWSER
        self.entered.append(user)
        return SignedIn(user, "a token", "session=1")


class Desk:
    """Builds ways in on one database, and goes through them."""

    def __init__(self, database: Database, uri: str, directory: Path, idp: Any) -> None:
        self.database = database
        self.auth = Auth()
        self.domains: tuple[str, ...] = ()
        self._uri, self._directory, self._idp = uri, directory, idp

    def settings(self, **environ: str) -> Settings:
        return make_settings(self._uri, self._directory, **environ)

    def saml(self) -> dict[str, str]:
        return {
            "SAML_ENTRY_POINT": "https://idp.example.com/sso",
            "SAML_ISSUER": "echo",
            "SAML_CERT": str(self._idp.certificate_file),
        }

    def live(self, owner: str | None) -> Settings:
        # Domains are what everybody's settings say: nobody is known yet.
        assert owner is None
        return cast("Settings", SimpleNamespace(allowed_domains=self.domains))

    def federation(self, **environ: str) -> Federation:
        store = FileStore(self._directory / "files", max_bytes=10_000_000, max_pixels=1_000_000)
        auth = cast("AuthService", self.auth)
        return build_federation(self.settings(**environ), self.database, auth, store, live=self.live)

    def panel(self, **environ: str) -> PanelLogins:
        auth, tokens = cast("AuthService", self.auth), cast("Tokens", None)
        return build_panel_logins(self.settings(**environ), self.database, auth, tokens, live=self.live)

    async def come_in(self, federation: Federation, name: str) -> str:
        """Where the browser is sent that has logged in there."""
        begun = await federation.begin(name, BROWSER, None)
        state = parse_qs(urlsplit(begun.location).query)["state"][0]
        browser = begun.cookies[0].partition(";")[0].removeprefix("echo_login=")
        return (await federation.finish(name, BROWSER, browser, Answer("code", state))).location

    @property
    def last(self) -> dict[str, Any]:
        """Who came in last, as the database has them."""
        user = self.database.collection("users").find_one({"_id": self.auth.entered[-1]["_id"]})
        assert user is not None
        return dict(user)


@pytest.fixture
def desk(database: Database, application_uri: str, tmp_path: Path, idp: Any) -> Desk:
    return Desk(database, application_uri, tmp_path, idp)


class TestProviders:
    def test_are_those_of_the_settings_by_their_names(self, desk: Desk, made: Made) -> None:
        federation = desk.federation(**SERVICES, **OPENID, **desk.saml())
        for name in (*NAMES, "openid", "saml"):
            sent = asyncio.run(federation.begin(name, BROWSER, None)).location
            assert sent.startswith(f"https://{name}.example/?state=")
        for name in NAMES:
            settings = made.by_name[name].settings
            assert settings.client_id == f"{name}-id"
            assert settings.callback_url == f"{HOST}/oauth/{name}/callback"
        assert made.by_name["openid"].settings.callback_url == f"{HOST}/oauth/openid/callback"
        assert made.by_name["saml"].settings.callback_url == f"{HOST}/oauth/saml/callback"
        assert made.by_name["discord"].further == (social.DISCORD,)
        assert made.by_name["facebook"].further == (social.FACEBOOK,)
        assert len({id(made.by_name[name].fetcher) for name in (*NAMES, "openid")}) == 1

    def test_that_are_not_set_are_not_there(self, desk: Desk, made: Made) -> None:
        federation = desk.federation(DOMAIN_CLIENT=CLIENT)
        for name in (*NAMES, "openid", "saml"):
            with pytest.raises(NotFound):
                asyncio.run(federation.begin(name, BROWSER, None))
        assert made.by_name == {}

    @pytest.mark.parametrize("registers", [True, False])
    def test_of_services_register_where_that_is_set(self, desk: Desk, made: Made, registers: bool) -> None:
        desk.federation(**SERVICES, ALLOW_SOCIAL_REGISTRATION=str(registers).lower())
        assert {each.policy for each in made.by_name.values()} == {
            Policy(registers=registers, unverified=False, renames=False)
        }

    def test_may_be_where_the_operator_has_named_them(self, desk: Desk, made: Made) -> None:
        environ = {
            **SERVICES,
            **OPENID,
            "GITHUB_ENTERPRISE_BASE_URL": "https://git.corp.example",
            "ECHO_ALLOWED_ADDRESSES": "10.0.0.1:8080,models.corp.example:443",
        }
        everything = (
            "10.0.0.1:8080",
            "models.corp.example:443",
            "sso.corp.example:8443",
            "git.corp.example:443",
        )
        desk.federation(**environ)
        desk.panel(**environ, ADMIN_PANEL_URL=PANEL)
        assert made.allowed == [everything] * 2
        made.allowed.clear()
        desk.federation(**SERVICES)
        assert made.allowed == [()]


class TestWhoComesIn:
    def test_gets_an_account_a_session_and_the_client(
        self, desk: Desk, made: Made, database: Database
    ) -> None:
        federation = desk.federation(**SERVICES, **OPENID)
        made.by_name["openid"].says = {"name": "Grace", "groups": ("staff",)}
        assert asyncio.run(desk.come_in(federation, "openid")) == f"{CLIENT}/"
        assert (desk.last["provider"], desk.last["name"], desk.last["role"]) == ("openid", "Grace", "USER")
        group = database.collection("groups").find_one({"name": "staff"}) or {}
        assert group["memberIds"] == [str(desk.last["_id"])]

    def test_is_of_the_domains_that_are_set_now(self, desk: Desk, made: Made) -> None:
        federation = desk.federation(**SERVICES, ALLOW_SOCIAL_REGISTRATION="true")
        asyncio.run(desk.come_in(federation, "github"))
        desk.domains = ("corp.example",)
        sent = asyncio.run(desk.come_in(federation, "github"))
        assert sent == f"{CLIENT}/login?redirect=false&error=auth_failed&reason=domain_not_allowed"

    def test_has_the_address_of_an_account_and_does_not_get_it(
        self, desk: Desk, made: Made, database: Database
    ) -> None:
        database.collection("users").insert_one({"email": "ada@example.com", "provider": "local"})
        federation = desk.federation(**SERVICES, ALLOW_SOCIAL_REGISTRATION="true")
        made.by_name["github"].says = {"email": "ada@example.com"}
        assert asyncio.run(desk.come_in(federation, "github")).endswith("reason=account_exists")

    def test_has_the_role_that_follows_the_claim(self, desk: Desk, made: Made, database: Database) -> None:
        sync = {
            "OPENID_ROLE_SYNC_ENABLED": "true",
            "OPENID_ROLE_SYNC_CLAIM": "roles",
            "OPENID_ROLE_SYNC_ROLE_PRIORITY": "STAFF",
            "OPENID_ROLE_SYNC_FALLBACK_ROLE": "GUEST",
        }
        database.collection("roles").insert_many([{"name": "STAFF"}, {"name": "GUEST"}])
        federation = desk.federation(**SERVICES, **OPENID, **sync)
        for roles, role in ((("staff",), "STAFF"), (("none",), "GUEST")):
            made.by_name["openid"].says = {"roles": roles}
            asyncio.run(desk.come_in(federation, "openid"))
            assert desk.last["role"] == role
        federation = desk.federation(**SERVICES, **OPENID)
        made.by_name["openid"].says = {"roles": ("staff",)}
        asyncio.run(desk.come_in(federation, "openid"))
        assert desk.last["role"] == "USER"

    def test_is_an_administrator_until_the_server_says_no(
        self, desk: Desk, made: Made, database: Database
    ) -> None:
        database.collection("users").insert_one({"email": "root@example.com", "role": "ADMIN"})
        federation = desk.federation(**SERVICES, **OPENID)
        says = made.by_name["openid"].says
        says["admin"] = True
        asyncio.run(desk.come_in(federation, "openid"))
        assert desk.last["role"] == "ADMIN"
        stub, email = made.by_name["openid"], desk.last["email"]
        subject = desk.last["openidId"]

        async def again(attempt: Any, answer: Answer, code: str) -> Identity:
            return Identity("openid", subject, email=email, email_verified=True, admin=False)

        stub.identity = again  # type: ignore[method-assign]
        asyncio.run(desk.come_in(federation, "openid"))
        assert desk.last["role"] == "USER"

    def test_has_the_picture_that_the_server_has(self, desk: Desk, made: Made) -> None:
        drawn = BytesIO()
        Image.new("RGB", (40, 30), "red").save(drawn, "PNG")

        async def run(federation: Federation) -> str:
            await desk.come_in(federation, "github")
            async with asyncio.timeout(PATIENCE):
                while not desk.last.get("avatar"):
                    await asyncio.sleep(0.02)
            await federation.close()
            return str(desk.last["avatar"])

        with serving(lambda _: Served([drawn.getvalue()])) as server:
            here = urlsplit(server.url).netloc
            federation = desk.federation(
                **SERVICES, ALLOW_SOCIAL_REGISTRATION="true", ECHO_ALLOWED_ADDRESSES=here
            )
            made.by_name["github"].says = {"picture": f"{server.url}/me"}
            avatar = asyncio.run(run(federation))
        assert avatar.startswith(f"/images/{desk.last['_id']}/avatar-")
        assert avatar.endswith(".png?manual=false")


class TestTheCookie:
    @pytest.mark.parametrize(("setting", "secure"), [("true", True), ("false", False), (None, True)])
    def test_is_for_tls_as_it_is_set(self, desk: Desk, made: Made, setting: str | None, secure: bool) -> None:
        environ = {**SERVICES, **({"SESSION_COOKIE_SECURE": setting} if setting else {})}
        challenge = "0" * 64
        for begun in (
            desk.federation(**environ).begin("github", BROWSER, None),
            desk.panel(**environ, ADMIN_PANEL_URL=PANEL).begin("github", challenge, BROWSER, None),
        ):
            [cookie] = asyncio.run(begun).cookies
            assert ("; Secure;" in cookie) is secure


class TestDelegations:
    def kept(self, desk: Desk, made: Made, *, exchanges: bool = True, mcp: bool = True) -> int:
        """How many sets of tokens are kept of one who comes in with one."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(assembly, "has_mcp", lambda: mcp)
            patch.setattr(made, "exchanges_tokens", exchanges)
            federation = desk.federation(**SERVICES, **OPENID)
        made.by_name["openid"].says = {"tokens": TOKENS}
        asyncio.run(desk.come_in(federation, "openid"))
        return desk.database.collection("echo_openid_tokens").count_documents({"user": desk.last["_id"]})

    def test_are_kept_where_they_are_exchanged_and_a_tool_can_want_them(self, desk: Desk, made: Made) -> None:
        assert self.kept(desk, made) == 1

    @pytest.mark.parametrize(("exchanges", "mcp"), [(False, True), (True, False)])
    def test_are_not_kept_otherwise(self, desk: Desk, made: Made, exchanges: bool, mcp: bool) -> None:
        assert self.kept(desk, made, exchanges=exchanges, mcp=mcp) == 0


class TestThePanel:
    def test_has_the_same_ways_in_that_come_back_to_an_address_of_its_own(
        self, desk: Desk, made: Made
    ) -> None:
        panel = desk.panel(**WITH_PANEL, **desk.saml())
        for name in (*NAMES, "openid", "saml"):
            sent = asyncio.run(panel.begin(name, "0" * 64, BROWSER, None)).location
            assert sent.startswith(f"https://{name}.example/?state=")
            stub = made.by_name[name]
            assert stub.settings.callback_url == f"{HOST}/chat/api/admin/oauth/{name}/callback"
        assert made.by_name["github"].settings.client_id == "github-id"
        assert made.by_name["openid"].settings.client_id == "echo"
        assert made.by_name["saml"].settings.entity_id == "echo"

    def test_has_only_those_that_are_set(self, desk: Desk, made: Made) -> None:
        panel = desk.panel(**{**SERVICES, "ADMIN_PANEL_URL": PANEL})
        for name in ("openid", "saml"):
            with pytest.raises(NotFound):
                panel.demand(name)
        assert set(made.by_name) == set(NAMES)

    def test_that_is_not_set_has_none(self, desk: Desk, made: Made) -> None:
        panel = desk.panel(**SERVICES, **OPENID)
        with pytest.raises(NotFound):
            panel.demand("github")
        assert (made.by_name, made.allowed) == ({}, [])

    def test_lets_in_who_has_an_account_by_a_code_for_it(
        self, desk: Desk, made: Made, database: Database
    ) -> None:
        panel = desk.panel(**WITH_PANEL)
        subject = str(ObjectId())
        owner = (
            database.collection("users")
            .insert_one(
                {
                    "email": f"{subject}@example.com",
                    "provider": "github",
                    "githubId": subject,
                    "role": "ADMIN",
                }
            )
            .inserted_id
        )
        admitted: list[str] = []

        async def known(attempt: Any, answer: Answer, code: str) -> Identity:
            return Identity("github", subject, email=None, email_verified=False)

        made.by_name["github"].identity = known  # type: ignore[method-assign]

        async def run() -> str:
            begun = await panel.begin("github", "0" * 64, BROWSER, None)
            state = parse_qs(urlsplit(begun.location).query)["state"][0]
            browser = begun.cookies[0].partition(";")[0].removeprefix("echo_login=")
            answer = Answer("code", state)
            return (await panel.finish("github", BROWSER, browser, answer, admitted.append)).location

        page, _, code = asyncio.run(run()).partition("?code=")
        assert (page, len(code)) == (f"{PANEL}/auth/github/callback", 64)
        assert admitted == [str(owner)]


def test_a_refusal_is_no_page_of_the_providers(desk: Desk, made: Made) -> None:
    federation = desk.federation(**SERVICES)

    async def refuse(attempt: Any) -> str:
        raise Refused("login_failed", "no answer")

    made.by_name["github"].address = refuse  # type: ignore[method-assign]
    sent = asyncio.run(federation.begin("github", BROWSER, None))
    assert sent.location == f"{CLIENT}/login?redirect=false&error=auth_failed&reason=login_failed"
