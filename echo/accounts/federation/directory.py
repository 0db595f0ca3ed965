"""Logins by a directory (LDAP): the form of the ordinary login, but the directory knows the password.

What is taken from an entry is LibreChat's, so its accounts are found again.
"""

import structlog

from echo.accounts.credentials import User, wrong_credentials
from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.identity import REFUSALS, Identity, Policy, Refused
from echo.accounts.federation.ldap_client import DirectoryAway, Entry, LdapClient
from echo.errors import Forbidden, ServiceUnavailable
from echo.settings.directory import LdapSettings

log = structlog.get_logger(__name__)

POLICY = Policy(registers=True, unverified=True, renames=True)
MAX_NAME = 256
MAX_PASSWORD = 1024
RETRY_SECONDS = 10
# LibreChat looks at these whatever the settings say.
ID = ("uid", "sAMAccountName", "mail")
FULL_NAME = ("cn", "name", "commonname", "displayName")


class DirectoryCredentials:
    """Names and passwords by a directory; who has both and no account gets one."""

    vouches = True

    def __init__(self, settings: LdapSettings, accounts: FederatedAccounts) -> None:
        self._settings = settings
        self._accounts = accounts
        self._client = LdapClient(settings, attributes_of(settings))

    def holder(self, name: str, password: str) -> User:
        """See `Credentials`. Besides raises `Forbidden` for who has no account and gets none, and
        `ServiceUnavailable` when the directory cannot be asked.
        """
        if not is_name(name) or not is_password(password):
            raise wrong_credentials()
        try:
            entry = self._client.authenticate(name.strip(), password)
        except DirectoryAway as error:
            log.error("the directory cannot be asked", why=str(error))
            raise ServiceUnavailable(
                "The directory of users cannot be asked now.",
                code="directory_unavailable",
                retry_after=RETRY_SECONDS,
            ) from error
        if entry is None:
            raise wrong_credentials()
        try:
            return self._accounts.admit(identity_of(self._settings, entry), POLICY)
        except Refused as refusal:
            log.warning("login by the directory refused", code=refusal.code, why=refusal.detail)
            raise Forbidden(REFUSALS[refusal.code], code="no_account") from refusal


def is_name(name: str) -> bool:
    """Whether it can be a name in a directory at all."""
    return 0 < len(name.strip()) <= MAX_NAME and name.isprintable()


def is_password(password: str) -> bool:
    """Whether it can be a password: to a directory a bind without one is nobody's, and succeeds (RFC 4513, 5.1.2)."""
    return 0 < len(password) <= MAX_PASSWORD and "\0" not in password


def attributes_of(settings: LdapSettings) -> list[str]:
    """All that is asked of an entry."""
    chosen = (settings.id, settings.username, settings.email, *settings.full_name)
    listed = (*ID, *FULL_NAME, "givenName", *(each for each in chosen if each and each.lower() != "dn"))
    return list({each.lower(): each for each in listed}.values())


def identity_of(settings: LdapSettings, entry: Entry) -> Identity:
    """Who an entry is. With `LDAP_ID` nothing else is taken for the id: it could be somebody else's there.

    The directory vouches for the address that it has. Where it has none, one is made of the id, as LibreChat makes
    one, for which nobody vouches.
    """
    subject = entry.first(settings.id) if settings.id else entry.first(*ID)
    address = entry.first(settings.email, "mail")
    parts = [entry.first(each) for each in settings.full_name]
    return Identity(
        provider="ldap",
        subject=subject,
        email=address or f"{subject}@ldap.local",
        email_verified=bool(address),
        name=" ".join(part for part in parts if part) if parts else entry.first(*FULL_NAME),
        username=entry.first(settings.username, "givenName", "mail"),
    )
