"""From ASGI to the handler in one hop between threads.

The request's arguments have been read on the event loop. A worker thread runs the handler once and hands back status,
headers and body together; only a file and a long answer are fetched from a thread piece by piece. Each kind of work
has a pool of its own, so that a write, password hashing or a slow provider never holds the threads that answer reads,
and nothing holds what says how the server is.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from typing import Any, TypeVar

from starlette.types import Message, Receive, Scope, Send

from echo.contract.responses import CHECKED
from echo.errors import ServiceUnavailable
from echo.handling.conditions import conditions
from echo.handling.reply import Reply
from echo.handling.scope import ARGUMENTS, CALLER, CLIENT, CONDITIONS, OPERATION

READ, WRITE, PASSWORD, SLOW = "read", "write", "password", "slow"
# What says how the server is may not wait for the threads that it reports on: handlers that touch nothing, or answer
# with a `Pending`, run on the event loop; those that read counts of all workers have threads of their own.
LOOP, STATUS = "loop", "status"
# Writes wait for the disk: two workers store 530 messages a second with two threads each, 680 with eight.
WRITE_THREADS = 8
POLITE_NICENESS = 10

T = TypeVar("T")


class Pool:
    """A few threads with a bounded queue; a full queue is answered with a 503 at once."""

    def __init__(self, name: str, threads: int, *, waiting: int, polite: bool = False) -> None:
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix=f"echo-{name}", initializer=step_back if polite else None
        )
        self._room = threads + waiting

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The function's result, from a thread of the pool. Raises `ServiceUnavailable` when all is taken."""
        if self._room <= 0:
            raise ServiceUnavailable("The server is busy.", code="overloaded")
        self._room -= 1
        try:
            # In the caller's context, so that what is logged there carries the request's id.
            run = copy_context().run
            return await asyncio.get_running_loop().run_in_executor(self._executor, run, function, *arguments)
        finally:
            self._room += 1

    def close(self) -> None:
        """Finish what has begun."""
        self._executor.shutdown(wait=True)


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


class Bridge:
    """The ASGI application that has requests answered in threads; `answer` takes what `read_request` gives."""

    def __init__(self, answer: Callable[[dict[str, Any]], Reply], pools: Pools) -> None:
        self._answer = answer
        self._pools = pools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Whatever the handler raises passes through."""
        pool = self._pools[scope[OPERATION].pool]
        reply = await pool.run(self._answer, read_request(scope))
        if reply.pending is not None or reply.frames is not None:
            unsent = await while_client_stays(finish_and_send(reply, send), receive)
            if unsent is None:
                return
            reply = unsent
        await send(start_of(reply))
        if reply.pieces is not None:
            await send_pieces(reply.pieces, pool, receive, send)
        else:
            await send({"type": "http.response.body", "body": reply.body})


async def finish_and_send(reply: Reply, send: Send) -> Reply | None:
    """Finish a reply on the event loop, and send it if it is events; any other is returned, with nothing sent.

    One task from the wait for a model to the last of its words: to watch over the client costs more than a word.
    """
    if reply.pending is not None:
        reply = await reply.pending.finish()
    if reply.frames is None:
        return reply
    async with aclosing(reply.frames) as frames:
        await send(start_of(reply))
        await send_frames(frames, send)
    return None


def start_of(reply: Reply) -> Message:
    """The first message of a reply."""
    start: Message = {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
    return {**start, CHECKED: True} if reply.is_checked else start


async def send_pieces(pieces: Iterable[bytes], pool: Pool | OnLoop, receive: Receive, send: Send) -> None:
    """Send a body piece by piece; each is made in a thread, and only once the one before it has left.

    Nothing more is made when the client has gone away.
    """
    iterator = iter(pieces)
    leaving = asyncio.ensure_future(_client_leaves(receive))
    try:
        while not leaving.done() and (piece := await pool.run(next, iterator, b"")):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        leaving.cancel()
        close_pieces(pieces)


async def send_frames(frames: AsyncGenerator[bytes, None], send: Send) -> None:
    """Send events as they come, on the event loop, to their end."""
    async for frame in frames:
        await send({"type": "http.response.body", "body": frame, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def while_client_stays(work: Coroutine[Any, Any, T], receive: Receive) -> T | None:
    """The result of the work; it is cancelled, and the result None, when the client goes away before."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_client_leaves(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def close_pieces(pieces: Any) -> None:
    """End a WSGI iterable as PEP 3333 asks."""
    if hasattr(pieces, "close"):
        pieces.close()


def read_request(scope: Scope) -> dict[str, Any]:
    """The request as the handler gets it."""
    return {
        ARGUMENTS: scope[ARGUMENTS],
        CALLER: scope[CALLER],
        CLIENT: scope[CLIENT],
        CONDITIONS: conditions(scope),
        OPERATION: scope[OPERATION],
    }
