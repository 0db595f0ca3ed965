"""Which role a user has after a login by another server; the rules are LibreChat's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from echo.accounts.federation.identity import Identity
from storage.accounts.users import ADMIN, USER


@dataclass(frozen=True)
class RoleSync:
    """LibreChat's `OPENID_ROLE_SYNC_...`: of the `priority` the first that the server names is the user's role.

    Where it names none, the user has the `fallback`, or stays what they are where there is none.
    """

    priority: tuple[str, ...]
    fallback: str | None = None


def role_after(identity: Identity, current: str, sync: RoleSync | None, exists: Callable[[str], bool]) -> str:
    """The role for a user who has `current`; a role that does not exist is given to nobody.

    An administrator is made and unmade by `identity.admin` alone, and by nothing where that is None.
    """
    if identity.admin:
        return ADMIN
    role = USER if identity.admin is False and current == ADMIN else current
    if sync is None or identity.roles is None or role == ADMIN:
        return role
    named = {each.casefold() for each in identity.roles}
    chosen = _first(sync.priority, named) or sync.fallback
    return chosen if chosen and chosen != ADMIN and (chosen == USER or exists(chosen)) else role


def _first(priority: Sequence[str], named: set[str]) -> str | None:
    return next((role for role in priority if role.casefold() in named), None)
