"""API keys: found by their hash, shown without it."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts import api_keys as module
from storage.accounts.api_keys import ApiKeyRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from storage.core.repository import now
from tests.support.chats import new_owner

IMPOSSIBLE_IDS = ["", "1", "x" * 24, "\ud800", "\0", "0" * 24]


@pytest.fixture
def keys(database: Database) -> ApiKeyRepository:
    return ApiKeyRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def make(keys: ApiKeyRepository, owner: str, **fields: Any) -> tuple[str, str]:
    """A key's id and hash."""
    hashed = secrets.token_hex(32)
    made = keys.create(
        owner, **{"name": "k", "key_hash": hashed, "key_prefix": "sk-1", "expires_at": None, **fields}
    )
    return str(made["_id"]), hashed


class TestCreate:
    def test_stores_what_librechat_reads(
        self, keys: ApiKeyRepository, owner: str, database: Database
    ) -> None:
        expiry = datetime(2099, 1, 1, tzinfo=UTC)
        key_id, hashed = make(keys, owner, expires_at=expiry)
        stored = database.collection("agentapikeys").find_one({"_id": ObjectId(key_id)}) or {}
        assert isinstance(stored.pop("createdAt"), datetime)
        assert isinstance(stored.pop("updatedAt"), datetime)
        assert stored == {
            "_id": ObjectId(key_id),
            "userId": ObjectId(owner),
            "name": "k",
            "keyHash": hashed,
            "keyPrefix": "sk-1",
            "expiresAt": expiry,
            "__v": 0,
        }


class TestList:
    def test_shows_the_owners_without_their_hashes_the_newest_first(
        self, keys: ApiKeyRepository, owner: str
    ) -> None:
        make(keys, new_owner())
        first, second = make(keys, owner)[0], make(keys, owner)[0]
        found = keys.list(owner)
        assert [str(each["_id"]) for each in found] == [second, first]
        assert all("keyHash" not in each for each in found)
        assert keys.count(owner) == 2


class TestGetAndDelete:
    @pytest.mark.parametrize("key_id", IMPOSSIBLE_IDS)
    def test_an_impossible_id_is_not_found(self, keys: ApiKeyRepository, owner: str, key_id: str) -> None:
        for act in (keys.get, keys.delete):
            with pytest.raises(NotFound):
                act(owner, key_id)

    def test_anothers_is_not_found(self, keys: ApiKeyRepository, owner: str) -> None:
        key_id, _ = make(keys, owner)
        for act in (keys.get, keys.delete):
            with pytest.raises(NotFound):
                act(new_owner(), key_id)
        assert "keyHash" not in keys.get(owner, key_id)
        keys.delete(owner, key_id)
        assert keys.list(owner) == []


class TestFindByHash:
    def test_tells_whose_it_is(self, keys: ApiKeyRepository, owner: str) -> None:
        _, hashed = make(keys, owner)
        assert str((keys.find_by_hash(hashed) or {})["userId"]) == owner
        assert keys.find_by_hash(secrets.token_hex(32)) is None

    def test_an_expired_one_does_not_count(self, keys: ApiKeyRepository, owner: str) -> None:
        _, hashed = make(keys, owner, expires_at=datetime.now(UTC) - timedelta(seconds=5))
        assert keys.find_by_hash(hashed) is None


class TestMarkUsed:
    def test_notes_the_minute(self, keys: ApiKeyRepository, owner: str, database: Database) -> None:
        key_id, _ = make(keys, owner)
        keys.mark_used(new_owner(), key_id)
        assert "lastUsedAt" not in keys.get(owner, key_id)
        keys.mark_used(owner, key_id)
        first = keys.get(owner, key_id)["lastUsedAt"]
        keys.mark_used(owner, key_id)
        assert keys.get(owner, key_id)["lastUsedAt"] == first
        old = first - timedelta(minutes=2)
        database.collection("agentapikeys").update_one(
            {"_id": ObjectId(key_id)}, {"$set": {"lastUsedAt": old}}
        )
        keys.mark_used(owner, key_id)
        assert keys.get(owner, key_id)["lastUsedAt"] > old

    @pytest.mark.parametrize(("seconds", "noted"), [(60, False), (60.001, True)])
    def test_once_in_a_minute(
        self, keys: ApiKeyRepository, owner: str, monkeypatch: pytest.MonkeyPatch, seconds: float, noted: bool
    ) -> None:
        key_id, moment = make(keys, owner)[0], now()
        monkeypatch.setattr(module, "now", lambda: moment)
        keys.mark_used(owner, key_id)
        later = moment + timedelta(seconds=seconds)
        monkeypatch.setattr(module, "now", lambda: later)
        keys.mark_used(owner, key_id)
        assert keys.get(owner, key_id)["lastUsedAt"] == (later if noted else moment)


class TestUpdate:
    def test_changes_what_is_given_of_one_key(
        self, keys: ApiKeyRepository, owner: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (key_id, hashed), other = make(keys, owner), make(keys, owner)[0]
        before, others = keys.get(owner, key_id), keys.get(owner, other)
        moment = now() + timedelta(days=1)
        monkeypatch.setattr(module, "now", lambda: moment)
        end, limits = datetime(2099, 1, 1, tzinfo=UTC), {"tokensPerDay": 5}
        changed = keys.update(owner, key_id, {"name": "new", "expires_at": end, "limits": limits})
        new = {"name": "new", "expiresAt": end, "echoLimits": limits, "updatedAt": moment}
        assert changed == keys.get(owner, key_id) == {**before, **new}
        assert keys.get(owner, other) == others
        assert (keys.find_by_hash(hashed) or {})["name"] == "new"

    def test_takes_away_what_is_given_as_none_and_leaves_the_rest(
        self, keys: ApiKeyRepository, owner: str
    ) -> None:
        limits = {"tokensPerDay": 5}
        key_id, _ = make(keys, owner, expires_at=datetime(2099, 1, 1, tzinfo=UTC), limits=limits)
        assert keys.get(owner, key_id)["echoLimits"] == limits
        changed = keys.update(owner, key_id, {"expires_at": None})
        assert ("expiresAt" in changed, changed["echoLimits"], changed["name"]) == (False, limits, "k")
        assert "echoLimits" not in keys.update(owner, key_id, {"limits": None})
        assert keys.update(owner, key_id, {})["name"] == "k"

    @pytest.mark.parametrize("key_id", IMPOSSIBLE_IDS)
    def test_of_an_impossible_id_or_anothers_is_not_found(
        self, keys: ApiKeyRepository, owner: str, key_id: str
    ) -> None:
        for whose, which in ((owner, key_id), (new_owner(), make(keys, owner)[0])):
            with pytest.raises(NotFound):
                keys.update(whose, which, {"name": "new"})


class TestWhatIsNotShown:
    def test_in_lists_are_hashes_and_what_was_used_and_elsewhere_hashes_alone(
        self, keys: ApiKeyRepository, owner: str, database: Database
    ) -> None:
        key_id, _ = make(keys, owner)
        database.collection("agentapikeys").update_one({}, {"$set": {"echoUsage": {"x": 1}}})
        [listed] = keys.list(owner)
        assert not {"keyHash", "echoUsage"} & listed.keys()
        assert keys.get(owner, key_id)["echoUsage"] == {"x": 1}

    def test_ends_exactly_at_its_time(
        self, keys: ApiKeyRepository, owner: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end = datetime(2099, 1, 1, tzinfo=UTC)
        _, hashed = make(keys, owner, expires_at=end)
        monkeypatch.setattr(module, "now", lambda: end - timedelta(milliseconds=1))
        assert keys.find_by_hash(hashed) is not None
        monkeypatch.setattr(module, "now", lambda: end)
        assert keys.find_by_hash(hashed) is None

    def test_all_of_one_owner_are_deleted(self, keys: ApiKeyRepository, owner: str) -> None:
        other = new_owner()
        for each in (owner, owner, other):
            make(keys, each)
        assert (keys.delete_all(owner), keys.delete_all(owner)) == (2, 0)
        assert keys.count(other) == 1
