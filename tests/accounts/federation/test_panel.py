"""Logins to the admin panel: a code for a browser, and a session for the code and the panel's secret."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from bson import ObjectId

from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.attempts import Attempt, Attempts
from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.accounts.federation.panel import PanelCodes, PanelLogins, PanelSession, Sessions
from echo.accounts.federation.provider import Answer, Provider
from echo.accounts.federation.service import Redirect
from echo.accounts.service import AuthService, HalfSignedIn, SignedIn
from echo.accounts.tokens import Tokens, hash_token
from echo.errors import ApiError, Forbidden, NotFound, Unauthorized
from echo.handling.caller import Caller, ClientInfo
from echo.settings.sign_in import PanelSettings
from storage.accounts import login_states
from storage.accounts.login_states import LoginStateRepository
from storage.accounts.users import UserRepository
from storage.core import errors as storage_errors
from storage.core.database import Database
from storage.core.repository import now
from tests.support.logins import LoginWorld

PANEL = "https://admin.example.com"
CLIENT = ClientInfo("203.0.113.7", secure=True)
VERIFIER = "a secret of the panel's"
CHALLENGE = hashlib.sha256(VERIFIER.encode()).hexdigest()
ATTEMPT = Attempt("the-state", "b" * 43, CHALLENGE)
POLICY = Policy(registers=True)
IDENTITY = Identity("openid", "1", "ada@example.com", email_verified=True)
OWNER, SESSION = "a" * 24, "c" * 24
USER = {"_id": ObjectId(OWNER), "email": "ada@example.com"}
TOKENS = Tokens("a" * 40, "b" * 40, access_seconds=60, refresh_seconds=600)
WRONG = (
    Unauthorized,
    "wrong_code",
    "The code is wrong, was used before, or is too old.",
    "INVALID_OR_EXPIRED_CODE",
)


def signed_in() -> SignedIn:
    caller = Caller(OWNER, SESSION, "", "", "openid", "ADMIN")
    return SignedIn(USER, TOKENS.make_access(caller), "cookie", "refresh")


class World(LoginWorld):
    """All that a login goes through: notes what is asked, and fails where that is wanted."""

    def __init__(self) -> None:
        super().__init__(ATTEMPT, CLIENT, IDENTITY, signed_in())

    def begin(self, provider: str, browser: str | None, challenge: str) -> Attempt:
        self._note("begin", provider, browser, challenge)
        return ATTEMPT

    def refuse_banned_address(self, client: ClientInfo) -> None:
        self._note("refuse_banned_address", client)

    def admit(self, identity: Identity, policy: Policy, *, existing_only: bool) -> dict[str, Any]:
        self._note("admit", identity, policy, existing_only)
        return USER

    def may_administer(self, owner: str) -> None:
        self._note("may_administer", owner)

    def login_federated(self, user: dict[str, Any], client: ClientInfo) -> SignedIn | HalfSignedIn:
        self._note("login_federated", user, client)
        return self.signed_in

    def refresh(self, caller: Caller, token: str, client: ClientInfo) -> SignedIn:
        self._note("refresh", caller, token, client)
        return signed_in()

    def get(self, owner: str) -> dict[str, Any]:
        self._note("get", owner)
        return USER


class Page:
    """The panel's logins, with one provider."""

    def __init__(self, world: World, database: Database, *, panel: bool = True) -> None:
        self.world = world
        self.codes = PanelCodes(LoginStateRepository(database))
        users = cast("UserRepository", world)
        self.logins = PanelLogins(
            {"openid": cast("Provider", world)},
            cast("FederatedAccounts", world),
            cast("Attempts", world),
            self.codes,
            Sessions(cast("AuthService", world), TOKENS, users),
            panel=PanelSettings(PANEL, "https://chat.example.com") if panel else None,
        )

    def begin(self, name: str = "openid") -> Redirect:
        return asyncio.run(self.logins.begin(name, CHALLENGE, CLIENT, "the-browser"))

    def finish(self, answer: Answer | None = None) -> Redirect:
        answer = answer or Answer("the-code", "the-state")
        return asyncio.run(
            self.logins.finish("openid", CLIENT, "the-browser", answer, self.world.may_administer)
        )

    def exchange(self, code: str, verifier: str = VERIFIER, origin: str | None = PANEL) -> PanelSession:
        return self.logins.exchange(code, verifier, origin, CLIENT, self.world.may_administer)

    def refresh(self, token: str | None = None, owner: str | None = OWNER) -> PanelSession:
        token = TOKENS.make_refresh(OWNER, SESSION) if token is None else token
        return self.logins.refresh(token, owner, CLIENT, self.world.may_administer)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def page(world: World, app_database: Database) -> Page:
    return Page(world, app_database)


def refusal(work: Callable[[], Any]) -> tuple[type[ApiError], str, str, Any]:
    """The error, and LibreChat's own word for it."""
    with pytest.raises(ApiError) as refused:
        work()
    error = refused.value
    return type(error), error.code, error.message, error.librechat.get("error_code")


def failed(reason: str) -> Redirect:
    said = f"error=auth_failed&error_description=The+login+was+refused.&reason={reason}"
    return Redirect(f"{PANEL}/auth/openid/callback?{said}")


class TestBeginning:
    @pytest.mark.parametrize("by_form", [True, False])
    def test_sends_the_browser_to_the_provider(self, page: Page, world: World, by_form: bool) -> None:
        world.comes_by_form = by_form
        assert page.begin() == Redirect("https://sso.example.com/login", (f"cookie; cross_site={by_form}",))
        assert world.asked == [("begin", "panel:openid", "the-browser", CHALLENGE), ("address", ATTEMPT)]

    def test_at_a_provider_that_is_away_ends_at_the_panel(self, page: Page, world: World) -> None:
        world.fails["address"] = Refused("login_failed")
        assert page.begin() == failed("login_failed")

    def test_is_not_there_without_a_provider_or_a_panel(self, page: Page, app_database: Database) -> None:
        assert refusal(lambda: page.begin("github"))[::3] == (NotFound, "GITHUB_NOT_CONFIGURED")
        without = Page(page.world, app_database, panel=False)
        assert refusal(without.begin)[::3] == (NotFound, "OPENID_NOT_CONFIGURED")
        assert refusal(without.finish)[::3] == (NotFound, "OPENID_NOT_CONFIGURED")
        assert refusal(lambda: without.exchange("x"))[0] is NotFound
        assert refusal(without.refresh)[0] is NotFound


class TestComingBack:
    def test_is_a_code_for_the_panel(self, page: Page, world: World) -> None:
        answer = Answer("the-code", "the-state")
        address, _, code = page.finish(answer).location.partition("?code=")
        assert (address, len(code)) == (f"{PANEL}/auth/openid/callback", 64)
        assert world.asked == [
            ("take", "panel:openid", "the-state", "the-browser"),
            ("identity", ATTEMPT, answer, "the-code"),
            ("refuse_banned_address", CLIENT),
            # Nobody gets an account by asking for the panel.
            ("admit", IDENTITY, POLICY, True),
            ("may_administer", OWNER),
        ]
        assert page.codes.redeem(code, VERIFIER) == OWNER

    @pytest.mark.parametrize(
        ("step", "error", "reason"),
        [
            ("take", Refused("login_expired"), "login_expired"),
            ("identity", Refused("role_missing"), "role_missing"),
            ("admit", Refused("registration_closed"), "registration_closed"),
            ("may_administer", Forbidden(), "not_admin"),
            ("refuse_banned_address", Forbidden(code="address_banned"), "address_banned"),
        ],
    )
    def test_of_who_does_not_come_in_is_a_word(
        self, page: Page, world: World, step: str, error: Exception, reason: str
    ) -> None:
        world.fails[step] = error
        assert page.finish() == failed(reason)

    def test_without_a_code_is_what_the_provider_says(self, page: Page) -> None:
        assert page.finish(Answer(None, "the-state", error="access_denied")) == failed("provider_refused")


class TestCodes:
    def test_are_good_once_and_with_the_secret(self, page: Page) -> None:
        code, other = page.codes.make(OWNER, CHALLENGE), page.codes.make(OWNER, CHALLENGE)
        assert code != other
        assert page.codes.redeem(code, VERIFIER) == OWNER
        for wrong in (
            lambda: page.codes.redeem(code, VERIFIER),
            lambda: page.codes.redeem("0" * 64, VERIFIER),
        ):
            assert refusal(wrong) == WRONG
        # Who guesses has one guess.
        for verifier in (CHALLENGE, VERIFIER):
            assert refusal(lambda given=verifier: page.codes.redeem(other, given)) == WRONG

    def test_are_good_for_a_minute_and_kept_as_hashes(
        self, page: Page, app_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = now()
        for seconds, good in ((59, True), (60, False)):
            monkeypatch.setattr(login_states, "now", lambda: moment)
            code = page.codes.make(OWNER, CHALLENGE)
            kept = app_database.collection("echo_login_states").find_one({"_id": hash_token(code)}) or {}
            assert (kept["provider"], kept["challenge"], kept["holder"]) == ("panel-code", CHALLENGE, OWNER)
            assert code not in str(kept)
            later = moment + timedelta(seconds=seconds)
            monkeypatch.setattr(login_states, "now", lambda at=later: at)
            if good:
                assert page.codes.redeem(code, VERIFIER) == OWNER
            else:
                assert refusal(partial(page.codes.redeem, code, VERIFIER)) == WRONG


class TestASession:
    def test_is_for_a_code_and_says_in_milliseconds_when_it_ends(self, page: Page, world: World) -> None:
        session = page.exchange(page.codes.make(OWNER, CHALLENGE), origin=PANEL.upper())
        assert session.signed_in is world.signed_in
        assert session.expires_at == TOKENS.read_access(session.signed_in.token).expires_at * 1000
        assert world.asked == [
            ("refuse_banned_address", CLIENT),
            ("may_administer", OWNER),
            ("get", OWNER),
            ("login_federated", USER, CLIENT),
        ]

    @pytest.mark.parametrize("origin", ["https://evil.example.com", "", None, f"{PANEL}.evil.example"])
    def test_is_not_for_another_page(self, page: Page, world: World, origin: str | None) -> None:
        code = page.codes.make(OWNER, CHALLENGE)
        assert refusal(lambda: page.exchange(code, origin=origin)) == WRONG
        assert world.asked == [("refuse_banned_address", CLIENT)]

    def test_is_not_for_an_account_that_has_gone(self, page: Page, world: World) -> None:
        for step in ("get", "may_administer"):
            world.fails = {step: storage_errors.NotFound()}
            code = page.codes.make(OWNER, CHALLENGE)
            assert refusal(lambda given=code: page.exchange(given)) == WRONG

    def test_is_not_for_one_with_a_second_factor(self, page: Page, world: World) -> None:
        world.signed_in = HalfSignedIn("half")
        code = page.codes.make(OWNER, CHALLENGE)
        told = "This account has a second factor. The panel asks for its code at a login by password only."
        expected = (Unauthorized, "second_factor_required", told, "SECOND_FACTOR_REQUIRED")
        assert refusal(lambda: page.exchange(code)) == expected

    def test_of_a_banned_place_leaves_the_code_good(self, page: Page, world: World) -> None:
        code = page.codes.make(OWNER, CHALLENGE)
        world.fails["refuse_banned_address"] = Forbidden(code="address_banned")
        assert refusal(lambda: page.exchange(code))[:2] == (Forbidden, "address_banned")
        world.fails.clear()
        page.exchange(code)


class TestARefresh:
    @pytest.mark.parametrize("owner", [OWNER, None])
    def test_goes_on_for_an_administrator(self, page: Page, world: World, owner: str | None) -> None:
        token = TOKENS.make_refresh(OWNER, SESSION)
        session = page.refresh(token, owner)
        assert session.expires_at == TOKENS.read_access(session.signed_in.token).expires_at * 1000
        caller = Caller(OWNER, SESSION, email="", username="", provider="", role="")
        assert world.asked == [("may_administer", OWNER), ("refresh", caller, token, CLIENT)]

    def test_of_another_users_or_of_what_is_no_token_is_refused(self, page: Page, world: World) -> None:
        for work in (lambda: page.refresh("x"), lambda: page.refresh(owner="d" * 24)):
            found = refusal(work)
            assert (found[0], found[1], found[3]) == (Unauthorized, "session_expired", "REFRESH_FAILED")
        assert world.asked == []

    def test_of_who_is_no_administrator_any_more_is_refused(self, page: Page, world: World) -> None:
        world.fails["may_administer"] = Forbidden()
        assert refusal(page.refresh)[::3] == (Forbidden, "FORBIDDEN")
        world.fails = {"refresh": Unauthorized(code="session_expired")}
        assert refusal(page.refresh)[::3] == (Unauthorized, "REFRESH_FAILED")
