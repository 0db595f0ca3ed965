"""LDAP: names and passwords that a directory knows. The only module that needs the `[ldap]` extra.

As in LibreChat the user is looked for with the server's own credentials (or with none), and then binds with the
password. A `LDAP_BIND_DN` that has `{{username}}` in it is the user's own name instead: then nobody else binds.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPInvalidCredentialsResult
from ldap3.core.results import RESULT_NO_SUCH_OBJECT
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from echo.accounts.federation.identity import Identity, Refused, exactly, said
from echo.settings.sign_in import LdapSettings

SECONDS = 10
USERNAME = "{{username}}"
MAX_NAME = 320
# LibreChat's, and what a name in a directory may be called.
ATTRIBUTES = ("displayName", "mail", "uid", "cn", "name", "givenName", "sn", "sAMAccountName")
# Results of a directory that say: not this user, or not with this password.
NO_USER = "wrong_credentials"
_NUL = re.compile("\x00")


class Directory:
    """One directory; every question has a connection of its own, and some seconds."""

    def __init__(self, settings: LdapSettings) -> None:
        self._settings = settings
        self._attributes = list(dict.fromkeys((*ATTRIBUTES, *settings.attributes)))

    def identify(self, name: str, password: str) -> Identity:
        """Who has this name and this password; raises `Refused`, with `wrong_credentials` where nobody has."""
        # A directory takes an empty password for a wish to stay nameless, and says yes (RFC 4513, 5.1.2).
        if not password or not name or len(name) > MAX_NAME or _NUL.search(name + password):
            raise Refused(NO_USER)
        try:
            entry = self._find(name, password)
            if USERNAME not in (self._settings.bind_dn or ""):
                with self._bound(str(entry["dn"]), password, is_user=True):
                    pass
        except (LDAPException, OSError, ValueError) as error:
            raise Refused("login_failed", f"the directory: {type(error).__name__}") from error
        return identity_of(entry["attributes"], self._settings)

    def _find(self, name: str, password: str) -> dict[str, Any]:
        """The one entry that fits; raises `Refused` for none, and for several."""
        settings = self._settings
        dn, secret = settings.bind_dn, settings.bind_credentials
        is_user = dn is not None and USERNAME in dn
        if dn and is_user:
            # In an address such as `{{username}}@example.com`, Active Directory's, nothing is escaped by others.
            dn, secret = dn.replace(USERNAME, escape_rdn(name)), password
        query = settings.search_filter.replace(USERNAME, escape_filter_chars(name))
        query = query if query.startswith("(") else f"({query})"
        with self._bound(dn, secret, is_user=is_user) as connection:
            connection.search(
                settings.search_base,
                query,
                attributes=self._attributes,
                time_limit=SECONDS,
            )
            if connection.result["result"] == RESULT_NO_SUCH_OBJECT:
                raise Refused("login_failed", "LDAP_USER_SEARCH_BASE is not there")
            found = [each for each in connection.response or () if each.get("type") == "searchResEntry"]
        if len(found) != 1:
            raise Refused(NO_USER, f"{len(found)} entries")
        entry: dict[str, Any] = found[0]
        return entry

    @contextmanager
    def _bound(self, dn: str | None, password: str | None, *, is_user: bool) -> Iterator[ldap3.Connection]:
        settings = self._settings
        server = ldap3.Server(settings.url, tls=self._tls(), get_info=ldap3.NONE, connect_timeout=SECONDS)
        connection = ldap3.Connection(
            server,
            user=dn,
            password=password,
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            receive_timeout=SECONDS,
            read_only=True,
            raise_exceptions=True,
            auto_referrals=False,
            check_names=False,
        )
        try:
            connection.open()
            if settings.start_tls:
                connection.start_tls()
            _bind(connection, is_user=is_user)
            yield connection
        finally:
            socket = connection.socket
            # One that has broken cannot say goodbye, and one that came to nothing the library leaves open.
            with suppress(LDAPException, OSError):
                connection.unbind()
            if socket is not None:
                socket.close()

    def _tls(self) -> ldap3.Tls:
        settings = self._settings
        return ldap3.Tls(
            validate=ssl.CERT_REQUIRED if settings.verify_tls else ssl.CERT_NONE,
            ca_certs_file=str(settings.ca_file) if settings.ca_file else None,
        )


def _bind(connection: ldap3.Connection, *, is_user: bool) -> None:
    """Raises `Refused`: the server's own credentials that are wrong are not the user's fault."""
    try:
        connection.bind()
    except LDAPInvalidCredentialsResult as error:
        if is_user:
            raise Refused(NO_USER) from error
        raise Refused("login_failed", "LDAP_BIND_CREDENTIALS are wrong") from error


def identity_of(attributes: Mapping[str, Any], settings: LdapSettings) -> Identity:
    """Who an entry is, by LibreChat's rules; the directory vouches for the addresses that it has."""
    values = {name.lower(): first(value) for name, value in attributes.items()}

    def of(*names: str | None) -> str:
        return next((value for name in names if name and (value := values.get(name.lower()))), "")

    subject = of(settings.id_attribute, "uid", "sAMAccountName", "mail")
    if not subject:
        raise Refused("login_failed", "the entry has no id")
    parts = [of(name) for name in settings.name_attributes]
    name = " ".join(filter(None, parts)) or of("cn", "name", "displayName")
    email = of(settings.email_attribute, "mail")
    return Identity(
        provider="ldap",
        subject=subject,
        email=email or None,
        email_verified=bool(email),
        name=said(name),
        username=said(of(settings.username_attribute, "givenName", "mail")),
    )


def first(value: Any) -> str:
    """The first value of an attribute, as text."""
    one = value[0] if isinstance(value, list | tuple) and value else value
    return one.decode(errors="replace") if isinstance(one, bytes) else exactly(one)
