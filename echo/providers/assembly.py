"""How the parts that talk to models fit together; called by the composition root."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from echo.background import Background
from echo.providers.catalog import Catalog
from echo.providers.moderation import Moderation
from echo.providers.registry import ProviderRegistry, build_providers
from echo.providers.titles import AskedTitle, TitleService
from echo.providers.transport import prepare
from echo.settings import Settings


@dataclass(frozen=True)
class ProviderParts:
    """The providers by their endpoints' names, which models they have, titles, and what looks at texts before.

    `voices` are services that only speak."""

    catalog: Catalog
    moderation: Moderation
    registry: ProviderRegistry
    titles: TitleService
    voices: ProviderRegistry

    async def prepare(self) -> None:
        """Called when the application starts: what the first request of all would wait for."""
        await asyncio.to_thread(prepare)

    async def close(self) -> None:
        """Close every connection."""
        await self.registry.close()
        await self.voices.close()
        await self.moderation.close()


def build_provider_parts(
    settings: Settings, background: Background, *, titled: Callable[[AskedTitle], None] | None = None
) -> ProviderParts:
    """A provider for each endpoint; nothing is contacted. `titled` is told of titles, in a thread."""
    registry = build_providers(settings.providers, settings.provider_limits)
    return ProviderParts(
        catalog=Catalog(settings.providers, registry, background),
        moderation=Moderation(settings.moderation, settings.provider_limits),
        registry=registry,
        titles=TitleService(settings.providers, registry, enabled=settings.title_conversations, asked=titled),
        voices=build_providers([settings.voice] if settings.voice else [], settings.provider_limits),
    )
