"""Provider keys of users: one for each name, gone when they expire."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from storage.accounts.keys import KeyRepository
from storage.core.database import Database
from tests.support.chats import new_owner

LATER = datetime(2099, 1, 1, tzinfo=UTC)
PAST = datetime.now(UTC) - timedelta(seconds=5)


@pytest.fixture
def keys(database: Database) -> KeyRepository:
    return KeyRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def documents(database: Database, owner: str) -> list[dict[str, object]]:
    return list(database.collection("keys").find({"userId": ObjectId(owner)}, {"_id": 0}))


class TestPut:
    def test_stores_what_librechat_reads(self, keys: KeyRepository, owner: str, database: Database) -> None:
        keys.put(owner, "openAI", value="abc", expires_at=LATER)
        assert documents(database, owner) == [
            {"userId": ObjectId(owner), "name": "openAI", "value": "abc", "expiresAt": LATER, "__v": 0}
        ]

    def test_replaces_the_earlier_one_with_its_expiry(
        self, keys: KeyRepository, owner: str, database: Database
    ) -> None:
        keys.put(owner, "openAI", value="abc", expires_at=LATER)
        keys.put(owner, "openAI", value="def", expires_at=None)
        assert documents(database, owner) == [
            {"userId": ObjectId(owner), "name": "openAI", "value": "def", "__v": 0}
        ]


class TestFind:
    def test_finds_the_owners_only(self, keys: KeyRepository, owner: str) -> None:
        keys.put(owner, "openAI", value="abc", expires_at=None)
        assert (keys.find(owner, "openAI") or {})["value"] == "abc"
        assert keys.find(owner, "google") is None
        assert keys.find(new_owner(), "openAI") is None

    def test_an_expired_one_does_not_count(self, keys: KeyRepository, owner: str) -> None:
        keys.put(owner, "openAI", value="abc", expires_at=PAST)
        assert keys.find(owner, "openAI") is None

    def test_of_doubles_reads_the_one_that_put_writes(
        self, keys: KeyRepository, owner: str, database: Database
    ) -> None:
        mine = {"userId": ObjectId(owner), "name": "openAI"}
        rows = [{**mine, "_id": ObjectId(f"{number:024x}"), "value": str(number)} for number in (2, 1, 3)]
        database.collection("keys").insert_many(rows)
        assert (keys.find(owner, "openAI") or {})["value"] == "1"
        keys.put(owner, "openAI", value="new", expires_at=None)
        assert (keys.find(owner, "openAI") or {})["value"] == "new"
        left = database.collection("keys").find({"userId": ObjectId(owner)}).sort("_id", 1)
        assert [row["value"] for row in left] == ["new", "2", "3"]


class TestCountOthers:
    def test_leaves_out_the_one_of_that_name(self, keys: KeyRepository, owner: str) -> None:
        for name in ("a", "b", "c"):
            keys.put(owner, name, value="x", expires_at=None)
        assert (keys.count_others(owner, "a"), keys.count_others(owner, "z")) == (2, 3)


class TestDelete:
    def test_deletes_doubles_too_and_nobody_elses(
        self, keys: KeyRepository, owner: str, database: Database
    ) -> None:
        other = new_owner()
        keys.put(other, "openAI", value="x", expires_at=None)
        mine = {"userId": ObjectId(owner), "name": "openAI", "value": "x"}
        database.collection("keys").insert_many([dict(mine), dict(mine)])
        assert keys.delete(owner, "openAI") == 2
        assert keys.delete(owner, "openAI") == 0
        assert keys.find(other, "openAI")

    def test_deletes_all_of_the_owners(self, keys: KeyRepository, owner: str) -> None:
        other = new_owner()
        for each, name in ((owner, "a"), (owner, "b"), (other, "a")):
            keys.put(each, name, value="x", expires_at=None)
        assert keys.delete_all(owner) == 2
        assert keys.find(other, "a")
