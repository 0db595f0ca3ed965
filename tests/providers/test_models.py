"""Lists of models: what can be a name, and for how long a list is remembered."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from echo.errors import BadGateway
from echo.providers import models as module
from echo.providers.models import ModelList, checked


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


class Source:
    """Gives the next list each time, or raises it."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self) -> list[Any]:
        self.asked += 1
        await asyncio.sleep(0)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return list(answer)


def get(known: ModelList, source: Source, *access: tuple[str, str]) -> list[tuple[str, ...]]:
    async def run() -> list[tuple[str, ...]]:
        return list(await asyncio.gather(*(known.get(each, source) for each in access or [("url", "key")])))

    return asyncio.run(run())


class TestRemembering:
    def test_lasts_for_five_minutes(self, clock: list[float]) -> None:
        known, source = ModelList(), Source(["a"], ["b"])
        assert get(known, source) == [("a",)]
        clock[0] += 299.9
        assert get(known, source) == [("a",)]
        clock[0] += 0.1
        assert get(known, source) == [("b",)]
        assert source.asked == 2

    @pytest.mark.parametrize("nothing", [BadGateway(), []], ids=["failure", "none"])
    def test_of_nothing_lasts_for_half_a_minute(self, clock: list[float], nothing: Any) -> None:
        known, source = ModelList(), Source(nothing, ["b"])
        assert get(known, source) == [()]
        clock[0] += 29.9
        assert get(known, source) == [()]
        clock[0] += 0.1
        assert get(known, source) == [("b",)]

    def test_is_of_each_key_at_each_address(self, clock: list[float]) -> None:
        known, source = ModelList(), Source(["a"], ["b"], ["c"], ["d"])
        pairs = [("url", "key"), ("url", "other"), ("other", "key"), ("urlk", "ey")]
        for pair, names in zip(pairs * 2, "abcdabcd", strict=True):
            assert get(known, source, pair) == [(names,)]
        assert source.asked == 4

    def test_of_many_who_ask_at_once_is_one_request(self, clock: list[float]) -> None:
        known, source = ModelList(), Source(["a"])
        assert get(known, source, *[("url", "key")] * 5, ("url", "other")) == [("a",)] * 6
        assert source.asked == 2

    def test_is_of_so_many_at_most(self, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
        known, source = ModelList(), Source(["a"])
        for key in ("1", "2", "3", "3", "2"):
            get(known, source, ("url", key))
        assert source.asked == 3
        # The first one was forgotten, and now the second one is.
        get(known, source, ("url", "1"))
        get(known, source, ("url", "3"))
        assert source.asked == 4
        get(known, source, ("url", "2"))
        assert source.asked == 5

    def test_goes_on_where_one_who_asked_has_left(self, clock: list[float]) -> None:
        known, source = ModelList(), Source(["a"])

        async def run() -> tuple[str, ...]:
            first = asyncio.ensure_future(known.get(("url", "key"), source))
            await asyncio.sleep(0)
            second = asyncio.ensure_future(known.get(("url", "key"), source))
            await asyncio.sleep(0)
            first.cancel()
            return await second

        assert asyncio.run(run()) == ("a",)
        assert source.asked == 1


def test_names_are_texts_that_can_be_shown_each_once() -> None:
    most = "x" * 256
    given = ["b", "", 7, None, "a", "b", "a\n", "\x00", most, most + "x", ["a"], "ü 世界"]
    assert checked(given) == ("b", "a", most, "ü 世界")


def test_of_a_long_list_the_first_two_thousand_count() -> None:
    assert checked([*["a"] * 1999, "b", "c"]) == ("a", "b")
