"""The tokens of a user's last login at the organisation's OpenID provider."""

from dataclasses import replace
from datetime import timedelta

import pytest
from bson import ObjectId

from storage.accounts import openid_tokens as module
from storage.accounts.openid_tokens import OpenIdTokenRepository, OpenIdTokens
from storage.core.database import Database
from storage.core.repository import now

ENDS_AT = now() + timedelta(hours=1)
FIRST = OpenIdTokens(login="first", access="a", refresh="r", ends_at=ENDS_AT)
SECOND = OpenIdTokens(login="second", access="b", refresh=None, ends_at=ENDS_AT)


@pytest.fixture
def tokens(database: Database) -> OpenIdTokenRepository:
    return OpenIdTokenRepository(database)


def test_those_of_the_last_login_are_kept(tokens: OpenIdTokenRepository, ada: str, bob: str) -> None:
    assert tokens.find(ada) is None
    assert tokens.keep(ada, FIRST)
    assert tokens.find(ada) == FIRST
    assert tokens.keep(ada, SECOND)
    assert tokens.keep(bob, FIRST)
    assert (tokens.find(ada), tokens.find(bob)) == (SECOND, FIRST)


def test_renewed_they_replace_those_that_were_renewed_alone(tokens: OpenIdTokenRepository, ada: str) -> None:
    assert not tokens.keep(ada, SECOND, replaces="first")
    assert tokens.find(ada) is None
    tokens.keep(ada, FIRST)
    assert tokens.keep(ada, SECOND, replaces="first")
    assert not tokens.keep(ada, replace(FIRST, login="third"), replaces="first")
    assert tokens.find(ada) == SECOND
    # The same once more is done, too.
    assert tokens.keep(ada, SECOND, replaces="second")


def test_after_thirty_days_they_are_none(
    tokens: OpenIdTokenRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(module, "now", lambda: moment)
    tokens.keep(ada, FIRST)
    end = moment + timedelta(days=30)
    [row] = database.collection("echo_openid_tokens").find({}, {"_id": 0})
    assert row == {
        "user": ObjectId(ada),
        "login": "first",
        "access": "a",
        "refresh": "r",
        "endsAt": ENDS_AT,
        "expiresAt": end,
    }
    monkeypatch.setattr(module, "now", lambda: end - timedelta(seconds=1))
    assert tokens.find(ada) == FIRST
    monkeypatch.setattr(module, "now", lambda: end)
    assert tokens.find(ada) is None


def test_those_of_one_user_are_dropped(tokens: OpenIdTokenRepository, ada: str, bob: str) -> None:
    tokens.keep(ada, FIRST)
    tokens.keep(bob, SECOND)
    tokens.drop(ada)
    assert (tokens.find(ada), tokens.find(bob)) == (None, SECOND)


def test_they_are_not_shown() -> None:
    assert repr(FIRST) == f"OpenIdTokens(login='first', ends_at={ENDS_AT!r})"
