"""Signs of life while a model thinks: what stands between cuts connections on which nothing comes for long."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from enum import Enum
from typing import Final, Literal, TypeVar

from echo.accounts.standing import Refusal

T = TypeVar("T")

PULSE_SECONDS = 15.0


class Signal(Enum):
    """What comes beside the items themselves."""

    SILENCE = 1
    OVER = 2


SILENCE: Final = Signal.SILENCE
OVER: Final = Signal.OVER
Silence = Literal[Signal.SILENCE]


async def with_pulse(
    items: AsyncIterator[T], seconds: float, refusal: Refusal
) -> AsyncGenerator[T | Silence, None]:
    """The items as they come, and `SILENCE` each time that none has come for so long.

    Raises what the items raise, and the `refusal` as soon as there is one. Closing it ends the waiting for the next
    item, but does not close the items.
    """
    waiting: asyncio.Future[T | Signal] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(_next(items))
            await asyncio.wait((waiting, refusal), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if refusal.done():
                raise refusal.result()
            if not waiting.done():
                yield SILENCE
                continue
            item, waiting = waiting.result(), None
            if isinstance(item, Signal):
                return
            yield item
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def _next(items: AsyncIterator[T]) -> T | Signal:
    return await anext(items, OVER)
