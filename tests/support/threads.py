"""Threads for tests of what happens at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import TypeVar

THREADS = 8
SECONDS = 30
T = TypeVar("T")


def started_pool(threads: int = THREADS) -> ThreadPoolExecutor:
    """A pool whose threads have begun already, one after the other.

    Two that begin at the same moment install coverage's tracer at the same moment, which CPython 3.11 refuses where
    something has an audit hook: one thread dies of it (`Cannot install a trace function while another trace function
    is being installed`).
    """
    pool, release = ThreadPoolExecutor(threads), Event()

    def hold(arrived: Event) -> None:
        arrived.set()
        release.wait(SECONDS)

    for _ in range(threads):
        arrived = Event()
        pool.submit(hold, arrived)
        arrived.wait(SECONDS)
    release.set()
    return pool


def together(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Run `work` in threads that begin it at once; what each of them gave."""
    barrier = Barrier(threads)

    def begin(number: int) -> T:
        barrier.wait(SECONDS)
        return work(number)

    with started_pool(threads) as pool:
        return list(pool.map(begin, range(threads)))
