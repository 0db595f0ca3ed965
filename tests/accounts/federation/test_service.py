"""A login by another server from its beginning to its end: where the browser is sent, and what it gets."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest
from bson import ObjectId

from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.attempts import Attempt, Attempts
from echo.accounts.federation.delegation import Delegations
from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.accounts.federation.portraits import Portraits
from echo.accounts.federation.provider import Answer
from echo.accounts.federation.service import Federation, Redirect, said_error
from echo.accounts.service import AuthService, HalfSignedIn, SignedIn
from echo.errors import ApiError, Forbidden, NotFound, ServiceUnavailable, Unauthorized
from echo.handling.caller import Caller, ClientInfo
from tests.support.logins import LoginWorld

HOME = "https://chat.example.com/chat"
CLIENT = ClientInfo("203.0.113.7", secure=True)
ATTEMPT = Attempt("the-state", "b" * 43)
POLICY = Policy(registers=True)
IDENTITY = Identity("openid", "1", "ada@example.com", email_verified=True, picture="https://x.example/p")
USER = {"_id": ObjectId("a" * 24), "email": "ada@example.com"}
CALLER = Caller("a" * 24, "s", "", "", "openid", "USER")
SIGNED_IN = SignedIn(USER, "token", "refreshToken=x")


class World(LoginWorld):
    """All that a login goes through: notes what is asked, and fails where that is wanted."""

    exchanges_tokens = True

    def __init__(self) -> None:
        super().__init__(ATTEMPT, CLIENT, IDENTITY, SIGNED_IN)
        self.address_of_end: str | None = "https://sso.example.com/end"

    # Attempts.
    def begin(self, provider: str, browser: str | None) -> Attempt:
        self._note("begin", provider, browser)
        return ATTEMPT

    # The provider.
    async def identity_of_token(self, token: str) -> Identity:
        self._note("identity_of_token", token)
        return self.identified

    async def prepare(self) -> None:
        self._note("prepare")

    def farewell(self, back: str) -> str | None:
        self._note("farewell", back)
        return self.address_of_end

    # Accounts and sessions.
    def refuse_banned_address(self, client: ClientInfo) -> None:
        self._note("refuse_banned_address", client)

    def admit(self, identity: Identity, policy: Policy, *, existing_only: bool) -> dict[str, Any]:
        self._note("admit", identity, policy, existing_only)
        return USER

    def login_federated(self, user: dict[str, Any], client: ClientInfo) -> SignedIn | HalfSignedIn:
        self._note("login_federated", user, client)
        return self.signed_in

    # Delegations and pictures.
    def keep(self, owner: str, tokens: Mapping[str, Any]) -> None:
        self._note("keep", owner, tokens)

    def forget(self, owner: str) -> None:
        self._note("forget", owner)

    def follow(self, user: dict[str, Any], address: str | None) -> None:
        self._note("follow", user, address)

    async def close(self) -> None:
        self._note("close")


class Page:
    """The ways in, with one provider."""

    def __init__(self, world: World, *, organisation: bool = True) -> None:
        self.federation = Federation(
            {"openid": cast("Any", world)},
            cast("FederatedAccounts", world),
            cast("Attempts", world),
            cast("AuthService", world),
            cast("Portraits", world),
            delegations=cast("Delegations", world),
            client_address=HOME,
            organisation=cast("Any", world) if organisation else None,
        )

    def finish(self, answer: Answer | None = None, name: str = "openid") -> Redirect:
        answer = answer or Answer("the-code", "the-state")
        return asyncio.run(self.federation.finish(name, CLIENT, "the-browser", answer))

    def exchange(self) -> SignedIn | HalfSignedIn:
        return asyncio.run(self.federation.exchange("the-token", CLIENT))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def page(world: World) -> Page:
    return Page(world)


def reason(sent: Redirect) -> str:
    """Why a browser ended on the login page, which begins no other login by itself."""
    address, _, query = sent.location.partition("?")
    said = dict(parse_qsl(query))
    assert (address, said.pop("redirect"), said.pop("error"), sent.cookies) == (
        *(f"{HOME}/login", "false", "auth_failed", ()),
    )
    return said.pop("reason")


class TestBeginning:
    @pytest.mark.parametrize("by_form", [True, False])
    def test_sends_the_browser_to_the_provider_with_a_cookie(
        self, page: Page, world: World, by_form: bool
    ) -> None:
        world.comes_by_form = by_form
        sent = asyncio.run(page.federation.begin("openid", CLIENT, "the-browser"))
        assert sent == Redirect("https://sso.example.com/login", (f"cookie; cross_site={by_form}",))
        assert world.asked == [("begin", "openid", "the-browser"), ("address", ATTEMPT)]

    def test_at_a_provider_that_is_away_ends_on_the_login_page(self, page: Page, world: World) -> None:
        world.fails["address"] = Refused("login_failed")
        assert reason(asyncio.run(page.federation.begin("openid", CLIENT, None))) == "login_failed"

    def test_at_no_provider_is_not_there(self, page: Page) -> None:
        with pytest.raises(NotFound):
            asyncio.run(page.federation.begin("github", CLIENT, None))
        with pytest.raises(NotFound):
            page.finish(name="github")


class TestComingBack:
    def test_is_a_session(self, page: Page, world: World) -> None:
        answer = Answer("the-code", "the-state")
        assert page.finish(answer) == Redirect(f"{HOME}/", ("refreshToken=x",))
        assert world.asked == [
            ("take", "openid", "the-state", "the-browser"),
            ("identity", ATTEMPT, answer, "the-code"),
            ("refuse_banned_address", CLIENT),
            ("admit", IDENTITY, POLICY, False),
            ("login_federated", USER, CLIENT),
            ("follow", USER, "https://x.example/p"),
        ]

    def test_keeps_what_the_provider_gave(self, page: Page, world: World) -> None:
        tokens = {"access_token": "x"}
        world.identified = Identity("openid", "1", None, email_verified=False, tokens=tokens)
        page.finish()
        assert ("keep", "a" * 24, tokens) in world.asked

    def test_with_a_second_factor_is_half_of_a_session(self, page: Page, world: World) -> None:
        world.signed_in = HalfSignedIn("half & more")
        sent = page.finish()
        assert (sent.cookies, urlsplit(sent.location).path) == ((), "/chat/login/2fa")
        assert dict(parse_qsl(urlsplit(sent.location).query)) == {"tempToken": "half & more"}

    def test_without_a_code_is_what_the_provider_says(self, page: Page, world: World) -> None:
        sent = page.finish(Answer(None, "the-state", error="access_denied"))
        assert reason(sent) == "provider_refused"
        assert [each[0] for each in world.asked] == ["take"]

    @pytest.mark.parametrize(
        ("step", "error", "said"),
        [
            ("take", Refused("login_expired"), "login_expired"),
            ("identity", Refused("role_missing"), "role_missing"),
            ("admit", Refused("account_exists"), "account_exists"),
            ("refuse_banned_address", Forbidden(code="address_banned"), "address_banned"),
            ("login_federated", Forbidden(code="account_banned"), "account_banned"),
            ("login_federated", Forbidden(code="anything"), "login_failed"),
            ("login_federated", ServiceUnavailable(), "login_unavailable"),
            ("login_federated", Unauthorized(code="session_expired"), "login_failed"),
        ],
    )
    def test_of_who_does_not_come_in_ends_on_the_login_page_with_a_word(
        self, page: Page, world: World, step: str, error: Exception, said: str
    ) -> None:
        world.fails[step] = error
        assert reason(page.finish()) == said
        assert not {"keep", "follow"} & {each[0] for each in world.asked}


class TestExchange:
    def test_is_a_session_of_an_account_that_there_is(self, page: Page, world: World) -> None:
        assert page.exchange() == SIGNED_IN
        assert world.asked[0] == ("identity_of_token", "the-token")
        assert ("admit", IDENTITY, POLICY, True) in world.asked

    @pytest.mark.parametrize(
        ("step", "error", "expected"),
        [
            ("identity_of_token", Refused("login_failed"), (Unauthorized, "token_refused")),
            ("admit", Refused("registration_closed"), (Unauthorized, "token_refused")),
            ("login_federated", Forbidden(code="account_banned"), (Forbidden, "account_banned")),
            ("refuse_banned_address", Forbidden(code="address_banned"), (Forbidden, "address_banned")),
        ],
    )
    def test_tells_a_program_of_a_ban_and_else_nothing(
        self, page: Page, world: World, step: str, error: Exception, expected: tuple[type[ApiError], str]
    ) -> None:
        world.fails[step] = error
        with pytest.raises(ApiError) as refused:
            page.exchange()
        assert (type(refused.value), refused.value.code) == expected
        assert refused.value.message == "That does not let you in here."

    def test_is_not_there_where_it_is_not_switched_on(self, page: Page, world: World) -> None:
        world.exchanges_tokens = False
        for each in (page, Page(world, organisation=False)):
            with pytest.raises(NotFound):
                each.exchange()
        assert world.asked == []


class TestTheEnd:
    def test_is_told_to_the_organisations_provider_and_what_it_gave_is_forgotten(
        self, page: Page, world: World
    ) -> None:
        assert page.federation.farewell(CALLER) == "https://sso.example.com/end"
        assert world.asked == [("forget", CALLER.id), ("farewell", f"{HOME}/login")]

    def test_of_others_sessions_is_none_of_its_business(self, page: Page, world: World) -> None:
        local = Caller("a" * 24, "s", "", "", "local", "USER")
        assert page.federation.farewell(local) is None
        assert Page(world, organisation=False).federation.farewell(CALLER) is None
        assert world.asked == []

    def test_of_the_application_gives_up_pictures(self, page: Page, world: World) -> None:
        asyncio.run(page.federation.begin_running())
        asyncio.run(page.federation.close())
        asyncio.run(Page(world, organisation=False).federation.begin_running())
        assert world.asked == [("prepare",), ("close",)]


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (None, ""),
        ("", ""),
        ("access_denied", "access_denied"),
        # Nothing that could be a line, or an address, of the log.
        ("a\nb: https://x.example/?1", "abhttpsxexample"),
        ("x" * 41, "x" * 40),
    ],
)
def test_what_a_provider_calls_an_error_is_a_word_and_no_more(error: str | None, word: str) -> None:
    assert said_error(Answer(error=error)) == word
