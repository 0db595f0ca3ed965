"""Tokens for other services in a user's name: kept encrypted, renewed and exchanged, and given to nobody else."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.accounts.federation import delegation
from echo.accounts.federation.delegation import Delegate, Delegations, NotDelegated
from echo.accounts.federation.identity import Refused
from echo.accounts.turns import Turns
from storage.accounts.openid_tokens import OpenIdTokenRepository
from storage.accounts.renewals import RenewalRepository
from storage.core.database import Database
from storage.core.repository import now
from tests.support.chats import new_owner

LOG_IN = "The user has to log in again by the organisation's own provider before this can be used."
REFUSED = "The organisation's provider gives no token for this service to this user."
BUSY = "The organisation's provider does not answer now."
LONG = 7200


class Provider:
    """Gives tokens, and notes for what; each answer may be an error, once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.fails: list[Refused | None] = []
        self.given: dict[str, Any] = {"access_token": "given", "expires_in": LONG}
        self.renewed: dict[str, Any] = {"access_token": "renewed", "expires_in": LONG}

    async def renew(self, refresh_token: str) -> dict[str, Any]:
        self.asked.append(("renew", refresh_token))
        return self._answer(self.renewed)

    async def on_behalf(self, access_token: str, scopes: str) -> dict[str, Any]:
        self.asked.append(("on_behalf", access_token, scopes))
        return self._answer(self.given)

    def _answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self.fails and (error := self.fails.pop(0)):
            raise error
        return answer


class Desk:
    """Delegations, their provider, and the clock that they look at."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = now()
        monkeypatch.setattr(delegation, "now", lambda: self.moment)
        monkeypatch.setattr(delegation, "RETRY_SECONDS", 0.0)
        self.database = database
        self.provider = Provider()
        self.owner = new_owner()
        self.delegations = self.made(self.provider)

    def made(self, provider: Any, key: str | None = "c0" * 32) -> Delegations:
        cipher = CredentialsCipher(key, "d1" * 16) if key else None
        stored = OpenIdTokenRepository(self.database)
        return Delegations(
            stored, Turns(RenewalRepository(self.database)), cipher, cast("Delegate", provider)
        )

    def log_in(self, **tokens: Any) -> None:
        self.delegations.keep(
            self.owner, {"access_token": "own", "refresh_token": "again", "expires_in": LONG, **tokens}
        )

    def token(self, scopes: str = "api", delegations: Delegations | None = None) -> str:
        return asyncio.run((delegations or self.delegations).token(self.owner, scopes))

    def why_not(self, delegations: Delegations | None = None) -> str:
        with pytest.raises(NotDelegated) as refused:
            self.token(delegations=delegations)
        return str(refused.value)


@pytest.fixture
def desk(app_database: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(app_database, monkeypatch)


def status(number: int) -> Refused:
    return Refused("login_failed", f"status {number} word")


class TestExchange:
    def test_is_of_the_users_own_token_and_remembered_for_each_service(self, desk: Desk) -> None:
        desk.log_in()
        assert [desk.token("a"), desk.token("a"), desk.token("b")] == ["given"] * 3
        assert desk.provider.asked == [("on_behalf", "own", "a"), ("on_behalf", "own", "b")]

    def test_is_made_anew_half_a_minute_before_the_token_ends(self, desk: Desk) -> None:
        desk.log_in()
        desk.provider.given["expires_in"] = 100
        desk.token()
        desk.moment += timedelta(seconds=69)
        desk.token()
        assert len(desk.provider.asked) == 1
        desk.moment += timedelta(seconds=1)
        desk.token()
        assert len(desk.provider.asked) == 2

    def test_is_made_anew_after_another_login(self, desk: Desk) -> None:
        desk.log_in()
        desk.token()
        desk.log_in(access_token="other")
        desk.token()
        assert desk.provider.asked == [("on_behalf", "own", "api"), ("on_behalf", "other", "api")]

    def test_of_many_at_once_is_one(self, desk: Desk) -> None:
        desk.log_in()

        async def together() -> list[str]:
            return await asyncio.gather(*(desk.delegations.token(desk.owner, "api") for _ in range(5)))

        assert asyncio.run(together()) == ["given"] * 5
        assert len(desk.provider.asked) == 1
        assert desk.delegations._under_way == {}

    @pytest.mark.parametrize(
        ("fails", "said", "times"),
        [
            ([status(400)], REFUSED, 1),
            ([status(503), status(429)], BUSY, 2),
            ([status(503), status(403)], REFUSED, 2),
            ([Refused("login_failed", "sso.example.com: TimeoutError")] * 2, BUSY, 2),
        ],
    )
    def test_is_tried_twice_where_the_provider_is_busy(
        self, desk: Desk, fails: list[Refused | None], said: str, times: int
    ) -> None:
        desk.log_in()
        desk.provider.fails = [*fails]
        assert desk.why_not() == said
        assert len(desk.provider.asked) == times

    @pytest.mark.parametrize("number", [429, 500, 502, 503, 504])
    def test_of_a_second_attempt_is_good(self, desk: Desk, number: int) -> None:
        desk.log_in()
        desk.provider.fails = [status(number), None]
        assert desk.token() == "given"

    @pytest.mark.parametrize("token", [None, "", 7, "é", "a\nb", "x" * 32_001])
    def test_that_gives_no_token_is_none(self, desk: Desk, token: Any) -> None:
        desk.log_in()
        desk.provider.given["access_token"] = token
        assert desk.why_not() == BUSY

    def test_of_a_long_token_is_good(self, desk: Desk) -> None:
        desk.log_in()
        desk.provider.given["access_token"] = "x" * 32_000
        assert desk.token() == "x" * 32_000

    def test_remembers_so_many_and_then_begins_anew(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert delegation.MAX_REMEMBERED == 2000
        monkeypatch.setattr(delegation, "MAX_REMEMBERED", 2)
        desk.log_in()
        for scopes in ("a", "b", "c", "c", "a"):
            desk.token(scopes)
        assert [each[2] for each in desk.provider.asked] == ["a", "b", "c", "a"]


class TestRenewal:
    def test_comes_half_a_minute_before_the_users_own_token_ends(self, desk: Desk) -> None:
        desk.log_in(expires_in=100)
        desk.moment += timedelta(seconds=69)
        desk.token("a")
        desk.moment += timedelta(seconds=1)
        desk.token("b")
        assert desk.provider.asked == [
            ("on_behalf", "own", "a"),
            ("renew", "again"),
            ("on_behalf", "renewed", "b"),
        ]
        # It is kept, and the token for renewing with it: the provider gave no other.
        desk.moment += timedelta(seconds=LONG)
        desk.token("c")
        assert desk.provider.asked[3:] == [("renew", "again"), ("on_behalf", "renewed", "c")]

    def test_keeps_the_next_token_for_renewing(self, desk: Desk) -> None:
        desk.log_in(expires_in=10)
        desk.provider.renewed |= {"refresh_token": "next", "expires_in": 10}
        desk.token("a")
        desk.token("b")
        assert [each for each in desk.provider.asked if each[0] == "renew"] == [
            ("renew", "again"),
            ("renew", "next"),
        ]

    @pytest.mark.parametrize(
        ("error", "said"), [(status(400), LOG_IN), (status(503), BUSY), (Refused("x", "y: z"), BUSY)]
    )
    def test_that_fails_asks_for_a_login_unless_the_provider_is_busy(
        self, desk: Desk, error: Refused, said: str
    ) -> None:
        desk.log_in(expires_in=10)
        desk.provider.fails = [error]
        assert desk.why_not() == said
        assert desk.provider.asked == [("renew", "again")]

    def test_that_gives_no_token_asks_for_a_login(self, desk: Desk) -> None:
        desk.log_in(expires_in=10)
        desk.provider.renewed["access_token"] = ""
        assert desk.why_not() == LOG_IN

    def test_without_a_token_for_it_asks_for_a_login(self, desk: Desk) -> None:
        for refresh in (None, "", "é"):
            desk.log_in(expires_in=10, refresh_token=refresh)
            assert desk.why_not() == LOG_IN
        assert desk.provider.asked == []


class TestKeeping:
    @pytest.mark.parametrize(
        ("life", "seconds"),
        [
            (60, 60),
            ("60", 60),
            (None, 3600),
            (0, 3600),
            (-5, 3600),
            ("soon", 3600),
            ([], 3600),
            (86_400, 3600),
        ],
    )
    def test_goes_by_how_long_a_token_is_good(self, desk: Desk, life: Any, seconds: int) -> None:
        desk.log_in(expires_in=life)
        kept = OpenIdTokenRepository(desk.database).find(desk.owner)
        assert kept is not None
        assert kept.ends_at == desk.moment + timedelta(seconds=seconds)

    def test_shows_nobody_anything(self, desk: Desk) -> None:
        desk.log_in(access_token="canary-1", refresh_token="canary-2")
        kept = list(desk.database.collection("echo_openid_tokens").find())
        assert "canary" not in str(kept)

    def test_of_what_is_no_token_is_none(self, desk: Desk) -> None:
        for token in (None, "", "é"):
            desk.log_in(access_token=token)
        assert desk.why_not() == LOG_IN

    def test_ends_with_the_logout(self, desk: Desk) -> None:
        desk.log_in()
        desk.token()
        desk.delegations.forget(desk.owner)
        assert desk.why_not() == LOG_IN

    def test_without_a_provider_or_a_key_is_none(self, desk: Desk) -> None:
        desk.log_in()
        for made in (desk.made(None), desk.made(desk.provider, None)):
            assert desk.why_not(made) == LOG_IN
            made.forget(desk.owner)
        # They leave what is kept alone.
        assert desk.token() == "given"

    def test_with_another_key_cannot_be_read(self, desk: Desk) -> None:
        desk.log_in()
        assert desk.why_not(desk.made(desk.provider, "c1" * 32)) == LOG_IN
