"""Roles of users, as clients see them and administrators change them."""

from collections.abc import Mapping
from typing import Any

from echo.access.audit import Actor, AuditLog
from echo.access.permissions import ADMIN, DEFAULTS, PERMISSIONS, USER, effective
from echo.access.roles import RolePermissions
from echo.access.service import Access, insufficient
from echo.errors import NotFound
from echo.handling.caller import Caller
from storage.access.principals import ROLE
from storage.access.roles import RoleRepository


class RoleAdministration:
    """What each role may do: everybody sees their own and `USER`, administrators all."""

    def __init__(
        self, access: Access, roles: RoleRepository, remembered: RolePermissions, audit: AuditLog
    ) -> None:
        self._access = access
        self._roles = roles
        self._remembered = remembered
        self._audit = audit

    def get(self, caller: Caller, name: str) -> dict[str, Any]:
        """A role with its permissions as they hold here: what Echo does not have is nobody's.

        Raises `NotFound`, and `Forbidden` for a role that the caller may not see, whether it exists or not.
        """
        own = self._access.role_of(caller)
        if own != ADMIN and name not in (USER, own):
            raise insufficient()
        role = self._roles.find(name)
        if role is None and name not in DEFAULTS:
            raise NotFound
        return shown(role or {"name": name, "description": "", "permissions": DEFAULTS[name]})

    def change(
        self, actor: Actor, name: str, permission_type: str, permissions: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Set permissions of one type; those that the type does not have are left out. The role as `get` has it.

        Raises `NotFound`, and `Forbidden` to all but administrators.
        """
        self.demand_administrator(actor.caller)
        known = {each: permissions[each] for each in PERMISSIONS[permission_type] if each in permissions}
        if not known:
            return self.get(actor.caller, name)
        role = self._roles.change(name, permission_type, known)
        self._remembered.forget()
        note_permissions(self._audit, actor, name, {permission_type: known})
        return shown(role)

    def demand_administrator(self, caller: Caller) -> None:
        """Raise `Forbidden` unless the caller is an administrator now."""
        if self._access.role_of(caller) != ADMIN:
            raise insufficient()


def note_permissions(
    audit: AuditLog, actor: Actor, role: str, permissions: Mapping[str, Mapping[str, bool]]
) -> None:
    """Write into the audit log which permissions of a role were set."""
    given = [
        f"{kind}.{each}={str(value).lower()}"
        for kind, names in permissions.items()
        for each, value in names.items()
    ]
    audit.record(actor, "role.permissions_changed", ROLE, role, permissions=", ".join(given))


def shown(role: Mapping[str, Any]) -> dict[str, Any]:
    """A role with every permission that there is, as it holds here."""
    return {**role, "permissions": effective(role.get("permissions"))}
