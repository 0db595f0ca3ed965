"""How often a request is tried, and how long is waited in between."""

import asyncio
import threading
from typing import Any

import pytest

from echo.providers.failures import ProviderFailure, unusable
from echo.providers.naming import Named
from echo.providers.retries import Attempts, Tries
from echo.providers.sites import Access, Sites
from echo.providers.transport import Call


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


class Sent:
    """How a request is sent to one key; what is named in a failure is left out once."""

    def __init__(self, access: Access) -> None:
        self.call = Call(access.base_url, {}, access.site)
        self.adapts = 0
        self.works = 0

    def adapt(self, failed: ProviderFailure) -> bool:
        self.adapts += 1
        return bool(failed.named) and self.adapts == 1

    def worked(self) -> None:
        self.works += 1


class TestTries:
    KEYS = (Access("a", "http://x", site=1), Access("b", "http://x", site=2))

    def tries(self, most: int, keys: int = 2) -> tuple[Tries, list[Any]]:
        made: list[Any] = []

        def make(access: Access) -> Any:
            made.append(Sent(access))
            return made[-1]

        return Tries(Sites("e").among(self.KEYS[:keys], "m"), make, Attempts(most, 0.1)), made

    def after(self, tries: Tries, *failures: ProviderFailure) -> list[int]:
        """The key that is asked first, and after each failure."""

        async def run() -> list[int]:
            keys = [tries.call.body]
            for each in failures:
                await tries.again(each)
                keys.append(tries.call.body)
            return keys

        return asyncio.run(run())

    def test_ask_each_key_before_there_is_a_pause(self, pauses: list[float]) -> None:
        tries, made = self.tries(2)
        assert self.after(tries, failure()) == [1, 2]
        assert pauses == []
        assert self.after(tries, failure()) == [2, 1]
        assert len(pauses) == 1
        assert self.after(tries, failure()) == [1, 2]
        last = failure()
        with pytest.raises(ProviderFailure):
            self.after(tries, last)
        assert (len(made), len(pauses)) == (4, 1)

    def test_make_nothing_anew_for_the_same_key(self, pauses: list[float]) -> None:
        tries, made = self.tries(3, keys=1)
        assert self.after(tries, failure(), failure()) == [1, 1, 1]
        assert (len(made), len(pauses)) == (1, 2)

    def test_leave_out_what_was_refused_first(self, pauses: list[float]) -> None:
        refusal = ProviderFailure(unusable().error, named=Named(frozenset({"stop"})))
        tries, made = self.tries(1)
        assert self.after(tries, refusal) == [1, 1]
        assert (len(made), made[0].adapts, pauses) == (1, 1, [])
        assert self.after(tries, refusal) == [1, 2]

    def test_raise_the_failure_that_ends_first(self, pauses: list[float]) -> None:
        """Of all keys, not the last one's."""
        soon, late = failure(7), failure(30)
        tries, _ = self.tries(5)
        with pytest.raises(ProviderFailure) as caught:
            self.after(tries, soon, late)
        assert caught.value is soon
        assert pauses == []

    def test_are_told_how_it_went(self) -> None:
        tries, made = self.tries(1)
        tries.worked()
        assert made[0].works == 1
        tries.broke_off(failure())
        assert (made[0].works, tries.call.body) == (1, 1)
        assert self.after(self.tries(1)[0], failure()) == [1, 2]
