"""What an answer of agents costs: each request is held before it, counted after it, and written down once."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from echo.completions.purse import Purse, together
from echo.errors import TooManyRequests
from echo.providers.chat import Usage


class Paid:
    """A caller's spending for one request; notes what becomes of it, as what it makes does."""

    def __init__(
        self, log: list[Any], name: str = "first", *, full: bool = False, fails: bool = False
    ) -> None:
        self._log = log
        self._name = name
        self._full = full
        self._fails = fails

    async def another(self, endpoint: str, model: str, tokens: int, limit: int | None) -> "Paid":
        if self._full:
            raise TooManyRequests(1)
        made = Paid(self._log, f"{endpoint}/{model}")
        self._log.append(("held", made._name, tokens, limit))
        return made

    def told(self, used: int, said: int, *, cached: int, written: int) -> None:
        self._log.append(("told", self._name, used, said, cached, written))

    def worked(self) -> None:
        self._log.append(("worked", self._name))

    async def settle(self) -> None:
        await asyncio.sleep(0)
        self._log.append(("settled", self._name))
        if self._fails:
            raise OSError


def asking(model: str = "m", *, endpoint: str | None = "e", limit: int | None = 7) -> Any:
    return SimpleNamespace(endpoint=endpoint, request=SimpleNamespace(model=model, max_tokens=limit))


def log_of(use: Callable[[Purse], Coroutine[Any, Any, None]], **paid: bool) -> list[Any]:
    """What is noted while a purse is used and then closed."""
    log: list[Any] = []

    async def run() -> None:
        first: Any = Paid(log, **paid)
        purse = Purse(first)
        await use(purse)
        await purse.close()

    asyncio.run(run())
    return log


ONE = Usage(9, 5, 4, 3, 2)


def test_the_first_request_is_held_already_and_each_further_one_anew() -> None:
    async def use(purse: Purse) -> None:
        one = asking()
        assert await purse.hold(one, 100) == ()
        purse.note(one, ONE)
        await purse.hold(one, 200)
        purse.note(one, Usage(1, 1))
        await purse.hold(asking("n", endpoint=None, limit=None), 300)

    assert log_of(use) == [
        ("told", "first", 9, 5, 4, 3),
        ("worked", "first"),
        ("held", "e/m", 200, 7),
        ("told", "e/m", 1, 1, 0, 0),
        ("worked", "e/m"),
        ("held", "/n", 300, None),
        # Nobody waits for what is written down, until all of it must be.
        ("settled", "first"),
        ("settled", "e/m"),
        ("settled", "/n"),
    ]


def test_what_is_held_for_nothing_is_given_back_once() -> None:
    async def use(purse: Purse) -> None:
        first, second = asking(), asking("n")
        await purse.hold(first, 1)
        purse.end(first)
        await purse.hold(second, 2)
        purse.end(second)
        purse.end(second)

    # The first one's is left to who has held it.
    assert log_of(use) == [("held", "e/n", 2, 7), ("settled", "e/n")]


def test_at_the_end_all_but_the_first_ones_is_given_back() -> None:
    askings = [asking(), asking("n"), asking("o")]

    async def use(purse: Purse) -> None:
        for tokens, one in enumerate(askings):
            await purse.hold(one, tokens)

    assert log_of(use)[2:] == [("settled", "e/n"), ("settled", "e/o")]


def test_what_cannot_be_held_is_not_asked() -> None:
    async def use(purse: Purse) -> None:
        one = asking()
        await purse.hold(one, 1)
        purse.note(one, ONE)
        with pytest.raises(TooManyRequests):
            await purse.hold(one, 2)
        # It was held for none.
        purse.note(one, Usage(1, 1))

    assert log_of(use, full=True) == [
        ("told", "first", 9, 5, 4, 3),
        ("worked", "first"),
        ("settled", "first"),
    ]


def test_what_cannot_be_written_down_ends_nothing() -> None:
    async def use(purse: Purse) -> None:
        one = asking()
        await purse.hold(one, 1)
        purse.note(one, ONE)

    assert log_of(use, fails=True)[-1] == ("settled", "first")


def test_of_nobody_who_pays_only_the_tokens_are_counted() -> None:
    async def run() -> Usage:
        purse, one = Purse(None), asking()
        for _ in range(2):
            await purse.hold(one, 1)
            purse.note(one, ONE)
        purse.end(one)
        await purse.close()
        return purse.used

    assert asyncio.run(run()) == Usage(18, 10, 8, 6, 4)


def test_two_usages_together_have_each_kind_of_token() -> None:
    assert together(Usage(1, 2, 3, 4, 5), Usage(10, 20, 30, 40, 50)) == Usage(11, 22, 33, 44, 55)
