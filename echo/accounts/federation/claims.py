"""From an OpenID provider's claims to an identity, by the settings; which claim is taken for what is LibreChat's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.accounts.federation.discovery import normal_issuer
from echo.accounts.federation.identity import MAX_TEXT, Identity, Refused, exactly, said
from echo.settings.sign_in import ACCESS, ID, USERINFO, Claim, GroupSettings, OpenIdSettings, RoleClaim

Claims = Mapping[str, Any]
SEPARATORS = re.compile(r"[\s,]+")
STEPS = re.compile(r"[^.\[\]]+")
# Of roles and groups so many count: who has more has them from a mistake.
MAX_NAMES = 1000
MAX_GROUPS = 200


@dataclass(frozen=True)
class Sources:
    """The claims of one login by where they are from; `profile` is all that is said of the user."""

    issuer: str
    access: Claims = field(default_factory=dict)
    id: Claims = field(default_factory=dict)
    userinfo: Claims = field(default_factory=dict)

    @property
    def profile(self) -> Claims:
        """As LibreChat puts it together: what userinfo says wins."""
        return {**self.id, **self.userinfo}

    def of(self, claim: Claim) -> Any:
        """The value of a claim, None where there is none."""
        found = {ACCESS: self.access, ID: self.id, USERINFO: self.profile}[claim.source]
        return at_path(found, claim.path)


def at_path(claims: Claims, path: str) -> Any:
    """What is at a path such as `realm_access.roles`; a claim that is called so as a whole wins."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for step in STEPS.findall(path):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def names_in(value: Any) -> tuple[str, ...]:
    """The names that a claim lists, or has in one text with spaces or commas between."""
    listed = SEPARATORS.split(value) if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(each for each in listed[:MAX_NAMES] if isinstance(each, str) and each)


def openid_identity(settings: OpenIdSettings, sources: Sources, subject: str) -> Identity:
    """Who it is by these claims; raises `Refused` where a role is missing."""
    if settings.required and not _has_role(settings.required, sources):
        raise Refused("role_missing")
    profile = sources.profile
    address, is_own = _address(settings, profile)
    picture = profile.get("picture")
    sync = settings.role_sync
    return Identity(
        provider="openid",
        subject=subject,
        email=address,
        email_verified=is_own,
        name=_name(settings, profile) or address or "",
        username=_username(settings, profile),
        picture=picture if isinstance(picture, str) else None,
        issuer=normal_issuer(sources.issuer),
        directory_id=exactly(profile.get("oid")) or None,
        admin=_has_role(settings.admin, sources) if settings.admin else None,
        roles=names_in(sources.of(sync.claim)) if sync else None,
        groups=_groups(settings.groups, sources) if settings.groups else None,
    )


def _has_role(role: RoleClaim, sources: Sources) -> bool:
    value = sources.of(role.claim)
    return not set(role.names).isdisjoint(names_in(value))


def _address(settings: OpenIdSettings, profile: Claims) -> tuple[str | None, bool]:
    """The address, and whether the provider vouches for it, which it can do for its `email` only."""
    order = (settings.email_claim, "email", "preferred_username", "upn")
    name = next(
        (each for each in order if each and isinstance(profile.get(each), str) and profile[each]), None
    )
    if name is None:
        return None, False
    vouched = settings.trust_email or (name == "email" and is_true(profile.get("email_verified")))
    return profile[name], vouched


def is_true(value: Any) -> bool:
    """Some send the text instead of the truth value, Apple among them."""
    return value is True or value == "true"


def _name(settings: OpenIdSettings, profile: Claims) -> str:
    if settings.name_claim:
        return said(profile.get(settings.name_claim))
    whole = f"{said(profile.get('given_name'))} {said(profile.get('family_name'))}".strip()
    return whole or said(profile.get("name")) or said(profile.get("username"))


def _username(settings: OpenIdSettings, profile: Claims) -> str:
    if settings.username_claim:
        return said(profile.get(settings.username_claim))
    order = ("preferred_username", "username", "email")
    return next((found for name in order if (found := said(profile.get(name)))), "")


def _groups(settings: GroupSettings, sources: Sources) -> tuple[str, ...] | None:
    """The groups as Echo calls them; None where the claim is not there: then nobody leaves a group by it."""
    value = sources.of(settings.claim)
    if not isinstance(value, str | list):
        return None
    wanted = [
        settings.prefix + name
        for name in map(str.strip, names_in(value))
        # Cut or cleaned, the name could be that of another group, with its rights.
        if name and name == said(name) and len(settings.prefix + name) <= MAX_TEXT
        if settings.filter is None or settings.filter.fullmatch(name)
    ]
    return tuple(dict.fromkeys(wanted))[:MAX_GROUPS]
