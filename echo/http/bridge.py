"""From ASGI to the handler in one hop between threads.

The request's arguments have been read on the event loop. A worker thread runs the handler once and hands back status,
headers and body together; only a file and a long answer are fetched from a thread piece by piece.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.types import Message, Receive, Scope, Send

from echo.contract.responses import CHECKED
from echo.handling.conditions import conditions
from echo.handling.reply import Reply
from echo.handling.scope import ARGUMENTS, CALLER, CLIENT, CONDITIONS, OPERATION
from echo.http.pools import OnLoop, Pool, Pools

T = TypeVar("T")


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
