"""Presets: an owner's own, in LibreChat's order."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from storage.core.database import Database
from storage.core.errors import InvalidDocument
from storage.library.presets import PresetRepository
from tests.support.chats import START, new_owner
from tests.support.threads import THREADS, together


@pytest.fixture
def presets(database: Database) -> PresetRepository:
    return PresetRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def put(database: Database, owner: str, title: str, minute: int, **fields: Any) -> None:
    """Put in a preset as LibreChat writes it."""
    moment = START + timedelta(minutes=minute)
    database.collection("presets").insert_one(
        {"presetId": str(uuid.uuid4()), "user": owner, "title": title, "updatedAt": moment, **fields}
    )


class TestCreate:
    def test_stores_what_librechat_reads(
        self, presets: PresetRepository, owner: str, database: Database
    ) -> None:
        made = presets.create(owner, {"title": "Short", "endpoint": "openAI", "temperature": 0.5})
        assert uuid.UUID(made["presetId"]).version == 4
        assert {
            "user": owner,
            "title": "Short",
            "endpoint": "openAI",
            "temperature": 0.5,
        }.items() <= made.items()
        assert database.collection("presets").find_one({"_id": made["_id"]}) == made

    def test_takes_none_of_the_servers_own_fields(self, presets: PresetRepository, owner: str) -> None:
        forged = {
            "_id": 1,
            "presetId": "mine",
            "user": new_owner(),
            "createdAt": 0,
            "tenantId": "t",
            "__v": 9,
        }
        made = presets.create(owner, {"title": "Short", **forged})
        assert "tenantId" not in made
        assert made["user"] == owner
        assert not {name for name, value in forged.items() if made.get(name) == value}

    def test_eight_at_once_all_get_an_id_of_their_own(self, presets: PresetRepository, owner: str) -> None:
        made = together(lambda number: presets.create(owner, {"title": str(number)}))
        assert len({preset["presetId"] for preset in made}) == THREADS
        assert len(list(presets.list(owner).documents())) == THREADS

    @pytest.mark.parametrize(
        "value", ["\ud800", 2**64, {"a\0b": 1}, "x" * 17_000_000], ids=["surrogate", "integer", "key", "size"]
    )
    def test_what_mongodb_refuses_is_said_and_not_stored(
        self, presets: PresetRepository, owner: str, value: Any
    ) -> None:
        with pytest.raises(InvalidDocument):
            presets.create(owner, {"title": value})
        assert list(presets.list(owner).documents()) == []


class TestList:
    def test_by_order_then_the_last_changed_first(
        self, presets: PresetRepository, owner: str, database: Database
    ) -> None:
        put(database, owner, "old", 1)
        put(database, owner, "new", 3)
        put(database, owner, "second", 0, order=1)
        put(database, owner, "default", 0, order=0, defaultPreset=True)
        put(database, owner, "middle", 2, order=None)
        assert [preset["title"] for preset in list(presets.list(owner).documents())] == [
            "default",
            "second",
            "new",
            "middle",
            "old",
        ]

    def test_ties_keep_one_order(self, presets: PresetRepository, owner: str, database: Database) -> None:
        for number in range(10):
            put(database, owner, str(number), 0)
        titles = [preset["title"] for preset in list(presets.list(owner).documents())]
        assert titles == [str(number) for number in reversed(range(10))]

    def test_nobody_elses(self, presets: PresetRepository, owner: str) -> None:
        presets.create(new_owner(), {"title": "theirs"})
        assert list(presets.list(owner).documents()) == []


class TestDelete:
    def test_one(self, presets: PresetRepository, owner: str) -> None:
        gone, kept = (presets.create(owner, {"title": title}) for title in ("gone", "kept"))
        assert presets.delete(owner, gone["presetId"]) == 1
        assert presets.delete(owner, gone["presetId"]) == 0
        assert list(presets.list(owner).documents()) == [kept]

    def test_not_another_owners(self, presets: PresetRepository, owner: str) -> None:
        made = presets.create(owner, {"title": "mine"})
        assert presets.delete(new_owner(), made["presetId"]) == 0
        assert list(presets.list(owner).documents()) == [made]


class TestDeleteAll:
    def test_the_owners_and_no_others(self, presets: PresetRepository, owner: str) -> None:
        other = new_owner()
        theirs = presets.create(other, {"title": "theirs"})
        for _ in range(3):
            presets.create(owner, {"title": "mine"})
        assert presets.delete_all(owner) == 3
        assert presets.delete_all(owner) == 0
        assert list(presets.list(other).documents()) == [theirs]


class TestSave:
    def test_without_an_id_or_with_one_of_nobodys_makes_a_new_one(
        self, presets: PresetRepository, owner: str
    ) -> None:
        theirs = presets.save(new_owner(), None, {"title": "theirs"})["presetId"]
        ids = {presets.save(owner, each, {"title": "x"})["presetId"] for each in (None, "", "none", theirs)}
        assert len(ids) == 4
        assert not ids & {"none", "", theirs}

    def test_fills_in_what_librechats_model_has(self, presets: PresetRepository, owner: str) -> None:
        made = presets.save(owner, None, {"model": None, "user": "forged", "__v": 9})
        assert {name: made[name] for name in made.keys() - {"_id", "presetId", "createdAt", "updatedAt"}} == {
            "endpoint": None,
            "title": "New Chat",
            "isArchived": False,
            "tags": [],
            "user": owner,
            "__v": 0,
        }

    def test_empties_what_is_none_and_keeps_a_null_endpoint(
        self, presets: PresetRepository, owner: str
    ) -> None:
        made = presets.save(owner, None, {"title": "x", "endpoint": "openAI", "model": "m"})
        changed = presets.save(
            owner, made["presetId"], {"endpoint": None, "model": None, "user": "forged", "presetId": "forged"}
        )
        assert changed["endpoint"] is None
        assert "model" not in changed
        assert (changed["user"], changed["presetId"]) == (owner, made["presetId"])
        assert presets.get(owner, made["presetId"]) == changed

    def test_one_is_the_default(self, presets: PresetRepository, owner: str) -> None:
        other = presets.save(new_owner(), None, {}, is_default=True)
        first = presets.save(owner, None, {"order": 7}, is_default=True)
        assert (first["defaultPreset"], first["order"]) == (True, 0)
        second = presets.save(owner, None, {})
        assert "defaultPreset" not in second
        presets.save(owner, second["presetId"], {}, is_default=True)
        assert not {"defaultPreset", "order"} & presets.get(owner, first["presetId"]).keys()
        assert presets.get(owner, second["presetId"])["order"] == 0
        ordinary = presets.save(owner, second["presetId"], {"order": 3}, is_default=False)
        assert not {"defaultPreset", "order"} & ordinary.keys()
        assert presets.get(str(other["user"]), other["presetId"])["defaultPreset"] is True
