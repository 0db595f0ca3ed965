"""What must be stored first: the roles of grants on what is shared, the roles of users, and who administers."""

from collections.abc import Iterator
from typing import Any

from echo.access.capabilities import CAPABILITIES
from echo.access.kinds import ROLE_BITS, ResourceType, access_role
from echo.access.permissions import ADMIN, DEFAULTS
from echo.settings import Settings
from storage.access.access_roles import AccessRoleRepository
from storage.access.roles import RoleRepository
from storage.access.system_grants import SystemGrantRepository
from storage.core.database import Database

# Permissions that LibreChat's types have had for a while only: they are added where a type is stored without them.
ADDED = ("SHARE", "SHARE_PUBLIC", "CONFIGURE_OBO")
# Kinds whose roles have names of their own in LibreChat's translations.
_OWN_NAMES = {ResourceType.MCP_SERVER: "mcp_server_role", ResourceType.REMOTE_AGENT: "remote_agent_role"}


def seed_access(settings: Settings, database: Database) -> None:
    """Add what is missing, and write what `librechat.yaml` says of permissions into USER and ADMIN.

    Every start does so, as LibreChat's does: what administrators set stays, unless the file names it. Roles with
    other names are left alone. Safe with several processes at once; raises `Unavailable`.
    """
    access_roles, roles = AccessRoleRepository(database), RoleRepository(database)
    access_roles.seed(*seeded_access_roles())
    for name, defaults in DEFAULTS.items():
        roles.seed(name, defaults, settings.permissions, added=ADDED)
        if settings.memory.asked_for and settings.permissions.get("MEMORIES", {}).get("USE") is not False:
            # `memory.disabled` wrote false everywhere: it is taken back when it goes.
            roles.revive(
                name, "MEMORIES", {**defaults["MEMORIES"], **settings.permissions.get("MEMORIES", {})}
            )
    SystemGrantRepository(database).seed(ADMIN, CAPABILITIES)


def seeded_access_roles() -> Iterator[dict[str, Any]]:
    """LibreChat's roles of grants; names and descriptions are keys of its clients' translations."""
    for kind in ResourceType:
        for name, bits in ROLE_BITS.items():
            # A link is read or owned; there is nothing in it to edit.
            if (kind, name) != (ResourceType.SHARED_LINK, "editor"):
                text = f"com_ui_{_OWN_NAMES.get(kind, 'role')}_{name}"
                yield {
                    "accessRoleId": access_role(kind, name),
                    "name": text,
                    "description": f"{text}_desc",
                    "resourceType": str(kind),
                    "permBits": bits,
                }
