"""How the parts of access fit together; called by the composition root."""

from echo.access.roles import RolePermissions
from echo.access.service import Access
from storage.access.access_roles import AccessRoleRepository
from storage.access.acl_entries import AclEntryRepository
from storage.access.groups import GroupRepository
from storage.access.roles import RoleRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database


def build_access(database: Database) -> Access:
    """What decides who may do what; nothing is contacted."""
    return Access(
        AclEntryRepository(database),
        AccessRoleRepository(database),
        GroupRepository(database),
        UserRepository(database),
        RolePermissions(RoleRepository(database)),
    )
