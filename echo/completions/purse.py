"""What the requests of one answer of agents cost, each as one of its own, within the caller's limits."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields

from echo.accounts.metering import Spending
from echo.chat.prepared import Asking
from echo.providers.chat import Turn, Usage


class Purse:
    """Pays for requests. `first` is held already, None is for nobody who pays; all of it is of the event loop."""

    def __init__(self, first: Spending | None) -> None:
        self.used = Usage(0, 0)
        self._model = first
        self._first = first
        # By the identity of what is asked, which asks once at a time.
        self._held: dict[int, Spending] = {}
        self._settling: list[asyncio.Future[None]] = []

    async def hold(self, asking: Asking, tokens: int) -> Sequence[Turn]:
        """Called before each request, of about so many tokens; nothing is said meanwhile.

        Raises what holding raises: the caller's limits are in the way.
        """
        if self._first is not None:
            self._held[id(asking)], self._first = self._first, None
        elif self._model is not None:
            request = asking.request
            self._held[id(asking)] = await self._model.another(
                asking.endpoint or "", request.model, tokens, request.max_tokens
            )
        return ()

    def note(self, asking: Asking, usage: Usage) -> None:
        """A request has ended, and has used so much."""
        self.used = together(self.used, usage)
        if spending := self._held.pop(id(asking), None):
            spending.told(
                usage.input_tokens,
                usage.output_tokens,
                cached=usage.cached_tokens,
                written=usage.cache_written,
            )
            spending.worked()
            self._settling.append(asyncio.ensure_future(spending.settle()))

    def end(self, asking: Asking) -> None:
        """It asks nothing any more: what is still held for it has come to nothing."""
        if (spending := self._held.pop(id(asking), None)) and spending is not self._model:
            self._settling.append(asyncio.ensure_future(spending.settle()))

    async def close(self) -> None:
        """Wait until all of it is written down; the first one's is left to who has held it."""
        for spending in self._held.values():
            if spending is not self._model:
                self._settling.append(asyncio.ensure_future(spending.settle()))
        self._held.clear()
        await asyncio.gather(*self._settling, return_exceptions=True)


def together(one: Usage, other: Usage) -> Usage:
    """What two requests used."""
    return Usage(*(getattr(one, each.name) + getattr(other, each.name) for each in fields(Usage)))
