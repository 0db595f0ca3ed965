"""Conversations as LibreChat's client asks for them."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient

Stored = MongoDatabase[dict[str, Any]]
CONVOS = "/chat/api/convos"


def begin(client: UserClient, *texts: str) -> str:
    """A new conversation of the client's, with these messages, one after the other; its id."""
    conversation_id = str(uuid.uuid4())
    for index, text in enumerate(texts or ("Hello",)):
        body = {"text": text, "sender": "assistant" if index % 2 else "user"}
        assert client.post(f"/api/messages/{conversation_id}", json=body).is_success
    return conversation_id


def listed(client: UserClient, **params: Any) -> list[str]:
    response = client.get(CONVOS, params=params)
    assert response.status_code == 200, response.text
    return [each["conversationId"] for each in response.json()["conversations"]]


def pages(client: UserClient, **params: Any) -> Iterator[list[str]]:
    while True:
        body = client.get(CONVOS, params=params).json()
        yield [each["conversationId"] for each in body["conversations"]]
        if body["nextCursor"] is None:
            return
        params["cursor"] = body["nextCursor"]


def send(client: UserClient, name: str, conversation_id: str, **fields: Any) -> Any:
    return client.post(f"{CONVOS}/{name}", json={"arg": {"conversationId": conversation_id, **fields}})


def delete(client: UserClient, conversation_id: str) -> Any:
    arg = {"conversationId": conversation_id, "source": "button", "endpoint": "Fake"}
    return client.request("DELETE", CONVOS, json={"arg": arg})


class TestListConversations:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(CONVOS).status_code == 401

    def test_another_owners_are_not_listed(self, ada: UserClient, bob: UserClient) -> None:
        begin(ada)
        assert bob.get(CONVOS).json() == {"conversations": [], "nextCursor": None}

    @pytest.mark.parametrize(
        "params",
        [{"limit": "many"}, {"sortBy": "endpoint"}, {"sortDirection": "up"}, {"projectId": "none"}],
    )
    def test_a_wrong_parameter_is_named(self, ada: UserClient, params: dict[str, str]) -> None:
        response = ada.get(CONVOS, params=params)
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == list(params)

    def test_the_last_changed_first_with_what_the_sidebar_shows(
        self, ada: UserClient, stored: Stored
    ) -> None:
        first, second = begin(ada), begin(ada)
        stored.conversations.update_one(
            {"conversationId": second},
            {"$set": {"agent_id": "agent_1", "iconURL": "x.png", "temperature": 1}},
        )
        found = ada.get(CONVOS).json()["conversations"]
        assert [each["conversationId"] for each in found] == [second, first]
        assert found[0]["_id"] == str(stored.conversations.find_one({"conversationId": second})["_id"])
        assert (found[0]["agent_id"], found[0]["iconURL"], found[0]["user"]) == ("agent_1", "x.png", ada.id)
        assert found[0]["isShared"] is False
        assert "temperature" not in found[0]
        assert "messages" not in found[0]

    def test_only_those_that_are_pinned(self, ada: UserClient) -> None:
        begin(ada)
        pinned = begin(ada)
        send(ada, "pin", pinned, pinned=True)
        assert listed(ada, pinned="true", limit=100) == [pinned]
        send(ada, "pin", pinned, pinned=False)
        assert listed(ada, pinned="true") == []

    def test_the_archived_ones_by_when_they_were_archived(self, ada: UserClient) -> None:
        first, second, third = begin(ada), begin(ada), begin(ada)
        send(ada, "archive", second, isArchived=True)
        send(ada, "archive", first, isArchived=True)
        params = {"isArchived": "true", "sortBy": "archivedAt"}
        assert listed(ada, **params) == [first, second]
        assert listed(ada, **params, sortDirection="asc") == [second, first]
        assert listed(ada) == [third]

    def test_by_title_in_pages(self, ada: UserClient, stored: Stored) -> None:
        titles = {name: begin(ada) for name in ("b", "a", "d", "c")}
        for title, conversation_id in titles.items():
            send(ada, "update", conversation_id, title=title)
        untitled = begin(ada)
        stored.conversations.update_one({"conversationId": untitled}, {"$unset": {"title": ""}})
        upwards = [[untitled, titles["a"]], [titles["b"], titles["c"]], [titles["d"]]]
        downwards = [[titles["d"], titles["c"]], [titles["b"], titles["a"]], [untitled]]
        assert list(pages(ada, limit=2, sortBy="title", sortDirection="asc")) == upwards
        assert list(pages(ada, limit=2, sortBy="title")) == downwards

    def test_a_cursor_belongs_to_one_list(self, ada: UserClient) -> None:
        begin(ada), begin(ada)
        cursor = ada.get(CONVOS, params={"limit": 1}).json()["nextCursor"]
        for other in ({"pinned": "true"}, {"tags": "x"}, {"sortBy": "title"}, {"isArchived": "true"}):
            response = ada.get(CONVOS, params={"cursor": cursor, **other})
            assert (response.status_code, response.json()["code"]) == (400, "broken_cursor")

    def test_any_of_the_tags(self, ada: UserClient) -> None:
        work, fun, both, _ = begin(ada), begin(ada), begin(ada), begin(ada)
        for conversation_id, tags in ((work, ["work"]), (fun, ["fun"]), (both, ["fun", "work"])):
            ada.put(f"/chat/api/tags/convo/{conversation_id}", json={"tags": tags})
        assert listed(ada, tags="work") == [both, work]
        assert listed(ada, tags=["work", "fun"]) == [both, fun, work]
        assert listed(ada, tags="none") == []

    def test_those_of_a_project_or_of_none(self, ada: UserClient) -> None:
        inside, outside = begin(ada), begin(ada)
        project = ada.post("/chat/api/projects", json={"name": "Garden"}).json()["_id"]
        ada.put(f"/chat/api/projects/conversations/{inside}", json={"projectId": project})
        assert listed(ada, projectId=project) == [inside]
        assert listed(ada, projectId="unassigned") == [outside]

    def test_a_search_finds_titles_and_messages(self, ada: UserClient) -> None:
        by_title, by_text, _ = begin(ada), begin(ada, "of turnips"), begin(ada)
        send(ada, "update", by_title, title="Turnips")
        assert set(listed(ada, search=" turnip ")) == {by_title, by_text}

    def test_says_which_are_shared(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        shared, expired, of_bob = begin(ada), begin(ada), begin(ada)
        link = {"user": ada.id, "conversationId": shared}
        past = {**link, "conversationId": expired, "expiredAt": stored.conversations.find_one()["createdAt"]}
        stored.sharedlinks.insert_many([link, past, {"user": bob.id, "conversationId": of_bob}])
        found = {each["conversationId"]: each["isShared"] for each in ada.get(CONVOS).json()["conversations"]}
        assert found == {shared: True, expired: False, of_bob: False}

    def test_says_at_once_what_is_shared_or_no_longer(self, ada: UserClient) -> None:
        conversation_id = begin(ada)

        def is_shared() -> bool:
            [only] = ada.get(CONVOS).json()["conversations"]
            return bool(only["isShared"])

        before = is_shared()
        link = ada.post(f"/chat/api/share/{conversation_id}", json={}).json()
        during = is_shared()
        ada.delete(f"/chat/api/share/{link['shareId']}")
        assert (before, during, is_shared()) == (False, True, False)


class TestGetConversation:
    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        assert bob.get(f"{CONVOS}/{begin(ada)}").status_code == 404

    def test_has_all_settings(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = begin(ada)
        settings = {
            "endpoint": "Fake",
            "endpointType": "custom",
            "maxContextTokens": 30400,
            "temperature": 0.5,
            "resendFiles": True,
            "stop": ["x"],
            "promptPrefix": "Be brief",
        }
        hidden = {"tenantId": "t", "subagentThreadLease": {"token": "secret"}}
        stored.conversations.update_one({"conversationId": conversation_id}, {"$set": {**settings, **hidden}})
        body = ada.get(f"{CONVOS}/{conversation_id}").json()
        assert {name: body[name] for name in settings} == settings
        assert body["messages"] == [str(stored.messages.find_one({"conversationId": conversation_id})["_id"])]
        assert body["title"] == "New Chat"
        assert not hidden.keys() & body.keys()


class TestChanges:
    @pytest.mark.parametrize(
        ("name", "field", "value"),
        [("update", "title", "x"), ("archive", "isArchived", True), ("pin", "pinned", True)],
    )
    def test_another_owners_is_not_found(
        self, ada: UserClient, bob: UserClient, name: str, field: str, value: Any
    ) -> None:
        conversation_id = begin(ada)
        before = ada.get(f"{CONVOS}/{conversation_id}").json()
        assert send(bob, name, conversation_id, **{field: value}).status_code == 404
        assert send(bob, name, str(uuid.uuid4()), **{field: value}).status_code == 404
        assert ada.get(f"{CONVOS}/{conversation_id}").json() == before

    @pytest.mark.parametrize("body", [{}, {"conversationId": "x", "title": "flat"}, {"arg": {"title": "x"}}])
    def test_a_body_without_its_wrapping_is_refused(self, ada: UserClient, body: dict[str, Any]) -> None:
        assert ada.post(f"{CONVOS}/update", json=body).status_code == 400

    def test_a_title_is_stripped_and_counts_as_a_change(self, ada: UserClient) -> None:
        conversation_id, _ = begin(ada), begin(ada)
        response = send(ada, "update", conversation_id, title="  Contracts ")
        assert (response.status_code, response.json()["title"]) == (201, "Contracts")
        assert listed(ada)[0] == conversation_id

    def test_archiving_and_pinning_do_not(self, ada: UserClient) -> None:
        conversation_id, other = begin(ada), begin(ada)
        before = ada.get(f"{CONVOS}/{conversation_id}").json()
        pinned = send(ada, "pin", conversation_id, pinned=True)
        assert (pinned.status_code, pinned.json()["pinned"]) == (200, True)
        archived = send(ada, "archive", conversation_id, isArchived=True)
        assert (archived.status_code, archived.json()["isArchived"]) == (200, True)
        assert archived.json()["archivedAt"] > before["updatedAt"]
        restored = send(ada, "archive", conversation_id, isArchived=False).json()
        assert restored["updatedAt"] == before["updatedAt"]
        assert "archivedAt" not in restored
        assert listed(ada) == [other, conversation_id]

    def test_archive_all(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        first, second, temporary, of_bob = begin(ada), begin(ada), begin(ada), begin(bob)
        send(ada, "archive", first, isArchived=True)
        stored.conversations.update_one({"conversationId": temporary}, {"$set": {"isTemporary": True}})
        assert ada.post(f"{CONVOS}/archive/all", json={}).json() == {"archivedCount": 1}
        assert set(listed(ada, isArchived="true")) == {first, second}
        assert not stored.conversations.find_one({"conversationId": temporary})["isArchived"]
        assert listed(bob) == [of_bob]


class TestDeleteConversation:
    def test_takes_all_that_is_its_along(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, other = begin(ada, "Why?", "Because."), begin(ada)
        link = stored.sharedlinks.insert_one({"user": ada.id, "conversationId": conversation_id}).inserted_id
        kept = stored.sharedlinks.insert_one({"user": ada.id, "conversationId": other}).inserted_id
        stored.aclentries.insert_many(
            {"resourceType": "sharedLink", "resourceId": each, "principalType": "public"}
            for each in (link, kept)
        )
        stored.toolcalls.insert_one({"user": ObjectId(ada.id), "conversationId": conversation_id})
        stored.agent_checkpoints.insert_one({"thread_id": conversation_id})
        child = {"conversationId": str(uuid.uuid4()), "user": ada.id, "endpoint": None}
        stored.conversations.insert_one(
            {**child, "subagentThread": {"parentConversationId": conversation_id}}
        )
        response = delete(ada, conversation_id)
        assert response.status_code == 201
        assert response.json() == {
            "acknowledged": True,
            "deletedCount": 2,
            "messages": {"acknowledged": True, "deletedCount": 2},
            "conversationIds": [conversation_id, child["conversationId"]],
        }
        assert listed(ada) == [other]
        assert stored.messages.count_documents({"conversationId": conversation_id}) == 0
        assert [each["_id"] for each in stored.sharedlinks.find({"user": ada.id})] == [kept]
        grants = {"resourceId": {"$in": [link, kept]}}
        assert [each["resourceId"] for each in stored.aclentries.find(grants)] == [kept]
        assert stored.toolcalls.count_documents({"conversationId": conversation_id}) == 0
        assert stored.agent_checkpoints.count_documents({"thread_id": conversation_id}) == 0

    def test_another_owners_and_a_second_time_it_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada)
        assert delete(bob, conversation_id).status_code == 404
        assert delete(ada, conversation_id).status_code == 201
        assert delete(ada, conversation_id).status_code == 404

    @pytest.mark.parametrize(
        "body", [{}, {"arg": {}}, {"arg": {"source": "button"}}, {"arg": {"thread_id": "x"}}]
    )
    def test_without_an_id_nothing_is_deleted(self, ada: UserClient, body: dict[str, Any]) -> None:
        # LibreChat deletes everything where the body names an endpoint alone.
        conversation_id = begin(ada)
        assert ada.request("DELETE", CONVOS, json=body).status_code == 400
        assert listed(ada) == [conversation_id]

    def test_all(self, ada: UserClient, bob: UserClient) -> None:
        mine, of_bob = [begin(ada) for _ in range(25)], begin(bob)
        send(ada, "archive", mine[0], isArchived=True)
        response = ada.delete(f"{CONVOS}/all")
        assert response.status_code == 201
        assert (response.json()["deletedCount"], response.json()["messages"]["deletedCount"]) == (25, 25)
        assert sorted(response.json()["conversationIds"]) == sorted(mine)
        assert listed(ada) == listed(ada, isArchived="true") == []
        assert listed(bob) == [of_bob]
        assert ada.delete(f"{CONVOS}/all").json()["deletedCount"] == 0


class TestCopies:
    @pytest.mark.parametrize("option", ["directPath", "", "default", None])
    def test_a_fork_is_a_conversation_with_messages_that_say_who_wrote_them(
        self, ada: UserClient, option: str | None
    ) -> None:
        conversation_id = begin(ada, "Why?", "Because.")
        first = ada.get(f"/chat/api/messages/{conversation_id}").json()[0]
        body = {"conversationId": conversation_id, "messageId": first["messageId"], "latestMessageId": None}
        response = ada.post(f"{CONVOS}/fork", json=body | ({} if option is None else {"option": option}))
        assert response.status_code == 200
        made = response.json()
        assert made["conversation"]["conversationId"] not in ("", conversation_id)
        assert [(each["text"], each["isCreatedByUser"]) for each in made["messages"]] == [("Why?", True)]
        assert {each["conversationId"] for each in made["messages"]} == {
            made["conversation"]["conversationId"]
        }

    def test_split_at_the_target_it_goes_down_to_the_message_that_is_shown(self, ada: UserClient) -> None:
        conversation_id = begin(ada, "1", "2", "3", "4")
        messages = ada.get(f"/chat/api/messages/{conversation_id}").json()
        body = {"conversationId": conversation_id, "splitAtTarget": True, "option": "directPath"}
        shown = {"messageId": messages[1]["messageId"], "latestMessageId": messages[2]["messageId"]}
        made = ada.post(f"{CONVOS}/fork", json={**body, **shown}).json()["messages"]
        assert [each["text"] for each in made] == ["2", "3"]
        newest = {"messageId": messages[1]["messageId"]}
        made = ada.post(f"{CONVOS}/fork", json={**body, **newest}).json()["messages"]
        assert [each["text"] for each in made] == ["2", "3", "4"]
        above = {"messageId": messages[1]["messageId"], "latestMessageId": messages[0]["messageId"]}
        assert ada.post(f"{CONVOS}/fork", json={**body, **above}).status_code == 404

    def test_a_duplicate_has_everything(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = begin(ada, "Why?", "Because.")
        send(ada, "update", conversation_id, title="Reasons")
        stored.conversations.update_one({"conversationId": conversation_id}, {"$set": {"temperature": 0.5}})
        response = ada.post(f"{CONVOS}/duplicate", json={"conversationId": conversation_id})
        assert response.status_code == 201
        made = response.json()
        assert (made["conversation"]["title"], made["conversation"]["temperature"]) == ("Reasons", 0.5)
        assert [each["text"] for each in made["messages"]] == ["Why?", "Because."]
        named = ada.post(f"{CONVOS}/duplicate", json={"conversationId": conversation_id, "title": "More"})
        assert named.json()["conversation"]["title"] == "More"

    def test_a_duplicate_of_an_empty_one_is_empty(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = str(uuid.uuid4())
        stored.conversations.insert_one({"conversationId": conversation_id, "user": ada.id, "endpoint": None})
        made = ada.post(f"{CONVOS}/duplicate", json={"conversationId": conversation_id}).json()
        assert made["messages"] == []

    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada)
        message_id = ada.get(f"/chat/api/messages/{conversation_id}").json()[0]["messageId"]
        body = {"conversationId": conversation_id, "messageId": message_id}
        assert bob.post(f"{CONVOS}/fork", json=body).status_code == 404
        assert bob.post(f"{CONVOS}/duplicate", json=body).status_code == 404


class TestSearchEnabled:
    def test_it_always_is(self, ada: UserClient) -> None:
        response = ada.get("/chat/api/search/enable")
        assert (response.status_code, response.json()) == (200, True)

    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/chat/api/search/enable").status_code == 401
