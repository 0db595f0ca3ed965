"""Skills: versions that two editors cannot both change."""

from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import Conflict, NotFound
from storage.library.skills import SkillFileRepository, SkillRepository
from tests.support.chats import new_owner
from tests.support.threads import together


@pytest.fixture
def skills(database: Database) -> SkillRepository:
    return SkillRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def create(skills: SkillRepository, owner: str, name: str = "walk", **fields: Any) -> dict[str, Any]:
    given = {"name": name, "description": "To walk.", **fields}
    return skills.create(owner, given, skill=ObjectId(), author_name="Ada")


class TestCreate:
    def test_stores_what_librechat_reads(self, skills: SkillRepository, owner: str) -> None:
        made = create(skills, owner, allowedTools=["search"], category=None, source="forged", version=9)
        assert made == {
            "_id": made["_id"],
            "name": "walk",
            "description": "To walk.",
            "body": "",
            "frontmatter": {},
            "category": "",
            "alwaysApply": False,
            "disableModelInvocation": False,
            "userInvocable": True,
            "allowedTools": ["search"],
            "author": ObjectId(owner),
            "authorName": "Ada",
            "version": 1,
            "source": "inline",
            "fileCount": 0,
            "createdAt": made["createdAt"],
            "updatedAt": made["createdAt"],
            "__v": 0,
        }
        assert skills.get(made["_id"]) == made

    def test_a_name_that_is_taken(self, skills: SkillRepository, owner: str) -> None:
        create(skills, owner), create(skills, new_owner())
        with pytest.raises(Conflict) as caught:
            create(skills, owner)
        assert caught.value.field == "name"
        assert skills.count(owner) == 1


class TestUpdate:
    def test_only_what_is_named(self, skills: SkillRepository, owner: str) -> None:
        made = create(skills, owner, displayTitle="Walk")
        changed = skills.update(made["_id"], 1, {"body": "x", "displayTitle": None, "author": "forged"})
        del made["displayTitle"]
        assert changed == made | {"body": "x", "version": 2, "updatedAt": changed["updatedAt"]}

    def test_of_several_at_once_one_is_made(self, skills: SkillRepository, owner: str) -> None:
        skill = create(skills, owner)["_id"]

        def update(number: int) -> str:
            try:
                skills.update(skill, 1, {"body": f"{number}"})
            except Conflict as error:
                return error.field
            return "made"

        assert sorted(set(together(update))) == ["made", "version"]
        assert skills.get(skill)["version"] == 2

    def test_of_one_that_is_not_there(self, skills: SkillRepository) -> None:
        with pytest.raises(NotFound):
            skills.update(ObjectId(), 1, {"body": "x"})


class TestLists:
    def test_the_last_changed_come_first(self, skills: SkillRepository, owner: str) -> None:
        ids = [create(skills, owner, name)["_id"] for name in ("a", "b", "c")]
        skills.update(ids[0], 1, {"body": "x"})
        places = skills.places([*ids, ObjectId()])
        assert places[0].id == ids[0]
        assert {place.id for place in places} == set(ids)

    def test_by_each_filter(self, skills: SkillRepository, owner: str) -> None:
        walk = create(skills, owner, "walk", category="sport", displayTitle="Zu Fuß")["_id"]
        read = create(skills, owner, "read", description="Of books.")["_id"]
        ids = [walk, read]

        def found(**wanted: str) -> list[ObjectId]:
            return [place.id for place in skills.places(ids, **wanted)]

        assert found(category="sport") == [walk]
        assert found(text="zu f") == [walk]
        assert found(text="BOOKS") == [read]
        assert found(text="wal") == [walk]
        assert found(text="none") == []

    def test_show_nothing_that_is_large(self, skills: SkillRepository, owner: str) -> None:
        first = create(skills, owner, "a", body="x", frontmatter={"a": "b"})["_id"]
        second = create(skills, owner, "b")["_id"]
        rows = skills.read([second, ObjectId(), first])
        assert [row["_id"] for row in rows] == [second, first]
        assert not {"body", "frontmatter"} & rows[1].keys()

    def test_existing(self, skills: SkillRepository, owner: str) -> None:
        skill = create(skills, owner)["_id"]
        assert skills.existing([skill, ObjectId()]) == {skill}
        assert (skills.delete(skill), skills.delete(skill)) == (1, 0)
        assert skills.existing([skill]) == set()


def test_files_are_listed_by_path_without_content_and_forgotten(database: Database) -> None:
    files, skill = SkillFileRepository(database), ObjectId()
    rows = database.collection("skillfiles")
    rows.insert_many([{"skillId": skill, "relativePath": path, "content": "x"} for path in ("b", "a")])
    rows.insert_one({"skillId": ObjectId(), "relativePath": "c"})
    found = files.list_skill(skill)
    assert [each["relativePath"] for each in found] == ["a", "b"]
    assert not any("content" in each for each in found)
    assert (files.delete_skill(skill), files.list_skill(skill)) == (2, [])
