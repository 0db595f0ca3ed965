"""Texts as vectors, by the model that the operator has chosen."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import uuid4

from echo.credits import Credits, Purchase, Spent
from echo.credits.service import Wanted as WantedCredits
from echo.credits.transactions import EMBEDDING
from echo.indexing.offline import OfflineEmbedder
from echo.providers.chat import Usage
from echo.providers.embeddings import EmbeddingRequest, Vector, embedder_of
from echo.providers.errands import Endpoint
from echo.providers.operations import Wanted
from echo.settings import ProviderSettings
from echo.settings.agents import OFFLINE_EMBEDDINGS

# In one request; providers take some hundred thousand tokens.
AT_ONCE = 64


class Embedder(Protocol):
    """A model that makes vectors; `name` is kept with what it made."""

    @property
    def name(self) -> str:
        """Its endpoint and itself: vectors of another name are not compared with its own."""

    async def embed(self, texts: Sequence[str], payer: str) -> Sequence[Vector]:
        """A vector for each text, in their order, at the cost of a user.

        Raises `ApiError` where the model fails or refuses, of its kinds `OutOfCredits` where the user has not enough.
        """

    def pays(self, payer: str) -> bool:
        """Whether a user has any credits for it; for threads."""

    def relevance(self, cosine: float) -> float:
        """How relevant a passage is, from 0 to 1, whose vector makes this angle with the question's."""


class EndpointEmbedder:
    """One model at one endpoint, asked with the server's key. `name` is "endpoint/model".

    `count` counts tokens where the provider does not tell them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: ProviderSettings,
        model: str,
        ledger: Credits,
        count: Callable[[str], int],
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._model = model
        self._credits = ledger
        self._count = count
        self.name = f"{settings.name}/{model}"
        # What is no chat has a price only where one is known.
        self._purchase = Purchase(settings.name, model, EMBEDDING, unknown=0.0)

    async def embed(self, texts: Sequence[str], payer: str) -> list[Vector]:
        """As `Embedder.embed`: what it may cost is held before, and what it did taken afterwards."""
        request = EmbeddingRequest(Wanted(self._model), list(texts))
        ticket = f"embedding-{uuid4()}"
        held = await asyncio.to_thread(self._hold, payer, ticket, texts)
        vectors: list[Vector] = []
        told = 0
        try:
            for errand in embedder_of(self._settings).errands(request):
                answer = await self._endpoint.ask(errand)
                vectors += answer.vectors
                told += answer.tokens
        finally:
            tokens = told or (held if vectors else 0)
            used = [Spent(self._purchase, Usage(tokens, 0))] if tokens else []
            await asyncio.shield(asyncio.to_thread(self._credits.settle, payer, ticket, used))
        return vectors

    def pays(self, payer: str) -> bool:
        """As `Embedder.pays`."""
        return self._credits.has_any(payer)

    def relevance(self, cosine: float) -> float:
        """The cosine: these models are made for that."""
        return max(0.0, cosine)

    def _hold(self, payer: str, ticket: str, texts: Sequence[str]) -> int:
        """Hold what so many tokens cost, which are the answer. Raises `OutOfCredits`."""
        tokens = sum(map(self._count, texts))
        self._credits.reserve(payer, ticket, [WantedCredits(self._purchase, tokens, answers=0)])
        return tokens


def find_embedder(
    name: str | None,
    endpoints: Mapping[str, Endpoint],
    settings: Sequence[ProviderSettings],
    ledger: Credits,
    count: Callable[[str], int],
) -> Embedder | None:
    """The model of a name such as "openAI/text-embedding-3-small"; None without one, or where there is no key."""
    if name == OFFLINE_EMBEDDINGS:
        return OfflineEmbedder()
    having = [
        each
        for each in settings
        if name and name.startswith(f"{each.name}/") and each.name in endpoints and each.available
    ]
    if not name or not having:
        return None
    provider = max(having, key=lambda each: len(each.name))
    model = name.removeprefix(f"{provider.name}/")
    return EndpointEmbedder(endpoints[provider.name], provider, model, ledger, count)
