"""Credits by the contract, and what is refused without them. The model of the tests reads 11 tokens and writes 7."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.services import Services
from echo.settings.model import CreditSettings
from tests.conftest import UserClient
from tests.support.streams import Event, kinds, parse

Stored = MongoDatabase[dict[str, Any]]
Limit = Callable[..., None]
BOTH = pytest.mark.parametrize("path", ["/api/balance", "/chat/api/balance"])
BODY = {"model": "openAI/gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
# 11 at 2.5 and 7 at 10.
PRICE = 97.5
REFILL = {
    "autoRefillEnabled": True,
    "refillIntervalValue": 30,
    "refillIntervalUnit": "days",
    "refillAmount": 7,
}


@pytest.fixture
def limit(services: Services, monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Lets the application limit what users spend, until the test ends."""

    def switch(**settings: Any) -> None:
        monkeypatch.setattr(services.credits, "_settings", CreditSettings(enabled=True, **settings))

    return switch


def chat(user: UserClient, **body: Any) -> list[Event]:
    """Ask by LibreChat's contract, which has chats with two models; the events."""
    path = "/chat/api/agents/chat"
    asked = {"text": "Hello", "endpoint": "openAI", "model": "gpt-4o", **body}
    started = user.post(f"{path}/openAI", json=asked)
    assert started.status_code == 200, started.text
    stream = user.get(f"{path}/stream/{started.json()['streamId']}")
    return list(parse(stream.text.splitlines(), "librechat.follow_chat"))


def credits_of(user: UserClient) -> Any:
    return user.get("/api/balance").json()["tokenCredits"]


class TestGetBalance:
    @BOTH
    def test_anonymous_is_refused(self, api: Any, path: str) -> None:
        assert api.get(path).status_code == 401

    @BOTH
    def test_is_nothing_where_nobody_is_limited(self, ada: UserClient, path: str) -> None:
        answer = ada.get(path)
        assert (answer.status_code, answer.content) == (204, b"")

    @BOTH
    def test_begins_with_what_the_settings_give(self, ada: UserClient, limit: Limit, path: str) -> None:
        limit(start=20000)
        assert ada.get(path).json() == {"user": ada.id, "tokenCredits": 20000, "autoRefillEnabled": False}

    @BOTH
    def test_tells_of_refills_where_there_are_some(self, ada: UserClient, limit: Limit, path: str) -> None:
        limit(start=1, refill=REFILL)
        shown = ada.get(path).json()
        assert shown.pop("lastRefill").endswith("Z")
        assert shown == {"user": ada.id, "tokenCredits": 1, **REFILL}

    @BOTH
    def test_of_who_was_given_nothing_is_not_found(self, ada: UserClient, limit: Limit, path: str) -> None:
        limit()
        assert ada.get(path).status_code == 404

    def test_of_librechats_is_shown_without_what_runs_hold(
        self, ada: UserClient, limit: Limit, stored: Stored
    ) -> None:
        limit(start=20000)
        held = {"tokenCredits": 5.5, "echoHeld": [{"id": "t", "amount": 3, "until": None}], "__v": 0}
        stored.balances.insert_one({"user": ObjectId(ada.id), **held})
        assert ada.get("/api/balance").json() == {
            "user": ada.id,
            "tokenCredits": 5.5,
            "autoRefillEnabled": False,
        }


class TestChats:
    def test_take_what_they_cost(self, ada: UserClient, limit: Limit, stored: Stored) -> None:
        limit(start=20000)
        assert chat(ada)[-1].kind == "final"
        assert credits_of(ada) == 20000 - PRICE
        rows = list(stored.transactions.find({"user": ObjectId(ada.id)}).sort("_id"))
        [message] = ada.get(f"/api/messages/{rows[0]['conversationId']}").json()[1:]
        told = (
            "tokenType",
            "context",
            "model",
            "rate",
            "rawAmount",
            "tokenValue",
            "messageId",
            "echoEndpoint",
        )
        assert [tuple(row[name] for name in told) for row in rows] == [
            ("prompt", "message", "gpt-4o", 2.5, -11, -27.5, message["messageId"], "openAI"),
            ("completion", "message", "gpt-4o", 10, -7, -70, message["messageId"], "openAI"),
        ]

    def test_of_two_models_take_both(self, ada: UserClient, limit: Limit) -> None:
        limit(start=20000)
        chat(ada, addedConvo={"endpoint": "openAI", "model": "gpt-4o-mini"})
        # Of the second 11 at 0.15 and 7 at 0.6.
        assert credits_of(ada) == pytest.approx(20000 - PRICE - 5.85)

    def test_without_credits_end_with_librechats_error(
        self, ada: UserClient, limit: Limit, stored: Stored
    ) -> None:
        limit(start=1)
        events = chat(ada)
        assert kinds(events)[-1] == "error"
        error = events[-1].data
        said = json.loads(error["error"])
        assert error["code"] == said["type"] == "token_balance"
        assert (said["balance"], said["tokenCost"]) == (1, 2.5 * said["promptTokens"])
        assert said["promptTokens"] > 5
        # The stored answer says the same, which LibreChat's clients show.
        [conversation] = ada.get("/api/convos").json()["conversations"]
        answer = stored.messages.find_one(
            {"conversationId": conversation["conversationId"], "isCreatedByUser": False}
        )
        assert answer
        assert (answer["error"], answer["unfinished"]) == (True, False)
        assert json.loads(answer["text"]) == said
        assert stored.transactions.count_documents({"user": ObjectId(ada.id)}) == 0

    def test_are_written_down_where_nobody_is_limited(self, ada: UserClient, stored: Stored) -> None:
        chat(ada)
        assert stored.transactions.count_documents({"user": ObjectId(ada.id)}) == 2
        assert stored.balances.count_documents({"user": ObjectId(ada.id)}) == 0


class TestPrograms:
    @pytest.fixture
    def ask(self, api: Any, ada: UserClient) -> Callable[..., Any]:
        key = ada.post("/api/api-keys", json={"name": "k"}).json()["key"]
        headers = {"Authorization": f"Bearer {key}"}
        return lambda path="/v1/chat/completions", body=BODY, **more: api.post(
            path, json={**body, **more}, headers=headers
        )

    def test_take_what_they_cost(
        self, ask: Callable[..., Any], ada: UserClient, limit: Limit, stored: Stored
    ) -> None:
        limit(start=20000)
        assert ask().status_code == 200
        assert ask(stream=True).status_code == 200
        assert credits_of(ada) == 20000 - 2 * PRICE
        [key] = ada.get("/api/api-keys").json()["keys"]
        rows = list(stored.transactions.find({"user": ObjectId(ada.id)}))
        assert {str(row["echoKey"]) for row in rows} == {key["id"]}

    @pytest.mark.parametrize("stream", [False, True])
    def test_are_refused_in_openais_words(self, ask: Callable[..., Any], limit: Limit, stream: bool) -> None:
        limit(start=1)
        refused = ask(stream=stream)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600")
        assert refused.json()["error"]["code"] == "insufficient_quota"
        assert "1 are left" in refused.json()["message"]

    def test_are_refused_in_anthropics_words(self, ask: Callable[..., Any], limit: Limit) -> None:
        limit(start=1)
        refused = ask("/v1/messages", max_tokens=5)
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, "rate_limit_error")

    def test_are_refused_for_tokens_that_are_no_text(self, ask: Callable[..., Any], limit: Limit) -> None:
        limit(start=1)
        body = {"model": "openAI/text-embedding-3-small", "input": [[1] * 50, [2] * 50]}
        refused = ask("/v1/embeddings", body)
        # 100 tokens at 0.02.
        assert (refused.status_code, "this needs 2." in refused.json()["message"]) == (429, True)

    def test_are_refused_for_what_a_model_reads_beside_the_words(
        self, ask: Callable[..., Any], limit: Limit
    ) -> None:
        limit(start=1000)
        assert ask(max_tokens=10).status_code == 200
        picture = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
        schema = {"type": "object", "description": "many words " * 500}
        tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
        for more in (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}, picture]}]},
            {"tools": [tool]},
        ):
            refused = ask(max_tokens=10, **more)
            assert (refused.status_code, refused.json()["code"]) == (429, "insufficient_quota")

    def test_count_tokens_without_credits(self, ask: Callable[..., Any], limit: Limit) -> None:
        limit(start=0)
        assert ask("/v1/messages/count_tokens").status_code == 200

    @pytest.mark.parametrize(
        ("asked", "price"),
        [
            # 8 tokens at 0.02.
            (("/v1/embeddings", {"model": "openAI/text-embedding-3-small", "input": ["Hi", "Four"]}), 0.16),
            # 3 tokens at 5 and 4 at 40.
            (("/v1/images/generations", {"model": "openAI/gpt-image-1", "prompt": "a fountain"}), 175),
            # Nobody knows what a token of speech costs.
            (("/v1/audio/speech", {"model": "openAI/tts-1", "input": "Hello", "voice": "alloy"}), 0),
        ],
    )
    def test_that_do_not_chat_cost_what_is_known(
        self, ask: Callable[..., Any], ada: UserClient, limit: Limit, asked: tuple[str, Any], price: float
    ) -> None:
        limit(start=20000)
        path, body = asked
        assert ask(path, body).status_code == 200
        assert credits_of(ada) == pytest.approx(20000 - price)
