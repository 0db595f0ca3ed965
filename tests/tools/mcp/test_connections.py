"""Which connections are shared, kept and closed; a connection here is anything that can be open."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from echo.tools.mcp import connections as module
from echo.tools.mcp.connections import Connections, Key
from echo.tools.mcp.failures import LoginNeeded, NotConnected, Resting, TooManyConnections

ADA = Key("ada", "web", "m")


class Line:
    """A connection without a server."""

    def __init__(self) -> None:
        self.is_open, self.calls, self.used_at, self.closed = True, 0, 0.0, False

    async def close(self) -> None:
        self.is_open, self.closed = False, True


def run(work: Callable[[Connections], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        connections = Connections()
        try:
            return await work(connections)
        finally:
            await connections.close()

    return asyncio.run(whole())


async def dialled() -> Any:
    await asyncio.sleep(0)
    return Line()


async def get(connections: Connections, key: Key) -> Any:
    return await connections.get(key, dialled)


def test_who_asks_for_the_same_gets_the_same_and_no_other_does() -> None:
    async def work(connections: Connections) -> list[Any]:
        keys = [ADA, ADA, Key("bob", "web", "m"), Key("ada", "web", "other"), Key(None, "web", "m")]
        return await asyncio.gather(*(get(connections, key) for key in keys))

    first, again, *others = run(work)
    assert first is again
    assert len({id(each) for each in (first, *others)}) == 4


def test_one_that_has_ended_is_made_anew() -> None:
    async def work(connections: Connections) -> bool:
        first = await get(connections, ADA)
        first.is_open = False
        return first is await get(connections, ADA)

    assert run(work) is False


def test_after_a_failure_there_is_a_pause_but_not_after_a_login_is_asked_for() -> None:
    async def failing(error: Exception) -> Any:
        raise error

    async def work(connections: Connections) -> None:
        with pytest.raises(LoginNeeded):
            await connections.get(ADA, lambda: failing(LoginNeeded()))
        with pytest.raises(NotConnected):
            await connections.get(ADA, lambda: failing(NotConnected("x")))
        with pytest.raises(Resting):
            await get(connections, ADA)
        await connections.drop("web", "ada")
        await get(connections, ADA)

    run(work)


def test_what_was_surely_not_done_is_done_again_and_nothing_else() -> None:
    async def work(connections: Connections) -> list[int]:
        counts = []
        for unsent in (True, False):
            tries: list[Any] = []

            async def once(line: Any, unsent: bool = unsent, tries: list[Any] = tries) -> str:
                tries.append(line)
                if len(tries) == 1:
                    line.is_open = False
                    raise NotConnected("x", unsent=unsent)
                return "done"

            with suppress(NotConnected):
                await connections.use(ADA, dialled, once)
            counts.append(len(tries))
        return counts

    assert run(work) == [2, 1]


def test_a_user_has_so_many_and_then_the_idlest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OF_USER", 2)

    async def work(connections: Connections) -> list[bool]:
        lines = [await get(connections, Key("ada", str(number), "m")) for number in range(2)]
        lines[0].used_at, lines[1].used_at = 2.0, 1.0
        await get(connections, Key("ada", "third", "m"))
        await asyncio.sleep(0)
        for each in connections._open.values():
            each.calls = 1
        with pytest.raises(TooManyConnections):
            await get(connections, Key("ada", "fourth", "m"))
        await get(connections, Key("bob", "x", "m"))
        return [each.closed for each in lines]

    assert run(work) == [False, True]


def test_users_connections_are_closed_when_nobody_uses_them() -> None:
    async def work(connections: Connections) -> list[bool]:
        owners = ("ada", None, "bob")
        idle, shared, busy = [await get(connections, Key(owner, "web", owner or "")) for owner in owners]
        message = await get(connections, Key("eve", "web", "m", per_message=True))
        busy.calls = 1
        connections.sweep(100.0)
        await asyncio.sleep(0)
        first = [each.closed for each in (idle, shared, busy, message)]
        connections.sweep(1000.0)
        await asyncio.sleep(0)
        return [*first, *(each.closed for each in (idle, shared, busy))]

    assert run(work) == [False, False, False, True, True, False, False]


def test_who_gives_up_takes_the_connection_from_nobody() -> None:
    async def work(connections: Connections) -> Any:
        gate = asyncio.Event()

        async def slowly() -> Any:
            await gate.wait()
            return Line()

        first = asyncio.create_task(connections.get(ADA, slowly))
        second = asyncio.create_task(connections.get(ADA, slowly))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        gate.set()
        return (await second).is_open

    assert run(work) is True
