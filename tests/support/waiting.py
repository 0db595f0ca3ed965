"""Waiting for what happens beside a test: for the condition, however long a busy machine takes to it."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

# Only a fault is waited for so long: what works is seen at once.
PATIENCE = 60.0
PAUSE_SECONDS = 0.02
# Of an event loop on which everything is ready that is waited for.
TURNS = 10_000
T = TypeVar("T")


def eventually(condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The condition's value: once it is true, or the last one."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(PAUSE_SECONDS)
    return value


def within(condition: Callable[[], T], seconds: float) -> T:
    """The condition's value: as soon as it is true, or as it is when so many seconds have passed."""
    return eventually(condition, seconds) or condition()


def until(condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The condition's value, once it is true; an error if that takes too long."""
    value = eventually(condition, seconds)
    assert value, "it did not come true"
    return value


async def soon(condition: Callable[[], object]) -> None:
    """Return once the condition is true; an error if that takes many turns of the event loop.

    For what waits for nothing outside of it: no thread, no database, no time.
    """
    for _ in range(TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come true")
