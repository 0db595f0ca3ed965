"""Which models are open to whom, by role and by group."""

from collections.abc import Callable

from echo.access.remembered import Remembered
from echo.access.service import MAX_REMEMBERED, Access
from echo.settings.model_access import EVERYTHING, ModelRules, Opened
from storage.access.groups import GroupRepository

# Finds what is open to a user, who is named by an id.
FindOpened = Callable[[str], Opened]


class ModelAccess:
    """What `ECHO_MODEL_ACCESS` opens to each user; everything to everybody where it is not set.

    A change of a role or a group is felt within three seconds, as one of permissions is.
    """

    def __init__(self, rules: ModelRules | None, access: Access, groups: GroupRepository) -> None:
        self._rules = rules
        self._access = access
        self._groups = groups
        self._named: Remembered[list[str]] = Remembered(MAX_REMEMBERED)

    def of(self, owner: str) -> Opened:
        """What is open to a user; nothing to one who is gone."""
        if self._rules is None:
            return EVERYTHING
        role, directory_id = self._access.account(owner)
        if not role:
            return Opened(frozenset())
        groups: list[str] = []
        if self._rules.groups:
            groups = self._named.get(
                (owner, directory_id), lambda: self._groups.names_of(owner, directory_id)
            )
        return self._rules.opened(role, groups)
