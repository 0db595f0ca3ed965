"""What a client is told when it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from echo.settings import Settings
from echo.settings.endpoints import BESIDE, normal_name
from echo.settings.model_access import Opened
from echo.settings.sign_in import SignInSettings

SERVICES = ("discord", "facebook", "github", "google", "apple", "openid", "saml")
LIBRECHAT_VERSION = "0.8.8-rc1"
# Features of LibreChat's that this server does not have.
ABSENT = (
    *("fileUploadSseEnabled", "insightsEnabled", "langfuseConnectionAccess", "langfuseFanoutEnabled"),
    *("openidReuseTokens", "sharePointFilePickerEnabled"),
)


@dataclass(frozen=True, eq=False)
class Startup:
    """The settings that clients may know, by the contract's names for them; one object for the life of a process.

    It goes by its identity, so that what is made of it can be remembered.
    """

    anyone: dict[str, Any]
    signed_in: dict[str, Any]
    librechat_anyone: dict[str, Any]
    librechat_signed_in: dict[str, Any]


def read_startup(settings: Settings) -> Startup:
    """What anyone is told, and what those who have logged in are."""
    client = settings.client
    anyone = {
        "app_title": settings.app_title,
        "domain_server": settings.domain_server,
        "allow_registration": settings.allow_registration,
        "allow_email_login": settings.allow_email_login,
        "min_password_length": settings.min_password_length,
        "email_enabled": settings.mail is not None,
        "password_reset_enabled": resets_passwords(settings),
        "social_login_enabled": settings.sign_in.any,
        "social_logins": ways_in(settings.sign_in)["socialLogins"],
        "interface": client.anyone or None,
    }
    signed_in = {
        **anyone,
        "interface": client.interface,
        "model_specs": client.model_specs,
        "balance": client.balance,
        "custom_footer": client.custom_footer,
        "help_url": client.help_url,
        "publicSharedLinksEnabled": False,
        "allowAccountDeletion": False,
    }
    shown = librechat_anyone(settings)
    return Startup(anyone, signed_in, shown, {**shown, **librechat_signed_in(settings)})


def resets_passwords(settings: Settings) -> bool:
    """Whether users can get a link to set another password: nobody but a mail tells it."""
    return settings.allow_password_reset and settings.mail is not None


@lru_cache(maxsize=64)
def narrowed(startup: Startup, opened: Opened) -> Startup:
    """The same for one to whom some models only are open: of the model specs theirs.

    Made once for each that is open to somebody, and remembered.
    """
    if opened.names is None or startup.signed_in["model_specs"] is None:
        return startup
    shown = startup.signed_in["model_specs"]
    specs = {**shown, "list": [each for each in shown["list"] if _is_open(each["preset"], opened)]}
    return replace(
        startup,
        signed_in={**startup.signed_in, "model_specs": specs},
        librechat_signed_in={**startup.librechat_signed_in, "modelSpecs": specs},
    )


def _is_open(preset: Mapping[str, Any], opened: Opened) -> bool:
    """Whether the model of a spec is open; an agent's is asked when it is talked with."""
    endpoint, model = str(preset.get("endpoint") or ""), preset.get("model")
    if preset.get("agent_id") or not endpoint:
        return True
    name = BESIDE.get(endpoint, normal_name(endpoint))
    if isinstance(model, str) and model:
        return opened.may_ask(name, model)
    return opened.reaches(name, (), all_known=False)


def librechat_anyone(settings: Settings) -> dict[str, Any]:
    """What LibreChat's client is told before a login, by LibreChat's names.

    `turnstile` is left out: there is a phone app that takes any value of it for a reason to hide registration.
    """
    return {
        "appTitle": settings.app_title,
        # Phone apps show only what they know this version of LibreChat to have.
        "version": LIBRECHAT_VERSION,
        "serverDomain": settings.domain_server,
        "emailEnabled": settings.mail is not None,
        "passwordResetEnabled": resets_passwords(settings),
        **ways_in(settings.sign_in),
        "emailLoginEnabled": settings.allow_email_login,
        "registrationEnabled": settings.allow_registration,
        "ldap": _directory(settings),
        "minPasswordLength": settings.min_password_length,
        "interface": dict(settings.client.anyone),
        **({"buildInfo": dict(settings.client.build)} if settings.client.build else {}),
    }


def _directory(settings: Settings) -> dict[str, bool]:
    if settings.ldap is None:
        return {"enabled": False}
    return {"enabled": True, **({"username": True} if settings.ldap.uses_username else {})}


def ways_in(sign_in: SignInSettings) -> dict[str, Any]:
    """The buttons of the login page, by LibreChat's names: those of what is set, in the operator's order."""
    openid = sign_in.openid
    # As in LibreChat there is no button for SAML beside OpenID's.
    saml = sign_in.saml if openid is None else None
    there = {*sign_in.social, *(("openid",) if openid else ()), *(("saml",) if saml else ())}
    shown: dict[str, Any] = {f"{name}LoginEnabled": name in there for name in SERVICES}
    shown |= {
        "openidAutoRedirect": openid is not None and openid.auto_redirect,
        "socialLoginEnabled": sign_in.any,
        # With none, LibreChat's client shows all that are enabled.
        "socialLogins": [name for name in sign_in.buttons if name in there],
    }
    if openid is not None:
        shown["openidLabel"] = openid.label or "Continue with OpenID"
    if openid is not None and openid.image_url:
        shown["openidImageUrl"] = openid.image_url
    if saml is not None:
        shown |= _said(samlLabel=saml.label, samlImageUrl=saml.image_url)
    return shown


def _said(**told: str | None) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value}


def librechat_signed_in(settings: Settings) -> dict[str, Any]:
    """What it is told besides after a login."""
    client = settings.client
    told = {
        "helpAndFaqURL": client.help_url,
        "customFooter": client.custom_footer,
        **settings.bundlers,
        "sharedLinksEnabled": settings.allow_shared_links,
        "publicSharedLinksEnabled": settings.allow_shared_links_public,
        "sharedLinksSnapshotFilesEnabled": settings.sharing_files,
        "allowAccountDeletion": settings.allow_account_deletion,
        "interface": dict(client.librechat_interface),
        "modelSpecs": client.model_specs,
        "balance": dict(client.balance),
        # A title is made of question and answer. Clients that are told "immediate" ask while there is none yet.
        "titleGenerationTiming": "final",
        "conversationImportMaxFileSize": settings.max_import_bytes,
        **dict.fromkeys(ABSENT, False),
    }
    return {name: value for name, value in told.items() if value is not None}
