"""Asking a provider of ours from a test that is no coroutine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from echo.errors import ApiError
from echo.providers.addresses import AddressGuard
from echo.providers.chat import (
    ChatProvider,
    ChatRequest,
    Credentials,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Turn,
    Usage,
)
from echo.providers.registry import build_providers
from echo.settings import ProviderLimits, ProviderSettings
from tests.support.waiting import PATIENCE

# Long enough for a busy machine: a test that waits for one of them sets that one.
LIMITS = ProviderLimits(
    connect_seconds=PATIENCE,
    first_seconds=PATIENCE,
    chunk_seconds=PATIENCE,
    stream_seconds=2 * PATIENCE,
    short_seconds=PATIENCE,
    pause_seconds=0.01,
)
T = TypeVar("T")


def settings_of(kind: str, url: str, **more: Any) -> ProviderSettings:
    """An endpoint of that kind at a small server."""
    return ProviderSettings(
        **{"name": kind, "type": kind, "models": ("m",), "api_key": "k", "base_url": url, **more}
    )


def ask(
    settings: ProviderSettings,
    use: Callable[[ChatProvider], Awaitable[T]],
    limits: ProviderLimits = LIMITS,
    guard: AddressGuard | None = None,
) -> T:
    """What the use of a provider answers; its connections are closed afterwards."""

    async def run() -> T:
        providers = build_providers([settings], limits, guard=guard)
        try:
            return await use(providers[settings.name])
        finally:
            await providers.close()

    return asyncio.run(run())


def request(text: str = "Hello", model: str = "m", **more: Any) -> ChatRequest:
    return ChatRequest(model=model, turns=(Turn.of_text("user", text),), **more)


class Said:
    """What came of a stream: its events in their order, and the error that ended it."""

    def __init__(self, events: list[Event], error: ApiError | None) -> None:
        self.events = events
        self.error = error

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta | RefusalDelta))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ReasoningDelta))

    @property
    def usage(self) -> Usage | None:
        return next((event for event in reversed(self.events) if isinstance(event, Usage)), None)


def listen(
    settings: ProviderSettings,
    chat: ChatRequest | None = None,
    credentials: Credentials | None = None,
    limits: ProviderLimits = LIMITS,
    guard: AddressGuard | None = None,
) -> Said:
    """All of a stream."""

    async def use(provider: ChatProvider) -> Said:
        events: list[Event] = []
        try:
            async for event in provider.stream(chat or request(), credentials):
                events.append(event)
        except ApiError as error:
            return Said(events, error)
        return Said(events, None)

    return ask(settings, use, limits, guard)
