"""Signs of life between events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from echo.completions.pulse import SILENCE, in_batches, with_pulse
from echo.errors import ApiError, Unauthorized
from tests.support.waiting import PATIENCE


async def items(*pauses: float) -> AsyncGenerator[int, None]:
    for number, pause in enumerate(pauses):
        await asyncio.sleep(pause)
        yield number


async def collect(source: AsyncGenerator[int, None], seconds: float) -> list[object]:
    return [item async for item in with_pulse(source, seconds, asyncio.Future())]


class TestWithPulse:
    def test_passes_on_what_comes(self) -> None:
        assert asyncio.run(collect(items(0, 0, 0), PATIENCE)) == [0, 1, 2]

    def test_says_when_nothing_comes_and_loses_nothing(self) -> None:
        seen: list[object] = []

        async def listen() -> None:
            enough = asyncio.Event()

            async def thinking() -> AsyncGenerator[int, None]:
                yield 0
                await enough.wait()
                yield 1
                yield 2

            async for item in with_pulse(thinking(), 0.02, asyncio.Future()):
                seen.append(item)
                if seen.count(SILENCE) == 2:
                    enough.set()

        asyncio.run(asyncio.wait_for(listen(), PATIENCE))
        assert [item for item in seen if item is not SILENCE] == [0, 1, 2]
        assert seen[:3] == [0, SILENCE, SILENCE]

    def test_raises_what_the_items_raise(self) -> None:
        async def broken() -> AsyncGenerator[int, None]:
            yield 1
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            asyncio.run(collect(broken(), PATIENCE))

    def test_closing_ends_the_waiting(self) -> None:
        ended = []

        async def endless() -> AsyncGenerator[int, None]:
            try:
                yield 1
                await asyncio.sleep(60)
            finally:
                ended.append(True)

        async def leave() -> None:
            async with (
                aclosing(endless()) as source,
                aclosing(with_pulse(source, 0.01, asyncio.Future())) as beats,
            ):
                assert await anext(beats) == 1
                assert await anext(beats) is SILENCE

        asyncio.run(asyncio.wait_for(leave(), PATIENCE))
        assert ended == [True]

    def test_a_refusal_ends_it_at_once(self) -> None:
        async def refuse() -> None:
            refusal = asyncio.Future[ApiError]()
            async with aclosing(items(0, 60)) as source:
                beats = with_pulse(source, 60, refusal)
                assert await anext(beats) == 0
                asyncio.get_running_loop().call_later(0.05, refusal.set_result, Unauthorized())
                with pytest.raises(Unauthorized):
                    await anext(beats)

        asyncio.run(asyncio.wait_for(refuse(), PATIENCE))


class TestInBatches:
    def test_of_items_that_wait_for_nothing_all_come_at_once(self) -> None:
        async def ready() -> AsyncGenerator[int, None]:
            for number in range(5):
                yield number

        async def collected() -> list[object]:
            return [batch async for batch in in_batches(ready(), PATIENCE, asyncio.Future())]

        assert asyncio.run(collected()) == [[0, 1, 2, 3, 4]]

    def test_so_many_are_read_ahead_of_who_takes_them(self) -> None:
        read: list[int] = []

        async def many() -> AsyncGenerator[int, None]:
            for number in range(40):
                read.append(number)
                yield number

        async def taken() -> None:
            async with aclosing(in_batches(many(), PATIENCE, asyncio.Future())) as batches:
                assert await anext(batches) == list(range(16))
                assert len(read) == 16
                assert await anext(batches) == list(range(16, 32))
                assert await anext(batches) == list(range(32, 40))
                assert [batch async for batch in batches] == []

        asyncio.run(taken())

    def test_leaves_nothing_at_what_ends_it(self) -> None:
        """A caller's standing is watched for longer than one answer takes."""

        async def left() -> None:
            refusal = Noted()
            async with aclosing(in_batches(items(0), PATIENCE, refusal)) as batches:
                assert await anext(batches) == [0]
                assert len(refusal.watching) == 1
            assert refusal.watching == []

        asyncio.run(left())


class Noted(asyncio.Future[ApiError]):
    """Notes who waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.watching: list[object] = []

    def add_done_callback(self, *callbacks: Any, **options: Any) -> None:
        self.watching += callbacks
        super().add_done_callback(*callbacks, **options)

    def remove_done_callback(self, callback: Any) -> int:
        self.watching.remove(callback)
        return super().remove_done_callback(callback)
