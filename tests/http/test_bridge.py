"""The hop from the event loop into a thread."""

import asyncio
import threading

import pytest
import structlog

from echo.errors import ServiceUnavailable
from echo.http.bridge import Pool


class TestPool:
    def test_runs_in_a_thread_of_its_own(self) -> None:
        async def ask() -> str:
            return await Pool("tests", 1, waiting=0).run(lambda: threading.current_thread().name)

        assert asyncio.run(ask()).startswith("echo-tests")

    def test_takes_the_context_along(self) -> None:
        async def ask() -> dict[str, str]:
            with structlog.contextvars.bound_contextvars(request_id="r-1"):
                return await Pool("tests", 1, waiting=0).run(structlog.contextvars.get_contextvars)

        assert asyncio.run(ask()) == {"request_id": "r-1"}

    def test_raises_what_the_function_raises_and_has_room_again(self) -> None:
        async def ask() -> int:
            pool = Pool("tests", 1, waiting=0)
            with pytest.raises(ValueError, match="invalid literal"):
                await pool.run(int, "x")
            return await pool.run(int, "1")

        assert asyncio.run(ask()) == 1

    def test_a_full_one_refuses_at_once(self) -> None:
        async def ask() -> None:
            pool, release = Pool("tests", 1, waiting=1), threading.Event()
            waiting = [asyncio.create_task(pool.run(release.wait)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(ServiceUnavailable) as refused:
                await pool.run(int)
            release.set()
            await asyncio.gather(*waiting)
            assert refused.value.code == "overloaded"
            assert await pool.run(int) == 0

        asyncio.run(ask())
