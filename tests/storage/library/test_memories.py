"""Memories: an owner's own, each key once."""

from contextlib import suppress
from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import Conflict, NotFound
from storage.library.memories import MemoryRepository
from tests.support.chats import new_owner
from tests.support.threads import together


@pytest.fixture
def memories(database: Database) -> MemoryRepository:
    return MemoryRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def stored(database: Database, owner: str) -> list[dict[str, Any]]:
    return list(database.collection("memoryentries").find({"userId": ObjectId(owner)}))


class TestCreate:
    def test_stores_what_librechat_reads(
        self, memories: MemoryRepository, owner: str, database: Database
    ) -> None:
        made = memories.create(owner, "likes", "tea", tokens=1)
        assert set(made) == {"_id", "userId", "key", "value", "tokenCount", "updated_at", "__v"}
        assert stored(database, owner) == [made]
        assert memories.create(owner, "likes", "tea", tokens=1, agent_id="agent_1")["agentId"] == "agent_1"

    def test_however_many_at_once_no_more_than_one_stays(
        self, memories: MemoryRepository, owner: str, database: Database
    ) -> None:
        def create(_: int) -> int:
            with suppress(Conflict):
                memories.create(owner, "likes", "tea", tokens=1)
                return 1
            return 0

        made = sum(together(create))
        assert made <= 1
        assert len(stored(database, owner)) == made

    def test_one_that_librechat_wrote_with_a_null_is_among_the_shared(
        self, memories: MemoryRepository, owner: str, database: Database
    ) -> None:
        row = {"userId": ObjectId(owner), "agentId": None, "key": "likes", "value": "tea", "tokenCount": 1}
        database.collection("memoryentries").insert_one(row)
        with pytest.raises(Conflict) as caught:
            memories.create(owner, "likes", "tea", tokens=1)
        assert caught.value.field == "key"
        assert memories.tokens(owner) == 1
        assert memories.get(owner, "likes")["value"] == "tea"


class TestOthers:
    def test_are_not_touched(self, memories: MemoryRepository, owner: str) -> None:
        other = new_owner()
        memories.create(other, "likes", "tea", tokens=1)
        for ask in (
            lambda: memories.get(owner, "likes"),
            lambda: memories.change(owner, "likes", value="x", tokens=1),
            lambda: memories.delete(owner, "likes"),
        ):
            with pytest.raises(NotFound):
                ask()
        assert memories.get(other, "likes")["value"] == "tea"
        assert (memories.count(owner), memories.tokens(owner)) == (0, 0)
        assert list(memories.list(owner).documents()) == []
        assert memories.newest(owner, count=10, size=1000) == []


class TestNewest:
    def test_has_the_last_changed_within_both_limits(self, memories: MemoryRepository, owner: str) -> None:
        for number in range(4):
            memories.create(owner, f"k{number}", "x" * 100, tokens=1)
        memories.change(owner, "k0", value="changed", tokens=1)

        def keys(count: int, size: int) -> list[str]:
            return [each["key"] for each in memories.newest(owner, count=count, size=size)]

        assert keys(10, 100_000) == ["k0", "k3", "k2", "k1"]
        assert keys(2, 100_000) == ["k0", "k3"]
        assert keys(10, 600) == ["k0", "k3"]
        assert keys(10, 1) == ["k0"]


class TestOfAgents:
    """What an agent remembers, and what all chats share, have their own keys."""

    @pytest.fixture(autouse=True)
    def remembered(self, memories: MemoryRepository, owner: str) -> None:
        memories.create(owner, "likes", "tea", tokens=2)
        memories.create(owner, "lives", "here", tokens=3)
        memories.create(owner, "likes", "milk", tokens=5, agent_id="a")
        memories.create(owner, "likes", "water", tokens=7, agent_id="b")

    def values(self, memories: MemoryRepository, owner: str) -> set[str]:
        return {each["value"] for each in memories.list(owner).documents()}

    def test_each_is_found_and_counted_where_it_belongs(self, memories: MemoryRepository, owner: str) -> None:
        assert memories.get(owner, "likes")["value"] == "tea"
        assert memories.get(owner, "likes", "a")["value"] == "milk"
        with pytest.raises(NotFound):
            memories.get(owner, "lives", "a")
        assert (memories.tokens(owner), memories.tokens(owner, "a"), memories.tokens(owner, "c")) == (5, 5, 0)
        assert memories.count(owner) == 4
        assert {each["value"] for each in memories.newest(owner, count=9, size=10_000)} == {"tea", "here"}

    def test_a_change_is_of_one(self, memories: MemoryRepository, owner: str) -> None:
        changed = memories.change(owner, "likes", value="juice", tokens=11, agent_id="a")
        assert (changed["value"], changed["tokenCount"], changed["key"]) == ("juice", 11, "likes")
        assert self.values(memories, owner) == {"tea", "here", "juice", "water"}
        assert memories.tokens(owner, "a") == 11

    def test_a_new_key_must_be_free_there(self, memories: MemoryRepository, owner: str) -> None:
        with pytest.raises(Conflict) as caught:
            memories.change(owner, "likes", value="x", tokens=1, new_key="lives")
        assert caught.value.field == "key"
        assert self.values(memories, owner) == {"tea", "here", "milk", "water"}
        assert (
            memories.change(owner, "likes", value="x", tokens=1, new_key="lives", agent_id="a")["key"]
            == "lives"
        )
        # The same key is no new one.
        assert memories.change(owner, "likes", value="y", tokens=1, new_key="likes")["value"] == "y"

    def test_one_is_deleted_and_the_others_stay(self, memories: MemoryRepository, owner: str) -> None:
        memories.delete(owner, "likes", "a")
        assert self.values(memories, owner) == {"tea", "here", "water"}
        memories.delete(owner, "likes")
        assert self.values(memories, owner) == {"here", "water"}
        with pytest.raises(NotFound):
            memories.delete(owner, "likes")
