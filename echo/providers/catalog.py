"""Which endpoints and models this server offers."""

from collections.abc import Sequence
from dataclasses import dataclass

from echo.settings import ProviderSettings


@dataclass(frozen=True)
class Endpoint:
    """A provider as clients see it; `available` says whether the server has a key for it."""

    name: str
    type: str
    models: tuple[str, ...]
    available: bool


class Catalog:
    """The configured providers."""

    def __init__(self, providers: Sequence[ProviderSettings]) -> None:
        self._endpoints = tuple(
            Endpoint(each.name, each.type, each.models, each.available) for each in providers
        )

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every endpoint, available or not, in the configured order."""
        return self._endpoints

    def models(self) -> dict[str, list[str]]:
        """The models of every endpoint."""
        return {endpoint.name: list(endpoint.models) for endpoint in self._endpoints}
