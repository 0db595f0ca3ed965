import time
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient

Stored = MongoDatabase[dict[str, Any]]

# Keys as JSON Schema has them, which MongoDB would read as a reference, an operator and a path.
SCHEMA = {
    "$ref": "#/x",
    "$id": "https://example.com/s",
    "$db": "x",
    "$where": "1",
    "a.b": {"": 1},
    "big": 2**63,
}
FULL = {
    "name": "Cook",
    "description": "Helps in the kitchen",
    "model": "gpt-4o",
    "instructions": "Be kind.",
    "tools": [{"type": "function", "function": {"name": "weigh", "parameters": SCHEMA}}],
    "file_ids": ["file-1"],
}


def make(client: UserClient, **changes: Any) -> Any:
    response = client.post("/api/assistants", json={"name": "A", "model": "gpt-4o", **changes})
    assert response.status_code == 201, response.text
    return response.json()


def names(response: Any) -> list[str]:
    return [item["name"] for item in response.json()["data"]]


class TestListAssistants:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/assistants").status_code == 401

    def test_another_owners_are_not_listed(self, ada: UserClient, bob: UserClient) -> None:
        make(ada)
        assert bob.get("/api/assistants").json()["data"] == []

    @pytest.mark.parametrize("params", [{"limit": "x"}, {"order": "up"}])
    def test_a_wrong_parameter_is_named(self, ada: UserClient, params: dict[str, str]) -> None:
        response = ada.get("/api/assistants", params=params)
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == list(params)

    def test_newest_first_unless_asked_otherwise(self, ada: UserClient) -> None:
        for name in "abc":
            make(ada, name=name)
        assert names(ada.get("/api/assistants")) == ["c", "b", "a"]
        assert names(ada.get("/api/assistants", params={"order": "desc"})) == ["c", "b", "a"]
        assert names(ada.get("/api/assistants", params={"order": "asc"})) == ["a", "b", "c"]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_pages_follow_on_each_other(self, ada: UserClient, order: str) -> None:
        made = [make(ada, name=name)["id"] for name in "abcde"]
        found: list[str] = []
        params: dict[str, Any] = {"limit": 2, "order": order}
        for has_more in (True, True, False):
            body = ada.get("/api/assistants", params=params).json()
            found += [item["id"] for item in body["data"]]
            params["after"] = found[-1]
            assert body["has_more"] is has_more
        assert found == (made if order == "asc" else made[::-1])

    @pytest.mark.parametrize(("limit", "size"), [(-1, 1), (0, 1), (2, 2), (10**6, 3)])
    def test_a_limit_out_of_range_is_clamped(self, ada: UserClient, limit: int, size: int) -> None:
        for name in "abc":
            make(ada, name=name)
        assert len(names(ada.get("/api/assistants", params={"limit": limit}))) == size

    def test_another_owners_id_as_after_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        make(bob)
        foreign = bob.get("/api/assistants", params={"after": make(ada)["id"]})
        unknown = bob.get("/api/assistants", params={"after": "asst_unknown"})
        assert foreign.status_code == unknown.status_code
        assert {**foreign.json(), "requestId": ""} == {**unknown.json(), "requestId": ""}


class TestCreateAssistant:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post("/api/assistants", json=FULL).status_code == 401

    @pytest.mark.parametrize("change", [{"name": 1}, {"model": None}, {"tools": ["x"]}, {"file_ids": "f"}])
    def test_a_wrong_value_is_refused(self, ada: UserClient, change: dict[str, Any]) -> None:
        assert ada.post("/api/assistants", json=FULL | change).status_code == 400

    @pytest.mark.parametrize("missing", ["name", "model"])
    def test_name_and_model_are_required(self, ada: UserClient, missing: str) -> None:
        body = {name: value for name, value in FULL.items() if name != missing}
        assert ada.post("/api/assistants", json=body).status_code == 400

    def test_answers_with_all_that_was_given(self, ada: UserClient) -> None:
        created = make(ada, **FULL)
        assert created | FULL == created
        assert abs(created["created_at"] - time.time()) < 300

    def test_takes_nothing_that_the_contract_does_not_name(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        forged = {"user": bob.id, "_id": "x", "assistant_id": "mine", "access_level": 9, "created_at": 1}
        created = make(ada, **forged)
        document = stored.assistants.find_one({"assistant_id": created["id"]})
        assert document is not None
        assert str(document["user"]) == ada.id
        assert "access_level" not in document
        assert created["created_at"] > 1

    def test_tools_nested_without_end_are_refused(self, ada: UserClient) -> None:
        tool: dict[str, Any] = {}
        for _ in range(400):
            tool = {"a": tool}
        response = ada.post("/api/assistants", json=FULL | {"tools": [tool]})
        assert response.status_code in (400, 422)


class TestGetAssistant:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/assistants/x").status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        for assistant_id in (make(ada)["id"], "asst_unknown"):
            assert bob.get(f"/api/assistants/{assistant_id}").status_code == 404

    def test_shows_what_was_created(self, ada: UserClient) -> None:
        created = make(ada, **FULL)
        assert ada.get(f"/api/assistants/{created['id']}").json() == created

    def test_an_assistant_of_librechat_is_shown(self, ada: UserClient, stored: Stored) -> None:
        created = make(ada)
        fields = dict.fromkeys(("name", "model", "tools", "file_ids"), "")
        stored.assistants.update_one({"assistant_id": created["id"]}, {"$unset": fields})
        assert ada.get(f"/api/assistants/{created['id']}").json()["id"] == created["id"]


class TestUpdateAssistant:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.patch("/api/assistants/x", json={"name": "B"}).status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        created = make(ada)
        for assistant_id in (created["id"], "asst_unknown"):
            assert bob.patch(f"/api/assistants/{assistant_id}", json={"name": "B"}).status_code == 404
        assert ada.get(f"/api/assistants/{created['id']}").json() == created

    @pytest.mark.parametrize("body", [{"name": None}, {"tools": {}}, {"file_ids": [1]}, []])
    def test_a_wrong_value_is_refused(self, ada: UserClient, body: Any) -> None:
        created = make(ada)
        assert ada.patch(f"/api/assistants/{created['id']}", json=body).status_code == 400

    @pytest.mark.parametrize("name", list(FULL))
    def test_changes_only_what_it_names(self, ada: UserClient, name: str) -> None:
        created = make(ada, **FULL)
        value: Any = [] if isinstance(FULL[name], list) else "changed"
        response = ada.patch(f"/api/assistants/{created['id']}", json={name: value})
        assert response.status_code == 200
        assert response.json() == created | {name: value}
        assert ada.get(f"/api/assistants/{created['id']}").json() == created | {name: value}

    def test_naming_nothing_changes_nothing(self, ada: UserClient) -> None:
        created = make(ada, **FULL)
        response = ada.patch(f"/api/assistants/{created['id']}", json={})
        assert response.status_code == 200
        assert response.json() == created

    def test_takes_nothing_that_the_contract_does_not_name(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        created = make(ada)
        forged = {
            "user": bob.id,
            "assistant_id": "mine",
            "created_at": 1,
            "$set": {"user": bob.id},
            "tenantId": "t",
        }
        ada.patch(f"/api/assistants/{created['id']}", json=forged)
        document = stored.assistants.find_one({"assistant_id": created["id"]})
        assert document is not None
        assert str(document["user"]) == ada.id
        assert "tenantId" not in document


class TestDeleteAssistant:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.delete("/api/assistants/x").status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        created = make(ada)
        for assistant_id in (created["id"], "asst_unknown"):
            assert bob.delete(f"/api/assistants/{assistant_id}").status_code == 404
        assert ada.get(f"/api/assistants/{created['id']}").status_code == 200

    def test_it_is_gone_and_the_others_stay(self, ada: UserClient) -> None:
        created, kept = make(ada), make(ada, name="kept")
        assert ada.delete(f"/api/assistants/{created['id']}").status_code == 200
        assert ada.get(f"/api/assistants/{created['id']}").status_code == 404
        assert names(ada.get("/api/assistants")) == [kept["name"]]

    def test_a_second_time_it_is_not_found(self, ada: UserClient) -> None:
        created = make(ada)
        ada.delete(f"/api/assistants/{created['id']}")
        assert ada.delete(f"/api/assistants/{created['id']}").status_code == 404
