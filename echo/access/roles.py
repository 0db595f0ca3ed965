"""Roles of users, without asking the database for each request."""

import time
from collections import OrderedDict

from echo.access.permissions import DEFAULTS, Permissions, effective
from storage.access.roles import RoleRepository

# What an administrator changes is felt in every process within five seconds, as a logout is.
CHECK_SECONDS = 3.0
MAX_REMEMBERED = 1000


class RolePermissions:
    """Remembers for a few seconds what users of each role may do; one per process."""

    def __init__(self, roles: RoleRepository) -> None:
        self._roles = roles
        self._known: OrderedDict[str, tuple[float, Permissions]] = OrderedDict()

    def of(self, role: str) -> Permissions:
        """What a role may do, by type; nothing for one that does not exist.

        USER and ADMIN have their defaults where nothing is stored, as LibreChat would store them then.
        """
        until, permissions = self._known.get(role, (0.0, {}))
        if until > time.monotonic():
            return permissions
        stored = self._roles.find(role)
        permissions = effective(DEFAULTS.get(role) if stored is None else stored.get("permissions"))
        self._known[role] = (time.monotonic() + CHECK_SECONDS, permissions)
        self._known.move_to_end(role)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return permissions

    def forget(self) -> None:
        """A role was changed here: this process shall know at once."""
        self._known.clear()
