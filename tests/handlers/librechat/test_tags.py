"""Bookmarks: counts and places as LibreChat keeps them."""

import uuid
from typing import Any
from urllib.parse import quote

import pytest
from pymongo.database import Database as MongoDatabase

from echo.conversations import assembly
from tests.conftest import Client, UserClient

Stored = MongoDatabase[dict[str, Any]]
TAGS = "/chat/api/tags"


def begin(client: UserClient) -> str:
    conversation_id = str(uuid.uuid4())
    assert client.post(f"/api/messages/{conversation_id}", json={"text": "x", "sender": "user"}).is_success
    return conversation_id


def make(client: UserClient, *names: str) -> None:
    for name in names:
        assert client.post(TAGS, json={"tag": name}).status_code == 200


def give(client: UserClient, conversation_id: str, *tags: str) -> Any:
    return client.put(f"{TAGS}/convo/{conversation_id}", json={"tags": tags})


def counts(client: UserClient) -> dict[str, int]:
    return {each["tag"]: each["count"] for each in client.get(TAGS).json()}


def tags_of(client: UserClient, conversation_id: str) -> list[str]:
    tags: list[str] = client.get(f"/chat/api/convos/{conversation_id}").json()["tags"]
    return tags


class TestListTags:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(TAGS).status_code == 401

    def test_in_their_order_and_nobody_elses(self, ada: UserClient, bob: UserClient) -> None:
        make(ada, "b", "a")
        make(bob, "c")
        assert [(each["tag"], each["position"]) for each in ada.get(TAGS).json()] == [("b", 1), ("a", 2)]

    def test_one_without_a_name_which_librechat_makes_is_left_out(
        self, ada: UserClient, stored: Stored
    ) -> None:
        stored.conversationtags.insert_one({"tag": None, "user": ada.id, "position": 1})
        make(ada, "a")
        assert counts(ada) == {"a": 0}


class TestThePermission:
    def test_without_it_everything_is_refused(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = begin(ada)
        make(ada, "a")
        # A role of which nothing is stored may do nothing.
        stored.users.update_one({"email": ada.email}, {"$set": {"role": f"role of {ada.id}"}})
        answers = (
            ada.get(TAGS),
            ada.post(TAGS, json={"tag": "b"}),
            ada.put(f"{TAGS}/a", json={"tag": "b"}),
            ada.delete(f"{TAGS}/a"),
            give(ada, conversation_id, "a"),
        )
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
        assert [each["tag"] for each in stored.conversationtags.find({"user": ada.id})] == ["a"]


class TestCreateTag:
    def test_is_the_last_and_has_no_conversations(self, ada: UserClient) -> None:
        make(ada, "first")
        response = ada.post(TAGS, json={"tag": "work", "description": "What I do"})
        assert response.status_code == 200
        made = response.json()
        assert (made["tag"], made["description"], made["user"]) == ("work", "What I do", ada.id)
        assert (made["count"], made["position"]) == (0, 2)

    def test_is_given_to_a_conversation_if_asked(self, ada: UserClient) -> None:
        conversation_id, other = begin(ada), begin(ada)
        body = {"tag": "work", "conversationId": conversation_id, "addToConversation": True}
        assert ada.post(TAGS, json=body).json()["count"] == 1
        ada.post(TAGS, json={"tag": "fun", "conversationId": other, "addToConversation": False})
        assert (tags_of(ada, conversation_id), tags_of(ada, other)) == (["work"], [])

    def test_without_a_conversation_as_the_client_says_it(self, ada: UserClient) -> None:
        body = {"tag": "work", "description": "", "conversationId": "", "addToConversation": False}
        assert ada.post(TAGS, json=body).status_code == 200

    def test_one_that_is_there_stays_as_it_is(self, ada: UserClient) -> None:
        first = ada.post(TAGS, json={"tag": "work", "description": "What I do"}).json()
        assert ada.post(TAGS, json={"tag": "work", "description": "else"}).json() == first
        assert len(ada.get(TAGS).json()) == 1

    def test_another_owners_conversation_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada)
        body = {"tag": "work", "conversationId": conversation_id, "addToConversation": True}
        assert bob.post(TAGS, json=body).status_code == 404
        assert bob.get(TAGS).json() == []
        assert tags_of(ada, conversation_id) == []

    @pytest.mark.parametrize("body", [{}, {"tag": None}, {"tag": ""}, {"tag": "x" * 101}])
    def test_without_a_name_it_is_refused(self, ada: UserClient, body: dict[str, Any]) -> None:
        # LibreChat makes one whose name is null.
        assert ada.post(TAGS, json=body).status_code == 400

    def test_nobody_has_more_than_a_thousand(self, ada: UserClient, stored: Stored) -> None:
        assert assembly.MAX_TAGS == 1000
        stored.conversationtags.insert_many(
            {"tag": str(number), "user": ada.id, "position": number} for number in range(1000)
        )
        response = ada.post(TAGS, json={"tag": "one more"})
        assert (response.status_code, response.json()["code"]) == (422, "too_many_of_a_kind")
        assert give(ada, begin(ada), "one more").status_code == 422
        assert give(ada, begin(ada), "1").status_code == 200


class TestUpdateTag:
    def test_a_new_name_is_in_its_conversations_too(self, ada: UserClient, bob: UserClient) -> None:
        first, second, of_bob = begin(ada), begin(ada), begin(bob)
        give(ada, first, "fun", "work")
        give(ada, second, "work")
        give(bob, of_bob, "work")
        response = ada.put(f"{TAGS}/work", json={"tag": "office", "description": "Desk"})
        assert response.status_code == 200
        assert (response.json()["tag"], response.json()["description"]) == ("office", "Desk")
        assert (tags_of(ada, first), tags_of(ada, second)) == (["fun", "office"], ["office"])
        assert counts(ada) == {"fun": 1, "office": 2}
        assert (tags_of(bob, of_bob), counts(bob)) == (["work"], {"work": 1})

    def test_a_name_that_is_taken_is_refused(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        give(ada, conversation_id, "work", "fun")
        response = ada.put(f"{TAGS}/work", json={"tag": "fun"})
        assert (response.status_code, response.json()["code"]) == (409, "conflict")
        assert (counts(ada), tags_of(ada, conversation_id)) == ({"work": 1, "fun": 1}, ["work", "fun"])

    def test_a_conversation_that_has_the_new_name_has_it_once(self, ada: UserClient, stored: Stored) -> None:
        conversation_id = begin(ada)
        give(ada, conversation_id, "work")
        stored.conversations.update_one(
            {"conversationId": conversation_id}, {"$set": {"tags": ["work", "office"]}}
        )
        ada.put(f"{TAGS}/work", json={"tag": "office"})
        assert tags_of(ada, conversation_id) == ["office"]

    @pytest.mark.parametrize(
        ("name", "position", "order"),
        [
            ("a", 3, ["b", "c", "a", "d"]),
            ("d", 1, ["d", "a", "b", "c"]),
            ("b", 2, ["a", "b", "c", "d"]),
        ],
    )
    def test_a_new_place_moves_the_others(
        self, ada: UserClient, name: str, position: int, order: list[str]
    ) -> None:
        make(ada, "a", "b", "c", "d")
        assert ada.put(f"{TAGS}/{name}", json={"position": position}).json()["position"] == position
        found = [(each["tag"], each["position"]) for each in ada.get(TAGS).json()]
        assert found == list(zip(order, [1, 2, 3, 4], strict=True))

    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        make(ada, "work")
        assert bob.put(f"{TAGS}/work", json={"tag": "mine"}).status_code == 404
        assert counts(ada) == {"work": 0}

    def test_a_name_with_special_characters(self, ada: UserClient) -> None:
        name = "ä b/c?#%.$"
        make(ada, name)
        assert ada.put(f"{TAGS}/{quote(name, safe='')}", json={"tag": "plain"}).status_code == 200
        assert counts(ada) == {"plain": 0}


class TestDeleteTag:
    def test_takes_it_from_its_conversations_and_closes_the_gap(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        make(ada, "a", "b", "c")
        give(ada, conversation_id, "a", "b")
        response = ada.delete(f"{TAGS}/a")
        assert (response.status_code, response.json()["tag"], response.json()["count"]) == (200, "a", 1)
        assert tags_of(ada, conversation_id) == ["b"]
        assert [(each["tag"], each["position"]) for each in ada.get(TAGS).json()] == [("b", 1), ("c", 2)]

    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        make(ada, "work")
        assert bob.delete(f"{TAGS}/work").status_code == 404
        assert ada.delete(f"{TAGS}/work").status_code == 200
        assert ada.delete(f"{TAGS}/work").status_code == 404


class TestSetConversationTags:
    def test_these_and_no_others(self, ada: UserClient) -> None:
        conversation_id = begin(ada)
        assert give(ada, conversation_id, "work", "fun", "work").json() == ["work", "fun"]
        assert give(ada, conversation_id, "fun", "new").json() == ["fun", "new"]
        assert tags_of(ada, conversation_id) == ["fun", "new"]
        assert counts(ada) == {"work": 0, "fun": 1, "new": 1}
        assert [each["position"] for each in ada.get(TAGS).json()] == [1, 2, 3]

    def test_another_owners_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        conversation_id = begin(ada)
        assert give(bob, conversation_id, "work").status_code == 404
        assert (tags_of(ada, conversation_id), bob.get(TAGS).json()) == ([], [])


class TestCounts:
    def test_stay_true_whatever_becomes_of_the_conversations(self, ada: UserClient) -> None:
        first, second, third = begin(ada), begin(ada), begin(ada)
        for conversation_id in (first, second, third):
            give(ada, conversation_id, "work")
        ada.post("/chat/api/convos/duplicate", json={"conversationId": first})
        assert counts(ada) == {"work": 4}
        ada.request("DELETE", "/chat/api/convos", json={"arg": {"conversationId": first}})
        assert counts(ada) == {"work": 3}
        # The first contract deletes with the same code.
        ada.delete(f"/api/convos/{second}")
        assert counts(ada) == {"work": 2}
        ada.delete("/chat/api/convos/all")
        assert counts(ada) == {"work": 0}
