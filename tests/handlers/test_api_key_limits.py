"""API keys with limits: what they are told of, and what `/v1` does with them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.conftest import Client, UserClient
from tests.support.operations import OPERATIONS

LIMITS = {
    "models": ["openAI/*", "gpt-4o"],
    "requestsPerMinute": 5,
    "tokensPerMinute": 500,
    "tokensPerDay": 5_000,
    "tokensPerMonth": 10**12,
    "dollarsPerDay": 0.5,
    "dollarsPerMonth": 10,
}
NEXT_YEAR = "2099-01-01T00:00:00.000Z"
# What the provider of the tests counts for each answer.
READ, WRITTEN = 11, 7


class Key:
    """An API key, and what is done with it."""

    def __init__(self, api: Client, owner: UserClient, **fields: Any) -> None:
        response = owner.post("/api/api-keys", json={"name": "script", **fields})
        assert response.status_code == 201, response.text
        self.made = response.json()
        self.path = f"/api/api-keys/{self.made['id']}"
        self._api, self._owner = api, owner

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.made['key']}"}

    @property
    def shown(self) -> Any:
        return self._owner.get(self.path).json()

    def ask(self, model: str = "openAI/gpt-4o", **fields: Any) -> Any:
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}
        return self._api.post("/v1/chat/completions", json=body, headers=self.headers)

    def change(self, **fields: Any) -> Any:
        return self._owner.patch(self.path, json=fields)


@pytest.fixture
def key(api: Client, ada: UserClient) -> Callable[..., Key]:
    return lambda **limits: Key(api, ada, limits=limits)


class TestLimits:
    def test_are_shown_as_they_were_given(self, api: Client, ada: UserClient) -> None:
        key = Key(api, ada, limits=LIMITS)
        assert key.made["limits"] == LIMITS
        assert key.shown["limits"] == LIMITS
        assert ada.get("/api/api-keys").json()["keys"][0]["limits"] == LIMITS

    @pytest.mark.parametrize(
        "wrong",
        [
            {"requestsPerMinute": 0},
            {"tokensPerDay": 1.5},
            {"tokensPerMonth": 10**12 + 1},
            {"tokensPerMinute": None},
            {"models": []},
            {"models": [""]},
            {"models": ["x"] * 101},
            {"dollarsPerDay": 0},
            {"dollarsPerMonth": "5"},
            # What is no limit would not hold.
            {"moneyPerDay": 5},
        ],
    )
    def test_that_mean_nothing_are_refused(self, ada: UserClient, wrong: Any) -> None:
        assert ada.post("/api/api-keys", json={"name": "x", "limits": wrong}).status_code == 400

    def test_stand_beside_librechats_fields(
        self, key: Callable[..., Key], stored: MongoDatabase[Any]
    ) -> None:
        document = stored["agentapikeys"].find_one({"_id": ObjectId(key(tokensPerDay=9).made["id"])}) or {}
        assert document["echoLimits"] == {"tokensPerDay": 9}
        assert "limits" not in document

    def test_that_are_empty_are_none(self, key: Callable[..., Key]) -> None:
        assert "limits" not in key().made


class TestUpdateApiKey:
    def test_changes_what_is_sent(self, key: Callable[..., Key]) -> None:
        changed = key(tokensPerDay=1)
        assert changed.change(name=" other ").json()["name"] == "other"
        assert changed.change(expiresAt=NEXT_YEAR).json()["limits"] == {"tokensPerDay": 1}
        shown = changed.change(limits={"requestsPerMinute": 2}).json()
        assert (shown["name"], shown["expiresAt"]) == ("other", NEXT_YEAR)
        assert shown["limits"] == {"requestsPerMinute": 2}
        assert shown == changed.shown

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_takes_away(self, key: Callable[..., Key], nothing: str | None) -> None:
        changed = key(tokensPerDay=1)
        changed.change(expiresAt=NEXT_YEAR)
        assert not {"expiresAt", "limits"} & set(changed.change(expiresAt=nothing, limits={}).json())

    @pytest.mark.parametrize(
        "wrong", [{}, {"name": " "}, {"name": None}, {"expiresAt": "2020-01-01T00:00:00Z"}, {"limits": None}]
    )
    def test_refuses_what_is_none(self, key: Callable[..., Key], wrong: dict[str, Any]) -> None:
        assert key().change(**wrong).status_code == 400

    def test_is_felt_at_once(self, key: Callable[..., Key]) -> None:
        changed = key()
        assert changed.ask().status_code == 200
        changed.change(limits={"models": ["other/*"]})
        assert changed.ask().status_code == 404
        changed.change(limits={"tokensPerDay": 1})
        assert changed.ask().status_code == 429
        changed.change(limits={})
        assert changed.ask().status_code == 200

    def test_is_ones_own(self, key: Callable[..., Key], bob: UserClient) -> None:
        assert bob.patch(key().path, json={"name": "x"}).status_code == 404


class TestUsage:
    def test_is_absent_before_the_first_use(self, key: Callable[..., Key]) -> None:
        assert "usage" not in key().shown

    @pytest.mark.parametrize("limits", [{}, {"tokensPerMonth": 1000}])
    @pytest.mark.parametrize("stream", [False, True])
    def test_is_what_the_provider_counted(
        self, key: Callable[..., Key], limits: dict[str, int], stream: bool
    ) -> None:
        used = key(**limits)
        for _ in range(2):
            assert used.ask(stream=stream).status_code == 200
        counts = {"requests": 2, "inputTokens": 2 * READ, "outputTokens": 2 * WRITTEN, "dollars": 0.000195}
        assert used.shown["usage"] == {"day": counts, "month": counts, "total": counts}

    def test_counts_embeddings_too(self, api: Client, key: Callable[..., Key]) -> None:
        made = key(tokensPerMinute=10)
        body = {"model": "openAI/text-embedding-3-small", "input": ["Hi", "Four"]}
        first, second = (api.post("/v1/embeddings", json=body, headers=made.headers) for _ in range(2))
        assert (first.status_code, second.status_code) == (200, 429)
        assert first.headers["x-ratelimit-limit-tokens"] == "10"
        assert made.shown["usage"]["total"] == {
            "requests": 1,
            "inputTokens": 8,
            "outputTokens": 0,
            "dollars": 0.00000016,
        }

    def test_of_yesterday_is_none_of_today(self, key: Callable[..., Key], stored: MongoDatabase[Any]) -> None:
        used = key()
        used.ask()
        long_ago = {f"echoUsage.{name}.since": datetime(2020, 1, 1, tzinfo=UTC) for name in ("day", "month")}
        stored["agentapikeys"].update_one({"_id": ObjectId(used.made["id"])}, {"$set": long_ago})
        usage = used.shown["usage"]
        assert [usage[name]["requests"] for name in ("day", "month", "total")] == [0, 0, 1]

    def test_of_a_refused_request_is_none(self, key: Callable[..., Key]) -> None:
        used = key(tokensPerDay=1)
        assert used.ask().status_code == 429
        assert set(used.shown["usage"]["total"].values()) == {0}


class TestRefusals:
    """With OpenAI's statuses, codes and headers."""

    def test_of_a_model_that_the_key_does_not_open(self, api: Client, key: Callable[..., Key]) -> None:
        limited = key(models=["Fake/*"])
        for name in ("openAI/gpt-4o", "openAI/nothing"):
            answer = limited.ask(name)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
        listed = api.get("/v1/models", headers=limited.headers).json()["data"]
        assert {model["owned_by"] for model in listed} == {"Fake"}

    def test_of_too_many_requests(self, key: Callable[..., Key]) -> None:
        limited = key(requestsPerMinute=100)
        answer = limited.ask()
        assert answer.headers["x-ratelimit-limit-requests"] == "100"
        assert answer.headers["x-ratelimit-remaining-requests"] in ("98", "99")
        # Whatever minute it is by now.
        limited.change(limits={"requestsPerMinute": 1})
        answers = [limited.ask() for _ in range(3)]
        refused = next(each for each in answers if each.status_code == 429)
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("limit", "most"), [("tokensPerDay", 24 * 3600), ("tokensPerMonth", 31 * 24 * 3600)]
    )
    def test_of_a_budget_that_is_used_up(
        self, key: Callable[..., Key], limit: str, most: int, stream: bool
    ) -> None:
        limited = key(**{limit: READ + WRITTEN})
        assert limited.ask(stream=stream).status_code == 200
        refused = limited.ask(stream=stream)
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert (error["code"], error["type"]) == ("insufficient_quota", "insufficient_quota")
        assert 1 <= int(refused.headers["retry-after"]) <= most
        assert limited.shown["usage"]["total"]["requests"] == 1

    @pytest.mark.parametrize("limit", ["dollarsPerDay", "dollarsPerMonth"])
    def test_of_money_that_is_spent(self, key: Callable[..., Key], limit: str) -> None:
        """An answer costs 97.5 millionths; to read "Hello" as much as nothing."""
        limited = key(**{limit: 0.00009})
        assert limited.ask().status_code == 200
        refused = limited.ask()
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
        assert "may spend 9e-05 US dollars a" in refused.json()["message"]
        assert "has spent 9.75e-05" in refused.json()["message"]
        # What costs nothing goes on.
        assert limited.shown["usage"]["total"]["requests"] == 1

    def test_of_what_is_larger_than_a_limit(self, key: Callable[..., Key]) -> None:
        refused = key(tokensPerMinute=100).ask(max_tokens=100)
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert "the request alone may need 101" in refused.json()["message"]

    def test_while_others_may_need_what_is_left(
        self, key: Callable[..., Key], stored: MongoDatabase[Any]
    ) -> None:
        limited = key(tokensPerDay=1000)
        limited.ask()
        held = {"id": "x", "tokens": 990, "until": datetime.now(UTC) + timedelta(minutes=1)}
        stored["agentapikeys"].update_one(
            {"_id": ObjectId(limited.made["id"])}, {"$push": {"echoUsage.open": held}}
        )
        refused = limited.ask()
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("rate_limit_exceeded", "5")

    def test_of_a_key_that_has_expired(self, key: Callable[..., Key], stored: MongoDatabase[Any]) -> None:
        limited = key(tokensPerDay=1000)
        past = {"$set": {"expiresAt": datetime.now(UTC) - timedelta(seconds=2)}}
        stored["agentapikeys"].update_one({"_id": ObjectId(limited.made["id"])}, past)
        refused = limited.ask()
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")


class TestAsAnthropicsClientsSendIt:
    def status(self, api: Client, headers: dict[str, str]) -> int:
        return int(api.get("/v1/models", headers=headers).status_code)

    def test_opens_what_a_bearer_does(self, api: Client, key: Callable[..., Key]) -> None:
        secret = key().made["key"]
        assert self.status(api, {"x-api-key": secret}) == 200
        assert self.status(api, {"x-api-key": secret, "Authorization": f"Bearer {secret}"}) == 200
        assert self.status(api, {"x-api-key": "", "Authorization": f"Bearer {secret}"}) == 200

    def test_beside_another_is_refused(self, api: Client, ada: UserClient, key: Callable[..., Key]) -> None:
        one, other = key(), key()
        for bearer in (other.headers, ada.headers, {"Authorization": "Bearer "}):
            answer = api.get("/v1/models", headers={**bearer, "x-api-key": one.made["key"]})
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (401, "invalid_api_key")
            assert error["message"] == "x-api-key and Authorization hold different keys; send one of them."

    @pytest.mark.parametrize("wrong", ["sk-wrong", "x", "sk-" + "0" * 64])
    def test_must_be_one(self, api: Client, ada: UserClient, wrong: str) -> None:
        assert self.status(api, {"x-api-key": wrong}) == 401

    def test_is_no_access_token(self, api: Client, ada: UserClient) -> None:
        token = ada.headers["Authorization"].removeprefix("Bearer ")
        assert self.status(api, {"x-api-key": token}) == 401

    def test_opens_nothing_but_v1(self, api: Client, key: Callable[..., Key]) -> None:
        assert api.get("/api/user", headers={"x-api-key": key().made["key"]}).status_code == 401

    def test_is_looked_at_first_wherever_a_key_is_taken(self) -> None:
        """Only then can a request with two different ones be refused."""
        taking = [op.raw["security"] for op in OPERATIONS if {"ApiKeyAuth": []} in op.raw.get("security", [])]
        assert len(taking) >= 2
        assert all(schemes[0] == {"ApiKeyHeader": []} for schemes in taking)
