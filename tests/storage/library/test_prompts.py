"""Versions of prompts."""

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import NotFound
from storage.library.prompts import PromptRepository
from tests.support.chats import new_owner

TEXT = {"prompt": "Say it", "type": "text", "author": "forged"}


@pytest.fixture
def prompts(database: Database) -> PromptRepository:
    return PromptRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def test_stores_what_librechat_reads(prompts: PromptRepository, owner: str) -> None:
    group, identifier = ObjectId(), ObjectId()
    made = prompts.create(owner, TEXT, group=group, prompt=identifier)
    assert made == {
        "_id": identifier,
        "author": ObjectId(owner),
        "groupId": group,
        "prompt": "Say it",
        "type": "text",
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "__v": 0,
    }
    assert prompts.get(identifier) == prompts.find(identifier) == made


def test_lists_have_the_newest_first(prompts: PromptRepository, owner: str) -> None:
    group, other = ObjectId(), new_owner()
    first, second = (prompts.create(owner, TEXT, group=group)["_id"] for _ in range(2))
    theirs = prompts.create(other, TEXT, group=group)["_id"]
    elsewhere = prompts.create(owner, TEXT, group=ObjectId())["_id"]
    assert [each["_id"] for each in prompts.list_group(group).documents()] == [theirs, second, first]
    assert [each["_id"] for each in prompts.list_own(owner).documents()] == [elsewhere, second, first]
    assert prompts.newest(group) == theirs
    assert prompts.count(group) == 3
    assert prompts.newest(ObjectId()) is None


def test_sizes_and_texts(prompts: PromptRepository, owner: str) -> None:
    small = prompts.create(owner, TEXT, group=ObjectId())["_id"]
    large = prompts.create(owner, {**TEXT, "prompt": "é" * 1000}, group=ObjectId())["_id"]
    sizes = prompts.sizes([small, large, ObjectId()])
    assert sizes.keys() == {small, large}
    assert sizes[large] - sizes[small] == 2000 - len("Say it")
    assert prompts.texts([small]) == {small: {"_id": small, "prompt": "Say it"}}


def test_deleting(prompts: PromptRepository, owner: str) -> None:
    group = ObjectId()
    first, *_ = (prompts.create(owner, TEXT, group=group)["_id"] for _ in range(3))
    kept = prompts.create(owner, TEXT, group=ObjectId())["_id"]
    assert (prompts.delete(first), prompts.delete(first)) == (1, 0)
    assert (prompts.delete_group(group), prompts.count(group)) == (2, 0)
    assert [each["_id"] for each in prompts.list_own(owner).documents()] == [kept]
    assert prompts.find(first) is None
    assert prompts.find(None) is None
    with pytest.raises(NotFound):
        prompts.get(first)
