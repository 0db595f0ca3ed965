"""The providers that this server can chat with."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from echo.providers.addresses import AddressGuard
from echo.providers.anthropic import AnthropicDialect
from echo.providers.azure import AzureDialect
from echo.providers.chat import Providers
from echo.providers.custom import CustomDialect
from echo.providers.errands import Endpoint, HttpEndpoint
from echo.providers.google import GoogleDialect
from echo.providers.offline import OfflineConnector
from echo.providers.openai import OpenAIDialect
from echo.providers.provider import Dialect
from echo.providers.transport import Transport
from echo.settings import ProviderLimits, ProviderSettings

DIALECTS: Mapping[str, Callable[[ProviderSettings], Dialect]] = {
    "openai": OpenAIDialect,
    "anthropic": AnthropicDialect,
    "google": GoogleDialect,
    "azure": AzureDialect,
    "custom": CustomDialect,
}


class ProviderRegistry(Mapping[str, Endpoint]):
    """The chat providers by the names of their endpoints, in the configured order, and their connections."""

    def __init__(self, providers: Mapping[str, Endpoint], transports: Iterable[Transport]) -> None:
        self._providers = dict(providers)
        self._transports = tuple(transports)

    def __getitem__(self, name: str) -> Endpoint:
        return self._providers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._providers)

    def __len__(self) -> int:
        return len(self._providers)

    async def close(self) -> None:
        """Close every connection to a provider; called on the event loop that used them."""
        for each in self._transports:
            await each.close()


def can_chat(settings: ProviderSettings) -> bool:
    """Whether the endpoint is of a kind that chats, with a key and an address of the server's or of each user's."""
    key = settings.available or settings.user_provides_key
    address = settings.base_url or settings.deployments or settings.user_provides_url
    return settings.type in DIALECTS and key and bool(address)


def build_providers(
    settings: Sequence[ProviderSettings],
    limits: ProviderLimits | None = None,
    *,
    guard: AddressGuard | None = None,
) -> ProviderRegistry:
    """Every endpoint that can chat.

    Nothing is contacted before the first request. `guard` checks users' own addresses; by default it lets only the
    limits' `allowed_addresses` be private.
    """
    limits = limits or ProviderLimits()
    outside, inside = Transport(limits, guard), Transport(limits, guard, OfflineConnector)
    return ProviderRegistry(
        {
            each.name: HttpEndpoint(each, DIALECTS[each.type](each), inside if each.offline else outside)
            for each in settings
            if can_chat(each)
        },
        (outside, inside),
    )


__all__ = ["ProviderRegistry", "Providers", "build_providers"]
