"""Coming in by a directory: LibreChat's `LDAP_...` variables."""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from echo.settings.reader import Reader, SettingsError

# Where the name goes that somebody logs in with; LibreChat's spelling.
NAME = "{{username}}"
THIS_MACHINE = re.compile(r"localhost|127\.[0-9.]+|::1")
PORTS = {"ldap": 389, "ldaps": 636}


@dataclass(frozen=True)
class LdapSettings:
    """A directory that knows users and checks their passwords.

    With `binds_directly` the `bind_dn` is a pattern with a place for the name, and who logs in looks for their own
    entry; else it is an account that may look for everybody's, or None, where nobody in particular may.
    `id`, `username`, `email` and `full_name` are the attributes that the operator has chosen.
    """

    host: str
    port: int
    tls: bool
    start_tls: bool
    search_base: str
    search_filter: str
    bind_dn: str | None = None
    bind_password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    verify: bool = True
    uses_username: bool = False
    id: str | None = None
    username: str | None = None
    email: str | None = None
    full_name: tuple[str, ...] = ()

    @property
    def binds_directly(self) -> bool:
        """Whether who logs in binds before anybody has looked for them."""
        return self.bind_dn is not None and NAME in self.bind_dn

    @property
    def is_encrypted(self) -> bool:
        """Whether passwords go there through TLS."""
        return self.tls or self.start_tls


def read_ldap(reader: Reader) -> LdapSettings | None:
    """The directory that the settings name, None without an address and a place to search, as in LibreChat.

    Raises `SettingsError`, also where the extra that it needs is not installed.
    """
    url, base = reader.text("LDAP_URL"), reader.text("LDAP_USER_SEARCH_BASE")
    ca_file = reader.text("LDAP_CA_CERT_PATH")
    bind_dn, bind_password = reader.text("LDAP_BIND_DN"), reader.value("LDAP_BIND_CREDENTIALS")
    reader.text("LDAP_BIND_CREDENTIALS")
    scheme, host, port = _address(url or "ldap://localhost")
    settings = LdapSettings(
        host=host,
        port=port,
        tls=scheme == "ldaps",
        start_tls=reader.flag("LDAP_STARTTLS", False),
        search_base=base or "",
        search_filter=_filter(reader.text("LDAP_SEARCH_FILTER", f"mail={NAME}")),
        bind_dn=bind_dn,
        bind_password=bind_password,
        ca_file=Path(ca_file).expanduser() if ca_file else None,
        verify=reader.flag("LDAP_TLS_REJECT_UNAUTHORIZED", True),
        uses_username=reader.flag("LDAP_LOGIN_USES_USERNAME", False),
        id=reader.text("LDAP_ID"),
        username=reader.text("LDAP_USERNAME"),
        email=reader.text("LDAP_EMAIL"),
        full_name=reader.texts("LDAP_FULL_NAME", ()),
    )
    if not (url and base):
        return None
    _check(settings)
    return settings


def directory_notices(settings: LdapSettings | None) -> Iterator[str]:
    """What is worth telling of these settings."""
    if settings is None or THIS_MACHINE.fullmatch(settings.host):
        return
    if not settings.is_encrypted:
        yield "LDAP_URL begins with ldap:// and LDAP_STARTTLS is off: passwords go to the directory unencrypted."
    elif not settings.verify:
        yield "LDAP_TLS_REJECT_UNAUTHORIZED is off: whoever is between here and the directory can read passwords."


def _address(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError("LDAP_URL must be an address such as ldaps://ldap.example.com.") from error
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise SettingsError("LDAP_URL must be an address such as ldaps://ldap.example.com.")
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme]


def _filter(text: str) -> str:
    """The filter with its parentheses, which LibreChat's may lack. Without a place for the name it finds anybody."""
    if NAME not in text:
        raise SettingsError(f"LDAP_SEARCH_FILTER must have {NAME} where the name of who logs in goes.")
    return text if text.startswith("(") else f"({text})"


def _check(settings: LdapSettings) -> None:
    if settings.bind_dn and not settings.bind_password and not settings.binds_directly:
        # A name without a password is nobody to a directory (RFC 4513, section 5.1.2).
        raise SettingsError("LDAP_BIND_DN needs LDAP_BIND_CREDENTIALS.")
    if settings.tls and settings.start_tls:
        raise SettingsError("LDAP_STARTTLS is for an LDAP_URL that begins with ldap://, not ldaps://.")
    if settings.ca_file:
        try:
            ssl.create_default_context(cafile=str(settings.ca_file))
        except (OSError, ValueError) as error:
            raise SettingsError("LDAP_CA_CERT_PATH must be a file of certificates in PEM.") from error
    if not find_spec("ldap3"):
        raise SettingsError("LDAP_URL needs the extra `ldap`: pip install 'echo-api[ldap]'.")
