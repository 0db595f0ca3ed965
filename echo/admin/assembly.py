"""How the parts of administration fit together; called by the composition root."""

from dataclasses import dataclass

from echo.access.assembly import AccessParts
from echo.access.audit import AuditLog
from echo.accounts.assembly import Accounts
from echo.admin.configs import AdminConfigs
from echo.admin.grants import AdminGrants
from echo.admin.groups import AdminGroups
from echo.admin.live import LiveSettings
from echo.admin.roles import AdminRoles, RoleStores
from echo.admin.users import AdminUsers
from echo.settings import Settings
from storage.access.configs import ConfigRepository
from storage.access.groups import GroupRepository
from storage.access.people import PeopleRepository
from storage.access.roles import RoleRepository
from storage.access.system_grants import SystemGrantRepository
from storage.accounts.administrators import AdministratorRepository
from storage.core.database import Database
from storage.operator.directory import UserDirectory
from storage.operator.role_changes import RoleChanges


@dataclass(frozen=True)
class Administration:
    """What administrators do; `live` are the settings as they have changed them."""

    audit: AuditLog
    configs: AdminConfigs
    grants: AdminGrants
    groups: AdminGroups
    live: LiveSettings
    roles: AdminRoles
    users: AdminUsers


def build_administration(
    settings: Settings, database: Database, access: AccessParts, accounts: Accounts, live: LiveSettings
) -> Administration:
    """The parts behind the operations of administrators; nothing is contacted."""
    directory, roles = UserDirectory(database), RoleRepository(database)
    configs, audit, capabilities = ConfigRepository(database), access.audit, access.capabilities
    return Administration(
        audit=audit,
        configs=AdminConfigs(settings, configs, live, capabilities, audit),
        grants=AdminGrants(SystemGrantRepository(database), roles, capabilities, audit),
        groups=AdminGroups(GroupRepository(database), directory, capabilities, access.access, audit),
        live=live,
        roles=AdminRoles(
            RoleStores(roles, RoleChanges(database), directory, AdministratorRepository(database)),
            access.remembered,
            access.access,
            capabilities,
            audit,
        ),
        users=AdminUsers(directory, PeopleRepository(database), capabilities, accounts.deletion, audit),
    )
