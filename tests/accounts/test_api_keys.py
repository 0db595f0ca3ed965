"""Whose a key is is remembered for three seconds, and not once it was changed here."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from bson import ObjectId

from echo.accounts import api_keys
from echo.accounts.api_keys import ApiKeyGuard, hash_key
from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.bans import BanRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database, Document
from tests.support.chats import new_owner


class Counting(ApiKeyRepository):
    """The stored keys, and how often they were asked for."""

    asked = 0

    def find_by_hash(self, key_hash: str) -> Document | None:
        self.asked += 1
        return super().find_by_hash(key_hash)


class Guarded:
    """A guard, and the clock that it looks at."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(api_keys, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.database = database
        self.bans = BanRepository(database)
        self.stored = Counting(database)
        self.guard = ApiKeyGuard(self.stored, UserRepository(database), self.bans)

    def user(self) -> str:
        owner = new_owner()
        email = f"{owner}@example.com"
        document = {
            "_id": ObjectId(owner),
            "email": email,
            "username": "ada",
            "provider": "local",
            "role": "USER",
        }
        self.database.collection("users").insert_one(document)
        return owner

    def key(self, owner: str, **fields: Any) -> tuple[str, str]:
        """A new key of that user, and its id."""
        key = f"sk-{secrets.token_hex(32)}"
        fields = {"expires_at": None, "limits": None, **fields}
        made = self.stored.create(owner, name="k", key_hash=hash_key(key), key_prefix=key[:8], **fields)
        return key, str(made["_id"])

    def ask(self, key: str) -> tuple[str | None, int]:
        """Whose it is, and how often that was asked for just now."""
        before = self.stored.asked
        caller = asyncio.run(self.guard.caller(key))
        return caller and caller.id, self.stored.asked - before


@pytest.fixture
def guarded(app_database: Database, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    return Guarded(app_database, monkeypatch)


def test_a_key_is_its_users_with_its_hash_and_without_a_session(guarded: Guarded) -> None:
    owner = guarded.user()
    key, key_id = guarded.key(owner, limits={"tokensPerDay": 5})
    caller = asyncio.run(guarded.guard.caller(key))
    assert caller is not None
    assert (caller.id, caller.email, caller.session_id) == (owner, f"{owner}@example.com", "")
    assert caller.key_hash == hash_key(key)
    assert caller.key is not None
    assert (caller.key.id, caller.key.is_counted) == (key_id, True)
    assert guarded.stored.get(owner, key_id)["lastUsedAt"]


def test_for_three_seconds_the_database_is_asked_once(guarded: Guarded) -> None:
    owner = guarded.user()
    key, key_id = guarded.key(owner)
    assert guarded.ask(key) == (owner, 1)
    guarded.stored.delete(owner, key_id)
    guarded.now += 2.9
    assert guarded.ask(key) == (owner, 0)
    guarded.now += 0.1
    assert guarded.ask(key) == (None, 1)
    # That it is nobody's is asked each time.
    assert guarded.ask(key) == (None, 1)


def test_a_key_that_opens_nothing(guarded: Guarded) -> None:
    owner, banned = guarded.user(), guarded.user()
    guarded.bans.ban(banned, until=datetime.now(UTC) + timedelta(hours=1))
    expired = datetime.now(UTC) - timedelta(seconds=1)
    for key in (
        "sk-" + "0" * 64,
        guarded.key(banned)[0],
        guarded.key(new_owner())[0],
        guarded.key(owner, expires_at=expired)[0],
    ):
        assert guarded.ask(key)[0] is None


def test_what_was_changed_here_is_known_at_once(guarded: Guarded) -> None:
    owner, other = guarded.user(), guarded.user()
    (first, first_id), (second, second_id), (others, _) = (
        guarded.key(owner),
        guarded.key(owner),
        guarded.key(other),
    )
    keys = (first, second, others)
    for key in keys:
        guarded.ask(key)
    # Of somebody else with that id there is none.
    guarded.guard.forget(other, second_id)
    assert [guarded.ask(key)[1] for key in keys] == [0, 0, 0]
    guarded.guard.forget(owner, first_id)
    assert [guarded.ask(key)[1] for key in keys] == [1, 0, 0]


def test_one_that_goes_while_it_is_asked_for_is_not_remembered(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = guarded.user()
    key, key_id = guarded.key(owner)
    find = guarded.stored.find_by_hash

    def goes_meanwhile(key_hash: str) -> Document | None:
        found = find(key_hash)
        guarded.stored.delete(owner, key_id)
        guarded.guard.forget(owner, key_id)
        return found

    with monkeypatch.context() as slow:
        slow.setattr(guarded.stored, "find_by_hash", goes_meanwhile)
        # It was there when it was asked for.
        assert guarded.ask(key) == (owner, 1)
    assert guarded.ask(key) == (None, 1)


def test_those_that_were_asked_for_last_are_remembered(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api_keys.MAX_REMEMBERED == 10_000
    monkeypatch.setattr(api_keys, "MAX_REMEMBERED", 2)
    owner = guarded.user()
    first, second, third = (guarded.key(owner)[0] for _ in range(3))
    guarded.ask(first)
    guarded.ask(second)
    guarded.now += 3
    for key in (first, third):
        guarded.ask(key)
    guarded.now -= 3
    assert [guarded.ask(key)[1] for key in (first, third, second)] == [0, 0, 1]
