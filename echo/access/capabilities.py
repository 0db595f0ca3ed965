"""What administrators may do: LibreChat's capabilities, which are granted to roles, groups and users.

They are apart from the permissions of roles: who has the role ADMIN has all of them, because each start grants them
to that role. Names and implications: `packages/data-schemas/src/admin/capabilities.ts`.
"""

import re
from collections.abc import Iterable, Mapping

from echo.access.service import insufficient
from storage.access.groups import GroupRepository
from storage.access.principals import GROUP, ROLE, USER, Principal
from storage.access.system_grants import SystemGrantRepository
from storage.accounts.users import UserRepository
from storage.core.errors import NotFound
from storage.core.repository import owner_id

ACCESS_ADMIN = "access:admin"
READ_CONFIGS, MANAGE_CONFIGS, ASSIGN_CONFIGS = "read:configs", "manage:configs", "assign:configs"
MANAGE_ROLES, READ_ROLES = "manage:roles", "read:roles"
CAPABILITIES = (
    *(ACCESS_ADMIN, "read:users", "manage:users", "read:groups", "manage:groups", READ_ROLES, MANAGE_ROLES),
    *(READ_CONFIGS, MANAGE_CONFIGS, ASSIGN_CONFIGS, "read:usage", "read:insights"),
    *("read:agents", "manage:agents", "manage:mcpservers", "read:prompts", "manage:prompts"),
    *("read:skills", "manage:skills", "read:sharedlinks", "manage:sharedlinks"),
    *("read:assistants", "manage:assistants", "read:audit_log"),
)
# Of which capability another one comes with it.
IMPLIED: Mapping[str, str] = {
    f"manage:{kind}": f"read:{kind}"
    for kind in (
        "users",
        "groups",
        "roles",
        "configs",
        "agents",
        "prompts",
        "skills",
        "sharedlinks",
        "assistants",
    )
}
# For one section of the configuration, or to make overrides for one kind of those whom they are for.
SECTION = re.compile(r"(manage|read):configs:[A-Za-z0-9_]{1,100}|assign:configs:(user|group|role)")
# The longest of all of these.
MAX_LENGTH = 120


def is_capability(text: str) -> bool:
    """Whether this is the name of a capability."""
    return text in CAPABILITIES or SECTION.fullmatch(text) is not None


def expanded(held: Iterable[str]) -> set[str]:
    """Capabilities with those that come with them; what holds for all sections is not written out for each."""
    direct = set(held)
    return direct | {IMPLIED[each] for each in direct if each in IMPLIED}


def covers(held: Iterable[str], needed: str) -> bool:
    """Whether who has these may do what is needed: itself, what it comes with, or the same for all sections."""
    has = expanded(held)
    if needed in has:
        return True
    broad, _, section = needed.rpartition(":")
    return broad in has or (broad == READ_CONFIGS and f"{MANAGE_CONFIGS}:{section}" in has)


class Capabilities:
    """Says who has which. Everything is read anew each time: who loses a capability loses it at once, everywhere.

    All methods raise `storage.core.errors.Unavailable`.
    """

    def __init__(self, grants: SystemGrantRepository, users: UserRepository, groups: GroupRepository) -> None:
        self._grants = grants
        self._users = users
        self._groups = groups

    def of(self, user_id: str) -> set[str]:
        """What a user has, with what comes with it; nothing for one who is not there."""
        return expanded(self._grants.held(self.principals(user_id)))

    def of_principals(self, *principals: Principal) -> set[str]:
        """What these have of themselves."""
        return self._grants.held(principals)

    def has(self, user_id: str, capability: str) -> bool:
        """Whether a user has a capability."""
        return covers(self.of(user_id), capability)

    def demand(self, user_id: str, *capabilities: str) -> None:
        """Raise `Forbidden` unless a user has all of these."""
        held = self.of(user_id)
        if not all(covers(held, each) for each in capabilities):
            raise insufficient()

    def demand_one(self, capability: str, user_id: str) -> None:
        """The same for one capability, which comes first here."""
        self.demand(user_id, capability)

    def demand_no_less(self, user_id: str, *principals: Principal) -> None:
        """Raise `Forbidden` where one of these may do what the user may not: nobody makes themselves more."""
        held = self.of(user_id)
        if not all(covers(held, each) for each in self.of_principals(*principals)):
            raise insufficient()

    def principals(self, user_id: str) -> list[Principal]:
        """Those whose grants are a user's: the user, the user's role and groups; nobody's for one who is gone."""
        try:
            user = self._users.get(user_id)
        except NotFound:
            return []
        groups = self._groups.ids_of(user_id, user.get("idOnTheSource") or None)
        role = user.get("role") or "USER"
        return [
            Principal(USER, owner_id(user_id)),
            Principal(ROLE, role),
            *(Principal(GROUP, each) for each in groups),
        ]
