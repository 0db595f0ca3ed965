"""Groups, as administrators make and fill them."""

from collections.abc import Mapping, Sequence
from typing import Any

from echo.access.audit import Actor, AuditLog
from echo.access.capabilities import Capabilities
from echo.access.service import Access
from echo.admin.members import Page, names_of, resolve
from echo.errors import FieldError, InvalidRequest
from storage.access.groups import GroupRepository
from storage.access.principals import GROUP, Principal, stored_id
from storage.operator.directory import UserDirectory

Document = dict[str, Any]


class AdminGroups:
    """All groups of the server. Methods on one raise `storage.core.errors.NotFound`.

    Those that fill, empty or remove one raise `Forbidden` where the group may do what the caller may not.
    """

    def __init__(
        self,
        groups: GroupRepository,
        directory: UserDirectory,
        capabilities: Capabilities,
        access: Access,
        audit: AuditLog,
    ) -> None:
        self._groups = groups
        self._directory = directory
        self._capabilities = capabilities
        self._access = access
        self._audit = audit

    def list_page(self, *, text: str | None, source: str | None, offset: int, limit: int) -> Page:
        """Groups by name; `text` is a part of name, address or description. Raises `TookTooLong`."""
        return Page(*self._groups.list_page(text=text, source=source, offset=offset, limit=limit))

    def get(self, group_id: str) -> Document:
        """One group, with the first thousand of its members' ids."""
        return self._groups.get(group_id)

    def create(self, actor: Actor, fields: Mapping[str, str], members: Sequence[str]) -> Document:
        """A new group. Users are named by their ids; other names are those of a directory, and taken as they are.

        Raises `InvalidRequest` for an id that no user has, `Conflict` for a group of the directory that is here.
        """
        known = self._directory.named(members)
        missing = [index for index, each in enumerate(members) if stored_id(each) and each not in known]
        if missing:
            errors = (FieldError(f"memberIds.{missing[0]}", "is no user"),)
            raise InvalidRequest(errors=errors)
        names = [names_of(known[each])[0] if each in known else each for each in members]
        group = self._groups.create(fields, names)
        self._access.forget_people()
        self._note(actor, "created", group, members=len(names))
        return group

    def describe(self, actor: Actor, group_id: str, fields: Mapping[str, str]) -> Document:
        """Change name, description, address or picture."""
        group = self._groups.describe(group_id, fields)
        self._note(actor, "updated", group, fields=", ".join(sorted(fields)))
        return group

    def delete(self, actor: Actor, group_id: str) -> None:
        """Remove a group, with what was shared with it and set for it."""
        self._demand_no_less(actor, self._groups.get(group_id))
        group = self._groups.delete(group_id)
        self._access.forget_people()
        self._note(actor, "deleted", group)

    def members(self, group_id: str, offset: int, limit: int) -> Page:
        """Its members in the order in which they came."""
        names, total = self._groups.member_ids(group_id, offset, limit)
        return Page(resolve(self._directory, names), total)

    def add_member(self, actor: Actor, group_id: str, user_id: str) -> Document:
        """Add a user; the group."""
        self._demand_no_less(actor, self._groups.get(group_id))
        user = self._directory.get(user_id)
        group = self._groups.add_member(group_id, names_of(user))
        self._access.forget_people()
        self._note(actor, "member_added", group, userId=user_id)
        return group

    def remove_member(self, actor: Actor, group_id: str, member: str) -> None:
        """Remove a member, by a user's id or by the name that the group has for somebody who is no user."""
        self._demand_no_less(actor, self._groups.get(group_id))
        known = self._directory.named([member]).get(member)
        group = self._groups.remove_member(group_id, [*(names_of(known) if known else ()), member])
        self._access.forget_people()
        self._note(actor, "member_removed", group, userId=member)

    def _demand_no_less(self, actor: Actor, group: Document) -> None:
        self._capabilities.demand_no_less(actor.id, Principal(GROUP, group["_id"]))

    def _note(self, actor: Actor, what: str, group: Document, **details: Any) -> None:
        name, group_id = str(group.get("name") or ""), str(group["_id"])
        self._audit.record(actor, f"group.{what}", "group", group_id, name, **details)
