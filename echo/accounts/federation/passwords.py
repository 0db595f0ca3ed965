"""Logins with a name and a password: against the accounts' own, or all of them against a directory."""

from typing import Protocol

import structlog

from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.accounts.federation.service import Federation
from echo.accounts.service import AuthService, HalfSignedIn, SignedIn
from echo.errors import ApiError, Forbidden, ServiceUnavailable, Unauthorized
from echo.handling.caller import ClientInfo

log = structlog.get_logger(__name__)

# A directory is the organisation's own: whom it knows has an account.
POLICY = Policy(registers=True, unverified=True, renames=True)
WRONG = "The name or the password is wrong."


class Knows(Protocol):
    """A directory."""

    def identify(self, name: str, password: str) -> Identity:
        """Who has this name and this password; raises `Refused`."""
        ...


class PasswordLogins:
    """What `POST /api/auth/login` does; as in LibreChat a directory stands in for the accounts' own passwords."""

    def __init__(
        self, auth: AuthService, federation: Federation, directory: Knows | None, *, allowed: bool
    ) -> None:
        self._auth = auth
        self._federation = federation
        self._directory = directory
        self._allowed = allowed

    def login(self, name: str, password: str, client: ClientInfo) -> SignedIn | HalfSignedIn:
        """A new session, or half of one; `name` is an address, or what the directory calls the user.

        Raises as `AuthService.login` does, and `ServiceUnavailable` where the directory does not answer.
        """
        if self._directory is None:
            return self._auth.login(name, password, client)
        if not self._allowed:
            raise Forbidden("Login by e-mail is switched off on this server.", code="login_disabled")
        self._auth.refuse_banned_address(client)
        try:
            identity = self._directory.identify(name.strip(), password)
            return self._federation.enter_now(identity, POLICY, client)
        except Refused as refusal:
            log.warning("login by the directory refused", code=refusal.code, why=refusal.detail)
            raise _refusal(refusal) from refusal


def _refusal(refusal: Refused) -> ApiError:
    if refusal.code == "account_banned":
        return Forbidden("This account is banned.", code="account_banned")
    if refusal.code == "login_failed":
        return ServiceUnavailable("The directory of users does not answer.", code="directory_unavailable")
    if refusal.code == "login_unavailable":
        return ServiceUnavailable(code="two_factor_unavailable")
    return Unauthorized(WRONG, code="wrong_credentials")
