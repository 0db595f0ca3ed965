"""The connections of one worker together: how many there may be, and a look at each once a second."""

import asyncio
from collections import Counter
from typing import Protocol

from echo.handling.caller import subscriber
from echo.serving.descriptors import room_for
from echo.settings import ConnectionLimits

# One timer for all, instead of one for each request: a limit in seconds needs no more.
LOOK_SECONDS = 1.0
# So many that are refused may be told why at the same time; what comes on top is cut off without a word.
MOST_REFUSED = 32


class Member(Protocol):
    """A connection, as its worker's crowd sees it."""

    def look(self, now: float) -> None:
        """End it if it has taken too long over something; `now` is the event loop's time."""


class Crowd:
    """Admits connections up to the limits, by address too, and looks at all of them every second."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._most = room_for(limits.connections)
        # One address never has them all.
        self._per_address = limits.per_address and min(limits.per_address, max(1, self._most // 2))
        self._admitted: dict[Member, str | None] = {}
        self._by_address: Counter[str] = Counter()
        self._refused: set[Member] = set()
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, member: Member, address: str, loop: asyncio.AbstractEventLoop) -> bool:
        """Take a connection in; whether there is room for it. Either way it is looked at from now on."""
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look, loop)
        key = subscriber(address) if self._per_address else None
        if len(self._admitted) >= self._most or (key and self._by_address[key] >= (self._per_address or 0)):
            self._refused.add(member)
            return False
        self._admitted[member] = key
        if key:
            self._by_address[key] += 1
        return True

    @property
    def overrun(self) -> bool:
        """Whether more connections wait to be told of their refusal than may."""
        return len(self._refused) > MOST_REFUSED

    def leave(self, member: Member) -> None:
        """Forget a connection that has ended."""
        self._refused.discard(member)
        key = self._admitted.pop(member, None)
        if key:
            self._by_address[key] -= 1
            if not self._by_address[key]:
                # Addresses that have gone take no memory.
                del self._by_address[key]

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for member in (*self._admitted, *self._refused):
            member.look(now)
        # Without connections nothing wakes the worker.
        waiting = self._admitted or self._refused
        self._timer = loop.call_later(LOOK_SECONDS, self._look, loop) if waiting else None
