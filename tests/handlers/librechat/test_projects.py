"""Projects: folders of conversations, with counters that stay true."""

import uuid
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.conversations import assembly
from tests.conftest import Client, UserClient

Stored = MongoDatabase[dict[str, Any]]
PROJECTS = "/chat/api/projects"


def begin(client: UserClient) -> str:
    conversation_id = str(uuid.uuid4())
    assert client.post(f"/api/messages/{conversation_id}", json={"text": "x", "sender": "user"}).is_success
    return conversation_id


def make(client: UserClient, name: str = "Garden", **fields: Any) -> str:
    response = client.post(PROJECTS, json={"name": name, **fields})
    assert response.status_code == 201, response.text
    return str(response.json()["_id"])


def move(client: UserClient, conversation_id: str, project_id: str | None) -> Any:
    return client.put(f"{PROJECTS}/conversations/{conversation_id}", json={"projectId": project_id})


def counters(client: UserClient, project_id: str) -> tuple[int, str | None]:
    project = client.get(f"{PROJECTS}/{project_id}").json()
    return project["conversationCount"], project["lastConversationId"]


def names(client: UserClient, **params: Any) -> list[str]:
    return [each["name"] for each in client.get(PROJECTS, params=params).json()["projects"]]


class TestListProjects:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(PROJECTS).status_code == 401

    def test_another_owners_are_not_listed(self, ada: UserClient, bob: UserClient) -> None:
        make(ada)
        assert bob.get(PROJECTS).json() == {"projects": [], "nextCursor": None}

    def test_those_with_the_newest_conversations_first(self, ada: UserClient) -> None:
        first, second, _ = make(ada, "first"), make(ada, "second"), make(ada, "empty")
        move(ada, begin(ada), second)
        move(ada, begin(ada), first)
        assert names(ada) == ["first", "second", "empty"]
        assert names(ada, sortDirection="asc") == ["empty", "second", "first"]

    @pytest.mark.parametrize("sort_by", ["name", "createdAt", "lastConversationAt"])
    def test_pages_neither_repeat_nor_drop(self, ada: UserClient, sort_by: str) -> None:
        for name in "abcde":
            make(ada, name)
        found, params = [], {"limit": 2, "sortBy": sort_by, "sortDirection": "asc"}
        while True:
            body = ada.get(PROJECTS, params=params).json()
            found += [each["name"] for each in body["projects"]]
            if body["nextCursor"] is None:
                break
            params["cursor"] = body["nextCursor"]
        assert found == list("abcde")

    def test_a_search_finds_names_and_descriptions(self, ada: UserClient) -> None:
        make(ada, "Turnips"), make(ada, "Beets", description="not turnips"), make(ada, "Leeks")
        assert sorted(names(ada, search=" turnip ")) == ["Beets", "Turnips"]

    @pytest.mark.parametrize("params", [{"sortBy": "user"}, {"sortDirection": "up"}, {"limit": "x"}])
    def test_a_wrong_parameter_is_named(self, ada: UserClient, params: dict[str, str]) -> None:
        response = ada.get(PROJECTS, params=params)
        assert [error["field"] for error in response.json()["errors"]] == list(params)


class TestCreateProject:
    def test_is_empty(self, ada: UserClient) -> None:
        response = ada.post(PROJECTS, json={"name": " Garden ", "description": " Beds "})
        assert response.status_code == 201
        made = response.json()
        moments = {made.pop("createdAt"), made.pop("updatedAt")}
        assert len(moments) == 1
        assert made == {
            "_id": made["_id"],
            "name": "Garden",
            "description": "Beds",
            "user": ada.id,
            "conversationCount": 0,
            "lastConversationAt": None,
            "lastConversationId": None,
        }
        assert make(ada) != made["_id"]
        assert ada.get(f"{PROJECTS}/{made['_id']}").json()["name"] == "Garden"

    @pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "  "}, {"name": "x" * 101}])
    def test_without_a_name_it_is_refused(self, ada: UserClient, body: dict[str, Any]) -> None:
        assert ada.post(PROJECTS, json=body).status_code == 400

    def test_nobody_has_more_than_a_thousand(self, ada: UserClient, stored: Stored) -> None:
        assert assembly.MAX_PROJECTS == 1000
        stored.chatprojects.insert_many({"name": str(number), "user": ada.id} for number in range(1000))
        response = ada.post(PROJECTS, json={"name": "one more"})
        assert (response.status_code, response.json()["code"]) == (422, "too_many_of_a_kind")


class TestUpdateProject:
    def test_what_is_not_named_stays(self, ada: UserClient) -> None:
        project_id = make(ada, "Garden", description="Beds")
        changed = ada.patch(f"{PROJECTS}/{project_id}", json={"name": " Balcony "})
        assert (changed.status_code, changed.json()["name"], changed.json()["description"]) == (
            200,
            "Balcony",
            "Beds",
        )
        assert ada.patch(f"{PROJECTS}/{project_id}", json={"description": ""}).json()["description"] == ""
        assert ada.patch(f"{PROJECTS}/{project_id}", json={}).json()["name"] == "Balcony"

    @pytest.mark.parametrize("project_id", ["0" * 24, "nonsense"])
    def test_unknown_is_not_found(self, ada: UserClient, project_id: str) -> None:
        path = f"{PROJECTS}/{project_id}"
        answers = (ada.get(path), ada.patch(path, json={"name": "x"}), ada.delete(path))
        assert {answer.status_code for answer in answers} == {404}

    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        path = f"{PROJECTS}/{make(ada)}"
        answers = (bob.get(path), bob.patch(path, json={"name": "x"}), bob.delete(path))
        assert {answer.status_code for answer in answers} == {404}
        assert ada.get(path).json()["name"] == "Garden"


class TestDeleteProject:
    def test_its_conversations_stay_and_are_in_none(self, ada: UserClient) -> None:
        conversation_id, project_id = begin(ada), make(ada)
        move(ada, conversation_id, project_id)
        response = ada.delete(f"{PROJECTS}/{project_id}")
        assert (response.status_code, response.json()) == (200, {"deletedCount": 1, "modifiedCount": 1})
        assert "chatProjectId" not in ada.get(f"/chat/api/convos/{conversation_id}").json()
        assert ada.delete(f"{PROJECTS}/{project_id}").status_code == 404


class TestMoveConversation:
    def test_into_a_project_to_another_and_out(self, ada: UserClient) -> None:
        conversation_id, first, second = begin(ada), make(ada), make(ada)
        moved = move(ada, conversation_id, first).json()
        assert (moved["previousProjectId"], moved["projectId"]) == (None, first)
        assert moved["conversation"]["chatProjectId"] == first
        assert moved["conversation"]["conversationId"] == conversation_id
        assert counters(ada, first) == (1, conversation_id)
        moved = move(ada, conversation_id, second).json()
        assert (moved["previousProjectId"], moved["projectId"]) == (first, second)
        assert (counters(ada, first), counters(ada, second)) == ((0, None), (1, conversation_id))
        moved = move(ada, conversation_id, None).json()
        assert (moved["previousProjectId"], moved["projectId"]) == (second, None)
        assert counters(ada, second) == (0, None)

    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id, project_id = begin(ada), make(ada)
        assert move(bob, conversation_id, make(bob)).status_code == 404
        assert move(bob, begin(bob), project_id).status_code == 404
        assert move(ada, conversation_id, str(ObjectId())).status_code == 404
        assert move(ada, conversation_id, "nonsense").status_code == 404
        assert counters(ada, project_id) == (0, None)
        assert "chatProjectId" not in ada.get(f"/chat/api/convos/{conversation_id}").json()


class TestCounters:
    def test_stay_true_whatever_becomes_of_the_conversations(self, ada: UserClient) -> None:
        project_id = make(ada)
        first, second = begin(ada), begin(ada)
        for conversation_id in (first, second):
            move(ada, conversation_id, project_id)
        assert counters(ada, project_id) == (2, second)
        ada.post(f"/api/messages/{first}", json={"text": "again", "sender": "user"})
        assert counters(ada, project_id) == (2, first)
        ada.post("/chat/api/convos/update", json={"arg": {"conversationId": second, "title": "x"}})
        assert counters(ada, project_id) == (2, second)
        archived = {"conversationId": second, "isArchived": True}
        ada.post("/chat/api/convos/archive", json={"arg": archived})
        assert counters(ada, project_id) == (1, first)
        copy = ada.post("/chat/api/convos/duplicate", json={"conversationId": first}).json()["conversation"]
        assert counters(ada, project_id) == (2, copy["conversationId"])
        ada.delete(f"/api/convos/{copy['conversationId']}")
        assert counters(ada, project_id) == (1, first)
        ada.post("/chat/api/convos/archive/all", json={})
        assert counters(ada, project_id) == (0, None)
        ada.post("/chat/api/convos/archive", json={"arg": {**archived, "isArchived": False}})
        assert counters(ada, project_id) == (1, second)
        ada.delete("/chat/api/convos/all")
        assert counters(ada, project_id) == (0, None)

    def test_the_time_is_that_of_the_last_change(self, ada: UserClient) -> None:
        project_id, conversation_id = make(ada), begin(ada)
        move(ada, conversation_id, project_id)
        message = ada.get(f"/chat/api/messages/{conversation_id}").json()[0]
        path = f"/chat/api/messages/{conversation_id}/{message['messageId']}"
        for change in (lambda: ada.put(path, json={"text": "y"}), lambda: ada.delete(path)):
            assert change().is_success
            changed = ada.get(f"/chat/api/convos/{conversation_id}").json()["updatedAt"]
            assert ada.get(f"{PROJECTS}/{project_id}").json()["lastConversationAt"] == changed
