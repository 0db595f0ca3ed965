"""Signs of life while a model thinks: what stands between cuts connections on which nothing comes for long."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from enum import Enum
from typing import Final, Generic, Literal, TypeVar

from echo.accounts.standing import Refusal

T = TypeVar("T")

PULSE_SECONDS = 15.0
# So many items may wait for a slow reader; some are pieces of sound.
AHEAD = 16


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
    """The items of `in_batches`, one by one."""
    async with aclosing(in_batches(items, seconds, refusal)) as batches:
        async for batch in batches:
            if isinstance(batch, Signal):
                yield batch
            else:
                for item in batch:
                    yield item


async def in_batches(
    items: AsyncIterator[T], seconds: float, refusal: Refusal
) -> AsyncGenerator[list[T] | Silence, None]:
    """The items as they come, at once all that have come, and `SILENCE` each time that none has come for so long.

    Raises what the items raise, and the `refusal` as soon as there is one. Closing it ends the waiting for the next
    item, but does not close the items.
    """
    feed = _Feed(items)
    refusal.add_done_callback(feed.wake)
    reading = asyncio.create_task(feed.read())
    reading.add_done_callback(feed.wake)
    try:
        while not refusal.done():
            if feed.has_come:
                yield feed.take()
            elif reading.done():
                reading.result()
                return
            elif not await feed.comes(seconds):
                yield SILENCE
        raise refusal.result()
    finally:
        refusal.remove_done_callback(feed.wake)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


class _Feed(Generic[T]):
    """Items that one task reads and another takes: a task for each item would cost more than the item."""

    def __init__(self, items: AsyncIterator[T]) -> None:
        self._items = items
        self._come: list[T] = []
        self._change = asyncio.Event()
        self._room = asyncio.Event()

    async def read(self) -> None:
        """Read the items to their end, a few ahead of who takes them."""
        async for item in self._items:
            self._come.append(item)
            self._change.set()
            if len(self._come) >= AHEAD:
                self._room.clear()
                await self._room.wait()

    @property
    def has_come(self) -> bool:
        """Whether there is an item to take."""
        return bool(self._come)

    def take(self) -> list[T]:
        """Take all that has come."""
        self._room.set()
        come, self._come = self._come, []
        return come

    def wake(self, _done: object = None) -> None:
        """Let the waiting end: something else than an item has come."""
        self._change.set()

    async def comes(self, seconds: float) -> bool:
        """Whether something comes before so many seconds are over."""
        self._change.clear()
        try:
            async with asyncio.timeout(seconds):
                return await self._change.wait()
        except TimeoutError:
            return False
