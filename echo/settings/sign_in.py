"""What the settings say of coming in by others, once read; times in seconds. Secrets never show in a `repr`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from echo.settings.saml import SamlSettings

# LibreChat's names of what a claim is read from.
ACCESS, ID, USERINFO = "access", "id", "userinfo"
# The order of buttons where `registration.socialLogins` says no other; LibreChat's, which leaves Apple out.
BUTTONS = ("google", "facebook", "openid", "github", "discord", "apple", "saml")


@dataclass(frozen=True)
class Claim:
    """Where a claim is: a path such as `realm_access.roles`, in the "access" token, the "id" token or "userinfo"."""

    path: str
    source: str


@dataclass(frozen=True)
class RoleClaim:
    """A claim that must name one of these roles, or for administrators the one."""

    names: tuple[str, ...]
    claim: Claim


@dataclass(frozen=True)
class RoleSyncSettings:
    """LibreChat's `OPENID_ROLE_SYNC_...`: roles that follow the claim, the first of the priority that it names."""

    claim: Claim
    priority: tuple[str, ...]
    fallback: str | None


@dataclass(frozen=True)
class GroupSettings:
    """The groups that a claim names: those whose whole name fits the filter, each with the prefix before its name."""

    claim: Claim
    prefix: str = ""
    filter: re.Pattern[str] | None = None


@dataclass(frozen=True)
class OpenIdSettings:
    """An OpenID provider. Without a `client_secret` Echo is a public client, which PKCE protects.

    Of `audiences` the first is asked for at a login; access tokens for any of them can be exchanged. With
    `trust_email` the provider vouches for every address, though it does not say so.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    callback_url: str
    scope: str = "openid profile email"
    audiences: tuple[str, ...] = ()
    clock_tolerance: int = 300
    name_claim: str | None = None
    username_claim: str | None = None
    email_claim: str | None = None
    trust_email: bool = False
    required: RoleClaim | None = None
    admin: RoleClaim | None = None
    role_sync: RoleSyncSettings | None = None
    groups: GroupSettings | None = None
    label: str | None = None
    image_url: str | None = None
    auto_redirect: bool = False
    use_end_session: bool = False
    post_logout_url: str | None = None
    exchanges_tokens: bool = False


@dataclass(frozen=True)
class SocialSettings:
    """A client of Google, GitHub, Discord, Facebook or Apple; `base_url` is that of a GitHub of one's own.

    Apple has instead of a secret the file of a key, which signs one anew for each login.
    """

    client_id: str
    callback_url: str
    client_secret: str | None = field(default=None, repr=False)
    base_url: str | None = None
    team_id: str | None = None
    key_id: str | None = None
    key_file: Path | None = None


@dataclass(frozen=True)
class PanelSettings:
    """LibreChat's admin panel: the address of its pages, and below which one it finds our operations."""

    address: str
    api: str

    @property
    def origin(self) -> str:
        """Whose requests are the panel's (RFC 6454)."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}".lower()

    def callback(self, provider: str) -> str:
        """Where a provider sends a browser back to that logs in to the panel."""
        return f"{self.api}/api/admin/oauth/{provider}/callback"

    def page(self, provider: str) -> str:
        """The panel's own page for who comes back."""
        return f"{self.address}/auth/{provider}/callback"


@dataclass(frozen=True)
class SignInSettings:
    """The ways in by a browser beside a password; `buttons` is the order in which clients show them."""

    openid: OpenIdSettings | None = None
    social: Mapping[str, SocialSettings] = field(default_factory=dict)
    allow_social_registration: bool = False
    saml: SamlSettings | None = None
    buttons: tuple[str, ...] = BUTTONS
    panel: "PanelSettings | None" = None

    @property
    def any(self) -> bool:
        """Whether there is any."""
        return self.by_oauth or self.saml is not None

    @property
    def by_oauth(self) -> bool:
        """Whether there is one that needs the `[sso]` extra."""
        return self.openid is not None or bool(self.social)
