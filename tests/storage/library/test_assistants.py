"""Assistants: an owner's own, page by page."""

import re

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import InvalidDocument, NotFound
from storage.library.assistants import AssistantRepository
from tests.support.chats import START, new_owner
from tests.support.threads import THREADS, together

FIELDS = {"name": "Tutor", "model": "gpt-4o", "instructions": "Teach.", "description": "Patient"}


@pytest.fixture
def assistants(database: Database) -> AssistantRepository:
    return AssistantRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def make_several(assistants: AssistantRepository, database: Database, owner: str, count: int) -> list[str]:
    """As many assistants, all made within one millisecond; their ids in the order of their making."""
    ids = [assistants.create(owner, {"name": str(number)})["assistant_id"] for number in range(count)]
    database.collection("assistants").update_many({"user": ObjectId(owner)}, {"$set": {"createdAt": START}})
    return ids


class TestCreate:
    def test_stores_what_librechat_reads(
        self, assistants: AssistantRepository, owner: str, database: Database
    ) -> None:
        made = assistants.create(owner, FIELDS)
        librechats = {
            "user": ObjectId(owner),
            "endpoint": "assistants",
            "conversation_starters": [],
            "actions": [],
            "append_current_datetime": False,
            "file_ids": [],
        }
        assert (librechats | FIELDS).items() <= made.items()
        assert re.fullmatch("asst_[0-9a-f]{24}", made["assistant_id"])
        assert database.collection("assistants").find_one({"_id": made["_id"]}) == made

    def test_takes_none_of_the_servers_own_fields(self, assistants: AssistantRepository, owner: str) -> None:
        made = assistants.create(owner, {"user": "x", "assistant_id": "mine", "access_level": 9, "name": "a"})
        assert made["user"] == ObjectId(owner)
        assert made["assistant_id"] != "mine"
        assert "access_level" not in made

    def test_eight_at_once_all_get_an_id_of_their_own(
        self, assistants: AssistantRepository, owner: str
    ) -> None:
        made = together(lambda number: assistants.create(owner, {"name": str(number)}))
        assert len({assistant["assistant_id"] for assistant in made}) == THREADS

    @pytest.mark.parametrize("text", ["\ud800", "x" * 17_000_000], ids=["surrogate", "size"])
    def test_what_mongodb_refuses_is_said_and_not_stored(
        self, assistants: AssistantRepository, owner: str, text: str
    ) -> None:
        with pytest.raises(InvalidDocument):
            assistants.create(owner, {"instructions": text})
        assert assistants.list_page(owner, limit=5) == ([], False)


class TestListPage:
    @pytest.mark.parametrize("newest_first", [True, False])
    @pytest.mark.parametrize("limit", [1, 3, 10, 11])
    def test_pages_neither_repeat_nor_drop_a_tie(
        self,
        assistants: AssistantRepository,
        database: Database,
        owner: str,
        limit: int,
        newest_first: bool,
    ) -> None:
        ids = make_several(assistants, database, owner, 10)
        seen: list[str] = []
        more = True
        while more:
            after = seen[-1] if seen else None
            items, more = assistants.list_page(owner, limit=limit, after=after, newest_first=newest_first)
            seen += [item["assistant_id"] for item in items]
            assert len(items) == min(limit, 10) or not more
        assert seen == (ids[::-1] if newest_first else ids)

    def test_the_newest_first(self, assistants: AssistantRepository, owner: str, database: Database) -> None:
        ids = [assistants.create(owner, FIELDS)["assistant_id"] for _ in range(3)]
        # The last one is the oldest now.
        database.collection("assistants").update_one({"assistant_id": ids[2]}, {"$set": {"createdAt": START}})
        items, _ = assistants.list_page(owner, limit=3)
        assert items[-1]["assistant_id"] == ids[2]

    def test_nobody_elses(self, assistants: AssistantRepository, owner: str) -> None:
        assistants.create(new_owner(), FIELDS)
        assert assistants.list_page(owner, limit=5) == ([], False)

    def test_after_an_unknown_one_or_another_owners_is_not_found(
        self, assistants: AssistantRepository, owner: str
    ) -> None:
        theirs = assistants.create(new_owner(), FIELDS)["assistant_id"]
        for after in (theirs, "asst_unknown", ""):
            with pytest.raises(NotFound):
                assistants.list_page(owner, limit=5, after=after)


class TestUpdate:
    def test_changes_what_it_names_and_nothing_else(
        self, assistants: AssistantRepository, owner: str
    ) -> None:
        made = assistants.create(owner, FIELDS)
        changed = assistants.update(
            owner, made["assistant_id"], {"name": "Coach", "user": "x", "actions": [1]}
        )
        assert changed["updatedAt"] >= made["updatedAt"]
        assert changed | {"updatedAt": 0} == made | {"name": "Coach", "updatedAt": 0}
        assert assistants.get(owner, made["assistant_id"]) == changed

    def test_eight_at_once_lose_no_field(self, assistants: AssistantRepository, owner: str) -> None:
        names = ["name", "description", "model", "instructions"] * 2
        made = assistants.create(owner, {})
        together(lambda number: assistants.update(owner, made["assistant_id"], {names[number]: "changed"}))
        stored = assistants.get(owner, made["assistant_id"])
        assert {name: stored[name] for name in names} == dict.fromkeys(names, "changed")

    def test_not_another_owners(self, assistants: AssistantRepository, owner: str) -> None:
        made = assistants.create(owner, FIELDS)
        with pytest.raises(NotFound):
            assistants.update(new_owner(), made["assistant_id"], {"name": "Thief"})
        assert assistants.get(owner, made["assistant_id"]) == made

    def test_what_mongodb_refuses_changes_nothing(self, assistants: AssistantRepository, owner: str) -> None:
        made = assistants.create(owner, FIELDS)
        with pytest.raises(InvalidDocument):
            assistants.update(owner, made["assistant_id"], {"name": "new", "instructions": "\ud800"})
        assert assistants.get(owner, made["assistant_id"]) == made


class TestGetAndDelete:
    def test_deletes_once(self, assistants: AssistantRepository, owner: str) -> None:
        made = assistants.create(owner, FIELDS)
        assert assistants.get(owner, made["assistant_id"]) == made
        assert assistants.delete(owner, made["assistant_id"]) == made
        with pytest.raises(NotFound):
            assistants.delete(owner, made["assistant_id"])
        with pytest.raises(NotFound):
            assistants.get(owner, made["assistant_id"])

    def test_not_another_owners(self, assistants: AssistantRepository, owner: str) -> None:
        made = assistants.create(owner, FIELDS)
        for method in (assistants.get, assistants.delete):
            with pytest.raises(NotFound):
                method(new_owner(), made["assistant_id"])
        assert assistants.get(owner, made["assistant_id"]) == made
