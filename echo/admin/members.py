"""Members of roles and groups as administrators see them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from storage.operator.directory import UserDirectory

Documents = list[dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """Some of many, and how many those are."""

    items: Documents
    total: int


def resolve(directory: UserDirectory, names: Iterable[str]) -> Documents:
    """Each member once, by the names that a group has for them; one whom nobody knows is only that name."""
    names = list(names)
    known = directory.named(names)
    members: dict[str, dict[str, Any]] = {}
    for name in names:
        user = known.get(name, {"_id": name, "name": name})
        members.setdefault(str(user["_id"]), user)
    return list(members.values())


def names_of(user: Mapping[str, Any]) -> list[str]:
    """What groups call a user: the id of a directory first, if there is one, then the user's own."""
    own, elsewhere = str(user["_id"]), user.get("idOnTheSource")
    return [elsewhere, own] if isinstance(elsewhere, str) and elsewhere else [own]
