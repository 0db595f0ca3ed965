"""What is remembered of access tokens, and what is not."""

import time

import pytest

from echo.accounts import security
from echo.accounts.security import CheckedTokens
from echo.accounts.tokens import AccessClaims, InvalidToken, Tokens
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
