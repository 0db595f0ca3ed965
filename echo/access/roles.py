"""Roles of users, without asking the database for each request."""

from echo.access.permissions import DEFAULTS, Permissions, held
from echo.access.remembered import Remembered
from storage.access.roles import RoleRepository

MAX_REMEMBERED = 1000


class RolePermissions:
    """Remembers for a few seconds what users of each role may do; one per process."""

    def __init__(self, roles: RoleRepository) -> None:
        self._roles = roles
        self._known: Remembered[Permissions] = Remembered(MAX_REMEMBERED)

    def of(self, role: str) -> Permissions:
        """What a role may do, by type; nothing for one that does not exist.

        USER and ADMIN have their defaults where nothing is stored, as LibreChat would store them then.
        """
        return self._known.get(role, lambda: self._find(role))

    def known(self, role: str) -> Permissions | None:
        """The same where it is remembered; asks nobody."""
        return self._known.known(role)

    def forget(self) -> None:
        """A role was changed here: this process shall know at once."""
        self._known.forget()

    def _find(self, role: str) -> Permissions:
        stored = self._roles.find(role)
        return held(DEFAULTS.get(role) if stored is None else stored.get("permissions"))
