"""Roles, as administrators make, change and give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echo.access.administration import note_permissions, shown
from echo.access.audit import Actor, AuditLog
from echo.access.capabilities import Capabilities
from echo.access.permissions import ADMIN, DEFAULTS, PERMISSIONS, USER, held
from echo.access.roles import RolePermissions
from echo.access.service import Access, insufficient
from echo.admin.members import Page
from echo.errors import Conflict, FieldError, Forbidden
from storage.access.principals import ROLE, Principal
from storage.access.roles import RoleRepository
from storage.accounts.administrators import AdministratorRepository
from storage.core.errors import NotFound
from storage.operator.directory import UserDirectory
from storage.operator.role_changes import RoleChanges

Document = dict[str, Any]
SYSTEM = (ADMIN, USER)
# What stands behind a role in paths.
RESERVED = ("members", "permissions")
Permissions = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True)
class RoleStores:
    """Where roles are, and who has them."""

    roles: RoleRepository
    changes: RoleChanges
    directory: UserDirectory
    administrators: AdministratorRepository


class AdminRoles:
    """All roles of the server. Methods on one raise `storage.core.errors.NotFound`.

    Those that change one raise `Forbidden` where the role may do what the caller may not.
    """

    def __init__(
        self,
        stores: RoleStores,
        remembered: RolePermissions,
        access: Access,
        capabilities: Capabilities,
        audit: AuditLog,
    ) -> None:
        self._roles = stores.roles
        self._changes = stores.changes
        self._directory = stores.directory
        self._administrators = stores.administrators
        self._remembered = remembered
        self._access = access
        self._capabilities = capabilities
        self._audit = audit

    def list_page(self, offset: int, limit: int) -> Page:
        """Roles by name, without permissions."""
        return Page(*self._roles.list_page(offset, limit))

    def get(self, name: str) -> Document:
        """A role with its permissions as they hold here."""
        return shown(self._find(name))

    def create(self, actor: Actor, name: str, description: str, permissions: Permissions) -> Document:
        """A new role. Raises `Conflict` for a name that is taken, and `Forbidden` for more than the caller has."""
        self._check_name(name)
        known = _known(permissions)
        self._demand_permissions(actor, known)
        role = self._roles.create(name, description, known)
        self._noted(actor, "created", name)
        return shown(role)

    def update(self, actor: Actor, name: str, new_name: str | None, description: str | None) -> Document:
        """Rename a role, or describe it otherwise. Raises `Forbidden` for one of LibreChat's own, and `Conflict`."""
        role = self._find(name)
        if new_name and new_name != name:
            if name in SYSTEM:
                raise _system_role("renamed")
            self._check_name(new_name)
            self._demand_no_less(actor, name)
            role = self._changes.rename(name, new_name)
            self._noted(actor, "renamed", new_name, before=name)
        if description is not None:
            self._demand_no_less(actor, role["name"])
            role = self._roles.describe(role["name"], description)
            self._noted(actor, "updated", role["name"])
        return shown(role)

    def change_permissions(self, actor: Actor, name: str, permissions: Permissions) -> Document:
        """Set permissions; those that are not named stay. Raises `Forbidden` for more than the caller has."""
        known = _known(permissions)
        self._demand_permissions(actor, known)
        self._demand_no_less(actor, name)
        role = self._roles.merge(name, known)
        self._forget()
        note_permissions(self._audit, actor, name, known)
        return shown(role)

    def delete(self, actor: Actor, name: str) -> None:
        """Remove a role, whose users become plain ones. Raises `Forbidden` for one of LibreChat's own."""
        if name.upper() in SYSTEM:
            raise _system_role("deleted")
        self._demand_no_less(actor, name)
        for capability in self._changes.delete(name):
            self._audit.record(actor, "grant.removed", ROLE, name, capability=capability)
        self._noted(actor, "deleted", name)

    def members(self, name: str, offset: int, limit: int) -> Page:
        """Users of a role, by name."""
        self._find(name)
        return Page(*self._directory.of_role(name, offset, limit))

    def add_member(self, actor: Actor, name: str, user_id: str) -> None:
        """Give a role to a user, in place of the one that the user has.

        Raises `Forbidden` for USER, which is what users are who have no other, and where this role or the user's
        own may do what the caller may not; `Conflict` for the last administrator.
        """
        if name == USER:
            raise _system_role("given like this")
        self._find(name)
        user = self._directory.get(user_id)
        if user.get("role") != name:
            self._demand_role(actor, name)
            self._set_role(actor, user, name)
            self._noted(actor, "member_added", name, userId=user_id)

    def remove_member(self, actor: Actor, name: str, user_id: str) -> None:
        """Make a user of a role a plain one; raises as `add_member`, and `NotFound` for one who has another role."""
        if name == USER:
            raise _system_role("taken away")
        self._find(name)
        user = self._directory.get(user_id)
        if user.get("role") != name:
            raise NotFound
        self._set_role(actor, user, USER)
        self._noted(actor, "member_removed", name, userId=user_id)

    def _set_role(self, actor: Actor, user: Mapping[str, Any], role: str) -> None:
        self._demand_no_less(actor, user.get("role") or USER)
        self._administrators.set_role(str(user["_id"]), role)

    def _demand_role(self, actor: Actor, name: str) -> None:
        self._demand_no_less(actor, name)
        self._demand_permissions(actor, held(self._find(name).get("permissions")))

    def _demand_no_less(self, actor: Actor, name: str) -> None:
        self._capabilities.demand_no_less(actor.id, Principal(ROLE, name))

    def _demand_permissions(self, actor: Actor, permissions: Permissions) -> None:
        """Raise `Forbidden` for what the role of the caller does not have; administrators may give everything."""
        own = self._directory.get(actor.id).get("role") or USER
        if own == ADMIN:
            return
        has = held((self._roles.find(own) or {}).get("permissions"))
        if any(
            value and not has[kind][each]
            for kind, names in permissions.items()
            for each, value in names.items()
        ):
            raise insufficient()

    def _find(self, name: str) -> Document:
        role = self._roles.find(name)
        if role is None and name in DEFAULTS:
            return {"name": name, "description": "", "permissions": DEFAULTS[name]}
        if role is None:
            raise NotFound
        return role

    def _check_name(self, name: str) -> None:
        if name.upper() in SYSTEM or name in RESERVED:
            taken = (FieldError("name", "already taken"),)
            raise Conflict(errors=taken)

    def _forget(self) -> None:
        self._remembered.forget()
        self._access.forget_people()

    def _noted(self, actor: Actor, what: str, name: str, **details: str) -> None:
        self._forget()
        self._audit.record(actor, f"role.{what}", ROLE, name, **details)


def _system_role(what: str) -> Forbidden:
    return Forbidden(f"A role of the system cannot be {what}.", code="system_role")


def _known(permissions: Permissions) -> dict[str, dict[str, bool]]:
    """The permissions that there are."""
    return {
        kind: {each: names[each] for each in PERMISSIONS[kind] if each in names}
        for kind, names in permissions.items()
        if kind in PERMISSIONS
    }
