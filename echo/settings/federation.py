"""Coming in by others: LibreChat's `ALLOW_SOCIAL_...`, `OPENID_...` and `<SERVICE>_CLIENT_ID` variables."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from echo.settings.librechat import ConfigFile
from echo.settings.reader import Reader, SettingsError
from echo.settings.saml import needs_saml, read_saml
from echo.settings.sign_in import (
    ACCESS,
    BUTTONS,
    ID,
    USERINFO,
    Claim,
    GroupSettings,
    OpenIdSettings,
    PanelSettings,
    RoleClaim,
    RoleSyncSettings,
    SignInSettings,
    SocialSettings,
)

SOURCES = (ACCESS, ID, USERINFO)
SOCIAL = ("google", "github", "discord", "facebook", "apple")
# LibreChat's, for what goes without saying here: there is a nonce at each login, keys are remembered and asked for
# again when an unknown one is named, and a login that has begun is kept in the database.
NEEDLESS = (
    "OPENID_SESSION_SECRET",
    "OPENID_GENERATE_NONCE",
    "OPENID_JWKS_URL_CACHE_ENABLED",
    "OPENID_JWKS_URL_CACHE_TIME",
)


def read_sign_in(reader: Reader, config: ConfigFile, domain_server: str, api: str) -> SignInSettings:
    """The ways in that are set; as in LibreChat there are none without `ALLOW_SOCIAL_LOGIN`.

    `api` is the address below which LibreChat's contract is.
    Raises `SettingsError`, also where the extra that they need is not installed.
    """
    allowed = reader.flag("ALLOW_SOCIAL_LOGIN", False)
    registration = reader.flag("ALLOW_SOCIAL_REGISTRATION", False)
    openid = _openid(reader, domain_server)
    social = {name: found for name in SOCIAL if (found := _social(reader, name, domain_server))}
    saml = read_saml(reader, _callback(reader, "SAML_CALLBACK_URL", "/oauth/saml/callback", domain_server))
    panel = _panel(reader, api)
    listed = config.section("registration").get("socialLogins")
    buttons = BUTTONS if listed is None else tuple(dict.fromkeys(listed))
    if not allowed:
        return SignInSettings(buttons=buttons)
    settings = SignInSettings(openid, social, registration, saml, buttons, panel)
    if saml:
        needs_saml()
    if settings.by_oauth and not (find_spec("authlib") and find_spec("joserfc")):
        raise SettingsError(
            "ALLOW_SOCIAL_LOGIN with a provider needs the extra `sso`: pip install 'echo-api[sso]'."
        )
    return settings


def sign_in_notices(reader: Reader) -> Iterator[str]:
    """What is set of a way in, and does not open it: its button is missing, and nothing else would say why."""
    public = reader.flag("OPENID_USE_PKCE", False)
    by_browser = [
        ("OPENID_ISSUER", "OPENID_CLIENT_ID", *(() if public else ("OPENID_CLIENT_SECRET",))),
        ("SAML_ENTRY_POINT", "SAML_ISSUER", "SAML_CERT"),
        ("APPLE_CLIENT_ID", "APPLE_TEAM_ID", "APPLE_KEY_ID", "APPLE_PRIVATE_KEY_PATH"),
        *(
            (f"{each.upper()}_CLIENT_ID", f"{each.upper()}_CLIENT_SECRET")
            for each in SOCIAL
            if each != "apple"
        ),
    ]
    for names in (("LDAP_URL", "LDAP_USER_SEARCH_BASE"), *by_browser):
        there = [name for name in names if reader.value(name)]
        if there and len(there) < len(names):
            missing = ", ".join(name for name in names if name not in there)
            yield f"{there[0]} is set without {missing}: nobody can log in by it."
        elif there and names in by_browser and not reader.flag("ALLOW_SOCIAL_LOGIN", False):
            yield f"{there[0]} is set, but ALLOW_SOCIAL_LOGIN is not true: nobody can log in by it."


def _openid(reader: Reader, domain_server: str) -> OpenIdSettings | None:
    for name in NEEDLESS:
        reader.text(name)
    issuer, client_id = reader.text("OPENID_ISSUER"), reader.text("OPENID_CLIENT_ID")
    secret = reader.text("OPENID_CLIENT_SECRET")
    public = reader.flag("OPENID_USE_PKCE", False)
    settings = OpenIdSettings(
        issuer=(issuer or "").strip(),
        client_id=client_id or "",
        client_secret=secret,
        callback_url=_callback(reader, "OPENID_CALLBACK_URL", "/oauth/openid/callback", domain_server),
        scope=reader.text("OPENID_SCOPE", "openid profile email"),
        audiences=reader.texts("OPENID_AUDIENCE", ()),
        clock_tolerance=reader.whole("OPENID_CLOCK_TOLERANCE", 300, minimum=0, maximum=3600),
        name_claim=reader.text("OPENID_NAME_CLAIM"),
        username_claim=reader.text("OPENID_USERNAME_CLAIM"),
        email_claim=reader.text("OPENID_EMAIL_CLAIM"),
        trust_email=reader.flag("ECHO_OPENID_TRUST_EMAIL", False),
        required=_role_claim(reader, "OPENID_REQUIRED_ROLE"),
        admin=_role_claim(reader, "OPENID_ADMIN_ROLE"),
        role_sync=_role_sync(reader),
        groups=_groups(reader),
        label=reader.text("OPENID_BUTTON_LABEL"),
        image_url=reader.text("OPENID_IMAGE_URL"),
        auto_redirect=reader.flag("OPENID_AUTO_REDIRECT", False),
        use_end_session=reader.flag("OPENID_USE_END_SESSION_ENDPOINT", False),
        post_logout_url=reader.text("OPENID_POST_LOGOUT_REDIRECT_URI"),
        exchanges_tokens=reader.flag("OPENID_REUSE_TOKENS", False),
    )
    if not (issuer and client_id and (secret or public)):
        return None
    if not _is_address(settings.issuer):
        raise SettingsError("OPENID_ISSUER must begin with http:// or https://, and name a host.")
    if "openid" not in settings.scope.split():
        raise SettingsError("OPENID_SCOPE must have openid among its words.")
    return settings


def _panel(reader: Reader, api: str) -> PanelSettings | None:
    address = reader.text("ADMIN_PANEL_URL")
    if not address:
        return None
    if not _is_address(address):
        raise SettingsError("ADMIN_PANEL_URL must begin with http:// or https://, and name a host.")
    return PanelSettings(address.rstrip("/"), api)


def _role_claim(reader: Reader, name: str) -> RoleClaim | None:
    """Roles with the claim that names them. Half of it set would let in whom the operator keeps out."""
    names = reader.texts(name, ())
    path, source = reader.text(f"{name}_PARAMETER_PATH"), _source(reader, f"{name}_TOKEN_KIND", None)
    if not names:
        return None
    if not (path and source):
        raise SettingsError(f"{name} needs {name}_PARAMETER_PATH and {name}_TOKEN_KIND.")
    return RoleClaim(names, Claim(path, source))


def _role_sync(reader: Reader) -> RoleSyncSettings | None:
    on = reader.flag("OPENID_ROLE_SYNC_ENABLED", False)
    claim, source = reader.text("OPENID_ROLE_SYNC_CLAIM"), _source(reader, "OPENID_ROLE_SYNC_SOURCE", ID)
    priority = reader.texts("OPENID_ROLE_SYNC_ROLE_PRIORITY", ())
    fallback = reader.text("OPENID_ROLE_SYNC_FALLBACK_ROLE")
    # Whoever exchanges a token has logged in, so roles follow then as well.
    reader.flag("OPENID_ROLE_SYNC_API_ENABLED", False)
    if not on:
        return None
    if not claim:
        raise SettingsError("OPENID_ROLE_SYNC_ENABLED needs OPENID_ROLE_SYNC_CLAIM.")
    for name, roles in (("ROLE_PRIORITY", priority), ("FALLBACK_ROLE", (fallback or "",))):
        if any(role.upper() == "ADMIN" for role in roles):
            raise SettingsError(f"OPENID_ROLE_SYNC_{name} may not have ADMIN: see OPENID_ADMIN_ROLE.")
    return RoleSyncSettings(Claim(claim, str(source)), priority, fallback)


def _groups(reader: Reader) -> GroupSettings | None:
    path = reader.text("ECHO_OPENID_GROUPS_CLAIM")
    source = _source(reader, "ECHO_OPENID_GROUPS_SOURCE", ID)
    prefix, pattern = reader.text("ECHO_OPENID_GROUPS_PREFIX", ""), reader.text("ECHO_OPENID_GROUPS_FILTER")
    if not path:
        return None
    try:
        return GroupSettings(Claim(path, str(source)), prefix, re.compile(pattern) if pattern else None)
    except re.error as error:
        raise SettingsError("ECHO_OPENID_GROUPS_FILTER must be a regular expression.") from error


def _source(reader: Reader, name: str, default: str | None) -> str | None:
    found: str | None = reader.text(name, default, one_of=SOURCES)
    return found


def _social(reader: Reader, name: str, domain_server: str) -> SocialSettings | None:
    """A client of one of the services, if it is set as a whole."""
    upper = name.upper()
    client_id = reader.text(f"{upper}_CLIENT_ID")
    callback = _callback(reader, f"{upper}_CALLBACK_URL", f"/oauth/{name}/callback", domain_server)
    if name == "apple":
        team, key = reader.text("APPLE_TEAM_ID"), reader.text("APPLE_KEY_ID")
        file = reader.text("APPLE_PRIVATE_KEY_PATH")
        if not (client_id and team and key and file):
            return None
        return SocialSettings(client_id, callback, team_id=team, key_id=key, key_file=Path(file))
    secret = reader.text(f"{upper}_CLIENT_SECRET")
    base = reader.text("GITHUB_ENTERPRISE_BASE_URL") if name == "github" else None
    if base and not _is_address(base):
        raise SettingsError(
            "GITHUB_ENTERPRISE_BASE_URL must begin with http:// or https://, and name a host."
        )
    if not (client_id and secret):
        return None
    return SocialSettings(client_id, callback, secret, base_url=base.rstrip("/") if base else None)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _callback(reader: Reader, name: str, default: str, domain_server: str) -> str:
    """The whole address to which a provider sends a browser back; LibreChat's variables have the path of it."""
    value: str = reader.text(name, default)
    if value.startswith(f"{domain_server}/"):
        return value
    if not value.startswith("/"):
        raise SettingsError(f"{name} must be a path on this server, such as {default}.")
    return f"{domain_server}{value}"
