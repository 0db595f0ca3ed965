"""LibreChat's `LDAP_...` variables."""

from importlib.util import find_spec
from pathlib import Path

from echo.settings.reader import Reader, SettingsError
from echo.settings.sign_in import LdapSettings


def read_ldap(reader: Reader) -> LdapSettings | None:
    """The directory, if address and base are set, as in LibreChat; `SettingsError` where its extra is missing.

    Other than there a certificate is checked unless the settings say otherwise by name.
    """
    url, base = reader.text("LDAP_URL"), reader.text("LDAP_USER_SEARCH_BASE")
    ca_file = reader.text("LDAP_CA_CERT_PATH")
    settings = LdapSettings(
        url=url or "",
        search_base=base or "",
        bind_dn=reader.text("LDAP_BIND_DN"),
        bind_credentials=reader.text("LDAP_BIND_CREDENTIALS"),
        search_filter=reader.text("LDAP_SEARCH_FILTER", "mail={{username}}"),
        start_tls=reader.flag("LDAP_STARTTLS", False),
        verify_tls=reader.flag("LDAP_TLS_REJECT_UNAUTHORIZED", True),
        ca_file=Path(ca_file) if ca_file else None,
        uses_username=reader.flag("LDAP_LOGIN_USES_USERNAME", False),
        id_attribute=reader.text("LDAP_ID"),
        username_attribute=reader.text("LDAP_USERNAME"),
        email_attribute=reader.text("LDAP_EMAIL"),
        name_attributes=reader.texts("LDAP_FULL_NAME", ()),
    )
    if not (url and base):
        return None
    if not url.startswith(("ldap://", "ldaps://")):
        raise SettingsError("LDAP_URL must begin with ldap:// or ldaps://.")
    if "{{username}}" not in settings.search_filter:
        raise SettingsError("LDAP_SEARCH_FILTER must have {{username}} in it.")
    if not find_spec("ldap3"):
        raise SettingsError("LDAP_URL needs the extra `ldap`: pip install 'echo-api[ldap]'.")
    return settings
