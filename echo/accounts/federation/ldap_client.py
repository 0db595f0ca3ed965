"""The LDAP protocol, by the `ldap3` library: looking for one entry, and trying a password on it.

Every connection is for one login. Nothing that a directory says leads to another server: a referral could name any,
and passwords would go there.
"""

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import ldap3
from ldap3.core import results
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from echo.settings.directory import NAME, LdapSettings
from echo.trust import context

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# Of an entry nobody has: a password is tried on it where none is found, so that this takes as long.
NOBODY = "cn=echo-nobody"
# The directory's own trouble, or the operator's. Every other refusal of a bind is one of the password.
TROUBLE = frozenset(
    {
        results.RESULT_OPERATIONS_ERROR,
        results.RESULT_PROTOCOL_ERROR,
        results.RESULT_TIME_LIMIT_EXCEEDED,
        results.RESULT_AUTH_METHOD_NOT_SUPPORTED,
        results.RESULT_STRONGER_AUTH_REQUIRED,
        results.RESULT_REFERRAL,
        results.RESULT_CONFIDENTIALITY_REQUIRED,
        results.RESULT_BUSY,
        results.RESULT_UNAVAILABLE,
    }
)


class DirectoryAway(Exception):
    """The directory cannot be asked now; the text is for the log, and has no secrets."""


@dataclass(frozen=True)
class Entry:
    """An entry that was found; attributes by their names in small letters."""

    dn: str
    attributes: Mapping[str, Sequence[str]]

    def first(self, *names: str | None) -> str:
        """The first value of the first of these attributes that has one, else ""; `dn` is the entry's own name."""
        for name in names:
            if name and (values := self.values(name)):
                return values[0]
        return ""

    def values(self, name: str) -> Sequence[str]:
        """The values of an attribute that say something."""
        if name.lower() == "dn":
            return (self.dn,)
        return [value for value in self.attributes.get(name.lower(), ()) if value.strip()]


class _Tls(ldap3.Tls):  # type: ignore[misc]
    """As Python's own clients check a server: chain and host name, by the `ssl` module itself."""

    def __init__(self, settings: LdapSettings) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED if settings.verify else ssl.CERT_NONE)
        self._context = context(settings.ca_file)
        if not settings.verify:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=do_handshake
        )


class LdapClient:
    """Asks one directory; each call makes connections of its own, and blocks."""

    def __init__(
        self, settings: LdapSettings, attributes: Sequence[str], *, seconds: int = ANSWER_SECONDS
    ) -> None:
        self._settings = settings
        self._seconds = seconds
        self._attributes = list(attributes)
        self._tls = _Tls(settings) if settings.is_encrypted else None

    def authenticate(self, name: str, password: str) -> Entry | None:
        """The entry that both are of, None if either is wrong; neither may be empty. Raises `DirectoryAway`."""
        try:
            return self._authenticate(name, password)
        except (LDAPException, OSError) as error:
            raise DirectoryAway(type(error).__name__) from error

    def probe(self) -> None:
        """Come as far as a login comes without somebody's name. Raises `DirectoryAway`.

        That is to the search base, or only to the directory itself where who logs in binds directly.
        """
        settings = self._settings
        dn, password = (None, None) if settings.binds_directly else (settings.bind_dn, settings.bind_password)
        try:
            with self._bound(dn, password) as connection:
                if settings.binds_directly:
                    return
                if connection is None:
                    raise DirectoryAway("LDAP_BIND_DN is not let in")
                self._search(connection, "(objectClass=*)", ldap3.BASE)
                if not connection.response:
                    raise DirectoryAway("LDAP_USER_SEARCH_BASE cannot be seen")
        except (LDAPException, OSError) as error:
            raise DirectoryAway(type(error).__name__) from error

    def _authenticate(self, name: str, password: str) -> Entry | None:
        entries = (
            self._directly(name, password) if self._settings.binds_directly else self._search_first(name)
        )
        found = entries[0] if len(entries) == 1 else None
        dn = found.dn if found else f"{NOBODY},{self._settings.search_base}"
        # Also after a direct bind: it proves whose the password is, and this that the entry is the same user's.
        with self._bound(dn, password) as connection:
            return found if connection else None

    def _search_first(self, name: str) -> list[Entry]:
        settings = self._settings
        with self._bound(settings.bind_dn, settings.bind_password) as connection:
            if connection is None:
                raise DirectoryAway("LDAP_BIND_DN is not let in")
            return self._found(connection, name)

    def _directly(self, name: str, password: str) -> list[Entry]:
        with self._bound(bind_name(str(self._settings.bind_dn), name), password) as connection:
            return self._found(connection, name) if connection else []

    def _found(self, connection: Any, name: str) -> list[Entry]:
        """At most two entries: more than one is as bad as none."""
        name = escape_filter_chars(name)
        self._search(connection, self._settings.search_filter.replace(NAME, name), ldap3.SUBTREE)
        return [
            Entry(each["dn"], {key.lower(): texts(raw) for key, raw in each["raw_attributes"].items()})
            for each in connection.response or ()
            if each.get("type") == "searchResEntry"
        ]

    def _search(self, connection: Any, search_filter: str, scope: str) -> None:
        """Raises `DirectoryAway` unless the directory has looked."""
        connection.search(
            self._settings.search_base,
            search_filter,
            search_scope=scope,
            dereference_aliases=ldap3.DEREF_NEVER,
            attributes=self._attributes,
            size_limit=2,
            time_limit=self._seconds,
        )
        code = connection.result["result"]
        if code not in (results.RESULT_SUCCESS, results.RESULT_SIZE_LIMIT_EXCEEDED):
            raise DirectoryAway(f"the search failed: {connection.result['description']}")

    @contextmanager
    def _bound(self, dn: str | None, password: str | None) -> Iterator[Any]:
        """A connection in that name (in nobody's without one), None if the directory does not let it in."""
        server = ldap3.Server(
            self._settings.host,
            port=self._settings.port,
            use_ssl=self._settings.tls,
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=CONNECT_SECONDS,
            allowed_referral_hosts=[],
        )
        connection = ldap3.Connection(
            server,
            user=dn,
            # As bytes it goes as it is; of a text `ldap3` would change or refuse some letters.
            password=password.encode() if password else None,
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            auto_bind=ldap3.AUTO_BIND_NONE,
            auto_referrals=False,
            receive_timeout=self._seconds,
            check_names=False,
            raise_exceptions=False,
        )
        try:
            connection.open(read_server_info=False)
            if self._settings.start_tls and not connection.start_tls(read_server_info=False):
                raise DirectoryAway("StartTLS was refused")
            is_bound = connection.bind(read_server_info=False)
            if not is_bound and connection.result["result"] in TROUBLE:
                raise DirectoryAway(f"the bind failed: {connection.result['description']}")
            yield connection if is_bound else None
        finally:
            # A connection that is broken cannot say goodbye; what broke it is what shall be known.
            with suppress(LDAPException):
                connection.unbind()
            # It is left open where no connection came of it.
            if connection.socket:
                connection.socket.close()


def bind_name(pattern: str, name: str) -> str:
    """Whom a bind is for: a DN with the name as one value, or another form of Active Directory's, such as a UPN."""
    return pattern.replace(NAME, escape_rdn(name) if "=" in pattern else name)


def texts(values: Sequence[bytes]) -> list[str]:
    """The values as text; what is none, such as Active Directory's `objectGUID`, in hexadecimal."""
    return [text(value) for value in values]


def text(value: bytes) -> str:
    """See `texts`."""
    try:
        decoded = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return value.hex() if CONTROL.search(decoded) else decoded
