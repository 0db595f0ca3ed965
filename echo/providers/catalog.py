"""Which endpoints and models this server offers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echo.background import Background
from echo.errors import ApiError
from echo.providers.chat import ChatProvider, Providers
from echo.settings import ProviderSettings
from echo.settings.model_access import EVERYTHING, Opened

# How long a client waits for lists of models; a provider that takes longer is asked to its end for the next client.
LIST_SECONDS = 3.0

Models = tuple[str, ...]


@dataclass(frozen=True)
class Endpoint:
    """A provider as clients see it; `available` says whether the server has a key for it."""

    name: str
    type: str
    models: Models
    available: bool
    order: int
    user_provides_key: bool
    user_provides_url: bool
    model_display_label: str | None
    icon_url: str | None


class Catalog:
    """The configured providers, and their models: the configured ones, or those that the provider lists."""

    def __init__(
        self, settings: Sequence[ProviderSettings], providers: Providers, background: Background
    ) -> None:
        self._settings = tuple(settings)
        self._background = background
        self._listing = {
            each.name: providers[each.name]
            for each in settings
            if each.fetch_models and each.name in providers
        }
        self._models: Mapping[str, Models] = {each.name: each.models for each in settings}

    def endpoints(self, opened: Opened = EVERYTHING) -> tuple[Endpoint, ...]:
        """Every endpoint, available or not, in the configured order, with the models that are known by now.

        Only of what is open: an endpoint without anything is left out.
        """
        return tuple(
            Endpoint(
                name=each.name,
                type="custom" if each.custom else each.type,
                models=opened.among(each.name, self._models[each.name]),
                available=each.available,
                order=order,
                user_provides_key=each.user_provides_key,
                user_provides_url=each.user_provides_url,
                model_display_label=each.model_display_label,
                icon_url=each.icon_url,
            )
            for order, each in enumerate(self._settings)
            if self._reached(each, opened)
        )

    def models(self, opened: Opened = EVERYTHING) -> dict[str, list[str]]:
        """The open models of every endpoint that has some.

        Called in a thread; waits some seconds for providers, and never fails.
        """
        if self._listing:
            try:
                # The providers have their own limit; this one is for an event loop that is late.
                listed = self._background.wait(self._list(), LIST_SECONDS * 2)
            except (TimeoutError, ApiError):
                listed = {}
            self._models = {**self._models, **listed}
        known = self._models
        return {
            each.name: list(opened.among(each.name, known[each.name]))
            for each in self._settings
            if self._reached(each, opened)
        }

    def _reached(self, settings: ProviderSettings, opened: Opened) -> bool:
        known = self._models[settings.name]
        return opened.reaches(settings.name, known, all_known=bool(known) or not settings.fetch_models)

    async def _list(self) -> dict[str, Models]:
        found = await asyncio.gather(*(self._ask(each) for each in self._listing.values()))
        return {name: models for name, models in zip(self._listing, found, strict=True) if models}

    async def _ask(self, provider: ChatProvider) -> Models:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                return await provider.models()
        except (TimeoutError, ApiError):
            return ()
