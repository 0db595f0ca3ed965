"""Skills: instructions by name, which are shared by grants."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from tests.conftest import Client, UserClient
from tests.handlers.librechat.sharing import EDIT, OWN, VIEW, Stored, allow_only, grant

PATH = "/chat/api/skills"
ACTIVE = "/chat/api/user/settings/skills/active"
KIND = "skill"
UNKNOWN = "0" * 24
MOMENT = datetime(2026, 11, 26, 12, tzinfo=UTC)


def make(client: UserClient, name: str = "walk-skill", **fields: Any) -> Any:
    body = {"name": name, "description": "When somebody wants to walk.", **fields}
    response = client.post(PATH, json=body)
    assert response.status_code == 201, response.text
    return response.json()


def names(client: UserClient, **params: Any) -> list[str]:
    return [each["name"] for each in client.get(PATH, params=params).json()["skills"]]


class TestCreateSkill:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(PATH, json={"name": "x", "description": "x"}).status_code == 401

    def test_needs_the_permission_to_create(self, ada: UserClient, stored: Stored) -> None:
        allow_only(stored, ada, "SKILLS", "USE")
        response = ada.post(PATH, json={"name": "x", "description": "x"})
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_permissions")

    def test_answers_as_librechat_does(self, ada: UserClient, stored: Stored) -> None:
        made = make(ada, body="# Walk\nDo the walk.")
        assert made == {
            "_id": made["_id"],
            "name": "walk-skill",
            "description": "When somebody wants to walk.",
            "body": "# Walk\nDo the walk.",
            "category": "",
            "disableModelInvocation": False,
            "userInvocable": True,
            "author": ada.id,
            "authorName": "ada",
            "version": 1,
            "source": "inline",
            "fileCount": 0,
            "alwaysApply": False,
            "isPublic": False,
            "createdAt": made["createdAt"],
            "updatedAt": made["updatedAt"],
        }
        assert ada.get(f"{PATH}/{made['_id']}").json() == made
        entry = stored.aclentries.find_one({"resourceId": ObjectId(made["_id"])})
        assert entry is not None
        assert (entry["principalId"], entry["permBits"]) == (ObjectId(ada.id), OWN)

    def test_front_matter_counts(self, ada: UserClient) -> None:
        front = {
            "disable-model-invocation": True,
            "user-invocable": False,
            "allowed-tools": "search",
            "always-apply": True,
            "license": "MIT",
        }
        made = make(ada, frontmatter=front)
        assert made["frontmatter"] == front
        assert (made["disableModelInvocation"], made["userInvocable"]) == (True, False)
        assert (made["allowedTools"], made["alwaysApply"]) == (["search"], True)

    def test_a_name_is_there_once_for_each_author(self, ada: UserClient, bob: UserClient) -> None:
        make(ada), make(bob)
        response = ada.post(PATH, json={"name": "walk-skill", "description": "Again."})
        assert response.status_code == 409
        assert response.json()["errors"] == [{"field": "name", "message": "already taken"}]

    @pytest.mark.parametrize(
        "change",
        [
            *({"name": name} for name in ("Walk", "-walk", "walk_x", "w" * 65, "claude-walk", "help", "")),
            {"description": " "},
            {"description": "x" * 1025},
            {"body": "x" * 100_001},
            {"displayTitle": "x" * 129},
            {"frontmatter": {"$set": "x"}},
            {"frontmatter": {"a.b": "x"}},
            {"frontmatter": {"metadata": {"deep": True}}},
            {"alwaysApply": None},
        ],
    )
    def test_a_wrong_value_is_refused(self, ada: UserClient, change: dict[str, Any]) -> None:
        response = ada.post(PATH, json={"name": "walk", "description": "x", **change})
        assert (response.status_code, response.json()["code"]) == (400, "validation_failed")
        assert names(ada) == []

    def test_there_may_be_five_hundred(self, ada: UserClient, stored: Stored) -> None:
        author = ObjectId(ada.id)
        stored.skills.insert_many([{"author": author, "name": f"x{number}"} for number in range(499)])
        make(ada)
        response = ada.post(PATH, json={"name": "more", "description": "x"})
        assert (response.status_code, response.json()["code"]) == (422, "too_many_skills")


class TestGetSkill:
    def test_one_that_another_program_wrote(self, ada: UserClient, stored: Stored) -> None:
        skill = make(ada)["_id"]
        written = {
            "frontmatter": {"since": MOMENT, "by": ObjectId(UNKNOWN)},
            "sourceMetadata": {"at": MOMENT},
        }
        stored.skills.update_one(
            {"_id": ObjectId(skill)}, {"$set": written, "$unset": {"userInvocable": "", "category": ""}}
        )
        got = ada.get(f"{PATH}/{skill}").json()
        assert got["frontmatter"] == {"since": "2026-11-26T12:00:00.000Z", "by": UNKNOWN}
        assert got["sourceMetadata"] == {"at": "2026-11-26T12:00:00.000Z"}
        assert got["userInvocable"] is True
        assert "category" not in got


class TestListSkills:
    def test_needs_the_permission_to_use(self, ada: UserClient, stored: Stored) -> None:
        allow_only(stored, ada, "SKILLS", "CREATE")
        assert ada.get(PATH).json()["code"] == "insufficient_permissions"

    def test_those_that_were_shared_without_their_bodies(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        made = make(ada, body="# Walk")
        make(ada, "run-skill")
        grant(stored, KIND, made["_id"], VIEW, bob)
        page = bob.get(PATH, params={"limit": 20}).json()
        del made["body"]
        assert page == {"skills": [made], "has_more": False, "after": None}

    def test_pages_have_everything_once(self, ada: UserClient) -> None:
        for number in range(5):
            make(ada, f"skill-{number}")
        seen, cursor = [], ""
        for _ in range(3):
            page = ada.get(PATH, params={"limit": 2, "cursor": cursor}).json()
            seen += [each["name"] for each in page["skills"]]
            cursor = page["after"]
        assert seen == ["skill-4", "skill-3", "skill-2", "skill-1", "skill-0"]
        assert (page["has_more"], page["after"]) == (False, None)

    def test_finds_by_category_and_text(self, ada: UserClient) -> None:
        make(ada, "walk", category="sport", displayTitle="Going on foot"), make(ada, "read")
        assert names(ada, category="sport") == ["walk"]
        assert names(ada, search="ON FOOT") == ["walk"]
        assert names(ada, search="somebody wants") == ["read", "walk"]
        assert names(ada, search=".*") == []


class TestUpdateSkill:
    def test_makes_the_next_version(self, ada: UserClient) -> None:
        made = make(ada, frontmatter={"user-invocable": False}, displayTitle="Walk")
        change = {"expectedVersion": 1, "name": "go", "frontmatter": {"license": "MIT"}, "displayTitle": None}
        changed = ada.patch(f"{PATH}/{made['_id']}", json=change).json()
        expected = made | {
            "name": "go",
            "version": 2,
            "frontmatter": {"license": "MIT"},
            "userInvocable": True,
            "updatedAt": changed["updatedAt"],
        }
        del expected["displayTitle"]
        assert changed == expected

    def test_of_another_version_is_refused(self, ada: UserClient) -> None:
        path = f"{PATH}/{make(ada)['_id']}"
        assert ada.patch(path, json={"expectedVersion": 1, "body": "a"}).status_code == 200
        response = ada.patch(path, json={"expectedVersion": 1, "body": "b"})
        assert (response.status_code, response.json()["code"]) == (409, "skill_changed")
        assert ada.get(path).json()["body"] == "a"

    def test_not_to_a_name_that_is_taken(self, ada: UserClient) -> None:
        make(ada, "walk")
        path = f"{PATH}/{make(ada, 'run')['_id']}"
        response = ada.patch(path, json={"expectedVersion": 1, "name": "walk"})
        assert (response.status_code, response.json()["code"]) == (409, "conflict")

    @pytest.mark.parametrize(
        "body",
        [
            {"body": "x"},
            {"expectedVersion": 1},
            {"expectedVersion": 1, "unknown": 1},
            {"expectedVersion": 0, "body": "x"},
            {"expectedVersion": 1, "name": "claude"},
            {"expectedVersion": 1, "description": None},
        ],
    )
    def test_a_wrong_value_is_refused(self, ada: UserClient, body: dict[str, Any]) -> None:
        response = ada.patch(f"{PATH}/{make(ada)['_id']}", json=body)
        assert (response.status_code, response.json()["code"]) == (400, "validation_failed")

    def test_by_an_editor_and_no_viewer(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        made = make(ada)
        path, change = f"{PATH}/{made['_id']}", {"expectedVersion": 1, "body": "bob's"}
        assert bob.patch(path, json=change).status_code == 404
        grant(stored, KIND, made["_id"], VIEW, bob)
        assert bob.patch(path, json=change).json()["code"] == "insufficient_permissions"
        grant(stored, KIND, made["_id"], EDIT, bob)
        assert bob.patch(path, json=change).json()["author"] == ada.id
        assert bob.delete(path).json()["code"] == "insufficient_permissions"


class TestDeleteSkill:
    def test_goes_with_files_and_grants(self, ada: UserClient, stored: Stored) -> None:
        skill = make(ada)["_id"]
        stored.skillfiles.insert_one({"skillId": ObjectId(skill), "relativePath": "x"})
        assert ada.delete(f"{PATH}/{skill}").json() == {"id": skill, "deleted": True}
        assert ada.get(f"{PATH}/{skill}").status_code == 404
        for name, field in (("aclentries", "resourceId"), ("skillfiles", "skillId")):
            assert stored[name].find_one({field: ObjectId(skill)}) is None

    @pytest.mark.parametrize("skill", [UNKNOWN, "none"])
    def test_one_that_is_not_there(self, ada: UserClient, skill: str) -> None:
        assert ada.delete(f"{PATH}/{skill}").json()["code"] == "not_found"


class TestListSkillFiles:
    def test_has_what_librechat_wrote(self, ada: UserClient, stored: Stored) -> None:
        skill = make(ada)["_id"]
        assert ada.get(f"{PATH}/{skill}/files").json() == {"files": []}
        file = {"relativePath": "scripts/walk.sh", "file_id": "f", "filename": "walk.sh", "bytes": 3}
        inserted = stored.skillfiles.insert_one(
            {**file, "skillId": ObjectId(skill), "author": ObjectId(ada.id), "content": "abc"}
        )
        assert ada.get(f"{PATH}/{skill}/files").json() == {
            "files": [
                {
                    **file,
                    "_id": str(inserted.inserted_id),
                    "skillId": skill,
                    "author": ada.id,
                    "isExecutable": False,
                }
            ]
        }


class TestActiveSkills:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(ACTIVE).status_code == 401

    def test_are_noted_for_those_that_one_may_see(self, ada: UserClient, bob: UserClient) -> None:
        mine, bobs = make(ada)["_id"], make(bob)["_id"]
        assert ada.get(ACTIVE).json() == {}
        states = {mine: False, bobs: True, UNKNOWN: True}
        assert ada.post(ACTIVE, json={"skillStates": states}).json() == {mine: False}
        assert ada.get(ACTIVE).json() == {mine: False}
        ada.delete(f"{PATH}/{mine}")
        assert ada.get(ACTIVE).json() == {}

    @pytest.mark.parametrize(
        "states",
        [{"x": True}, {UNKNOWN: "yes"}, {f"{number:024x}": True for number in range(201)}, None],
        ids=["id", "value", "too many", "none"],
    )
    def test_a_wrong_value_is_refused(self, ada: UserClient, states: Any) -> None:
        assert ada.post(ACTIVE, json={"skillStates": states}).json()["code"] == "validation_failed"
