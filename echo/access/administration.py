"""Roles of users, as clients see them and administrators change them."""

from collections.abc import Mapping
from typing import Any

from echo.access.permissions import ADMIN, DEFAULTS, PERMISSIONS, USER, effective
from echo.access.roles import RolePermissions
from echo.access.service import Access, insufficient
from echo.errors import NotFound
from echo.handling.caller import Caller
from storage.access.roles import RoleRepository


class RoleAdministration:
    """What each role may do: everybody sees their own and `USER`, administrators all."""

    def __init__(self, access: Access, roles: RoleRepository, remembered: RolePermissions) -> None:
        self._access = access
        self._roles = roles
        self._remembered = remembered

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
        self, caller: Caller, name: str, permission_type: str, permissions: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Set permissions of one type; those that the type does not have are left out. The role as `get` has it.

        Raises `NotFound`, and `Forbidden` to all but administrators.
        """
        self.demand_administrator(caller)
        known = {each: permissions[each] for each in PERMISSIONS[permission_type] if each in permissions}
        if not known:
            return self.get(caller, name)
        role = self._roles.change(name, permission_type, known)
        self._remembered.forget()
        return shown(role)

    def demand_administrator(self, caller: Caller) -> None:
        """Raise `Forbidden` unless the caller is an administrator now."""
        if self._access.role_of(caller) != ADMIN:
            raise insufficient()


def shown(role: Mapping[str, Any]) -> dict[str, Any]:
    """A role with every permission that there is, as it holds here."""
    return {**role, "permissions": effective(role.get("permissions"))}
