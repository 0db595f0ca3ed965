"""LibreChat's settings that protect something, and that Echo does not have: whoever set one must learn of it.

Each stands in a line of its own, and not among those whose absence does no harm.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from echo.settings.model import Safeguard


def _on(value: str) -> bool:
    return value.strip().lower() == "true"


def _off(value: str) -> bool:
    return value.strip().lower() in {"false", "off", "no", "0"}


def _any(value: str) -> bool:
    return True


def _blocks(value: str) -> bool:
    """Whether Google's filter would be set stricter than not at all."""
    return value.strip().upper().startswith("BLOCK_") and value.strip().upper() != "BLOCK_NONE"


class _Missing(NamedTuple):
    name: str
    protects: Callable[[str], bool]
    what: str
    todo: str


_GOOGLE = tuple(
    _Missing(
        f"GOOGLE_SAFETY_{kind}",
        _blocks,
        "Echo sends Google no safety settings, so Google's own defaults decide",
        "Take another provider for users who must be protected, or take it out.",
    )
    for kind in ("SEXUALLY_EXPLICIT", "HATE_SPEECH", "HARASSMENT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY")
)
_MISSING = (
    _Missing(
        "ALLOW_UNVERIFIED_EMAIL_LOGIN",
        _off,
        "without a mail server nobody verifies e-mail addresses: whoever registers logs in with any address",
        "Set EMAIL_HOST and EMAIL_FROM, or ALLOW_REGISTRATION=false and let people in by `echo-api invite create`.",
    ),
    _Missing(
        "NON_BROWSER_VIOLATION_SCORE",
        lambda value: not _off(value),
        "Echo serves programs as well as browsers, and counts no violation for it",
        "Nothing to do: rate limits hold for both. Take it out.",
    ),
    _Missing(
        "TENANT_ISOLATION_STRICT",
        _on,
        "Echo does not keep tenants apart",
        "Run one Echo, with a database of its own, for each tenant.",
    ),
    _Missing(
        "PROXY",
        _any,
        "Echo calls providers directly, not through this proxy",
        "Set the endpoints' base URLs to a gateway, and let the network forbid other ways out.",
    ),
    *_GOOGLE,
)
# Keys of librechat.yaml, as they are told in its warnings.
_MISSING_KEYS = {
    "messageFilter": (
        "Echo does not look for credentials in messages before a model gets them",
        "Let a gateway in front of the provider do it, or take it out.",
    ),
    "turnstile": (
        "Echo asks for no captcha at login and registration",
        "Set ALLOW_REGISTRATION=false, or put the check into the proxy in front.",
    ),
}
VARIABLES = frozenset(each.name for each in _MISSING)
KEYS = frozenset(_MISSING_KEYS)


def missing_safeguards(value: Callable[[str], str | None]) -> Iterator[Safeguard]:
    """Those of the environment that are set so that they would protect."""
    for each in _MISSING:
        set_to = value(each.name)
        if set_to is not None and set_to.strip() and each.protects(set_to):
            yield Safeguard(each.name, each.what, each.todo)


def missing_key(name: str) -> Safeguard | None:
    """The one that a key of `librechat.yaml` stands for, if it is one."""
    found = _MISSING_KEYS.get(name)
    return Safeguard(name, *found) if found else None
