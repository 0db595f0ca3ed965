"""Whether a session is still alive, without asking the database for each request."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Container, Mapping

from storage.accounts.sessions import SessionRepository

# Logging out must be felt in every process within five seconds; a check is good for three.
CHECK_SECONDS = 3.0
# More than a process answers in that time: what is older is of no use, and 50 000 take 17 MB.
MAX_REMEMBERED = 10_000

# Owner and session.
Key = tuple[str, str]


class SessionGuard:
    """Remembers for a few seconds which sessions are alive; one per process."""

    def __init__(self, sessions: SessionRepository) -> None:
        self._sessions = sessions
        self._alive_until: OrderedDict[Key, float] = OrderedDict()
        # How often something has ended here: what was asked before is not noted as alive afterwards.
        self._ended = 0
        # Those that are asked about next, and the task that asks.
        self._waiting: dict[Key, asyncio.Future[bool]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def is_alive(self, owner: str, session_id: str) -> bool:
        """Whether the session exists; raises `storage.core.errors.Unavailable`."""
        key, now = (owner, session_id), time.monotonic()
        if self._alive_until.get(key, 0.0) > now:
            return True
        asked = self._waiting.get(key)
        if asked is None:
            asked = self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(asked)

    async def _ask(self) -> None:
        """Ask about all who wait, then about those who came meanwhile: the more there are, the fewer commands each.

        Nobody gets an answer to a question that was asked before they came.
        """
        asked: dict[Key, asyncio.Future[bool]] = {}
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                until, ended = time.monotonic() + CHECK_SECONDS, self._ended
                try:
                    alive = await asyncio.to_thread(self._sessions.active, tuple(asked))
                except Exception as error:
                    settle(asked, error=error)
                    continue
                for key in asked:
                    self._note(key, key in alive and ended == self._ended, until)
                settle(asked, alive)
        finally:
            # Only where the loop ends does anybody still wait.
            for future in (*asked.values(), *self._waiting.values()):
                future.cancel()
            self._waiting = {}

    def forget(self, owner: str, session_id: str) -> None:
        """The session has ended here: this process shall know at once."""
        self._ended += 1
        self._alive_until.pop((owner, session_id), None)

    def forget_others(self, owner: str, session_id: str) -> None:
        """All sessions of an account but one have ended here."""
        self._ended += 1
        # Of a copy, which is made in one step: this is a handler's thread, and the loop's goes on noting.
        for key in tuple(self._alive_until):
            if key[0] == owner and key[1] != session_id:
                self._alive_until.pop(key, None)

    def _note(self, key: Key, alive: bool, until: float) -> None:
        # To its end, in steps of which each may meet a handler's thread that forgets it.
        self._alive_until.pop(key, None)
        if not alive:
            return
        self._alive_until[key] = until
        if len(self._alive_until) > MAX_REMEMBERED:
            self._alive_until.popitem(last=False)


def settle(
    asked: Mapping[Key, asyncio.Future[bool]], alive: Container[Key] = (), error: Exception | None = None
) -> None:
    """Tell those who wait and have not been told."""
    for key, future in asked.items():
        if future.done():
            continue
        if error is None:
            future.set_result(key in alive)
        else:
            future.set_exception(error)
