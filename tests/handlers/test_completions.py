import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.accounts import api_keys
from tests.conftest import Client, UserClient
from tests.security.conftest import PNG
from tests.support.providers import ProviderServer

Call = Callable[..., Any]
ASKED = {"model": "openAI/gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def list_models(client: Client, **options: Any) -> Any:
    return client.get("/v1/models", **options)


def complete(client: Client, **options: Any) -> Any:
    return client.post("/v1/chat/completions", json=ASKED, **options)


def make_key(user: UserClient) -> dict[str, Any]:
    return dict(user.post("/api/api-keys", json={"name": "script"}).json())


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("call", [list_models, complete])
class TestWhoMayCome:
    def test_with_an_api_key(self, api: Client, ada: UserClient, call: Call) -> None:
        made = make_key(ada)
        response = call(api, headers=bearer(made["key"]))
        assert response.status_code == 200
        assert "lastUsedAt" in ada.get(f"/api/api-keys/{made['id']}").json()

    def test_with_an_access_token(self, ada: UserClient, call: Call) -> None:
        assert call(ada).status_code == 200

    @pytest.mark.parametrize("key", ["sk-", "sk-wrong", "sk-" + "0" * 64, "x.y.z", "SK-x"])
    def test_nobody_with_another_one(self, api: Client, call: Call, key: str) -> None:
        response = call(api, headers=bearer(key))
        assert response.status_code == 401
        assert response.json()["error"]["type"] == "authentication_error"

    def test_nobody_with_a_deleted_one(self, api: Client, ada: UserClient, call: Call) -> None:
        made = make_key(ada)
        assert call(api, headers=bearer(made["key"])).status_code == 200
        ada.delete(f"/api/api-keys/{made['id']}")
        response = call(api, headers=bearer(made["key"]))
        assert (response.status_code, response.json()["code"]) == (401, "invalid_api_key")

    def test_nobody_with_an_expired_one(
        self,
        api: Client,
        ada: UserClient,
        stored: MongoDatabase[Any],
        call: Call,
    ) -> None:
        made = make_key(ada)
        past = {"$set": {"expiresAt": datetime.now(UTC) - timedelta(seconds=2)}}
        stored["agentapikeys"].update_one({"_id": ObjectId(made["id"])}, past)
        assert call(api, headers=bearer(made["key"])).status_code == 401

    def test_nobody_whose_account_is_gone(
        self,
        api: Client,
        ada: UserClient,
        stored: MongoDatabase[Any],
        call: Call,
    ) -> None:
        made = make_key(ada)
        stored["users"].delete_one({"_id": ObjectId(ada.id)})
        assert call(api, headers=bearer(made["key"])).status_code == 401

    def test_a_key_deleted_elsewhere_ends_within_seconds(
        self,
        api: Client,
        ada: UserClient,
        stored: MongoDatabase[Any],
        monkeypatch: pytest.MonkeyPatch,
        call: Call,
    ) -> None:
        assert api_keys.CHECK_SECONDS <= 5
        monkeypatch.setattr(api_keys, "CHECK_SECONDS", 0.0)
        made = make_key(ada)
        assert call(api, headers=bearer(made["key"])).status_code == 200
        stored["agentapikeys"].delete_one({"_id": ObjectId(made["id"])})
        assert call(api, headers=bearer(made["key"])).status_code == 401


class TestListV1Models:
    def test_has_openais_shape(self, ada: UserClient) -> None:
        body = ada.get("/v1/models").json()
        assert body["object"] == "list"
        assert {"id": "openAI/gpt-4o", "object": "model", "created": 0, "owned_by": "openAI"} in body["data"]


class TestCreateChatCompletion:
    def test_answers(self, ada: UserClient) -> None:
        answer = ada.post("/v1/chat/completions", json=ASKED).json()
        assert answer["choices"][0]["message"] == {
            "role": "assistant",
            "content": "Hello wörld.",
            "refusal": None,
        }

    def test_streams(self, ada: UserClient) -> None:
        response = ada.post("/v1/chat/completions", json={**ASKED, "stream": True})
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.text.endswith("data: [DONE]\n\n")

    def test_null_is_the_same_as_absent(self, ada: UserClient) -> None:
        nulls: dict[str, Any] = dict.fromkeys(
            [
                *("temperature", "top_p", "max_tokens", "stop", "n", "stream", "stream_options", "store"),
                *("tools", "frequency_penalty", "presence_penalty", "reasoning_effort"),
            ]
        )
        assert ada.post("/v1/chat/completions", json={**ASKED, **nulls}).status_code == 200

    def test_one_stop_is_a_list_of_one(self, ada: UserClient, model_server: ProviderServer) -> None:
        ada.post("/v1/chat/completions", json={**ASKED, "stop": "END"})
        assert model_server.chats[-1].json["stop"] == ["END"]

    def test_sends_pictures(self, ada: UserClient, model_server: ProviderServer) -> None:
        url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
        content = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]
        body = {**ASKED, "messages": [{"role": "user", "content": content}]}
        assert ada.post("/v1/chat/completions", json=body).status_code == 200
        assert url in repr(model_server.chats[-1].json)

    def test_fetches_no_picture(self, ada: UserClient) -> None:
        content = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x.png"}}]
        body = {**ASKED, "messages": [{"role": "user", "content": content}]}
        response = ada.post("/v1/chat/completions", json=body)
        assert (response.status_code, response.json()["code"]) == (422, "unsupported_content")

    @pytest.mark.parametrize(("depth", "status"), [(90, 200), (100, 422)])
    def test_a_schema_may_be_nested_so_deeply(self, ada: UserClient, depth: int, status: int) -> None:
        schema: dict[str, Any] = {}
        for _ in range(depth):
            schema = {"items": schema}
        tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
        response = ada.post("/v1/chat/completions", json={**ASKED, "tools": tools})
        assert (response.status_code, response.json().get("code")) == (
            status,
            None if status == 200 else "unsupported_content",
        )

    def test_counts_against_the_limits(self, make_application: Any, ada: UserClient) -> None:
        limits = {"ECHO_RATE_LIMITS": "on", "ECHO_API_USER_MAX": "1", "ECHO_API_IP_MAX": "1000"}
        client = make_application(**limits)
        client.headers = ada.headers
        assert client.get("/v1/models").status_code == 200
        response = client.post("/v1/chat/completions", json=ASKED)
        assert response.status_code == 429
        assert response.json()["error"]["type"] == "rate_limit_error"


class TestErrors:
    def test_have_the_one_body_and_openais_in_it(self, ada: UserClient) -> None:
        response = ada.post("/v1/chat/completions", json={"model": "", "messages": []})
        body = response.json()
        assert (body["code"], body["status"], len(body["errors"])) == ("validation_failed", 400, 2)
        error = body["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "validation_failed")
        assert error["param"] == body["errors"][0]["field"]
        assert "too short" in error["message"]

    def test_of_paths_that_are_not_there_too(self, api: Client) -> None:
        for method, path, status in (("GET", "/v1/engines", 404), ("GET", "/v1/chat/completions", 405)):
            response = api.request(method, path)
            assert (response.status_code, response.json()["error"]["type"]) == (
                status,
                "invalid_request_error",
            )

    def test_elsewhere_stay_as_they_were(self, ada: UserClient) -> None:
        assert "error" not in ada.post("/api/presets", json={}).json()
