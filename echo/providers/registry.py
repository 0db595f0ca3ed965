"""The providers that this server can chat with."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from echo.providers.addresses import AddressGuard
from echo.providers.chat import ChatProvider, Providers
from echo.providers.openai import OpenAIDialect
from echo.providers.provider import Dialect, HttpProvider, Observe, observe_nothing
from echo.providers.transport import Transport
from echo.settings import ProviderLimits, ProviderSettings

DIALECTS: Mapping[str, Callable[[ProviderSettings], Dialect]] = {
    "openai": OpenAIDialect,
}


class ProviderRegistry(Mapping[str, ChatProvider]):
    """The chat providers by the names of their endpoints, in the configured order, and their connections."""

    def __init__(self, providers: Mapping[str, ChatProvider], transport: Transport) -> None:
        self._providers = dict(providers)
        self._transport = transport

    def __getitem__(self, name: str) -> ChatProvider:
        return self._providers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._providers)

    def __len__(self) -> int:
        return len(self._providers)

    async def close(self) -> None:
        """Close every connection to a provider; called on the event loop that used them."""
        await self._transport.close()


def build_providers(
    settings: Sequence[ProviderSettings],
    limits: ProviderLimits | None = None,
    *,
    guard: AddressGuard | None = None,
    observe: Observe = observe_nothing,
) -> ProviderRegistry:
    """Every endpoint that can chat: of a kind that does, with a key of the server's or of each user's.

    Nothing is contacted before the first request. `guard` checks users' own addresses, by default with the limits'
    allowed ones; `observe` is told of each request.
    """
    transport = Transport(limits or ProviderLimits(), guard)
    return ProviderRegistry(
        {
            each.name: HttpProvider(each, DIALECTS[each.type](each), transport, observe)
            for each in settings
            if each.type in DIALECTS and (each.available or each.user_provides_key)
        },
        transport,
    )


__all__ = ["ProviderRegistry", "Providers", "build_providers"]
