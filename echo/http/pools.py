"""The threads that handlers run in.

Each kind of work has a pool of its own, so that a write, password hashing or a slow provider never holds the threads
that answer reads, and nothing holds what says how the server is.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from echo.errors import ServiceUnavailable

READ, WRITE, PASSWORD, SLOW = "read", "write", "password", "slow"
# What says how the server is may not wait for the threads that it reports on: handlers that touch nothing, or answer
# with a `Pending`, run on the event loop; those that read counts of all workers have threads of their own.
LOOP, STATUS = "loop", "status"
# Writes wait for the disk: two workers store 530 messages a second with two threads each, 680 with eight.
WRITE_THREADS = 8
POLITE_NICENESS = 10

T = TypeVar("T")


class Pool:
    """A few threads with a bounded queue; a full queue is answered with a 503 at once.

    The standard library's executor makes a future of its own, with a lock and a condition, beside the event loop's
    for each call, and chains the two: that costs a read 3 % of its processor time.
    """

    def __init__(self, name: str, threads: int, *, waiting: int, polite: bool = False) -> None:
        self._name = f"echo-{name}"
        self._most = threads
        self._polite = polite
        self._threads: list[threading.Thread] = []
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._room = threads + waiting

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The function's result, from a thread of the pool. Raises `ServiceUnavailable` when all is taken."""
        if self._room <= 0:
            raise ServiceUnavailable("The server is busy.", code="overloaded")
        self._room -= 1
        try:
            call = Call(partial(function, *arguments))
            self._calls.put(call)
            if len(self._threads) < self._most:
                self._start()
            result: T = await call.result
            return result
        finally:
            self._room += 1

    def _start(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        if self._polite:
            step_back()
        while (call := self._calls.get()) is not None:
            call.make()
            # Nothing of it is held while the thread waits.
            del call

    def close(self) -> None:
        """Finish what has begun."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()


class Call:
    """A call that a thread is to make for the event loop in which it was asked for."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        # The caller's context, so that what is logged there carries the request's id.
        self._context = copy_context()
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Any] = self._loop.create_future()

    def make(self) -> None:
        """Make it in this thread, unless nobody waits for it any more."""
        if self.result.cancelled():
            return
        result: Any = None
        error: BaseException | None = None
        try:
            result = self._context.run(self._function)
        except StopIteration:
            # No future takes it: whoever waits would wait for ever.
            error = RuntimeError("a handler raised StopIteration")
        except BaseException as raised:
            error = raised
        # The loop may have ended meanwhile: then nobody waits either.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, result, error)
        # An error knows this frame by its traceback: without it, both go at once.
        del result, error

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.result.done():
            return
        if error is None:
            self.result.set_result(result)
        else:
            self.result.set_exception(error)


class OnLoop:
    """In the place of a pool: no thread at all."""

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The function's result; it must neither wait nor take long."""
        return function(*arguments)

    def close(self) -> None:
        """Nothing has begun."""


def step_back() -> None:
    """Let every other thread go first; on Linux each thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), POLITE_NICENESS)


class Pools:
    """The pools of one process: by method, or by the name that an operation gives in `x-echo-pool`."""

    def __init__(self, read_threads: int) -> None:
        cores = os.cpu_count() or 1
        self._pools: dict[str, Pool | OnLoop] = {
            LOOP: OnLoop(),
            STATUS: Pool(STATUS, 2, waiting=20),
            READ: Pool(READ, read_threads, waiting=1000),
            WRITE: Pool(WRITE, WRITE_THREADS, waiting=1000),
            PASSWORD: Pool(PASSWORD, max(2, cores // 2), waiting=200, polite=True),
            SLOW: Pool(SLOW, 4, waiting=100),
        }

    def __getitem__(self, name: str) -> Pool | OnLoop:
        return self._pools[name]

    def close(self) -> None:
        """Finish what has begun, in every pool."""
        for pool in self._pools.values():
            pool.close()
