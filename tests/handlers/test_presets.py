from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient

FULL = {
    "title": "Brief",
    "endpoint": "openAI",
    "model": "gpt-4o",
    "promptPrefix": "Be brief.",
    "temperature": 0.5,
    "top_p": 1,
    "maxOutputTokens": 100,
}


def make(client: UserClient, **changes: Any) -> Any:
    return client.post("/api/presets", json={"title": "A preset", "endpoint": "openAI", **changes}).json()


class TestListPresets:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/presets").status_code == 401

    def test_another_owners_are_not_listed(self, ada: UserClient, bob: UserClient) -> None:
        make(ada)
        assert bob.get("/api/presets").json() == []

    def test_lists_what_was_created(self, ada: UserClient) -> None:
        created = [make(ada, title=title) for title in ("one", "two")]
        listed = ada.get("/api/presets").json()
        assert sorted(item["presetId"] for item in listed) == sorted(item["presetId"] for item in created)

    def test_a_preset_of_librechat_with_other_types_is_listed(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        stored.presets.insert_one(
            {
                "presetId": f"old-{ada.id}",
                "user": ada.id,
                "title": None,
                "endpoint": None,
                "temperature": "hot",
                "maxOutputTokens": 1e30,
            }
        )
        assert ada.get("/api/presets").json() == [{"presetId": f"old-{ada.id}"}]


class TestCreatePreset:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post("/api/presets", json=FULL).status_code == 401

    @pytest.mark.parametrize(
        "change",
        [{"title": 1}, {"endpoint": None}, {"temperature": 2.1}, {"top_p": -0.1}, {"maxOutputTokens": 1.5}],
    )
    def test_a_wrong_value_is_refused(self, ada: UserClient, change: dict[str, Any]) -> None:
        response = ada.post("/api/presets", json=FULL | change)
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == list(change)

    @pytest.mark.parametrize("missing", ["title", "endpoint"])
    def test_title_and_endpoint_are_required(self, ada: UserClient, missing: str) -> None:
        body = {name: value for name, value in FULL.items() if name != missing}
        assert ada.post("/api/presets", json=body).status_code == 400

    def test_answers_with_all_that_was_given(self, ada: UserClient) -> None:
        response = ada.post("/api/presets", json=FULL)
        assert response.status_code == 201
        created = response.json()
        assert created | FULL == created
        assert created["presetId"]
        assert created["createdAt"]

    def test_takes_nothing_that_the_contract_does_not_name(
        self, ada: UserClient, bob: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        forged = {
            "user": bob.id,
            "_id": "x",
            "defaultPreset": True,
            "tenantId": "t",
            "createdAt": "2000-01-01",
        }
        created = make(ada, **forged)
        document = stored.presets.find_one({"presetId": created["presetId"]})
        assert document is not None
        assert document["user"] == ada.id
        assert "tenantId" not in document
        assert document.get("defaultPreset") is not True
        assert not created["createdAt"].startswith("2000")

    def test_an_id_of_the_clients_does_not_overwrite_anything(self, ada: UserClient, bob: UserClient) -> None:
        taken = make(ada, title="ada's")["presetId"]
        assert make(bob, title="bob's", presetId=taken)["presetId"] != taken
        assert [item["title"] for item in ada.get("/api/presets").json()] == ["ada's"]


class TestDeletePresets:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post("/api/presets/delete", json={}).status_code == 401

    def test_another_owners_is_answered_as_one_that_does_not_exist(
        self, ada: UserClient, bob: UserClient
    ) -> None:
        preset = make(ada)["presetId"]
        foreign = bob.post("/api/presets/delete", json={"presetId": preset})
        unknown = bob.post("/api/presets/delete", json={"presetId": "unknown"})
        assert foreign.status_code == unknown.status_code
        assert len(ada.get("/api/presets").json()) == 1

    def test_a_wrong_type_is_refused(self, ada: UserClient) -> None:
        make(ada)
        assert ada.post("/api/presets/delete", json={"presetId": {"$ne": ""}}).status_code == 400
        assert len(ada.get("/api/presets").json()) == 1

    def test_deletes_the_named_one(self, ada: UserClient) -> None:
        first, second = make(ada), make(ada)
        response = ada.post("/api/presets/delete", json={"presetId": first["presetId"]})
        assert response.status_code == 201
        assert response.json()["deletedCount"] == 1
        assert [item["presetId"] for item in ada.get("/api/presets").json()] == [second["presetId"]]

    @pytest.mark.parametrize("options", [{"json": {}}, {}], ids=["empty object", "no body"])
    def test_without_a_name_deletes_all_of_the_callers(
        self, ada: UserClient, bob: UserClient, options: dict[str, Any]
    ) -> None:
        make(ada), make(ada), make(bob)
        assert ada.post("/api/presets/delete", **options).json()["deletedCount"] == 2
        assert ada.get("/api/presets").json() == []
        assert len(bob.get("/api/presets").json()) == 1

    def test_an_empty_name_does_not_delete_all(self, ada: UserClient) -> None:
        make(ada)
        ada.post("/api/presets/delete", json={"presetId": ""})
        assert len(ada.get("/api/presets").json()) == 1
