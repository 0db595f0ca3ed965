import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient

Stored = MongoDatabase[dict[str, Any]]


def new_id() -> str:
    return str(uuid.uuid4())


def post(client: UserClient, conversation_id: str, text: str = "Hello", **fields: Any) -> Any:
    body = {"text": text, "sender": "user", **fields}
    response = client.post(f"/api/messages/{conversation_id}", json=body)
    assert response.status_code == 201, response.text
    return response.json()


def texts(response: Any) -> list[str]:
    body = response.json()
    return [item["text"] for item in (body["messages"] if isinstance(body, dict) else body)]


def store(stored: Stored, owner: str, conversation_id: str, **fields: Any) -> str:
    """Puts in a message as another program may have written it; its id."""
    moment = datetime(2023, 5, 1, 12, 30, 15, 42000, tzinfo=UTC)
    document = {"messageId": new_id(), "conversationId": conversation_id, "user": owner, "createdAt": moment}
    stored.messages.insert_one(document | fields)
    return str(document["messageId"])


class TestListMessages:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/messages").status_code == 401

    def test_another_owners_are_not_listed(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = new_id()
        post(ada, conversation_id)
        assert texts(bob.get("/api/messages")) == []
        assert texts(bob.get("/api/messages", params={"conversationId": conversation_id})) == []
        assert texts(bob.get("/api/messages", params={"search": "Hello"})) == []

    @pytest.mark.parametrize("size", ["x", "1.5", ""])
    def test_a_wrong_page_size_is_named(self, ada: UserClient, size: str) -> None:
        response = ada.get("/api/messages", params={"pageSize": size})
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == ["pageSize"]

    def test_a_broken_cursor_is_refused(self, ada: UserClient) -> None:
        response = ada.get("/api/messages", params={"cursor": "nonsense"})
        assert response.status_code == 400
        assert response.json()["code"] == "broken_cursor"

    def test_newest_first_over_all_conversations(self, ada: UserClient) -> None:
        for text in ("one", "two", "three"):
            post(ada, new_id(), text)
        assert texts(ada.get("/api/messages")) == ["three", "two", "one"]

    def test_one_conversation_only(self, ada: UserClient) -> None:
        conversation_id = new_id()
        post(ada, conversation_id, "here")
        post(ada, new_id(), "elsewhere")
        assert texts(ada.get("/api/messages", params={"conversationId": conversation_id})) == ["here"]

    def test_search_finds_parts_of_words_in_any_case_and_script(self, ada: UserClient) -> None:
        for text in ("The Quick brown fox", "Быстрая Лиса", "quiet"):
            post(ada, new_id(), text)
        assert texts(ada.get("/api/messages", params={"search": "UICK"})) == ["The Quick brown fox"]
        assert texts(ada.get("/api/messages", params={"search": "лис"})) == ["Быстрая Лиса"]
        assert texts(ada.get("/api/messages", params={"search": "q.i"})) == []

    def test_pages_neither_repeat_nor_drop_even_in_ties(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = new_id()
        made = [post(ada, conversation_id, str(number))["messageId"] for number in range(5)]
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        stored.messages.update_many({"user": ada.id}, {"$set": {"createdAt": moment}})
        found: list[str] = []
        params: dict[str, Any] = {"pageSize": 2}
        for has_more in (True, True, False):
            body = ada.get("/api/messages", params=params).json()
            found += [item["messageId"] for item in body["messages"]]
            assert body["hasMore"] is has_more
            assert (body["nextCursor"] is not None) is has_more
            params["cursor"] = body["nextCursor"]
        assert sorted(found) == sorted(made)

    @pytest.mark.parametrize(("size", "expected"), [(-5, 1), (0, 1), (2, 2), (100000, 3)])
    def test_a_page_size_out_of_range_is_clamped(self, ada: UserClient, size: int, expected: int) -> None:
        conversation_id = new_id()
        for _ in range(3):
            post(ada, conversation_id)
        assert len(texts(ada.get("/api/messages", params={"pageSize": size}))) == expected


class TestListConversationMessages:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"/api/messages/{new_id()}").status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        conversation_id = new_id()
        post(ada, conversation_id)
        for asked in (conversation_id, new_id()):
            assert bob.get(f"/api/messages/{asked}").status_code == 404

    def test_all_of_them_the_oldest_first(self, ada: UserClient) -> None:
        conversation_id = new_id()
        for number in range(25):
            post(ada, conversation_id, str(number))
        assert texts(ada.get(f"/api/messages/{conversation_id}")) == [str(number) for number in range(25)]


class TestCreateMessage:
    def test_anonymous_is_refused(self, api: Client) -> None:
        body = {"text": "Hello", "sender": "user"}
        assert api.post(f"/api/messages/{new_id()}", json=body).status_code == 401

    def test_nothing_is_added_to_another_owners_conversation(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = new_id()
        post(ada, conversation_id, "ada's")
        bob.post(f"/api/messages/{conversation_id}", json={"text": "bob's", "sender": "user"})
        assert texts(ada.get(f"/api/messages/{conversation_id}")) == ["ada's"]

    def test_another_owners_message_is_no_parent(self, ada: UserClient, bob: UserClient) -> None:
        parent = post(ada, new_id())["messageId"]
        body = {"text": "Hello", "sender": "user", "parentMessageId": parent}
        response = bob.post(f"/api/messages/{new_id()}", json=body)
        assert response.status_code == 422
        assert response.json()["code"] == "unknown_parent"

    @pytest.mark.parametrize(
        "change",
        [{"text": None}, {"sender": "system"}, {"sender": "User"}, {"parentMessageId": 5}, {"model": []}],
    )
    def test_a_wrong_value_is_refused(self, ada: UserClient, change: dict[str, Any]) -> None:
        body = {"text": "Hello", "sender": "user", **change}
        response = ada.post(f"/api/messages/{new_id()}", json=body)
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == list(change)

    @pytest.mark.parametrize("missing", ["text", "sender"])
    def test_text_and_sender_are_required(self, ada: UserClient, missing: str) -> None:
        body = {name: "user" for name in ("text", "sender") if name != missing}
        assert ada.post(f"/api/messages/{new_id()}", json=body).status_code == 400

    def test_answers_with_the_message(self, ada: UserClient) -> None:
        conversation_id = new_id()
        message = post(ada, conversation_id, "Hello there", model="gpt-4o")
        assert message["conversationId"] == conversation_id
        assert message["text"] == "Hello there"
        assert message["sender"] == "user"
        assert message["model"] == "gpt-4o"
        assert message["tokenCount"] > 0

    def test_a_new_id_begins_a_conversation(self, ada: UserClient) -> None:
        conversation_id = new_id()
        post(ada, conversation_id)
        assert ada.get(f"/api/convos/{conversation_id}").status_code == 200

    def test_senders_are_librechats_inside(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = new_id()
        for sender, is_user in (("user", True), ("assistant", False)):
            message = post(ada, conversation_id, sender=sender)
            assert message["sender"] == sender
            document = stored.messages.find_one({"messageId": message["messageId"]})
            assert document is not None
            assert document["isCreatedByUser"] is is_user
            assert document["user"] == ada.id

    def test_the_parent_is_the_newest_message_by_default(self, ada: UserClient) -> None:
        conversation_id = new_id()
        first, second = post(ada, conversation_id), post(ada, conversation_id)
        assert second["parentMessageId"] == first["messageId"]

    def test_the_parent_may_be_any_message_of_the_conversation(self, ada: UserClient) -> None:
        conversation_id = new_id()
        first, _ = post(ada, conversation_id), post(ada, conversation_id)
        sibling = post(ada, conversation_id, parentMessageId=first["messageId"])
        assert sibling["parentMessageId"] == first["messageId"]

    def test_a_parent_elsewhere_is_refused(self, ada: UserClient) -> None:
        elsewhere = post(ada, new_id())["messageId"]
        conversation_id = new_id()
        post(ada, conversation_id)
        body = {"text": "Hello", "sender": "user", "parentMessageId": elsewhere}
        assert ada.post(f"/api/messages/{conversation_id}", json=body).status_code == 422
        assert len(texts(ada.get(f"/api/messages/{conversation_id}"))) == 1

    def test_takes_nothing_that_the_contract_does_not_name(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        forged = {"user": bob.id, "messageId": "mine", "_id": "x", "tokenCount": 10**9, "tenantId": "t"}
        message = post(ada, new_id(), **forged, createdAt="2000-01-01T00:00:00Z", feedback="positive")
        assert message["messageId"] != "mine"
        document = stored.messages.find_one({"messageId": message["messageId"]})
        assert document is not None
        assert document["user"] == ada.id
        assert document["tokenCount"] < 100
        assert document["createdAt"].year > 2000
        assert "tenantId" not in document
        assert document.get("feedback") is None

    @pytest.mark.parametrize(
        "text", ["", " ", "\0", "🚀" * 1000, "<script>", "\r\n\x1b[31m", "$where", "x" * 200_000]
    )
    def test_any_text_comes_back_as_it_was(self, ada: UserClient, text: str) -> None:
        assert post(ada, new_id(), text)["text"] == text


class TestGetMessage:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"/api/messages/{new_id()}/{new_id()}").status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        conversation_id = new_id()
        message_id = post(ada, conversation_id)["messageId"]
        assert bob.get(f"/api/messages/{conversation_id}/{message_id}").status_code == 404
        assert bob.get(f"/api/messages/{conversation_id}/{new_id()}").status_code == 404

    def test_both_ids_must_fit(self, ada: UserClient) -> None:
        here, there = new_id(), new_id()
        message_id = post(ada, here)["messageId"]
        post(ada, there)
        assert ada.get(f"/api/messages/{there}/{message_id}").status_code == 404

    def test_shows_what_was_posted(self, ada: UserClient) -> None:
        message = post(ada, new_id())
        path = f"/api/messages/{message['conversationId']}/{message['messageId']}"
        assert ada.get(path).json() == message

    def test_an_answer_kept_in_parts_has_its_text(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = new_id()
        post(ada, conversation_id)
        parts = [
            {"type": "think", "think": "hidden"},
            {"type": "text", "text": "First."},
            {"type": "text", "text": {"value": "Second."}},
            {"type": "tool_call", "tool_call": {"name": "x"}},
            {"type": "text", "text": None},
            "odd",
        ]
        for fields in ({"text": ""}, {"text": None}, {}):
            message_id = store(
                stored,
                ada.id,
                conversation_id,
                sender="GPT-4o",
                isCreatedByUser=False,
                content=parts,
                **fields,
            )
            message = ada.get(f"/api/messages/{conversation_id}/{message_id}").json()
            assert message["text"] == "First.\nSecond."
            assert message["sender"] == "assistant"

    @pytest.mark.parametrize(
        ("fields", "sender"),
        [
            ({"isCreatedByUser": True, "sender": "Ada"}, "user"),
            ({"isCreatedByUser": False, "sender": "User"}, "assistant"),
            ({"isCreatedByUser": False, "sender": "System"}, "system"),
            ({"sender": "User"}, "user"),
            ({"sender": "ChatGPT"}, "assistant"),
            ({}, "assistant"),
        ],
    )
    def test_librechats_senders_become_the_contracts(
        self, ada: UserClient, stored: Stored, fields: dict[str, Any], sender: str
    ) -> None:
        conversation_id = new_id()
        post(ada, conversation_id)
        message_id = store(stored, ada.id, conversation_id, **fields)
        assert ada.get(f"/api/messages/{conversation_id}/{message_id}").json()["sender"] == sender

    @pytest.mark.parametrize(
        ("feedback", "expected"),
        [
            ({"rating": "thumbsUp", "tag": "clear", "text": "nice"}, "positive"),
            ({"rating": "thumbsDown"}, "negative"),
            ({"rating": "sideways"}, None),
            ({"rating": ["x"]}, None),
            (None, None),
            ("thumbsUp", None),
        ],
    )
    def test_librechats_feedback_becomes_the_contracts(
        self, ada: UserClient, stored: Stored, feedback: Any, expected: str | None
    ) -> None:
        conversation_id = new_id()
        post(ada, conversation_id)
        message_id = store(stored, ada.id, conversation_id, text="x", feedback=feedback)
        message = ada.get(f"/api/messages/{conversation_id}/{message_id}").json()
        assert message.get("feedback") == expected

    def test_a_document_with_next_to_nothing_is_shown(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = new_id()
        post(ada, conversation_id)
        message_id = store(stored, ada.id, conversation_id, tokenCount=None, model=None, parentMessageId=None)
        message = ada.get(f"/api/messages/{conversation_id}/{message_id}").json()
        assert message == {
            "messageId": message_id,
            "conversationId": conversation_id,
            "sender": "assistant",
            "text": "",
            "createdAt": "2023-05-01T12:30:15.042Z",
        }


class TestUpdateMessage:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.put(f"/api/messages/{new_id()}/{new_id()}", json={"text": "x"}).status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        message = post(ada, new_id(), "mine")
        conversation_id = message["conversationId"]
        for message_id in (message["messageId"], new_id()):
            response = bob.put(f"/api/messages/{conversation_id}/{message_id}", json={"text": "x"})
            assert response.status_code == 404
        assert texts(ada.get(f"/api/messages/{conversation_id}")) == ["mine"]

    @pytest.mark.parametrize("body", [{"text": 5}, {"text": None}, [], "text"])
    def test_an_invalid_body_is_refused(self, ada: UserClient, body: Any) -> None:
        message = post(ada, new_id())
        path = f"/api/messages/{message['conversationId']}/{message['messageId']}"
        assert ada.put(path, json=body).status_code == 400

    def test_edits_the_text_and_counts_again(self, ada: UserClient) -> None:
        message = post(ada, new_id(), "short")
        path = f"/api/messages/{message['conversationId']}/{message['messageId']}"
        response = ada.put(path, json={"text": "quite a lot longer than it was before"})
        assert response.status_code == 200
        edited = response.json()
        assert edited["text"] == "quite a lot longer than it was before"
        assert edited["tokenCount"] > message["tokenCount"]
        assert edited["createdAt"] == message["createdAt"]
        assert edited["updatedAt"] > message["updatedAt"]
        assert ada.get(path).json() == edited

    def test_moves_the_conversation_to_the_top(self, ada: UserClient) -> None:
        message = post(ada, new_id())
        post(ada, new_id())
        ada.put(f"/api/messages/{message['conversationId']}/{message['messageId']}", json={"text": "new"})
        first = ada.get("/api/convos").json()["conversations"][0]
        assert first["conversationId"] == message["conversationId"]

    def test_a_body_without_text_changes_nothing(self, ada: UserClient) -> None:
        message = post(ada, new_id())
        path = f"/api/messages/{message['conversationId']}/{message['messageId']}"
        response = ada.put(path, json={})
        assert response.status_code == 200
        assert response.json() == message

    def test_takes_nothing_that_the_contract_does_not_name(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        message = post(ada, new_id())
        path = f"/api/messages/{message['conversationId']}/{message['messageId']}"
        ada.put(path, json={"text": "new", "user": bob.id, "conversationId": "x", "tenantId": "t"})
        document = stored.messages.find_one({"messageId": message["messageId"]})
        assert document is not None
        assert document["user"] == ada.id
        assert document["conversationId"] == message["conversationId"]
        assert "tenantId" not in document


class TestDeleteMessage:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.delete(f"/api/messages/{new_id()}/{new_id()}").status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        message = post(ada, new_id())
        conversation_id = message["conversationId"]
        for message_id in (message["messageId"], new_id()):
            assert bob.delete(f"/api/messages/{conversation_id}/{message_id}").status_code == 404
        assert len(texts(ada.get(f"/api/messages/{conversation_id}"))) == 1

    def test_it_is_gone(self, ada: UserClient) -> None:
        message = post(ada, new_id())
        path = f"/api/messages/{message['conversationId']}/{message['messageId']}"
        assert ada.delete(path).status_code == 200
        assert ada.get(path).status_code == 404
        assert ada.delete(path).status_code == 404

    def test_its_children_hang_on_its_parent(self, ada: UserClient) -> None:
        conversation_id = new_id()
        first, second, third = (post(ada, conversation_id, text) for text in ("one", "two", "three"))
        ada.delete(f"/api/messages/{conversation_id}/{second['messageId']}")
        left = ada.get(f"/api/messages/{conversation_id}").json()
        assert [message["messageId"] for message in left] == [first["messageId"], third["messageId"]]
        assert left[1]["parentMessageId"] == first["messageId"]


class TestGiveFeedback:
    GOOD: ClassVar[dict[str, str]] = {"rating": "thumbsUp", "tag": "clear_well_written", "text": "Thanks"}

    def give(self, client: Client, conversation_id: str, message_id: str, **body: Any) -> Any:
        return client.put(f"/api/messages/{conversation_id}/{message_id}/feedback", json=body)

    def test_anonymous_is_refused(self, api: Client) -> None:
        assert self.give(api, new_id(), new_id(), feedback=None).status_code == 401

    def test_another_owner_finds_nothing(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        conversation_id = new_id()
        message_id = post(ada, conversation_id)["messageId"]
        assert self.give(bob, conversation_id, message_id, feedback=self.GOOD).status_code == 404
        assert "feedback" not in stored.messages.find_one({"messageId": message_id})  # type: ignore[operator]

    @pytest.mark.parametrize(
        ("feedback", "field"),
        [
            ("great", "feedback"),
            (5, "feedback"),
            ({}, "feedback.rating"),
            ({"rating": "up"}, "feedback.rating"),
            ({"rating": "thumbsUp", "tag": "x"}, "feedback.tag"),
            (["thumbsUp"], "feedback"),
        ],
    )
    def test_what_is_none_is_refused(self, ada: UserClient, feedback: Any, field: str) -> None:
        conversation_id = new_id()
        message_id = post(ada, conversation_id)["messageId"]
        answer = self.give(ada, conversation_id, message_id, feedback=feedback)
        assert answer.status_code == 400
        [error] = answer.json()["errors"]
        assert error["field"] == field
        assert error["message"] != "is not valid"

    def test_librechats_object_is_stored_and_shown(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = new_id()
        message_id = post(ada, conversation_id)["messageId"]
        answer = self.give(ada, conversation_id, message_id, feedback={**self.GOOD, "user": "mallory"})
        assert answer.json() == {
            "messageId": message_id,
            "conversationId": conversation_id,
            "feedback": self.GOOD,
        }
        message = stored.messages.find_one({"messageId": message_id})
        assert message is not None
        assert message["feedback"] == self.GOOD
        assert ada.get(f"/api/messages/{conversation_id}/{message_id}").json()["feedback"] == "positive"

    @pytest.mark.parametrize(
        ("word", "rating"), [("positive", "thumbsUp"), ("negative", "thumbsDown"), ("neutral", None)]
    )
    def test_the_contracts_words_are_understood(self, ada: UserClient, word: str, rating: str | None) -> None:
        conversation_id = new_id()
        message_id = post(ada, conversation_id)["messageId"]
        answer = self.give(ada, conversation_id, message_id, feedback=word).json()
        assert answer["feedback"] == ({"rating": rating} if rating else None)

    def test_nothing_takes_it_back(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = new_id()
        message_id = post(ada, conversation_id)["messageId"]
        for taken_back in ({"feedback": None}, {}):
            self.give(ada, conversation_id, message_id, feedback=self.GOOD)
            assert self.give(ada, conversation_id, message_id, **taken_back).json()["feedback"] is None
            message = stored.messages.find_one({"messageId": message_id})
            assert message is not None
            assert "feedback" not in message
