"""Whether a session is still alive, without asking the database for each request."""

import asyncio
import time
from collections import OrderedDict

from storage.accounts.sessions import SessionRepository

# Logging out must be felt in every process within five seconds; a check is good for three.
CHECK_SECONDS = 3.0
MAX_REMEMBERED = 50_000


class SessionGuard:
    """Remembers for a few seconds which sessions are alive; one per process."""

    def __init__(self, sessions: SessionRepository) -> None:
        self._sessions = sessions
        self._alive_until: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def is_alive(self, owner: str, session_id: str) -> bool:
        """Whether the session exists; raises `storage.core.errors.Unavailable`."""
        key, now = (owner, session_id), time.monotonic()
        if self._alive_until.get(key, 0.0) > now:
            return True
        if not await asyncio.to_thread(self._sessions.is_active, owner, session_id):
            self._alive_until.pop(key, None)
            return False
        self._remember(key, now + CHECK_SECONDS)
        return True

    def forget(self, owner: str, session_id: str) -> None:
        """The session has ended here: this process shall know at once."""
        self._alive_until.pop((owner, session_id), None)

    def forget_others(self, owner: str, session_id: str) -> None:
        """All sessions of an account but one have ended here."""
        for key in [each for each in self._alive_until if each[0] == owner and each[1] != session_id]:
            self._alive_until.pop(key, None)

    def _remember(self, key: tuple[str, str], until: float) -> None:
        self._alive_until[key] = until
        self._alive_until.move_to_end(key)
        if len(self._alive_until) > MAX_REMEMBERED:
            self._alive_until.popitem(last=False)
