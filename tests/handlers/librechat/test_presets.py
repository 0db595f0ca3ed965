"""Presets with all that LibreChat keeps in them; what both contracts have in common is in `../test_presets.py`."""

from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient
from tests.support.presets import EVERYTHING

PATH = "/chat/api/presets"


def save(client: UserClient, **fields: Any) -> Any:
    response = client.post(PATH, json=fields)
    assert response.status_code == 201, response.text
    return response.json()


def titles(client: UserClient) -> list[str]:
    return [each["title"] for each in client.get(PATH).json()]


class TestListPresets:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(PATH).status_code == 401

    def test_another_owners_are_not_listed(self, ada: UserClient, bob: UserClient) -> None:
        save(ada, title="ada's")
        assert bob.get(PATH).json() == []

    def test_are_those_of_the_other_contract(self, ada: UserClient) -> None:
        made = ada.post("/api/presets", json={"title": "A preset", "endpoint": "openAI"}).json()
        (listed,) = ada.get(PATH).json()
        assert (listed["presetId"], listed["title"], listed["user"]) == (
            made["presetId"],
            "A preset",
            ada.id,
        )

    def test_the_default_one_comes_first_and_then_those_with_a_place(self, ada: UserClient) -> None:
        save(ada, title="placed", order=2)
        save(ada, title="older")
        save(ada, title="default", defaultPreset=True)
        save(ada, title="newer")
        assert titles(ada) == ["default", "placed", "newer", "older"]

    def test_what_another_program_wrote_with_other_types_is_listed(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        odd = {"presetId": f"odd-{ada.id}", "user": ada.id, "temperature": "hot", "thinking": "yes"}
        stored.presets.insert_one({**odd, "examples": [1, {"input": {}}], "tools": [None, "calculator"]})
        (listed,) = ada.get(PATH).json()
        del listed["_id"]
        assert listed == {
            "presetId": f"odd-{ada.id}",
            "user": ada.id,
            "endpoint": None,
            "examples": [{"input": {}}],
            "tools": ["calculator"],
        }


class TestSavePreset:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(PATH, json={"title": "x"}).status_code == 401

    def test_keeps_every_field_of_librechats_model(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        made = save(ada, **EVERYTHING)
        assert made == EVERYTHING | {
            name: made[name] for name in ("_id", "__v", "createdAt", "presetId", "updatedAt")
        } | {"user": ada.id}
        document = stored.presets.find_one({"presetId": made["presetId"]})
        assert document is not None
        assert {name: document[name] for name in EVERYTHING} == EVERYTHING
        assert ada.get(PATH).json() == [made]

    def test_an_empty_one_has_librechats_values(self, ada: UserClient) -> None:
        made = save(ada)
        assert {name: made[name] for name in ("title", "endpoint", "isArchived", "tags")} == {
            "title": "New Chat",
            "endpoint": None,
            "isArchived": False,
            "tags": [],
        }

    def test_changes_the_one_that_is_named_and_only_what_is_named(self, ada: UserClient) -> None:
        made = save(ada, title="before", endpoint="Fake", temperature=0.5, model="fake-small")
        changed = save(ada, presetId=made["presetId"], title="after", temperature=None)
        assert changed["updatedAt"] >= made["updatedAt"]
        expected = made | {"title": "after", "updatedAt": changed["updatedAt"]}
        del expected["temperature"]
        assert changed == expected
        assert ada.get(PATH).json() == [changed]

    def test_takes_what_the_client_has_read(self, ada: UserClient) -> None:
        made = save(ada, title="mine", endpoint="Fake")
        again = save(ada, **{**made, "title": "renamed", "user": "somebody", "createdAt": "2000-01-01"})
        assert again == made | {"title": "renamed", "updatedAt": again["updatedAt"]}

    def test_an_id_that_is_not_the_callers_makes_a_new_one(self, ada: UserClient, bob: UserClient) -> None:
        adas = save(ada, title="ada's")
        bobs = save(bob, title="bob's", presetId=adas["presetId"])
        unknown = save(bob, title="new", presetId="nowhere")
        assert len({adas["presetId"], bobs["presetId"], unknown["presetId"], "nowhere"}) == 4
        assert titles(ada) == ["ada's"]

    def test_there_is_one_default_preset(self, ada: UserClient, bob: UserClient) -> None:
        save(bob, title="bob's", defaultPreset=True)
        first = save(ada, title="first", defaultPreset=True)
        assert (first["defaultPreset"], first["order"]) == (True, 0)
        save(ada, title="second", defaultPreset=True)
        assert [
            (each["title"], each.get("defaultPreset"), each.get("order")) for each in ada.get(PATH).json()
        ] == [
            ("second", True, 0),
            ("first", None, None),
        ]
        assert bob.get(PATH).json()[0]["defaultPreset"] is True

    def test_the_default_one_stays_so_until_the_client_says_otherwise(self, ada: UserClient) -> None:
        made = save(ada, title="mine", defaultPreset=True)
        assert save(ada, presetId=made["presetId"], title="renamed")["defaultPreset"] is True
        ordinary = save(ada, presetId=made["presetId"], defaultPreset=False, order=5)
        assert not {"defaultPreset", "order"} & ordinary.keys()

    def test_of_tools_that_are_objects_the_key_is_kept(self, ada: UserClient) -> None:
        made = save(ada, tools=["calculator", {"pluginKey": "search"}, {"name": "nothing"}])
        assert made["tools"] == ["calculator", "search"]

    @pytest.mark.parametrize(
        "change",
        [
            {"title": 1},
            {"temperature": "hot"},
            {"thinking": "yes"},
            {"stop": ["x"] * 101},
            {"examples": [{"input": {"$where": "1"}}]},
            {"promptPrefix": "x" * 1_000_001},
        ],
    )
    def test_a_wrong_value_is_refused(self, ada: UserClient, change: dict[str, Any]) -> None:
        response = ada.post(PATH, json=change)
        assert response.status_code == 400
        assert response.json()["code"] == "validation_failed"
        assert ada.get(PATH).json() == []


class TestDeletePresets:
    def test_deletes_by_what_the_client_has_read(self, ada: UserClient) -> None:
        made = save(ada, title="mine")
        save(ada, title="kept")
        response = ada.post(f"{PATH}/delete", json=made)
        assert (response.status_code, response.json()) == (201, {"acknowledged": True, "deletedCount": 1})
        assert titles(ada) == ["kept"]
