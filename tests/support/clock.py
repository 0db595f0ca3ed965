"""The seconds for which the removal of an account waits, without anybody waiting."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from echo.accounts import api_keys, erasure, sessions


class Clock:
    """A clock that goes on at once when somebody sleeps."""

    def __init__(self) -> None:
        self._slept = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds


@contextmanager
def no_waiting_for_farewells() -> Iterator[None]:
    """Give the removal of accounts such a clock, and what remembers sessions and API keys the same.

    So nobody is remembered after the removal, as after the real seconds; `tests/accounts/test_erasure.py` waits for
    those.
    """
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        for module in (erasure, sessions, api_keys):
            patch.setattr(module, "time", clock)
        yield
