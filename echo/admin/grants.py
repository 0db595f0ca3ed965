"""Capabilities of roles, as administrators give and take them."""

from typing import Any

from echo.access.audit import Actor, AuditLog
from echo.access.capabilities import (
    ACCESS_ADMIN,
    MANAGE_ROLES,
    READ_ROLES,
    Capabilities,
    covers,
    is_capability,
)
from echo.access.permissions import ADMIN
from echo.access.service import insufficient
from echo.admin.members import Page
from echo.errors import FieldError, InvalidRequest
from storage.access.principals import ROLE, Principal
from storage.access.roles import RoleRepository
from storage.access.system_grants import SystemGrantRepository
from storage.core.errors import LastAdministrator

# Without these nobody could give anything back before the next start.
KEPT_BY_ADMINISTRATORS = (ACCESS_ADMIN, MANAGE_ROLES)


class AdminGrants:
    """Grants to roles; those to groups and users, which LibreChat makes nowhere, count where they are stored."""

    def __init__(
        self,
        grants: SystemGrantRepository,
        roles: RoleRepository,
        capabilities: Capabilities,
        audit: AuditLog,
    ) -> None:
        self._grants = grants
        self._roles = roles
        self._capabilities = capabilities
        self._audit = audit

    def list_page(self, user_id: str, offset: int, limit: int) -> Page:
        """Grants by capability; as in LibreChat none for one who may not read roles."""
        if not self._capabilities.has(user_id, READ_ROLES):
            return Page([], 0)
        return Page(*self._grants.list_page(offset, limit))

    def effective(self, user_id: str) -> list[str]:
        """What a user may do, with what comes with it."""
        return sorted(self._capabilities.of(user_id))

    def of_role(self, role: str) -> list[dict[str, Any]]:
        """The grants of one role."""
        return self._grants.of(Principal(ROLE, role))

    def give(self, actor: Actor, role: str, capability: str) -> dict[str, Any]:
        """Grant a role a capability; the grant.

        Raises `Forbidden` for one that the caller does not have, `InvalidRequest` for what is none, or no role.
        """
        _check(capability)
        if not covers(self._capabilities.of(actor.id), capability):
            raise insufficient()
        if self._roles.find(role) is None:
            raise InvalidRequest(errors=(FieldError("principalId", "is no role"),))
        grant, is_new = self._grants.give(Principal(ROLE, role), capability, actor.id)
        if is_new:
            self._audit.record(actor, "grant.assigned", ROLE, role, capability=capability)
        return grant

    def take(self, actor: Actor, role: str, capability: str) -> None:
        """Take a capability away, also one that the caller does not have: but not from administrators.

        Raises `InvalidRequest`, `Forbidden`, and
        `storage.core.errors.LastAdministrator` for what administrators need to give it back.
        """
        _check(capability)
        if role == ADMIN:
            # Nobody hides from them, who could not give it back to themselves.
            self._capabilities.demand_no_less(actor.id, Principal(ROLE, ADMIN))
        if role == ADMIN and capability in KEPT_BY_ADMINISTRATORS:
            raise LastAdministrator
        if self._grants.take(Principal(ROLE, role), capability):
            self._audit.record(actor, "grant.removed", ROLE, role, capability=capability)


def _check(capability: str) -> None:
    if not is_capability(capability):
        raise InvalidRequest(errors=(FieldError("capability", "is no capability"),))
