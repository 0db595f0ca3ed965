"""Lists of models as providers give them, remembered for some minutes."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from echo.errors import ApiError
from echo.providers.constants import (
    MAX_MODEL_NAME,
    MAX_MODELS,
    MAX_REMEMBERED,
    MODELS_FAILED_SECONDS,
    MODELS_SECONDS,
)

Names = tuple[str, ...]


class ModelList:
    """The models that each key sees at each address; a failure is remembered too, for less long."""

    def __init__(self) -> None:
        self._remembered: dict[bytes, tuple[float, Names]] = {}
        self._asking: dict[bytes, asyncio.Future[Names]] = {}

    async def get(self, access: tuple[str, str], fetch: Callable[[], Awaitable[list[Any]]]) -> Names:
        """The names; empty if the provider does not tell them. Many who ask at once are one request."""
        key = hashlib.sha256("\0".join(access).encode()).digest()
        until, names = self._remembered.get(key, (0.0, ()))
        if time.monotonic() < until:
            return names
        if key not in self._asking:
            task = asyncio.ensure_future(self._ask(key, fetch))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key))
        return await asyncio.shield(self._asking[key])

    async def _ask(self, key: bytes, fetch: Callable[[], Awaitable[list[Any]]]) -> Names:
        try:
            names = checked(await fetch())
        except ApiError:
            names = ()
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        seconds = MODELS_SECONDS if names else MODELS_FAILED_SECONDS
        self._remembered.pop(key, None)
        self._remembered[key] = (time.monotonic() + seconds, names)
        return names


def checked(names: list[Any]) -> Names:
    """What can be the names of models, each once, in the provider's order."""
    sane = (
        name
        for name in names[:MAX_MODELS]
        if isinstance(name, str) and 0 < len(name) <= MAX_MODEL_NAME and name.isprintable()
    )
    return tuple(dict.fromkeys(sane))
