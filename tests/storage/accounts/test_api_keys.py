"""API keys: found by their hash, shown without it."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts.api_keys import ApiKeyRepository
from storage.core.database import Database
from storage.core.errors import NotFound
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
