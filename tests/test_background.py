"""Work that threads give to the event loop."""

import asyncio
import threading

import pytest

from echo.background import Background
from echo.errors import ServiceUnavailable


async def answer(seconds: float = 0.0) -> str:
    await asyncio.sleep(seconds)
    return threading.current_thread().name


class TestBackground:
    def test_a_thread_waits_for_work_on_the_loop(self) -> None:
        async def ask() -> tuple[str, str]:
            background = Background()
            background.begin()
            return await asyncio.to_thread(background.wait, answer(), 5), threading.current_thread().name

        done_in, loop_in = asyncio.run(ask())
        assert done_in == loop_in

    def test_waiting_has_an_end(self) -> None:
        async def ask() -> None:
            background = Background()
            background.begin()
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(background.wait, answer(60), 0.01)

        asyncio.run(ask())

    def test_the_end_cancels_what_still_runs(self) -> None:
        async def ask() -> bool:
            background = Background()
            background.begin()
            future = background.submit(answer(60))
            await asyncio.sleep(0.01)
            await background.close()
            await asyncio.sleep(0)
            return future.cancelled()

        assert asyncio.run(ask())

    def test_nothing_starts_before_the_application_does(self) -> None:
        with pytest.raises(ServiceUnavailable):
            Background().submit(answer())
