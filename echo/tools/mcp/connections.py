"""The connections of one process: each made once for all who may share it, and none left open for nobody.

Who may share one is in its key. Whatever differs between two users' connections (the user, values of placeholders,
the configuration) is part of the key, so a connection never serves who could not have made the very same one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from echo.tools.mcp.failures import LoginNeeded, NotConnected, Resting, TooManyConnections
from echo.tools.mcp.limits import (
    FIRST_PAUSE,
    IDLE_SECONDS,
    LONGEST_PAUSE,
    MAX_CONNECTIONS,
    MAX_OF_USER,
    MAX_PROCESSES,
    MESSAGE_IDLE_SECONDS,
    SWEEP_SECONDS,
)
from storage.accounts.mcp_states import CONNECTED, CONNECTING

if TYPE_CHECKING:
    from echo.tools.mcp.connection import Connection

T = TypeVar("T")


@dataclass(frozen=True)
class Key:
    """Whose connection to what: `owner` is None for one that all share, `server` its id or name.

    `mark` stands for everything that it is made of.
    """

    owner: str | None
    server: str
    mark: str
    is_process: bool = False
    per_message: bool = False


@dataclass
class _Failures:
    count: int = 0
    until: float = 0.0


class Connections:
    """Opens on demand, and closes what nobody uses. All of it belongs to one event loop."""

    def __init__(self) -> None:
        self._open: dict[Key, Connection] = {}
        self._opening: dict[Key, asyncio.Task[Connection]] = {}
        self._failures: dict[Key, _Failures] = {}
        self._sweeping: asyncio.Task[None] | None = None
        # Told that something is open, being opened, or closed; and now and then while something is open.
        self.changed: Callable[[], None] = _nothing
        self.beat: Callable[[], Awaitable[None]] = _rest

    async def get(self, key: Key, dial: Callable[[], Awaitable["Connection"]]) -> "Connection":
        """The open connection of a key, made if there is none; two at once wait for the same one.

        Raises `TooManyConnections`, `Resting` (in the pause after failures), and what `dial` raises.
        """
        found = self._open.get(key)
        if found is not None and found.is_open:
            return found
        task = self._opening.get(key)
        if task is None:
            self._check(key)
            task = asyncio.create_task(self._dialled(key, dial))
            self._opening[key] = task
            self.changed()
            task.add_done_callback(lambda done: self._opened(key, done))
        # One who gives up takes the connection from nobody.
        return await asyncio.shield(task)

    async def use(
        self,
        key: Key,
        dial: Callable[[], Awaitable["Connection"]],
        work: Callable[["Connection"], Awaitable[T]],
    ) -> T:
        """Do something with it; once again with a new one where the server has surely not done it."""
        connection = await self.get(key, dial)
        try:
            return await work(connection)
        except NotConnected as error:
            if not error.unsent:
                raise
        return await work(await self.get(key, dial))

    def states(self) -> dict[tuple[str | None, str], str]:
        """How things stand with each user's connections to each server, here."""
        # Lists first: threads ask too.
        opening = {(key.owner, key.server): CONNECTING for key in list(self._opening)}
        open_ones = {
            (key.owner, key.server): CONNECTED
            for key, connection in list(self._open.items())
            if connection.is_open
        }
        return {**opening, **open_ones}

    async def drop(self, server: str, owner: str | None = None) -> None:
        """Close those to a server: a user's, or without one everybody's. The next use makes new ones, at once."""
        keys = [
            key
            for key in (*self._open, *self._opening, *self._failures)
            if key.server == server and owner in (None, key.owner)
        ]
        await self._close(dict.fromkeys(keys))

    async def close(self) -> None:
        """Close all."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        await self._close(dict.fromkeys((*self._open, *self._opening)))

    def _check(self, key: Key) -> None:
        failures = self._failures.get(key)
        if failures is not None and asyncio.get_running_loop().time() < failures.until:
            raise Resting
        for each in [each for each, connection in self._open.items() if not connection.is_open]:
            self._forget(each)
        held = (*self._open, *self._opening)
        if (
            len(held) >= MAX_CONNECTIONS
            or (key.owner is not None and sum(each.owner == key.owner for each in held) >= MAX_OF_USER)
            or (key.is_process and sum(each.is_process for each in held) >= MAX_PROCESSES)
        ):
            self._make_room(key)

    def _make_room(self, key: Key) -> None:
        """Close what has been idle for longest; among a user's own, or all, as the limit is."""
        mine = [each for each in self._open if key.owner is not None and each.owner == key.owner]
        idle = [
            each
            for each in (mine if len(mine) >= MAX_OF_USER else self._open)
            if not self._open[each].calls
            and (each.is_process or not key.is_process or len(mine) >= MAX_OF_USER)
        ]
        if not idle:
            raise TooManyConnections
        self._forget(min(idle, key=lambda each: self._open[each].used_at))

    async def _dialled(self, key: Key, dial: Callable[[], Awaitable["Connection"]]) -> "Connection":
        return await dial()

    def _opened(self, key: Key, task: "asyncio.Task[Connection]") -> None:
        if self._opening.get(key) is task:
            del self._opening[key]
        self.changed()
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            # Who logs in does not wait.
            if not isinstance(error, LoginNeeded):
                self._failed(key)
            return
        self._failures.pop(key, None)
        self._open[key] = task.result()
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())

    def _failed(self, key: Key) -> None:
        if len(self._failures) > MAX_CONNECTIONS:
            self._failures.clear()
        failures = self._failures.setdefault(key, _Failures())
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**failures.count)
        failures.count += 1
        failures.until = asyncio.get_running_loop().time() + pause

    async def _close(self, keys: dict[Key, None]) -> None:
        closing = []
        for key in keys:
            self._failures.pop(key, None)
            opening = self._opening.pop(key, None)
            if opening is not None:
                opening.cancel()
                closing.append(_quietly(opening))
            connection = self._open.pop(key, None)
            if connection is not None:
                closing.append(connection.close())
        self.changed()
        await asyncio.gather(*closing, return_exceptions=True)

    def _forget(self, key: Key) -> None:
        connection = self._open.pop(key, None)
        self.changed()
        if connection is not None:
            task = asyncio.create_task(connection.close())
            _KEPT.add(task)
            task.add_done_callback(_KEPT.discard)

    async def _sweep(self) -> None:
        while self._open:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep(asyncio.get_running_loop().time())
            await self.beat()

    def sweep(self, moment: float) -> None:
        """Close users' connections that are idle for long at this time of the loop's, and forget those that ended."""
        for key, connection in list(self._open.items()):
            limit = MESSAGE_IDLE_SECONDS if key.per_message else IDLE_SECONDS
            idle = key.owner is not None and not connection.calls and moment - connection.used_at > limit
            if idle or not connection.is_open:
                self._forget(key)


# Tasks that nobody waits for are kept here, or they could be collected before their end.
_KEPT: set[asyncio.Task[None]] = set()


def _nothing() -> None:
    """Where nobody wants to know."""


async def _rest() -> None:
    """The same, now and then."""


async def _quietly(task: "asyncio.Task[Connection]") -> None:
    with suppress(asyncio.CancelledError, Exception):
        await task
