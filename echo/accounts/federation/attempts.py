"""Logins that have begun: each belongs to one browser, is good for once, and for ten minutes.

A browser gets a random secret in a cookie. What else a login needs (PKCE's verifier, the nonce) is made of that
secret and the login's `state`, so nobody who reads the database can finish one.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta

from werkzeug.http import dump_cookie

from echo.accounts import cookies
from echo.accounts.federation.identity import Refused
from echo.handling.caller import ClientInfo
from storage.accounts.login_states import LoginStateRepository

COOKIE = "echo_login"
GOOD_FOR = timedelta(minutes=10)
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Attempt:
    """One login: its `state` goes to the other server and back, `browser` is the secret of the cookie.

    One for the admin panel has the `challenge` of its code; see `echo.accounts.federation.panel`.
    """

    state: str
    browser: str = field(repr=False)
    challenge: str = ""

    @property
    def verifier(self) -> str:
        """PKCE's secret (RFC 7636, section 4.1)."""
        return self._made("verifier")

    @property
    def nonce(self) -> str:
        """What an ID token must hold, so that it is of this login."""
        return self._made("nonce")

    @property
    def key(self) -> str:
        """By what the login is found again, which tells neither secret."""
        return hashlib.sha256(f"{self.state}.{self.browser}".encode()).hexdigest()

    def _made(self, purpose: str) -> str:
        digest = hmac.digest(self.browser.encode(), f"{purpose}:{self.state}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Attempts:
    """Begins logins, and finds them again."""

    def __init__(self, states: LoginStateRepository, *, secure: bool | None) -> None:
        self._states = states
        self._secure = secure

    def begin(self, provider: str, browser: str | None, challenge: str = "") -> Attempt:
        """A new login; two of one browser, as of two tabs, do not end each other."""
        known = browser if browser and SECRET.fullmatch(browser) else None
        attempt = Attempt(secrets.token_urlsafe(32), known or secrets.token_urlsafe(32), challenge)
        self._states.add(attempt.key, provider, GOOD_FOR, challenge=challenge)
        return attempt

    def take(self, provider: str, state: str | None, browser: str | None) -> Attempt:
        """The login that came back, which is over with that; raises `Refused`."""
        if not state or not browser or not SECRET.fullmatch(browser):
            raise Refused("login_expired", "no state, or no cookie")
        attempt = Attempt(state, browser)
        begun = self._states.take(attempt.key, provider)
        if begun is None:
            raise Refused("login_expired", "no such login has begun in this browser")
        return replace(attempt, challenge=begun.get("challenge") or "")

    def cookie(self, attempt: Attempt, client: ClientInfo, *, cross_site: bool) -> str:
        """The `Set-Cookie` value; `cross_site` for a server that comes back by a form, as Apple does.

        Such a form goes with no cookie that is not for TLS, so on plain HTTP it stays an ordinary one.
        """
        secure = cookies.must_be_secure(client, self._secure)
        return dump_cookie(
            COOKIE,
            attempt.browser,
            max_age=GOOD_FOR,
            secure=secure,
            httponly=True,
            samesite="None" if cross_site and secure else "Lax",
        )
