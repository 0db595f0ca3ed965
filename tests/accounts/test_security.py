"""What is remembered of access tokens, and what is not."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from connexion.security import NO_VALUE
from starlette.datastructures import Headers

from echo.accounts import security
from echo.accounts.api_keys import ApiKeyGuard
from echo.accounts.security import CheckedTokens, Security
from echo.accounts.standing import Standing
from echo.accounts.tokens import AccessClaims, InvalidToken, Tokens
from echo.errors import Unauthorized
from echo.handling.caller import Caller

CALLER = Caller("0" * 24, "1" * 24, "ada@example.com", "ada", "local", "USER")


class CountingTokens(Tokens):
    """Tokens that say how often a signature was computed."""

    def read_access(self, token: str) -> AccessClaims:
        counted.append(token)
        return super().read_access(token)


counted: list[str] = []


@pytest.fixture
def tokens() -> Tokens:
    counted.clear()
    return CountingTokens("a" * 40, "b" * 40, access_seconds=60, refresh_seconds=600)


class TestCheckedTokens:
    def test_computes_a_signature_once(self, tokens: Tokens) -> None:
        checked, token = CheckedTokens(tokens), tokens.make_access(CALLER)
        assert [checked.read(token) for _ in range(3)] == [CALLER] * 3
        assert counted == [token]

    def test_refuses_a_remembered_one_that_has_expired(
        self, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checked, token = CheckedTokens(tokens), tokens.make_access(CALLER)
        checked.read(token)
        later = time.time() + 61
        monkeypatch.setattr("echo.accounts.security.time.time", lambda: later)
        with pytest.raises(InvalidToken):
            checked.read(token)

    def test_remembers_nothing_of_a_bad_one(self, tokens: Tokens) -> None:
        checked = CheckedTokens(tokens)
        token = tokens.make_access(CALLER)
        for bad in (f"{token}x", token[:-1], "", tokens.make_refresh(CALLER.id, CALLER.session_id)):
            for _ in range(2):
                with pytest.raises(InvalidToken):
                    checked.read(bad)
        assert checked._good == {}

    def test_forgets_the_oldest_when_there_are_too_many(
        self, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(security, "MAX_REMEMBERED", 2)
        checked = CheckedTokens(tokens)
        issued = [
            tokens.make_access(Caller(f"{number:024x}", "1" * 24, "", "", "local", "USER"))
            for number in range(3)
        ]
        for token in (*issued, issued[0]):
            checked.read(token)
        assert counted == [*issued, issued[0]]

    def test_keeps_as_many_as_are_allowed(self, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
        assert security.MAX_REMEMBERED == 10_000
        monkeypatch.setattr(security, "MAX_REMEMBERED", 2)
        checked = CheckedTokens(tokens)
        issued = [
            tokens.make_access(Caller(f"{n:024x}", "1" * 24, "", "", "local", "USER")) for n in range(2)
        ]
        for token in issued * 2:
            checked.read(token)
        assert counted == issued

    def test_ends_in_the_second_that_the_token_names(
        self, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checked, token = CheckedTokens(tokens), tokens.make_access(CALLER)
        end = tokens.read_access(token).expires_at
        checked.read(token)
        monkeypatch.setattr("echo.accounts.security.time.time", lambda: end - 0.001)
        assert checked.read(token) == CALLER
        monkeypatch.setattr("echo.accounts.security.time.time", lambda: float(end))
        with pytest.raises(InvalidToken):
            checked.read(token)


KEY = "sk-good"


class Gate:
    """The checks, with one key that is good, and callers who may be here unless they are shown out."""

    def __init__(self, tokens: Tokens, metrics_secret: str | None = None) -> None:
        self.seen: list[Caller] = []
        self.out: set[str] = set()
        self.security = Security(
            tokens, cast("Standing", self), cast("ApiKeyGuard", self), metrics_secret=metrics_secret
        )

    async def check(self, caller: Caller) -> None:
        self.seen.append(caller)
        if caller.id in self.out:
            raise Unauthorized(code="session_expired")

    async def caller(self, key: str) -> Caller | None:
        return CALLER if key == KEY else None

    def ask(self, scheme: dict[str, Any], **headers: str) -> Any:
        return self.ask_all([scheme], **headers)[0]

    def ask_all(self, schemes: list[dict[str, Any]], **headers: str) -> list[Any]:
        """What each scheme says of one request, one after the other; an error by its code and text."""
        raw = {name.replace("_", "-"): value for name, value in headers.items()}
        request = SimpleNamespace(headers=Headers(raw), context={})
        return [self._one(scheme, request) for scheme in schemes]

    def _one(self, scheme: dict[str, Any], request: Any) -> Any:
        check = self.security.scheme_map[scheme["type"]]().get_fn(scheme, [])
        try:
            return asyncio.run(cast("Any", check(request)))
        except Unauthorized as error:
            return error.code, error.message


ACCESS = {"type": "bearer", "bearerFormat": "JWT"}
API_KEY = {"type": "bearer", "bearerFormat": "API key"}
METRICS = {"type": "bearer", "bearerFormat": "METRICS_SECRET"}
KEY_HEADER = {"type": "apiKey", "in": "header", "name": "x-api-key"}
COOKIE = {"type": "apiKey", "in": "cookie", "name": "refreshToken"}
PICTURES = {**COOKIE, "x-echo-shows-pictures": True}
GOOD = {"sub": CALLER.id, "caller": CALLER}
BAD_KEY = ("invalid_api_key", "The API key is not one of this server's, or has expired.")


@pytest.fixture
def gate(tokens: Tokens) -> Gate:
    return Gate(tokens)


class TestAccessTokens:
    def test_are_their_callers_who_may_be_here(self, gate: Gate, tokens: Tokens) -> None:
        token = tokens.make_access(CALLER)
        for header in (f"Bearer {token}", f"bearer   {token} "):
            assert gate.ask(ACCESS, Authorization=header) == GOOD
        assert gate.seen == [CALLER, CALLER]
        gate.out.add(CALLER.id)
        assert gate.ask(ACCESS, Authorization=f"Bearer {token}")[0] == "session_expired"

    def test_that_are_none_are_refused_and_what_is_something_else_is_not_theirs(
        self, gate: Gate, tokens: Tokens
    ) -> None:
        refresh = tokens.make_refresh(CALLER.id, CALLER.session_id)
        for token in ("x", refresh):
            assert gate.ask(ACCESS, Authorization=f"Bearer {token}")[0] == "invalid_token"
        for header in ("Bearer sk-good", "Basic x", ""):
            assert gate.ask(ACCESS, Authorization=header) is NO_VALUE
        assert gate.ask(ACCESS) is NO_VALUE
        assert gate.seen == []


class TestApiKeys:
    def test_are_their_callers(self, gate: Gate) -> None:
        assert gate.ask(API_KEY, Authorization=f"Bearer {KEY}") == GOOD
        assert gate.ask(API_KEY, Authorization="Bearer sk-other") == BAD_KEY

    def test_are_no_other_tokens(self, gate: Gate, tokens: Tokens) -> None:
        assert gate.ask(API_KEY, Authorization=f"Bearer {tokens.make_access(CALLER)}") is NO_VALUE
        assert gate.ask(API_KEY, Authorization="Basic sk-good") is NO_VALUE
        assert gate.ask(API_KEY) is NO_VALUE

    def test_may_come_in_a_header_of_their_own(self, gate: Gate) -> None:
        assert gate.ask(KEY_HEADER, x_api_key=f" {KEY} ") == GOOD
        assert gate.ask(KEY_HEADER, x_api_key=KEY, Authorization=f"Bearer {KEY}") == GOOD
        assert gate.ask(KEY_HEADER, x_api_key="sk-other") == BAD_KEY
        for empty in ({}, {"x_api_key": " "}):
            assert gate.ask(KEY_HEADER, **empty) is NO_VALUE

    def test_that_differ_in_one_request_are_both_refused(self, gate: Gate) -> None:
        schemes = [KEY_HEADER, API_KEY, ACCESS]
        both = ("invalid_api_key", "x-api-key and Authorization hold different keys; send one of them.")
        found = gate.ask_all(schemes, x_api_key="sk-other", Authorization=f"Bearer {KEY}")
        # What is borne beside it counts for nothing any more.
        assert found == [both, NO_VALUE, NO_VALUE]


class TestTheMetricsSecret:
    def test_opens_them_for_nobody_in_particular(self, tokens: Tokens) -> None:
        gate = Gate(tokens, "s\u00e9cret")
        # A header's text is the bytes that were sent.
        assert gate.ask(METRICS, Authorization="Bearer s\u00c3\u00a9cret") == {}
        for wrong in ("secret", "", "s\u00e9cret"):
            assert gate.ask(METRICS, Authorization=f"Bearer {wrong}")[0] == "invalid_token"
        assert gate.ask(METRICS) is NO_VALUE

    @pytest.mark.parametrize("secret", [None, ""])
    def test_where_none_is_set_opens_nothing(self, tokens: Tokens, secret: str | None) -> None:
        for token in ("", "x"):
            assert Gate(tokens, secret).ask(METRICS, Authorization=f"Bearer {token}")[0] == "invalid_token"


class TestTheRefreshCookie:
    def test_is_its_session_and_is_handed_on_to_be_exchanged(self, gate: Gate, tokens: Tokens) -> None:
        token = tokens.make_refresh(CALLER.id, CALLER.session_id)
        caller = Caller(CALLER.id, CALLER.session_id, "", "", "", "")
        found = gate.ask(COOKIE, cookie=f"a=b; refreshToken={token}")
        assert found == {"sub": CALLER.id, "caller": caller, "arguments": {"refresh_token": token}}
        assert gate.seen == [caller]
        # Who only looks at a picture exchanges nothing.
        assert gate.ask(PICTURES, cookie=f"refreshToken={token}") == {"sub": CALLER.id, "caller": caller}
        gate.out.add(CALLER.id)
        for scheme in (COOKIE, PICTURES):
            assert gate.ask(scheme, cookie=f"refreshToken={token}")[0] == "session_expired"

    @pytest.mark.parametrize("scheme", [COOKIE, PICTURES])
    def test_that_is_none_is_refused(self, gate: Gate, tokens: Tokens, scheme: dict[str, Any]) -> None:
        for token in ("x", tokens.make_access(CALLER)):
            assert gate.ask(scheme, cookie=f"refreshToken={token}")[0] == "invalid_token"
        for cookie in ("", "other=x", "refreshToken="):
            assert gate.ask(scheme, cookie=cookie) is NO_VALUE
