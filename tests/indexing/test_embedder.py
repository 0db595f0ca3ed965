"""Texts as vectors, by the model of an endpoint that the operator has chosen."""

import asyncio
from dataclasses import replace

import pytest

from echo.indexing.embedder import find_embedder
from echo.providers.registry import build_providers
from echo.settings import ProviderSettings, Settings
from tests.support.providers import ProviderServer


@pytest.fixture
def openai(settings: Settings) -> ProviderSettings:
    return next(each for each in settings.providers if each.name == "openAI")


def test_asks_the_endpoint_with_the_servers_key(
    openai: ProviderSettings, model_server: ProviderServer
) -> None:
    async def asked() -> list[int]:
        registry = build_providers([openai])
        try:
            embedder = find_embedder("openAI/text-embedding-3-small", registry, [openai])
            assert embedder is not None
            assert embedder.name == "openAI/text-embedding-3-small"
            return [len(each) for each in await embedder.embed(["one", "two"])]
        finally:
            await registry.close()

    first, second = asyncio.run(asked())
    assert first == second > 0
    asked_for = model_server.requests[-1]
    assert asked_for.path == "/v1/embeddings"
    assert (asked_for.json["model"], asked_for.json["input"]) == ("text-embedding-3-small", ["one", "two"])
    assert asked_for.headers["authorization"] == "Bearer sk-tests-only"


def test_the_longest_name_counts(openai: ProviderSettings) -> None:
    other = replace(openai, name="openAI/eu")
    registry = build_providers([openai, other])
    found = find_embedder("openAI/eu/m", registry, [openai, other])
    assert found is not None
    assert found.name == "openAI/eu/m"
    assert found._model == "m"


@pytest.mark.parametrize("name", [None, "", "nobody/m", "openAI"])
def test_without_an_endpoint_there_is_none(openai: ProviderSettings, name: str | None) -> None:
    assert find_embedder(name, build_providers([openai]), [openai]) is None


def test_a_users_own_key_is_not_asked_for(openai: ProviderSettings) -> None:
    theirs = replace(openai, api_key=None, user_provides_key=True)
    assert not theirs.available
    assert find_embedder("openAI/m", build_providers([theirs]), [theirs]) is None
