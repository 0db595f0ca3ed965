"""What another server says of who stands before us, and why it may not be enough."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Why somebody does not come in. The login page is told this word, and nobody is told more.
REFUSALS: Final[Mapping[str, str]] = {
    "account_exists": "An account has this address, or this subject, and another way in.",
    "account_banned": "The account is banned.",
    "address_banned": "Logins from the place that the client calls from are banned.",
    "address_unverified": "The other server does not vouch for the address.",
    "domain_not_allowed": "`registration.allowedDomains` does not have the address's domain.",
    "login_expired": "The login took too long, was begun in another browser, or was finished before.",
    "login_failed": "The other server did not answer, or its answer is not good.",
    "login_unavailable": "The account has a second factor, which this server cannot check.",
    "not_admin": "The account may not administer (only logins to the admin panel).",
    "no_address": "The other server gives no address, or none that is one.",
    "provider_refused": "The other server refused, or the user did there.",
    "registration_closed": "There is no such account, and none is made.",
    "role_missing": "`OPENID_REQUIRED_ROLE` is not among the user's roles.",
}

MAX_TEXT = 200


class Refused(Exception):
    """Somebody does not come in; `code` is a key of `REFUSALS`. `detail` is for the log, and has no secrets."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}" if detail else code)


@dataclass(frozen=True)
class Identity:
    """A subject of another server, and what that server says of it now.

    `provider` is LibreChat's name of the kind of server; `issuer` which one it is, for OpenID only. The address
    counts as the user's own only if it is `email_verified`. `admin` is whether the server makes the user an
    administrator, None where it has no say; `roles` are those that it names, `groups` as well, None where it says
    nothing of them.
    `directory_id` is the id by which groups of a directory name the user, such as Entra's `oid`; `tokens` are what
    the organisation's own provider gave for the user, in OAuth's names.
    """

    provider: str
    subject: str
    email: str | None
    email_verified: bool
    name: str = ""
    username: str = ""
    picture: str | None = None
    issuer: str | None = None
    directory_id: str | None = None
    admin: bool | None = None
    roles: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    tokens: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Policy:
    """What goes for a kind of server: who is new gets an account if it `registers`.

    `unverified` says that an address for which it does not vouch is good enough for a new account (never for finding
    one); `renames` that names follow the server at each login, as LibreChat does it for servers of an organisation's
    own.
    """

    registers: bool
    unverified: bool = False
    renames: bool = False


def exactly(value: Any) -> str:
    """A claim as it stands, "" for what is no text: subjects and addresses must be neither cut nor cleaned."""
    return value if isinstance(value, str) else ""


def said(value: Any) -> str:
    """A claim to show, as text on one line, "" for what is none; cut where it is longer than any name."""
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value if letter.isprintable()).strip()[:MAX_TEXT]
