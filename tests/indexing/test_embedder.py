"""Texts as vectors, by the model of an endpoint that the operator has chosen."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from echo.credits import Credits, OutOfCredits
from echo.indexing.embedder import Embedder, EndpointEmbedder, find_embedder
from echo.indexing.offline import OfflineEmbedder
from echo.providers.registry import build_providers
from echo.settings import ProviderSettings, Settings
from storage.core.database import Database
from tests.support.chats import new_owner
from tests.support.credits import make_ledger
from tests.support.providers import ProviderServer

Find = Callable[..., Embedder | None]
MODEL = "text-embedding-3-small"
PRICED = {"openAI": {MODEL: {"prompt": 2.0}}}


@pytest.fixture
def openai(settings: Settings) -> ProviderSettings:
    return next(each for each in settings.providers if each.name == "openAI")


@pytest.fixture
def find(database: Database) -> Find:
    def found(name: str | None, *endpoints: ProviderSettings) -> Embedder | None:
        return find_embedder(name, build_providers(endpoints), endpoints, make_ledger(database), len)

    return found


def ask(openai: ProviderSettings, ledger: Credits, payer: str, texts: list[str], model: str = MODEL) -> Any:
    async def asked() -> Any:
        registry = build_providers([openai])
        try:
            embedder = find_embedder(f"openAI/{model}", registry, [openai], ledger, len)
            assert embedder is not None
            assert embedder.name == f"openAI/{model}"
            return await embedder.embed(texts, payer)
        finally:
            await registry.close()

    return asyncio.run(asked())


def rows_of(database: Database, payer: str) -> list[dict[str, Any]]:
    return [each for each in database.collection("transactions").find() if str(each["user"]) == payer]


def test_asks_the_endpoint_with_the_servers_key(
    openai: ProviderSettings, model_server: ProviderServer, database: Database
) -> None:
    first, second = map(len, ask(openai, make_ledger(database), new_owner(), ["one", "two"]))
    assert first == second > 0
    asked_for = model_server.requests[-1]
    assert asked_for.path == "/v1/embeddings"
    assert (asked_for.json["model"], asked_for.json["input"]) == (MODEL, ["one", "two"])
    assert asked_for.headers["authorization"] == "Bearer sk-tests-only"


class TestCost:
    def test_is_written_down_and_taken(
        self, openai: ProviderSettings, model_server: ProviderServer, database: Database
    ) -> None:
        payer, ledger = new_owner(), make_ledger(database, own=PRICED, enabled=True, start=1000)
        ask(openai, ledger, payer, ["one", "two"])
        [row, *more] = rows_of(database, payer)
        assert (row["context"], row["model"], row["tokenType"]) == ("embedding", MODEL, "prompt")
        assert row["tokenValue"] == 2 * row["rawAmount"] < 0
        assert [each["rawAmount"] for each in more] in ([], [0])
        balance = ledger.balance(payer) or {}
        assert balance["tokenCredits"] == 1000 + row["tokenValue"]
        assert not balance.get("echoHeld")

    def test_is_refused_before_anything_is_asked(
        self, openai: ProviderSettings, model_server: ProviderServer, database: Database
    ) -> None:
        payer, ledger = new_owner(), make_ledger(database, own=PRICED, enabled=True, start=3)
        before = len(model_server.requests)
        with pytest.raises(OutOfCredits):
            ask(openai, ledger, payer, ["one", "two"])
        assert len(model_server.requests) == before
        assert rows_of(database, payer) == []
        assert ledger.has_any(payer)
        ledger.put(payer, 0)
        assert not ledger.has_any(payer)

    def test_of_a_model_without_a_price_is_none(
        self, openai: ProviderSettings, model_server: ProviderServer, database: Database
    ) -> None:
        payer, ledger = new_owner(), make_ledger(database, enabled=True, start=0)
        assert len(ask(openai, ledger, payer, ["one"], "of-our-own")) == 1


def test_the_longest_name_counts(openai: ProviderSettings, find: Find) -> None:
    found = find("openAI/eu/m", openai, replace(openai, name="openAI/eu"))
    assert isinstance(found, EndpointEmbedder)
    assert found.name == "openAI/eu/m"
    assert found._model == "m"
    assert [found.relevance(cosine) for cosine in (-0.1, 0.4)] == [0.0, 0.4]


@pytest.mark.parametrize("name", [None, "", "nobody/m", "openAI"])
def test_without_an_endpoint_there_is_none(openai: ProviderSettings, find: Find, name: str | None) -> None:
    assert find(name, openai) is None


def test_a_users_own_key_is_not_asked_for(openai: ProviderSettings, find: Find) -> None:
    theirs = replace(openai, api_key=None, user_provides_key=True)
    assert not theirs.available
    assert find("openAI/m", theirs) is None


def test_the_servers_own_model_needs_no_endpoint(find: Find) -> None:
    assert isinstance(find("offline"), OfflineEmbedder)
