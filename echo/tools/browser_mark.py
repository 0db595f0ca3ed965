"""By which a browser that comes back from another server's login is known as the one that a user was sent away in.

Else somebody could begin a login, and have another's browser end it.
"""

import hmac
import time
from dataclasses import dataclass, field

from werkzeug.http import dump_cookie


@dataclass(frozen=True)
class BrowserMark:
    """A cookie for one kind of logins: `name`, the `path` that gets it, and for how many `seconds` it is good."""

    name: str
    path: str
    seconds: int
    key: bytes = field(repr=False)

    def cookie(self, owner: str, *, secure: bool) -> str:
        """The cookie by which a browser is a user's, for one login's time, as a `Set-Cookie` value."""
        until = int(time.time()) + self.seconds
        return dump_cookie(
            self.name,
            f"{until}.{self._sign(owner, until)}",
            max_age=self.seconds,
            path=self.path,
            secure=secure,
            httponly=True,
            # The other server sends the browser here from its own pages.
            samesite="Lax",
        )

    def is_of(self, owner: str, cookie: str | None) -> bool:
        """Whether the cookie's value is this user's, and not too old."""
        until, _, signature = (cookie or "").partition(".")
        if not until.isascii() or not until.isdigit() or len(until) > 12 or int(until) < time.time():
            return False
        return hmac.compare_digest(signature.encode(), self._sign(owner, int(until)).encode())

    def _sign(self, owner: str, until: int) -> str:
        return hmac.new(self.key, f"{owner}.{until}".encode(), "sha256").hexdigest()
