"""Messages as LibreChat's client asks for them."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient

Stored = MongoDatabase[dict[str, Any]]
MESSAGES = "/chat/api/messages"
ROOT = "00000000-0000-0000-0000-000000000000"
EDIT: dict[str, Any] = {"index": 0, "original": "1 + 1\n", "updated": "1 + 2\n"}
ARTIFACT = 'Here:\n:::artifact{title="Sum"}\n```js\n1 + 1\n```\n:::\nDone.'


def begin(client: UserClient, *texts: str) -> str:
    conversation_id = str(uuid.uuid4())
    for index, text in enumerate(texts or ("Hello",)):
        body = {"text": text, "sender": "assistant" if index % 2 else "user"}
        assert client.post(f"/api/messages/{conversation_id}", json=body).is_success
    return conversation_id


def all_of(client: UserClient, conversation_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{MESSAGES}/{conversation_id}").json()
    return found


def answer(client: UserClient, stored: Stored, *parts: dict[str, Any], **fields: Any) -> tuple[str, str]:
    """A conversation with an answer in parts, as LibreChat stores one: the ids of both."""
    conversation_id = begin(client)
    message_id = str(uuid.uuid4())
    stored.messages.insert_one(
        {
            "messageId": message_id,
            "conversationId": conversation_id,
            "user": client.id,
            "parentMessageId": all_of(client, conversation_id)[0]["messageId"],
            "sender": "Fake",
            "isCreatedByUser": False,
            "text": "",
            "content": list(parts),
            "createdAt": datetime(2099, 1, 1, tzinfo=UTC),
            "updatedAt": datetime(2026, 1, 1, tzinfo=UTC),
            **fields,
        }
    )
    return conversation_id, message_id


class TestListConversationMessages:
    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        assert bob.get(f"{MESSAGES}/{begin(ada)}").status_code == 404

    def test_a_bare_list_with_who_wrote_each(self, ada: UserClient) -> None:
        found = all_of(ada, begin(ada, "Why?", "Because."))
        assert [(each["text"], each["isCreatedByUser"], each["sender"]) for each in found] == [
            ("Why?", True, "User"),
            ("Because.", False, "Assistant"),
        ]
        assert found[0]["parentMessageId"] == ROOT
        assert found[1]["parentMessageId"] == found[0]["messageId"]

    def test_what_librechat_stores_is_shown_and_its_own_notes_are_not(
        self, ada: UserClient, stored: Stored
    ) -> None:
        file = {
            "file_id": "f",
            "user": ObjectId(ada.id),
            "createdAt": datetime(2026, 1, 1, tzinfo=UTC),
            "bytes": 3,
        }
        conversation_id, _ = answer(
            ada,
            stored,
            {"type": "think", "think": "Hm."},
            {"type": "tool_call", "tool_call": {"id": "1", "args": {"a": [1, None]}}},
            {"type": "text", "text": "pong", "agentId": "agent_1", "groupId": 1},
            files=[file],
            attachments=[],
            metadata={"usage": {"input": 1}, "thoughtSignatures": {"x": "secret"}},
            feedback={"rating": "thumbsDown", "tag": "not_matched", "_id": ObjectId()},
            tokenCount=6,
            expiredAt=None,
            clientId="secret",
            langfuseSampled=True,
            summary="secret",
        )
        last = all_of(ada, conversation_id)[-1]
        assert [each["type"] for each in last["content"]] == ["think", "tool_call", "text"]
        assert last["content"][1]["tool_call"] == {"id": "1", "args": {"a": [1, None]}}
        assert last["content"][2] == {"type": "text", "text": "pong", "agentId": "agent_1", "groupId": 1}
        assert last["files"] == [
            {"file_id": "f", "user": ada.id, "createdAt": "2026-01-01T00:00:00.000Z", "bytes": 3}
        ]
        assert last["feedback"] == {"rating": "thumbsDown", "tag": "not_matched"}
        assert (last["text"], last["sender"], last["tokenCount"]) == ("", "Fake", 6)
        assert last["metadata"] == {"usage": {"input": 1}}
        assert not {"_id", "user", "clientId", "langfuseSampled", "summary", "expiredAt"} & last.keys()

    def test_a_long_conversation_is_whole(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = begin(ada)
        stored.messages.insert_many(
            {
                "messageId": str(number),
                "conversationId": conversation_id,
                "user": ada.id,
                "text": "x" * 200_000,
            }
            for number in range(10)
        )
        assert len(all_of(ada, conversation_id)) == 11


class TestListMessages:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(MESSAGES).status_code == 401

    def test_without_a_filter_there_are_none(self, ada: UserClient) -> None:
        begin(ada)
        assert ada.get(MESSAGES).json() == {"messages": [], "nextCursor": None}

    def test_a_search_finds_them_with_their_titles(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada, "Of turnips", "Of beets")
        begin(bob, "Of turnips")
        ada.post(
            "/chat/api/convos/update", json={"arg": {"conversationId": conversation_id, "title": "Garden"}}
        )
        body = ada.get(MESSAGES, params={"search": "turnip"}).json()
        assert [(each["text"], each["title"], each["isCreatedByUser"]) for each in body["messages"]] == [
            ("Of turnips", "Garden", True)
        ]
        assert body["nextCursor"] is None

    @pytest.mark.parametrize("sort_by", ["createdAt", "updatedAt", "endpoint"])
    def test_those_of_a_conversation_in_pages(self, ada: UserClient, sort_by: str) -> None:
        conversation_id = begin(ada, "1", "2", "3")
        params: dict[str, Any] = {"conversationId": conversation_id, "pageSize": 2, "sortBy": sort_by}
        params["sortDirection"] = "asc"
        first = ada.get(MESSAGES, params=params).json()
        second = ada.get(MESSAGES, params={**params, "cursor": first["nextCursor"]}).json()
        assert [[each["text"] for each in page["messages"]] for page in (first, second)] == [
            ["1", "2"],
            ["3"],
        ]
        assert second["nextCursor"] is None

    def test_a_single_one(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada, "1", "2")
        message_id = all_of(ada, conversation_id)[1]["messageId"]
        params = {"conversationId": conversation_id, "messageId": message_id}
        assert [each["text"] for each in ada.get(MESSAGES, params=params).json()["messages"]] == ["2"]
        assert bob.get(MESSAGES, params=params).json() == {"messages": [], "nextCursor": None}


class TestCreateMessage:
    def test_goes_by_the_id_that_the_client_gave_it(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, message_id = begin(ada), str(uuid.uuid4())
        body = {
            "messageId": message_id,
            "text": "I say",
            "sender": "Ada",
            "isCreatedByUser": True,
            "user": "x",
        }
        response = ada.post(f"{MESSAGES}/{conversation_id}", json=body)
        assert response.status_code == 201
        first, second = all_of(ada, conversation_id)
        assert second == response.json()
        assert (second["messageId"], second["sender"], second["text"]) == (message_id, "Ada", "I say")
        assert (second["isCreatedByUser"], second["parentMessageId"]) == (True, first["messageId"])
        named = stored.conversations.find_one({"conversationId": conversation_id})["messages"]
        assert stored.messages.find_one({"messageId": message_id})["_id"] in named
        assert stored.messages.find_one({"messageId": message_id})["user"] == ada.id

    def test_sent_again_it_gets_the_text(self, ada: UserClient) -> None:
        conversation_id, body = begin(ada), {"messageId": str(uuid.uuid4()), "text": "one"}
        for text in ("one", "two"):
            assert ada.post(f"{MESSAGES}/{conversation_id}", json={**body, "text": text}).status_code == 201
        assert [each["text"] for each in all_of(ada, conversation_id)] == ["Hello", "two"]

    def test_an_id_of_another_conversation_is_taken(self, ada: UserClient) -> None:
        first, second = begin(ada), begin(ada)
        body = {"messageId": all_of(ada, first)[0]["messageId"], "text": "stolen"}
        response = ada.post(f"{MESSAGES}/{second}", json=body)
        assert response.status_code == 409
        assert response.json()["errors"] == [{"field": "messageId", "message": "already taken"}]
        assert len(all_of(ada, second)) == 1

    def test_no_conversation_begins_with_it(self, ada: UserClient, bob: UserClient) -> None:
        body = {"messageId": str(uuid.uuid4()), "text": "x"}
        assert ada.post(f"{MESSAGES}/{uuid.uuid4()}", json=body).status_code == 404
        assert bob.post(f"{MESSAGES}/{begin(ada)}", json=body).status_code == 404

    @pytest.mark.parametrize(
        "body", [{}, {"text": "x"}, {"messageId": ""}, {"messageId": "x", "content": [{}]}]
    )
    def test_without_an_id_it_is_refused(self, ada: UserClient, body: dict[str, Any]) -> None:
        assert ada.post(f"{MESSAGES}/{begin(ada)}", json=body).status_code == 400

    def test_an_unknown_parent_is_refused(self, ada: UserClient) -> None:
        body = {"messageId": "m", "text": "x", "parentMessageId": str(uuid.uuid4())}
        response = ada.post(f"{MESSAGES}/{begin(ada)}", json=body)
        assert (response.status_code, response.json()["code"]) == (422, "unknown_parent")


class TestGetMessage:
    def test_in_a_list(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada)
        found = all_of(ada, conversation_id)
        path = f"{MESSAGES}/{conversation_id}/{found[0]['messageId']}"
        assert ada.get(path).json() == found
        assert bob.get(path).status_code == 404
        assert ada.get(f"{MESSAGES}/{conversation_id}/none").status_code == 404


class TestUpdateMessage:
    def test_its_text(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada, "Why?")
        message_id = all_of(ada, conversation_id)[0]["messageId"]
        path, body = f"{MESSAGES}/{conversation_id}/{message_id}", {"text": "Why not?", "model": "gpt-4o"}
        assert bob.put(path, json=body).status_code == 404
        response = ada.put(path, json=body)
        assert response.status_code == 200
        assert (response.json()["text"], response.json()["tokenCount"]) == ("Why not?", 3)
        assert ada.put(path, json={}).status_code == 400
        assert all_of(ada, conversation_id)[0]["text"] == "Why not?"

    def test_one_part_and_no_other(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, message_id = answer(
            ada,
            stored,
            {"type": "think", "think": "one two three"},
            {"type": "text", "text": "four five"},
            {"type": "text", "text": {"value": "six", "annotations": [1]}},
            tokenCount=10,
        )
        path = f"{MESSAGES}/{conversation_id}/{message_id}"
        assert ada.put(path, json={"text": "four", "index": 1}).json()["tokenCount"] == 9
        ada.put(path, json={"text": "hm", "index": 0})
        changed = ada.put(path, json={"text": "seven", "index": 2}).json()
        assert changed["content"] == [
            {"type": "think", "think": "hm"},
            {"type": "text", "text": "four"},
            {"type": "text", "text": {"value": "seven", "annotations": [1]}},
        ]
        assert changed["text"] == ""
        # 10 - 1 for the second part, 3 - 1 for the first, 1 - 1 for the third.
        assert changed["tokenCount"] == 7
        assert changed["updatedAt"] > "2026-01-01T00:00:00.000Z"
        assert ada.get("/chat/api/convos").json()["conversations"][0]["conversationId"] == conversation_id

    @pytest.mark.parametrize("index", [1, 2, 100])
    def test_what_is_no_part_of_text_is_refused(self, ada: UserClient, stored: Stored, index: int) -> None:
        parts = {"type": "text", "text": "a"}, {"type": "tool_call", "tool_call": {"id": "x"}}
        conversation_id, message_id = answer(ada, stored, *parts)
        response = ada.put(f"{MESSAGES}/{conversation_id}/{message_id}", json={"text": "x", "index": index})
        assert (response.status_code, response.json()["code"]) == (422, "unknown_part")
        assert all_of(ada, conversation_id)[-1]["content"] == list(parts)

    @pytest.mark.parametrize("index", [-1, "0", 1.5])
    def test_what_is_no_index_is_refused(self, ada: UserClient, stored: Stored, index: Any) -> None:
        conversation_id, message_id = answer(ada, stored, {"type": "text", "text": "a"})
        response = ada.put(f"{MESSAGES}/{conversation_id}/{message_id}", json={"text": "x", "index": index})
        assert response.status_code == 400

    def test_another_owners_part_is_not_found(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        conversation_id, message_id = answer(ada, stored, {"type": "text", "text": "a"})
        response = bob.put(f"{MESSAGES}/{conversation_id}/{message_id}", json={"text": "x", "index": 0})
        assert response.status_code == 404

    def test_longer_than_allowed_is_refused(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        path = f"{MESSAGES}/{conversation_id}/{all_of(ada, conversation_id)[0]['messageId']}"
        response = ada.put(path, json={"text": "x" * (2 * 1024 * 1024 + 1)})
        assert (response.status_code, response.json()["code"]) == (413, "message_too_long")


class TestFeedback:
    def test_is_in_the_message_as_librechat_has_it(self, ada: UserClient) -> None:
        conversation_id = begin(ada, "Why?", "Because.")
        path = f"{MESSAGES}/{conversation_id}/{all_of(ada, conversation_id)[1]['messageId']}/feedback"
        given = {"rating": "thumbsUp", "tag": "accurate_reliable"}
        assert ada.put(path, json={"feedback": given}).json()["feedback"] == given
        assert all_of(ada, conversation_id)[1]["feedback"] == given
        assert ada.put(path, json={}).json()["feedback"] is None
        assert "feedback" not in all_of(ada, conversation_id)[1]


class TestDeleteMessage:
    def test_its_children_hang_on_its_parent(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada, "1", "2", "3")
        first, second, _ = all_of(ada, conversation_id)
        path = f"{MESSAGES}/{conversation_id}/{second['messageId']}"
        assert bob.delete(path).status_code == 404
        response = ada.delete(path)
        assert (response.status_code, response.content) == (204, b"")
        assert all_of(ada, conversation_id)[1]["parentMessageId"] == first["messageId"]
        assert ada.delete(path).status_code == 404


class TestBranchMessage:
    PARTS = (
        {"type": "text", "text": "one", "agentId": "first", "groupId": 1},
        {"type": "text", "text": "two", "agentId": "second", "groupId": 1},
        {"type": "text", "text": "three", "agentId": "second", "groupId": 1},
    )

    def test_has_the_parts_of_one_agent_without_their_marks(self, ada: UserClient, stored: Stored) -> None:
        conversation_id, message_id = answer(ada, stored, *self.PARTS, model="m", endpoint="Fake")
        response = ada.post(f"{MESSAGES}/branch", json={"messageId": message_id, "agentId": "second"})
        assert response.status_code == 201
        found = {each["messageId"]: each for each in all_of(ada, conversation_id)}
        original, made = found.pop(message_id), found.pop(response.json()["messageId"])
        [question] = found.values()
        assert made == response.json()
        assert made["content"] == [{"type": "text", "text": "two"}, {"type": "text", "text": "three"}]
        assert made["parentMessageId"] == original["parentMessageId"] == question["messageId"]
        assert (made["sender"], made["model"], made["isCreatedByUser"]) == ("Fake", "m", False)
        assert original["content"] == list(self.PARTS)
        named = stored.conversations.find_one({"conversationId": conversation_id})["messages"]
        assert stored.messages.find_one({"messageId": made["messageId"]})["_id"] in named

    def test_an_agent_that_said_nothing_is_refused(self, ada: UserClient, stored: Stored) -> None:
        _, message_id = answer(ada, stored, *self.PARTS)
        response = ada.post(f"{MESSAGES}/branch", json={"messageId": message_id, "agentId": "third"})
        assert (response.status_code, response.json()["code"]) == (422, "unknown_part")

    def test_a_question_or_a_text_has_no_branches(self, ada: UserClient, stored: Stored) -> None:
        _, question = answer(ada, stored, *self.PARTS, isCreatedByUser=True)
        text = all_of(ada, begin(ada))[0]["messageId"]
        for message_id in (question, text):
            response = ada.post(f"{MESSAGES}/branch", json={"messageId": message_id, "agentId": "first"})
            assert response.status_code == 422

    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        _, message_id = answer(ada, stored, *self.PARTS)
        response = bob.post(f"{MESSAGES}/branch", json={"messageId": message_id, "agentId": "first"})
        assert response.status_code == 404


class TestEditArtifact:
    def test_in_a_part(self, ada: UserClient, stored: Stored) -> None:
        parts = {"type": "think", "think": ARTIFACT}, {"type": "text", "text": ARTIFACT}
        conversation_id, message_id = answer(ada, stored, *parts)
        response = ada.post(f"{MESSAGES}/artifact/{message_id}", json=EDIT)
        changed = [parts[0], {"type": "text", "text": ARTIFACT.replace("1 + 1", "1 + 2")}]
        expected = {"conversationId": conversation_id, "content": changed, "text": ""}
        assert (response.status_code, response.json()) == (200, expected)
        assert all_of(ada, conversation_id)[-1]["content"] == changed

    def test_in_the_text_of_an_older_answer(self, ada: UserClient) -> None:
        conversation_id = begin(ada, "Sum?", ARTIFACT)
        message_id = all_of(ada, conversation_id)[1]["messageId"]
        response = ada.post(f"{MESSAGES}/artifact/{message_id}", json=EDIT)
        assert response.json()["text"] == ARTIFACT.replace("1 + 1", "1 + 2")

    @pytest.mark.parametrize("change", [{"index": 1}, {"original": "2 + 2"}, {"original": ""}])
    def test_what_is_not_there_is_refused(
        self, ada: UserClient, stored: Stored, change: dict[str, Any]
    ) -> None:
        conversation_id, message_id = answer(ada, stored, {"type": "text", "text": ARTIFACT})
        response = ada.post(f"{MESSAGES}/artifact/{message_id}", json={**EDIT, **change})
        assert (response.status_code, response.json()["code"]) == (422, "unknown_part")
        assert all_of(ada, conversation_id)[-1]["content"][0]["text"] == ARTIFACT

    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        _, message_id = answer(ada, stored, {"type": "text", "text": ARTIFACT})
        assert bob.post(f"{MESSAGES}/artifact/{message_id}", json=EDIT).status_code == 404
