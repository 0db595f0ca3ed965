"""Skills: versions that two editors cannot both change."""

from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import Conflict, NotFound
from storage.library import skills as stored_skills
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


class TestFiles:
    @pytest.fixture
    def files(self, database: Database) -> SkillFileRepository:
        return SkillFileRepository(database)

    def test_one_is_put_found_and_forgotten(self, files: SkillFileRepository, owner: str) -> None:
        skill, other = ObjectId(), ObjectId()
        for place in ((skill, "a"), (skill, "b"), (other, "a")):
            files.put(owner, *place, {"file_id": f"{place[1]}{place[0]}"})
        assert files.get(skill, "a")["file_id"] == f"a{skill}"
        for missing in ((skill, "c"), (ObjectId(), "a")):
            for ask in (files.get, files.delete):
                with pytest.raises(NotFound):
                    ask(*missing)
        assert files.delete(skill, "a")["file_id"] == f"a{skill}"
        with pytest.raises(NotFound):
            files.get(skill, "a")
        assert [each["relativePath"] for each in files.list_skill(skill)] == ["b"]
        assert files.get(other, "a")["file_id"] == f"a{other}"

    def test_a_new_one_is_what_is_known_of_it(self, files: SkillFileRepository, owner: str) -> None:
        skill = ObjectId()
        given, before = files.put(owner, skill, "a", {"file_id": "f", "author": "mallory"})
        assert before is None
        stored = files.get(skill, "a")
        assert given == stored
        assert stored.pop("createdAt") == stored.pop("updatedAt")
        assert stored == {
            "_id": stored["_id"],
            "skillId": skill,
            "relativePath": "a",
            "file_id": "f",
            "author": ObjectId(owner),
            "__v": 0,
        }

    def test_one_in_place_of_another_has_nothing_of_its_content(
        self, files: SkillFileRepository, owner: str, database: Database
    ) -> None:
        skill = ObjectId()
        large = dict.fromkeys(("content", "isBinary", "codeEnvRef", "codeEnvRefs", "storageKey"), "x")
        old = {"_id": ObjectId(), "skillId": skill, "relativePath": "a", "file_id": "old", "kept": 1, **large}
        database.collection("skillfiles").insert_one(old)
        given, before = files.put(owner, skill, "a", {"file_id": "new"})
        assert before == old
        stored = files.get(skill, "a")
        assert given == stored
        assert (stored["_id"], stored["file_id"], stored["kept"]) == (old["_id"], "new", 1)
        assert large.keys().isdisjoint(stored)
        assert "createdAt" not in stored

    def test_no_skill_has_more_than_the_most(
        self, files: SkillFileRepository, owner: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert stored_skills.MAX_FILES == 1000
        monkeypatch.setattr(stored_skills, "MAX_FILES", 2)
        skill = ObjectId()
        for path in "ab":
            assert not files.is_full(skill, path)
            files.put(owner, skill, path, {})
        assert files.is_full(skill, "c")
        # One that is there may be put again.
        assert not files.is_full(skill, "a")
        assert not files.is_full(ObjectId(), "a")
        files.put(owner, skill, "c", {})
        assert [each["relativePath"] for each in files.list_skill(skill)] == ["a", "b"]

    def test_a_change_of_files_is_a_new_version(self, skills: SkillRepository, owner: str) -> None:
        made, other = create(skills, owner), create(skills, owner, "read")
        skills.note_files(made["_id"], 1)
        skills.note_files(made["_id"], 0)
        changed = skills.get(made["_id"])
        assert changed == {**made, "version": 3, "fileCount": 1, "updatedAt": changed["updatedAt"]}
        assert changed["updatedAt"] >= made["updatedAt"]
        assert skills.get(other["_id"]) == other


def test_files_are_listed_by_path_without_content_and_forgotten(database: Database) -> None:
    files, skill = SkillFileRepository(database), ObjectId()
    rows = database.collection("skillfiles")
    rows.insert_many([{"skillId": skill, "relativePath": path, "content": "x"} for path in ("b", "a")])
    rows.insert_one({"skillId": ObjectId(), "relativePath": "c"})
    found = files.list_skill(skill)
    assert [each["relativePath"] for each in found] == ["a", "b"]
    assert not any("content" in each for each in found)
    assert (files.delete_skill(skill), files.list_skill(skill)) == (2, [])
