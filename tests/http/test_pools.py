"""The threads of one process: how many there are for each kind of work, and how much may wait for them."""

import asyncio
import os
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from echo.errors import ServiceUnavailable
from echo.http import pools as module
from echo.http.pools import OnLoop, Pool, Pools


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 10)


@pytest.fixture
def pools(cores: None) -> Iterator[Pools]:
    pools = Pools(3)
    yield pools
    pools.close()


def threads_of(name: str) -> set[threading.Thread]:
    """Those of a pool of that name, and of all such pools that other tests' applications have."""
    return {each for each in threading.enumerate() if each.name.startswith(f"echo-{name}_")}


async def fill(name: str, pool: Any) -> tuple[int, int]:
    """How many threads there are where all are busy, and how much may be asked for at the same time."""
    release, asked, others = threading.Event(), 0, threads_of(name)
    tasks: list[asyncio.Task[Any]] = []
    try:
        while True:
            task = asyncio.create_task(pool.run(release.wait))
            tasks.append(task)
            await asyncio.sleep(0)
            if task.done():
                with pytest.raises(ServiceUnavailable) as refused:
                    task.result()
                assert (refused.value.code, refused.value.message) == ("overloaded", "The server is busy.")
                return len(threads_of(name) - others), asked
            asked += 1
    finally:
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)


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

    def test_raises_what_no_future_takes_as_another_error(self) -> None:
        nothing: Iterator[int] = iter(())

        async def ask() -> int:
            return await asyncio.wait_for(Pool("tests", 1, waiting=0).run(next, nothing), 30)

        with pytest.raises(RuntimeError, match="StopIteration"):
            asyncio.run(ask())

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

    def test_has_so_many_threads_and_no_more(self) -> None:
        async def ask() -> set[str]:
            pool, all_there = Pool("tests", 3, waiting=20), threading.Barrier(3)

            def wait() -> str:
                all_there.wait()
                return threading.current_thread().name

            return set(await asyncio.gather(*(pool.run(wait) for _ in range(12))))

        assert asyncio.run(ask()) == {"echo-tests_0", "echo-tests_1", "echo-tests_2"}

    def test_what_nobody_waits_for_any_more_is_not_begun(self) -> None:
        made: list[int] = []

        async def ask() -> None:
            pool, release = Pool("tests", 1, waiting=2), threading.Event()
            first, second, third = (
                asyncio.create_task(pool.run(work)) for work in (release.wait, lambda: made.append(2), int)
            )
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            release.set()
            assert (await first, await third) == (True, 0)

        asyncio.run(ask())
        assert made == []

    def test_what_is_under_way_when_the_caller_goes_harms_nothing(self) -> None:
        async def ask() -> int:
            pool, begun, release = Pool("tests", 1, waiting=1), threading.Event(), threading.Event()

            def fail() -> None:
                begun.set()
                release.wait()
                raise ValueError

            gone = asyncio.create_task(pool.run(fail))
            await asyncio.to_thread(begun.wait)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            release.set()
            return await pool.run(int, "7")

        assert asyncio.run(ask()) == 7

    def test_closing_waits_for_what_has_begun(self) -> None:
        made: list[int] = []
        pool, begun, release = Pool("tests", 2, waiting=0), threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            release.wait()
            made.append(1)

        async def ask() -> None:
            asked = asyncio.create_task(pool.run(work))
            await asyncio.to_thread(begun.wait)
            asked.cancel()

        asyncio.run(ask())
        closing = threading.Thread(target=pool.close)
        closing.start()
        assert made == []
        release.set()
        closing.join()
        assert made == [1]
        assert not any(each.is_alive() for each in pool._threads)

    def test_a_thread_outlives_the_loop_that_asked_for_it(self) -> None:
        pool, begun, release = Pool("tests", 1, waiting=1), threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            release.wait()

        async def leave() -> None:
            asyncio.create_task(pool.run(work))  # noqa: RUF006 - the loop ends before it does
            await asyncio.to_thread(begun.wait)

        asyncio.run(leave())
        release.set()
        assert asyncio.run(pool.run(int, "3")) == 3


class TestPools:
    @pytest.mark.parametrize(
        ("name", "threads", "room"),
        [
            ("status", 2, 22),
            ("read", 3, 1003),
            ("write", 8, 1008),
            ("password", 5, 205),
            ("slow", 4, 104),
        ],
    )
    def test_have_threads_of_their_own_and_a_queue_with_an_end(
        self, pools: Pools, name: str, threads: int, room: int
    ) -> None:
        assert asyncio.run(fill(name, pools[name])) == (threads, room)

    @pytest.mark.parametrize(("cores", "threads"), [(None, 2), (3, 2), (4, 2), (6, 3)])
    def test_leave_half_of_the_cores_to_others_than_passwords(
        self, cores: int | None, threads: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        pools = Pools(1)
        try:
            assert asyncio.run(fill("password", pools["password"])) == (threads, threads + 200)
        finally:
            pools.close()

    def test_have_one_without_threads(self, pools: Pools) -> None:
        async def ask() -> tuple[str, int]:
            name = await pools["loop"].run(lambda: threading.current_thread().name)
            return name, await pools["loop"].run(int, "7")

        assert isinstance(pools["loop"], OnLoop)
        assert asyncio.run(ask()) == (threading.current_thread().name, 7)

    def test_are_no_others(self, pools: Pools) -> None:
        with pytest.raises(KeyError):
            pools["other"]

    def test_finish_what_has_begun_and_end(self, cores: None) -> None:
        pools, others = Pools(3), threads_of("write")
        begun, release, done = threading.Event(), threading.Event(), []

        def work() -> None:
            begun.set()
            release.wait()
            done.append(True)

        async def ask() -> None:
            task = asyncio.create_task(pools["write"].run(work))
            await asyncio.to_thread(begun.wait)
            closing = asyncio.create_task(asyncio.to_thread(pools.close))
            release.set()
            await asyncio.gather(task, closing)

        asyncio.run(ask())
        assert done == [True]
        assert threads_of("write") <= others


class TestPoliteness:
    @pytest.fixture
    def steps(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
        steps: list[tuple[int, int, int]] = []
        monkeypatch.setattr(os, "setpriority", lambda *step: steps.append(step))
        return steps

    def native_id(self, pool: Any) -> int:
        return int(asyncio.run(pool.run(threading.get_native_id)))

    def test_is_that_of_the_threads_for_passwords(
        self, pools: Pools, steps: list[tuple[int, int, int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "sys", SimpleNamespace(platform="linux"))
        for name in ("status", "read", "write", "slow"):
            self.native_id(pools[name])
        assert steps == []
        thread = self.native_id(pools["password"])
        assert steps == [(os.PRIO_PROCESS, thread, 10)]

    def test_is_none_where_it_would_be_the_whole_processes(
        self, pools: Pools, steps: list[tuple[int, int, int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "sys", SimpleNamespace(platform="darwin"))
        self.native_id(pools["password"])
        assert steps == []


def test_a_pool_has_room_again_for_whom_was_cancelled() -> None:
    async def ask() -> int:
        pool, release = Pool("tests", 1, waiting=0), threading.Event()
        task = asyncio.create_task(pool.run(release.wait))
        await asyncio.sleep(0)
        task.cancel()
        release.set()
        await asyncio.gather(task, return_exceptions=True)
        return await pool.run(int, "1")

    assert asyncio.run(ask()) == 1


def test_a_pool_has_as_much_room_after_work_as_before() -> None:
    async def ask() -> tuple[int, int]:
        pool = Pool("tests", 1, waiting=2)
        for _ in range(3):
            await pool.run(int, "1")
        with pytest.raises(ValueError, match="invalid literal"):
            await pool.run(int, "x")
        return await fill("tests", pool)

    # The thread was there before.
    assert asyncio.run(ask()) == (0, 3)
