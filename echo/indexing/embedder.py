"""Texts as vectors, by the model that the operator has chosen."""

from collections.abc import Mapping, Sequence

from echo.providers.embeddings import EmbeddingRequest, Vector, embedder_of
from echo.providers.errands import Endpoint
from echo.providers.operations import Wanted
from echo.settings import ProviderSettings

# In one request; providers take some hundred thousand tokens.
AT_ONCE = 64


class Embedder:
    """One model at one endpoint, asked with the server's key. `name` is "endpoint/model"."""

    def __init__(self, endpoint: Endpoint, settings: ProviderSettings, model: str) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._model = model
        self.name = f"{settings.name}/{model}"

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """A vector for each text, in their order. Raises `ApiError` where the provider fails or refuses."""
        request = EmbeddingRequest(Wanted(self._model), list(texts))
        vectors: list[Vector] = []
        for errand in embedder_of(self._settings).errands(request):
            vectors += (await self._endpoint.ask(errand)).vectors
        return vectors


def find_embedder(
    name: str | None, endpoints: Mapping[str, Endpoint], settings: Sequence[ProviderSettings]
) -> Embedder | None:
    """The model of a name such as "openAI/text-embedding-3-small"; None without one, or where there is no key."""
    having = [
        each for each in settings if name and name.startswith(f"{each.name}/") and each.name in endpoints
    ]
    if not name or not having:
        return None
    provider = max(having, key=lambda each: len(each.name))
    return Embedder(endpoints[provider.name], provider, name.removeprefix(f"{provider.name}/"))
