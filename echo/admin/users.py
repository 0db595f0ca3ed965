"""Users, as administrators see and remove them."""

from typing import Any

from echo.access.audit import Actor, AuditLog
from echo.access.capabilities import Capabilities
from echo.accounts.deletion import AccountDeletion
from echo.admin.members import Page
from echo.errors import Forbidden
from storage.access.people import PeopleRepository
from storage.access.principals import USER
from storage.operator.directory import UserDirectory


class AdminUsers:
    """All users of the server."""

    def __init__(
        self,
        directory: UserDirectory,
        people: PeopleRepository,
        capabilities: Capabilities,
        deletion: AccountDeletion,
        audit: AuditLog,
    ) -> None:
        self._directory = directory
        self._people = people
        self._capabilities = capabilities
        self._deletion = deletion
        self._audit = audit

    def list_page(self, offset: int, limit: int) -> Page:
        """Users, the newest first."""
        return Page(*self._directory.list_page(offset, limit))

    def search(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Users with a text in name, address or username, by name. Raises `TookTooLong`."""
        return self._people.search(text, USER, limit)

    def delete(self, actor: Actor, user_id: str) -> None:
        """Remove a user with everything that is theirs, as users remove themselves.

        Raises `NotFound`; `Forbidden` for the caller's own account, and for a user who may do what the caller may
        not; `Conflict` for the last administrator.
        """
        user = self._directory.get(user_id)
        if actor.id == user_id:
            raise Forbidden("Your own account you delete in its settings.", code="own_account")
        self._capabilities.demand_no_less(actor.id, *self._capabilities.principals(user_id))
        self._deletion.remove(user_id)
        details = {"role": user.get("role") or "USER"}
        self._audit.record(actor, "user.deleted", "user", user_id, str(user.get("name") or ""), **details)
