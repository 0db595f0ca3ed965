"""Looking for somebody to share with."""

from typing import Any

from echo.access.service import Access, insufficient
from echo.access.sharing import PICKING
from echo.handling.caller import Caller
from storage.access.people import PeopleRepository
from storage.access.principals import ROLE, Principal

Found = list[tuple[Principal, dict[str, Any]]]


class PeoplePicker:
    """Users, groups and roles, for those whose role may look for them."""

    def __init__(self, access: Access, people: PeopleRepository) -> None:
        self._access = access
        self._people = people

    def search(self, caller: Caller, text: str, kinds: list[str] | None, limit: int) -> Found:
        """Those of these kinds who have a text in their names or addresses, `limit` at most.

        Without `kinds` all that the caller may look for. Raises `Forbidden` where that is none, or a kind that is
        named is not one of them; `TookTooLong`.
        """
        allowed = [
            kind for kind, right in PICKING.items() if self._access.allowed(caller, "PEOPLE_PICKER", right)
        ]
        wanted = allowed if kinds is None else list(dict.fromkeys(kinds))
        if not wanted or not set(wanted) <= set(allowed):
            raise insufficient()
        found: Found = []
        for kind in wanted:
            documents = self._people.search(text, kind, limit - len(found)) if len(found) < limit else []
            key = "name" if kind == ROLE else "_id"
            found += [(Principal(kind, each[key]), each) for each in documents]
        return found
