"""Sharing: with whom a thing is shared, and changes of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.access.kinds import ALL, PERMISSION_OF, SHARE, VIEW, ResourceType
from echo.access.permissions import ABSENT, ADMIN
from echo.access.service import Access, existing, insufficient
from echo.errors import NotFound, Unprocessable, owner_required
from echo.handling.caller import Caller
from storage.access.access_roles import AccessRoleRepository
from storage.access.acl_entries import AclEntryRepository, Grant
from storage.access.people import PeopleRepository, principal_in, principal_of
from storage.access.principals import EVERYBODY, GROUP, PUBLIC, ROLE, USER, Principal, StoredId
from storage.access.resources import Resources

# So many users, groups and roles one thing is shared with.
MAX_GRANTS = 500
# The permission that allows to look for each, and so to learn their names.
PICKING = {USER: "VIEW_USERS", GROUP: "VIEW_GROUPS", ROLE: "VIEW_ROLES"}
Json = Mapping[str, Any]
# What each is given; None takes everything.
Planned = dict[Principal, Grant | None]


@dataclass(frozen=True)
class Share:
    """One with whom a thing is shared: who they are, what is stored of them, and their access role's id."""

    principal: Principal
    document: Json
    access_role: str | None


@dataclass(frozen=True)
class Shares:
    """With whom a thing is shared; `public_role` is None where it is not for everybody."""

    people: list[Share] = field(default_factory=list)
    public_role: str | None = None


@dataclass(frozen=True)
class Changes:
    """What a client asks for: `given` and `taken` as (type, id, access role), and whether everybody may see it.

    `public` is None where that stays as it is.
    """

    given: tuple[tuple[str, str, str | None], ...] = ()
    taken: tuple[tuple[str, str, str | None], ...] = ()
    public: bool | None = None
    public_role: str | None = None


class Sharing:
    """What those may do with the grants on a thing who have the right to share it."""

    def __init__(
        self,
        access: Access,
        entries: AclEntryRepository,
        access_roles: AccessRoleRepository,
        people: PeopleRepository,
        resources: Resources,
    ) -> None:
        self._access = access
        self._entries = entries
        self._access_roles = access_roles
        self._people = people
        self._resources = resources

    def access_roles(self, kind: ResourceType) -> list[dict[str, Any]]:
        """The roles that a thing of the kind can be shared with, the least one first."""
        return self._access_roles.list_kind(kind)

    def effective(self, caller: Caller, kind: ResourceType, resource_id: str) -> int:
        """The caller's bits; none for a thing that does not exist."""
        bits = self._access.bits(caller, kind, resource_id)
        return bits if bits and self._resources.exists(kind, existing(resource_id)) else 0

    def describe(self, caller: Caller, kind: ResourceType, resource_id: str) -> Shares:
        """With whom a thing is shared, at most 501. Raises `NotFound`, and `Forbidden` without the right to share."""
        return self._shares(kind, self._require(caller, kind, resource_id))

    def change(self, caller: Caller, kind: ResourceType, resource_id: str, changes: Changes) -> Shares:
        """Make changes, all or none; what was given, and whether everybody may see the thing now.

        Who does not exist is skipped, as in LibreChat. Raises `NotFound`; `Forbidden` without the right to share it,
        without the permission to share such things (with everybody), and for somebody new whom the caller may not
        look for; `Unprocessable` where nobody would own it any more, and for what is too much.
        """
        resource = self._require(caller, kind, resource_id)
        self._demand(caller, kind, public=changes.public is True)
        roles = {each["accessRoleId"]: each for each in self._access_roles.list_kind(kind)}
        entries = self._entries.list(kind, resource, MAX_GRANTS + 1)
        before = {principal_in(each) for each in entries}
        planned = self._planned(roles, changes)
        known = self._people.known(planned)
        self._check_picking(caller, {each for each, grant in planned.items() if grant and each not in before})
        planned = {each: grant for each, grant in planned.items() if grant is None or each in known}
        self._check(kind, entries, planned)
        given = [Share(each, known[each], _name_of(grant, roles)) for each, grant in planned.items() if grant]
        public = self._public(kind, roles, changes)
        self._entries.change(caller.id, kind, resource, {**planned, **public})
        return Shares(given, self._shares(kind, resource).public_role)

    def _require(self, caller: Caller, kind: ResourceType, resource_id: str) -> StoredId:
        bits = self._access.require(caller, kind, resource_id, VIEW)
        resource = existing(resource_id)
        if not self._resources.exists(kind, resource):
            raise NotFound
        if not bits & SHARE:
            raise insufficient()
        return resource

    def _demand(self, caller: Caller, kind: ResourceType, *, public: bool) -> None:
        permission = PERMISSION_OF[kind]
        if "SHARE" in ABSENT.get(permission, ()):
            raise insufficient()
        # As in LibreChat, administrators manage what others share, whatever the permissions of their role.
        if self._access.role_of(caller) != ADMIN:
            self._access.demand(caller, permission, "SHARE", *(["SHARE_PUBLIC"] if public else []))

    def _planned(self, roles: Mapping[str, Json], changes: Changes) -> Planned:
        planned: Planned = {}
        for kind, text, _ in changes.taken:
            if kind != PUBLIC and (principal := principal_of(kind, text)):
                planned[principal] = None
        for kind, text, role in changes.given:
            if kind != PUBLIC and (principal := principal_of(kind, text)):
                planned[principal] = _grant(roles, role)
        return planned

    def _public(self, kind: ResourceType, roles: Mapping[str, Json], changes: Changes) -> Planned:
        if changes.public is None:
            return {}
        return {EVERYBODY: _grant(roles, changes.public_role or f"{kind}_viewer") if changes.public else None}

    def _check_picking(self, caller: Caller, new: Iterable[Principal]) -> None:
        for kind in {each.type for each in new}:
            self._access.demand(caller, "PEOPLE_PICKER", PICKING[kind])

    def _check(self, kind: ResourceType, entries: list[dict[str, Any]], planned: Planned) -> None:
        before = {principal_in(each) for each in entries}
        after = {*before, *planned} - {each for each, grant in planned.items() if grant is None}
        if len(after) > MAX_GRANTS and len(after) > len(before):
            raise Unprocessable(f"It can be shared with {MAX_GRANTS} at most.", code="too_many_grants")
        owners = {principal_in(each) for each in entries if _bits(each) & ALL == ALL}
        lesser = {each for each, grant in planned.items() if grant is None or grant.bits & ALL != ALL}
        if kind == ResourceType.SHARED_LINK and owners & lesser:
            raise owner_required("The owner of a shared link cannot be changed.")

    def _shares(self, kind: ResourceType, resource: StoredId) -> Shares:
        roles = self._access_roles.list_kind(kind)
        entries = {principal_in(each): each for each in self._entries.list(kind, resource, MAX_GRANTS + 1)}
        known = self._people.known(entries)
        public = entries.get(EVERYBODY)
        return Shares(
            [
                Share(each, known[each], _role_of(entry, roles))
                for each, entry in entries.items()
                if each in known
            ],
            _role_of(public, roles) if public else None,
        )


def _grant(roles: Mapping[str, Json], name: str | None) -> Grant:
    if name is None or name not in roles:
        raise Unprocessable("There is no such role for this.", code="unknown_access_role")
    return Grant(roles[name]["permBits"], roles[name]["_id"])


def _name_of(grant: Grant, roles: Mapping[str, Json]) -> str | None:
    return next((name for name, role in roles.items() if role["_id"] == grant.role_id), None)


def _role_of(entry: Json, roles: list[dict[str, Any]]) -> str | None:
    """The role that a grant names, else the greatest that the grant covers: scripts write grants without one."""
    bits = _bits(entry)
    covered = [each for each in roles if each["permBits"] & bits == each["permBits"]]
    named = [each for each in covered if each["_id"] == entry.get("roleId")] or covered
    return str(named[-1]["accessRoleId"]) if named else None


def _bits(entry: Json) -> int:
    bits = entry.get("permBits")
    return int(bits) if isinstance(bits, int | float) else 0
