"""How the parts of access fit together; called by the composition root."""

from dataclasses import dataclass

from echo.access.administration import RoleAdministration
from echo.access.audit import AuditLog
from echo.access.capabilities import Capabilities
from echo.access.models import ModelAccess
from echo.access.picking import PeoplePicker
from echo.access.roles import RolePermissions
from echo.access.service import Access
from echo.access.sharing import Sharing
from echo.settings.model_access import ModelRules
from storage.access.access_roles import AccessRoleRepository
from storage.access.acl_entries import AclEntryRepository
from storage.access.audit_log import AuditLogRepository
from storage.access.groups import GroupRepository
from storage.access.people import PeopleRepository
from storage.access.resources import Resources
from storage.access.roles import RoleRepository
from storage.access.system_grants import SystemGrantRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database


@dataclass(frozen=True)
class AccessParts:
    """`access` decides, and `capabilities` about administrators; the others are for those who share, look for
    somebody, administer roles, or ask a model. `remembered` are the permissions of roles, `audit` says what
    administrators did.
    """

    access: Access
    audit: AuditLog
    capabilities: Capabilities
    remembered: RolePermissions
    sharing: Sharing
    people: PeoplePicker
    roles: RoleAdministration
    models: ModelAccess


def build_access(database: Database, rules: ModelRules | None = None) -> AccessParts:
    """What decides who may do what, and by these rules which models are open to whom; nothing is contacted."""
    entries, access_roles = AclEntryRepository(database), AccessRoleRepository(database)
    roles, people = RoleRepository(database), PeopleRepository(database)
    remembered = RolePermissions(roles)
    groups, users = GroupRepository(database), UserRepository(database)
    access = Access(entries, access_roles, groups, users, remembered)
    audit = AuditLog(AuditLogRepository(database), users)
    return AccessParts(
        access=access,
        audit=audit,
        capabilities=Capabilities(SystemGrantRepository(database), users, groups),
        remembered=remembered,
        sharing=Sharing(access, entries, access_roles, people, Resources(database)),
        people=PeoplePicker(access, people),
        roles=RoleAdministration(access, roles, remembered, audit),
        models=ModelAccess(rules, access, groups),
    )
