"""Memories: a user's own, by key, within the limits of `librechat.yaml`."""

from typing import Any

import pytest
from bson import ObjectId

from tests.conftest import Client, UserClient
from tests.handlers.librechat.sharing import Stored, allow_only

PATH = "/chat/api/memories"


def keep(client: UserClient, key: str = "likes", value: str = "green tea", **more: Any) -> Any:
    response = client.post(PATH, json={"key": key, "value": value, **more})
    assert response.status_code == 201, response.text
    return response.json()["memory"]


def kept(client: UserClient) -> list[tuple[str, str]]:
    return [(each["key"], each["value"]) for each in client.get(PATH).json()["memories"]]


class TestListMemories:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(PATH).status_code == 401

    def test_without_any(self, ada: UserClient) -> None:
        assert ada.get(PATH).json() == {
            "memories": [],
            "totalTokens": 0,
            "tokenLimit": None,
            "charLimit": 10_000,
            "usagePercentage": None,
        }

    def test_the_last_changed_comes_first(self, ada: UserClient, bob: UserClient) -> None:
        keep(ada, "first", "a"), keep(ada, "second", "b"), keep(bob, "bobs", "c")
        ada.patch(f"{PATH}/first", json={"value": "changed"})
        assert kept(ada) == [("first", "changed"), ("second", "b")]

    def test_only_shared_ones_count(self, ada: UserClient) -> None:
        keep(ada, value="green tea"), keep(ada, value="a lot of black tea", agentId="agent_1")
        answer = ada.get(PATH).json()
        assert answer["totalTokens"] == 2
        assert [each.get("agentId") for each in answer["memories"]] == ["agent_1", None]

    @pytest.mark.parametrize(
        ("permission", "request_", "others"),
        [
            ("READ", ("GET", "", None), ("USE", "CREATE", "UPDATE", "OPT_OUT")),
            ("CREATE", ("POST", "", {"key": "x", "value": "x"}), ("USE", "READ", "UPDATE", "OPT_OUT")),
            ("UPDATE", ("PATCH", "/x", {"value": "x"}), ("USE", "READ", "CREATE", "OPT_OUT")),
            ("UPDATE", ("DELETE", "/x", None), ("USE", "READ", "CREATE", "OPT_OUT")),
            ("OPT_OUT", ("PATCH", "/preferences", {"memories": True}), ("USE", "READ", "CREATE", "UPDATE")),
            ("USE", ("GET", "", None), ("READ", "CREATE", "UPDATE", "OPT_OUT")),
        ],
    )
    def test_each_needs_its_permission(
        self,
        ada: UserClient,
        stored: Stored,
        permission: str,
        request_: tuple[str, str, Any],
        others: tuple[str, ...],
    ) -> None:
        method, path, body = request_
        options = {} if body is None else {"json": body}
        allow_only(stored, ada, "MEMORIES", *others)
        refused = ada.request(method, PATH + path, **options)
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_permissions")
        allow_only(stored, ada, "MEMORIES", *others, permission)
        assert ada.request(method, PATH + path, **options).status_code in {200, 201, 404}


class TestCreateMemory:
    def test_answers_as_librechat_does(self, ada: UserClient) -> None:
        response = ada.post(PATH, json={"key": "likes", "value": "  green tea\n"})
        memory = response.json()["memory"]
        assert (response.status_code, response.json()["created"]) == (201, True)
        assert memory == {
            "_id": memory["_id"],
            "__v": 0,
            "userId": ada.id,
            "key": "likes",
            "value": "green tea",
            "tokenCount": 2,
            "updated_at": memory["updated_at"],
        }
        assert ada.get(PATH).json()["memories"] == [memory]

    @pytest.mark.parametrize(
        "body",
        [
            {"key": "Bad Key", "value": "x"},
            {"key": "a1", "value": "x"},
            {"key": "a\n", "value": "x"},
            {"key": "", "value": "x"},
            {"key": "x" * 1001, "value": "x"},
            {"key": "x", "value": " \n"},
            {"key": "x", "value": "x" * 100_001},
            {"key": "x"},
            {"key": "nothing", "value": "x"},
        ],
    )
    def test_a_wrong_value_is_refused(self, ada: UserClient, body: dict[str, Any]) -> None:
        response = ada.post(PATH, json=body)
        assert (response.status_code, response.json()["code"]) == (400, "validation_failed")
        assert kept(ada) == []

    def test_a_key_is_there_once_among_all_chats_and_once_for_each_agent(self, ada: UserClient) -> None:
        keep(ada), keep(ada, agentId="agent_1"), keep(ada, agentId="agent_2")
        for more in ({}, {"agentId": None}, {"agentId": "agent_1"}):
            response = ada.post(PATH, json={"key": "likes", "value": "x", **more})
            assert response.status_code == 409
            assert response.json()["errors"] == [{"field": "key", "message": "already taken"}]
        assert len(kept(ada)) == 3

    def test_one_that_is_too_long(self, ada: UserClient) -> None:
        keep(ada, value="x" * 10_000)
        response = ada.post(PATH, json={"key": "more", "value": "x" * 10_001})
        assert (response.status_code, response.json()["code"]) == (422, "memory_too_long")

    def test_there_may_be_a_thousand(self, ada: UserClient, stored: Stored) -> None:
        owner = ObjectId(ada.id)
        stored.memoryentries.insert_many([{"userId": owner, "key": "x", "value": "x"} for _ in range(999)])
        keep(ada)
        response = ada.post(PATH, json={"key": "more", "value": "x"})
        assert (response.status_code, response.json()["code"]) == (422, "too_many_memories")


class TestUpdateMemory:
    def test_changes_the_value(self, ada: UserClient) -> None:
        made = keep(ada)
        response = ada.patch(f"{PATH}/likes", json={"key": "likes", "value": "a lot of tea"})
        changed = response.json()["memory"]
        assert response.json()["updated"] is True
        assert changed == made | {
            "value": "a lot of tea",
            "tokenCount": 4,
            "updated_at": changed["updated_at"],
        }

    def test_changes_the_key(self, ada: UserClient) -> None:
        keep(ada)
        ada.patch(f"{PATH}/likes", json={"key": "drinks", "value": "tea"})
        assert kept(ada) == [("drinks", "tea")]

    def test_not_to_one_that_is_there(self, ada: UserClient) -> None:
        keep(ada, "likes", "tea"), keep(ada, "drinks", "water")
        assert ada.patch(f"{PATH}/likes", json={"key": "drinks", "value": "x"}).status_code == 409
        assert kept(ada) == [("drinks", "water"), ("likes", "tea")]

    def test_of_the_agent_that_is_named(self, ada: UserClient) -> None:
        keep(ada, value="a"), keep(ada, value="b", agentId="agent_1")
        ada.patch(f"{PATH}/likes", params={"agentId": "agent_1"}, json={"value": "c"})
        assert sorted(kept(ada)) == [("likes", "a"), ("likes", "c")]
        absent = ada.patch(f"{PATH}/likes", params={"agentId": "agent_2"}, json={"value": "c"})
        assert absent.status_code == 404

    def test_one_that_is_not_there(self, ada: UserClient, bob: UserClient) -> None:
        keep(bob)
        assert ada.patch(f"{PATH}/likes", json={"value": "x"}).json()["code"] == "not_found"
        assert kept(bob) == [("likes", "green tea")]

    @pytest.mark.parametrize("body", [{"key": "nothing", "value": "x"}, {"key": "A", "value": "x"}, {}])
    def test_a_wrong_value_is_refused(self, ada: UserClient, body: dict[str, Any]) -> None:
        keep(ada)
        assert ada.patch(f"{PATH}/likes", json=body).json()["code"] == "validation_failed"


class TestDeleteMemory:
    def test_forgets_the_one_that_is_named(self, ada: UserClient, bob: UserClient) -> None:
        keep(ada), keep(ada, "drinks", "water"), keep(ada, agentId="agent_1"), keep(bob)
        assert ada.delete(f"{PATH}/likes").json() == {"deleted": True}
        assert ada.delete(f"{PATH}/likes").status_code == 404
        assert sorted(kept(ada)) == [("drinks", "water"), ("likes", "green tea")]
        assert ada.delete(f"{PATH}/likes", params={"agentId": "agent_1"}).json() == {"deleted": True}
        assert kept(bob) == [("likes", "green tea")]


class TestUpdateMemoryPreferences:
    @pytest.mark.parametrize("wanted", [False, True])
    def test_is_noted(self, ada: UserClient, stored: Stored, wanted: bool) -> None:
        response = ada.patch(f"{PATH}/preferences", json={"memories": wanted})
        assert response.json() == {"updated": True, "preferences": {"memories": wanted}}
        user = stored.users.find_one({"_id": ObjectId(ada.id)})
        assert user is not None
        assert user["personalization"] == {"memories": wanted}

    def test_nothing_but_a_boolean(self, ada: UserClient) -> None:
        assert ada.patch(f"{PATH}/preferences", json={"memories": "no"}).status_code == 400
