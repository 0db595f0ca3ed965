"""How often a request is tried, and how long is waited in between."""

import asyncio
import threading

import pytest

from echo.providers.failures import ProviderFailure, unusable
from echo.providers.retries import Attempts


def failure(retry_after: float | None = None, *, transient: bool = True) -> ProviderFailure:
    return ProviderFailure(unusable().error, transient=transient, retry_after=retry_after)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been slept, in seconds."""
    slept: list[float] = []
    here, really = threading.get_ident(), asyncio.sleep

    async def sleep(seconds: float) -> None:
        # An application that other tests share has a loop of its own, in a thread of its own.
        if threading.get_ident() == here:
            slept.append(seconds)
        else:
            await really(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


def tried(attempts: Attempts, *failures: ProviderFailure) -> None:
    async def run() -> None:
        for each in failures:
            await attempts.wait(each)

    asyncio.run(run())


class TestAttempts:
    @pytest.mark.parametrize("most", [1, 2, 3])
    def test_are_so_many_and_no_more(self, pauses: list[float], most: int) -> None:
        last = failure()
        with pytest.raises(ProviderFailure) as caught:
            tried(Attempts(most, 0.1), *[failure()] * (most - 1), last, failure())
        assert caught.value is last
        assert len(pauses) == most - 1

    def test_end_with_what_would_not_help(self, pauses: list[float]) -> None:
        with pytest.raises(ProviderFailure):
            tried(Attempts(5, 0.1), failure(transient=False))
        assert pauses == []


class TestPauses:
    def test_double_and_are_shortened_by_up_to_a_half(self, pauses: list[float]) -> None:
        for _ in range(200):
            tried(Attempts(4, 1.0), failure(), failure(), failure())
        for number, longest in enumerate((1.0, 2.0, 4.0)):
            some = pauses[number::3]
            assert all(longest / 2 <= pause <= longest for pause in some)
            assert min(some) < longest * 0.6
            assert max(some) > longest * 0.9

    def test_are_at_least_what_the_provider_asked_for(self, pauses: list[float]) -> None:
        tried(Attempts(4, 0.001), failure(3.5), failure(0.0), failure(5.0))
        assert pauses[0] == 3.5
        assert 0.001 <= pauses[1] <= 0.002
        assert pauses[2] == 5.0

    def test_are_not_cut_to_what_the_provider_asked_for(self, pauses: list[float]) -> None:
        tried(Attempts(2, 4.0), failure(0.1))
        assert 2.0 <= pauses[0] <= 4.0

    def test_are_five_seconds_at_most(self, pauses: list[float]) -> None:
        with pytest.raises(ProviderFailure):
            tried(Attempts(4, 0.1), failure(5.01))
        assert pauses == []
