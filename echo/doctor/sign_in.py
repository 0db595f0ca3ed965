"""Who knows users in Echo's place: does the OpenID issuer say what is needed, does the directory let Echo look?"""

import asyncio
from collections.abc import Iterator

from yarl import URL

from echo.accounts.federation.fetching import Fetcher, host_and_port
from echo.accounts.federation.identity import Refused
from echo.doctor.findings import Examined, Finding, failed, ok, skipped
from echo.settings import Settings
from echo.settings.directory import LdapSettings

SECONDS = 5
ISSUER, DIRECTORY = "OpenID issuer", "LDAP directory"


def check_openid(examined: Examined) -> Iterator[Finding]:
    """The issuer's metadata, whether they are its own, and its keys; nothing where there is none."""
    settings = examined.settings
    if settings is None or settings.sign_in.openid is None:
        return
    if examined.offline:
        yield skipped(ISSUER, "the issuer is not asked")
    else:
        yield asyncio.run(_ask_issuer(settings, settings.sign_in.openid.issuer))


async def _ask_issuer(settings: Settings, issuer: str) -> Finding:
    # Imported here, as below: the extra for it may not be installed.
    from echo.accounts.federation.discovery import WELL_KNOWN, Discovery  # noqa: PLC0415

    # As at a login: what the issuer names elsewhere must be public.
    allowed = (*settings.provider_limits.allowed_addresses, host_and_port(issuer))
    fetcher = Fetcher(allowed, seconds=SECONDS)
    discovery = Discovery(issuer, fetcher)
    host = URL(issuer).host or "its address"
    try:
        metadata = await discovery.metadata()
    except Refused as refusal:
        todo = f"OPENID_ISSUER must be the issuer's own name, below which {WELL_KNOWN} answers."
        return failed(ISSUER, f"{host} does not say of itself what is needed: {refusal.detail}", todo)
    try:
        fetcher.check(metadata.token_endpoint)
        await discovery.keys(None)
    except Refused as refusal:
        todo = (
            "Without its keys and its token endpoint no login ends well: look at the issuer's configuration."
        )
        return failed(ISSUER, f"{host} names what cannot be used: {refusal.detail}", todo)
    return ok(ISSUER, f"{host} answers, and its keys can be read")


def check_directory(examined: Examined) -> Iterator[Finding]:
    """Connect, begin TLS, bind, and look at the search base; nothing where there is no directory."""
    settings = examined.settings.ldap if examined.settings else None
    if settings is None:
        return
    if examined.offline:
        yield skipped(DIRECTORY, "the directory is not asked")
    else:
        yield _ask_directory(settings)


def _ask_directory(settings: LdapSettings) -> Finding:
    from echo.accounts.federation.ldap_client import DirectoryAway, LdapClient  # noqa: PLC0415

    try:
        LdapClient(settings, (), seconds=SECONDS).probe()
    except DirectoryAway as away:
        what, todo = _why(away)
        return failed(DIRECTORY, f"{settings.host}: {what}", todo)
    answers = f"{settings.host} answers{' with TLS' if settings.is_encrypted else ''}"
    if settings.binds_directly:
        return ok(DIRECTORY, f"{answers}; who logs in binds directly, so nothing more is tried")
    return ok(DIRECTORY, f"{answers} and lets Echo search")


def _why(away: Exception) -> tuple[str, str]:
    """What is wrong, and what to do; the library's own words stay out, as they may hold what was sent."""
    reason = str(away.__cause__ or "")
    if "certificate" in reason:
        return (
            "its TLS certificate is not accepted",
            "Set LDAP_CA_CERT_PATH, or the name that it is for in LDAP_URL.",
        )
    if away.__cause__ is None:
        return str(away), "Check LDAP_BIND_DN, LDAP_BIND_CREDENTIALS and LDAP_USER_SEARCH_BASE."
    return f"it does not answer ({away})", "Check LDAP_URL, LDAP_STARTTLS, name server and firewall."
