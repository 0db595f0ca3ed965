"""Refresh tokens that follow each other, and the short time in which the one before is still answered.

Two tabs that are restored at once send one token twice, and so does a client whose answer got lost. For the grace
after an exchange the token before gives the session's current one again, so that both go on. Later it is a stolen
one's second use, and ends the session (RFC 9700, section 4.14.2).

Nothing is stored for that: the next token is computed from the one before and the second of the exchange. The seconds
of the grace are tried, and the token that has the stored hash is it. Any process with the key comes to the same one.
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echo.accounts.tokens import RefreshClaims, Tokens, hash_refresh_token
from storage.accounts.sessions import SessionRepository

# What the clocks of two machines with one database may differ.
CLOCK_SECONDS = 5


@dataclass(frozen=True)
class Succession:
    """Exchanges refresh tokens; `grace_seconds` is how long the one before is answered, 0 for not at all."""

    tokens: Tokens
    sessions: SessionRepository
    grace_seconds: int

    def exchange(self, token: str, session: Mapping[str, Any]) -> str | None:
        """The token that follows, for this one or for another request with the same; None for one used before.

        `session` is the stored one, as it was read; raises `storage.core.errors.NotFound` when it has ended since.
        """
        claims = RefreshClaims(str(session["user"]), str(session["_id"]))
        successor = self._successor(token, session, int(time.time()))
        if self.sessions.rotate(
            claims.owner,
            claims.session_id,
            old_hash=hash_refresh_token(token),
            new_hash=hash_refresh_token(successor),
        ):
            return successor
        return self._current(token, self.sessions.get(claims.owner, claims.session_id))

    def _current(self, token: str, session: Mapping[str, Any]) -> str | None:
        """The session's current token, if it followed this one within the grace."""
        if not self.grace_seconds:
            return None
        now = int(time.time())
        for moment in range(now + CLOCK_SECONDS, now - self.grace_seconds - 1, -1):
            successor = self._successor(token, session, moment)
            if hmac.compare_digest(hash_refresh_token(successor), session["refreshTokenHash"]):
                return successor
        return None

    def _successor(self, token: str, session: Mapping[str, Any], moment: int) -> str:
        claims = RefreshClaims(str(session["user"]), str(session["_id"]))
        return self.tokens.make_successor(token, claims, issued_at=moment, session_end=session["expiration"])
