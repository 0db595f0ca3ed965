import hashlib
import re
from contextlib import suppress
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.accounts.api_keys import CHECK_SECONDS, MAX_KEYS
from echo.errors import Unprocessable
from echo.services import Services
from tests.conftest import Client, UserClient
from tests.security.conftest import send
from tests.support.operations import DOCUMENT, OPERATIONS, Op
from tests.support.threads import together
from tests.support.waiting import until


def make(user: UserClient, **fields: Any) -> dict[str, Any]:
    response = user.post("/api/api-keys", json={"name": "script", **fields})
    assert response.status_code == 201, response.text
    return dict(response.json())


def takes_api_keys(op: Op) -> bool:
    return {"ApiKeyAuth": []} in op.raw.get("security", DOCUMENT["security"])


class TestCreateApiKey:
    def test_has_librechats_form(self, ada: UserClient) -> None:
        made = make(ada)
        assert re.fullmatch(r"sk-[0-9a-f]{64}", made["key"])
        assert made["keyPrefix"] == made["key"][:8]
        assert set(made) == {"id", "name", "key", "keyPrefix", "createdAt"}

    def test_is_stored_as_a_hash_only(self, ada: UserClient, stored: MongoDatabase[Any]) -> None:
        made = make(ada)
        document = stored["agentapikeys"].find_one({"_id": ObjectId(made["id"])}) or {}
        assert document["keyHash"] == hashlib.sha256(made["key"].encode()).hexdigest()
        assert made["key"] not in repr(document)

    def test_is_shown_once(self, ada: UserClient) -> None:
        made = make(ada)
        answers = (ada.get("/api/api-keys"), ada.get(f"/api/api-keys/{made['id']}"))
        for answer in answers:
            assert made["key"] not in answer.text
            assert hashlib.sha256(made["key"].encode()).hexdigest() not in answer.text

    @pytest.mark.parametrize("name", ["", " \t", "x" * 101, 5, None])
    def test_needs_a_name(self, ada: UserClient, name: Any) -> None:
        assert ada.post("/api/api-keys", json={"name": name}).status_code == 400

    def test_trims_its_name(self, ada: UserClient) -> None:
        assert make(ada, name="  a b ")["name"] == "a b"

    def test_may_expire_but_not_in_the_past(self, ada: UserClient) -> None:
        assert make(ada, expiresAt="2099-01-01T00:00:00Z")["expiresAt"] == "2099-01-01T00:00:00.000Z"
        for value in ("2020-01-01T00:00:00Z", "never"):
            assert ada.post("/api/api-keys", json={"name": "x", "expiresAt": value}).status_code == 400

    def test_there_is_a_limit_for_each_user(
        self, ada: UserClient, bob: UserClient, stored: MongoDatabase[Any]
    ) -> None:
        stored["agentapikeys"].insert_many(
            [{"userId": ObjectId(ada.id), "name": "x"} for _ in range(MAX_KEYS)]
        )
        response = ada.post("/api/api-keys", json={"name": "one more"})
        assert (response.status_code, response.json()["code"]) == (422, "too_many_keys")
        make(bob)

    def test_the_limit_holds_for_many_at_once(
        self, services: Services, ada: UserClient, stored: MongoDatabase[Any]
    ) -> None:
        keys = stored["agentapikeys"]
        keys.insert_many([{"userId": ObjectId(ada.id), "name": "x"} for _ in range(MAX_KEYS - 1)])

        def create(_number: int) -> None:
            with suppress(Unprocessable):
                services.accounts.api_keys.create(ada.id, name="script")

        together(create)
        assert keys.count_documents({"userId": ObjectId(ada.id)}) <= MAX_KEYS


class TestListApiKeys:
    def test_lists_ones_own_the_newest_first(self, ada: UserClient, bob: UserClient) -> None:
        first, second = make(ada, name="1"), make(ada, name="2")
        make(bob)
        assert [key["id"] for key in ada.get("/api/api-keys").json()["keys"]] == [second["id"], first["id"]]

    def test_shows_what_an_old_document_lacks_as_empty(
        self, ada: UserClient, stored: MongoDatabase[Any]
    ) -> None:
        stored["agentapikeys"].insert_one({"userId": ObjectId(ada.id)})
        assert ada.get("/api/api-keys").json()["keys"][0]["name"] == ""


class TestGetApiKey:
    def test_shows_ones_own(self, ada: UserClient, bob: UserClient) -> None:
        made = make(ada)
        assert ada.get(f"/api/api-keys/{made['id']}").json()["name"] == "script"
        assert bob.get(f"/api/api-keys/{made['id']}").status_code == 404


class TestDeleteApiKey:
    def test_deletes_ones_own(self, ada: UserClient, bob: UserClient) -> None:
        made = make(ada)
        path = f"/api/api-keys/{made['id']}"
        assert bob.delete(path).status_code == 404
        assert ada.delete(path).status_code == 204
        assert ada.delete(path).status_code == 404


class TestADeletedKey:
    """Tried after it was used: the process remembers good keys for a while."""

    def status(self, api: Client, key: str) -> int:
        return int(api.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code)

    def test_opens_nothing_any_more(self, api: Client, ada: UserClient) -> None:
        made, kept = make(ada), make(ada)
        assert [self.status(api, each["key"]) for each in (made, kept)] == [200, 200]
        assert ada.delete(f"/api/api-keys/{made['id']}").status_code == 204
        assert [self.status(api, each["key"]) for each in (made, kept)] == [401, 200]

    def test_anothers_deletion_takes_nothing_away(
        self, api: Client, ada: UserClient, bob: UserClient
    ) -> None:
        made = make(ada)
        assert self.status(api, made["key"]) == 200
        assert bob.delete(f"/api/api-keys/{made['id']}").status_code == 404
        assert self.status(api, made["key"]) == 200

    def test_by_another_process_opens_nothing_soon(
        self, api: Client, ada: UserClient, stored: MongoDatabase[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("echo.accounts.api_keys.CHECK_SECONDS", 0.05)
        made = make(ada)
        assert self.status(api, made["key"]) == 200
        stored["agentapikeys"].delete_one({"_id": ObjectId(made["id"])})
        until(lambda: self.status(api, made["key"]) == 401)

    def test_is_not_remembered_for_long(self) -> None:
        assert CHECK_SECONDS == 3.0


@pytest.mark.parametrize(
    "op", [op for op in OPERATIONS if op.secured and not takes_api_keys(op)], ids=lambda op: op.id
)
def test_an_api_key_opens_nothing_but_v1(op: Op, api: Client, ada: UserClient) -> None:
    headers = {"Authorization": f"Bearer {make(ada)['key']}"}
    assert send(api, op, {"id": "asst_x", "userId": ada.id}, headers=headers).status_code == 401
