"""What a caller may do: with one thing that is shared, and by the role that the caller has."""

from collections.abc import Iterable
from datetime import datetime

from echo.access.kinds import ALL, VIEW, ResourceType, access_role
from echo.access.permissions import ADMIN, Needs, Permissions
from echo.access.remembered import Remembered
from echo.access.roles import RolePermissions
from echo.errors import Forbidden, NotFound
from echo.handling.caller import Caller
from storage.access.access_roles import AccessRoleRepository
from storage.access.acl_entries import AclEntryRepository, Grant
from storage.access.groups import GroupRepository
from storage.access.principals import EVERYBODY, GROUP, ROLE, USER, Principal, StoredId, stored_id
from storage.accounts.users import UserRepository
from storage.core.errors import NotFound as NoSuchDocument
from storage.core.repository import owner_id

# So many users' roles and groups are remembered.
MAX_REMEMBERED = 10_000


def insufficient() -> Forbidden:
    """What is answered to one who may see a thing, and may not do this with it, or not use it at all."""
    return Forbidden("You do not have the permission for that.", code="insufficient_permissions")


class Access:
    """Rights, as LibreChat has them.

    A thing is shared by grants, to a user, to all of a role or of a group, or to everybody. What a caller may do is
    the bits of all of these together; authorship says nothing. Administrators may do everything with a thing that
    they name, as LibreChat lets them, but what is listed for them is what was shared with them. Grants are read each
    time, so one that is given or taken counts at once, everywhere; the role and the groups of a user
    are remembered for three seconds, so that a check is one query. Ids of things are
    Mongo's `_id`; a text that is none means nothing. All methods raise `storage.core.errors.Unavailable`.
    """

    def __init__(
        self,
        entries: AclEntryRepository,
        access_roles: AccessRoleRepository,
        groups: GroupRepository,
        users: UserRepository,
        roles: RolePermissions,
    ) -> None:
        self._entries = entries
        self._access_roles = access_roles
        self._groups = groups
        self._users = users
        self._roles = roles
        self._accounts: Remembered[tuple[str, str | None]] = Remembered(MAX_REMEMBERED)
        self._memberships: Remembered[list[StoredId]] = Remembered(MAX_REMEMBERED)

    def bits(self, caller: Caller, kind: ResourceType, resource_id: StoredId | str) -> int:
        """What the caller may do with a thing, as bits. Whether an administrator's thing exists is not asked."""
        resource = stored_id(resource_id)
        if resource is None:
            return 0
        role, directory_id = self.account(caller.id)
        if role == ADMIN:
            return ALL
        return self._entries.bits(self._principals(caller, role, directory_id), kind, resource)

    def require(self, caller: Caller, kind: ResourceType, resource_id: StoredId | str, needed: int) -> int:
        """The caller's bits, which have all that is `needed`.

        Raises `echo.errors.NotFound`, as for a thing that does not exist, to one who may not even see it, and
        `Forbidden` to one who may see it and not do this.
        """
        bits = self.bits(caller, kind, resource_id)
        if not bits & VIEW:
            raise NotFound
        if bits & needed != needed:
            raise insufficient()
        return bits

    def accessible(self, caller: Caller, kind: ResourceType, needed: int) -> list[StoredId]:
        """The things of a kind that were shared with the caller so far, the newest first; at most 5000."""
        return self._entries.resources(self._principals(caller, *self.account(caller.id)), kind, needed)

    def each(self, caller: Caller, kind: ResourceType) -> dict[StoredId, int]:
        """What the caller may do with each thing that was shared with them; at most 5000, the newest first."""
        return self._entries.bits_of_each(self._principals(caller, *self.account(caller.id)), kind)

    def public(self, kind: ResourceType, needed: int = VIEW) -> set[StoredId]:
        """The things of a kind that everybody may do so much with; at most 5000."""
        return set(self._entries.resources([EVERYBODY], kind, needed))

    def is_public(self, kind: ResourceType, resource_id: StoredId | str) -> bool:
        """Whether everybody may see a thing."""
        return bool(self.anonymous_bits(kind, resource_id) & VIEW)

    def anonymous_bits(self, kind: ResourceType, resource_id: StoredId | str) -> int:
        """What somebody may do with a thing who has not logged in."""
        resource = stored_id(resource_id)
        return 0 if resource is None else self._entries.bits([EVERYBODY], kind, resource)

    def own(
        self,
        owner: str,
        kind: ResourceType,
        resource_id: StoredId | str,
        *,
        expires_at: datetime | None = None,
    ) -> None:
        """Make a user the owner of a new thing, until it expires; done twice, it is done once.

        Call it with the thing's id before the thing is stored: without a grant nobody can see it, its maker
        included. Raises `NotFound` for an id that is none.
        """
        owning, resource = self._named(kind, "owner", ALL, expires_at), existing(resource_id)
        self._entries.give(owner, Principal(USER, owner_id(owner)), kind, resource, owning)

    def share_publicly(
        self,
        granted_by: str,
        kind: ResourceType,
        resource_id: StoredId | str,
        *,
        expires_at: datetime | None = None,
    ) -> None:
        """Let everybody see a thing, until it expires."""
        viewing, resource = self._named(kind, "viewer", VIEW, expires_at), existing(resource_id)
        self._entries.give(granted_by, EVERYBODY, kind, resource, viewing)

    def forget(self, kind: ResourceType, resource_ids: Iterable[StoredId | str]) -> None:
        """Remove every grant on things that are deleted."""
        stored = (stored_id(each) for each in resource_ids)
        self._entries.forget(kind, [each for each in stored if each is not None])

    def allowed(self, caller: Caller, permission_type: str, *permissions: str) -> bool:
        """Whether the role of the caller has all of these permissions: `allowed(caller, "PROMPTS", "CREATE")`.

        Raises `KeyError` for a type that does not exist.
        """
        return self.role_allows(self.account(caller.id)[0], permission_type, *permissions)

    def role_allows(self, role: str, permission_type: str, *permissions: str) -> bool:
        """The same for any role."""
        return _has(self._roles.of(role), {permission_type: permissions})

    def demand(self, caller: Caller, permission_type: str, *permissions: str) -> None:
        """Raise `Forbidden` unless the role of the caller has all of these permissions."""
        self.check(caller.id, {permission_type: permissions})

    def check(self, owner: str, needs: Needs) -> None:
        """Raise `Forbidden` unless the role of a user has everything that is needed."""
        if not self.may(owner, needs):
            raise insufficient()

    def may(self, owner: str, needs: Needs) -> bool:
        """Whether the role of a user has everything that is needed."""
        return _has(self._roles.of(self.account(owner)[0]), needs)

    def check_remembered(self, owner: str, needs: Needs) -> bool:
        """The same without asking the database; False where what is remembered does not say."""
        account = self._accounts.known(owner)
        permissions = None if account is None else self._roles.known(account[0])
        if permissions is None:
            return False
        if not _has(permissions, needs):
            raise insufficient()
        return True

    def role_of(self, caller: Caller) -> str:
        """The role of the caller as it is now, not when their token was made; "" for one who is gone.

        A change is felt within seconds, as that of a session is.
        """
        return self.account(caller.id)[0]

    def account(self, owner: str) -> tuple[str, str | None]:
        """The role of a user, "" for one who is gone, and the id that a directory has for them."""
        try:
            return self._accounts.get(owner, lambda: self._find_account(owner))
        except NoSuchDocument:
            return "", None

    def forget_people(self) -> None:
        """Roles or groups of users were changed here: this process shall know at once."""
        self._accounts.forget()
        self._memberships.forget()

    def _principals(self, caller: Caller, role: str, directory_id: str | None) -> list[Principal]:
        groups = self._memberships.get(
            (caller.id, directory_id), lambda: self._groups.ids_of(caller.id, directory_id)
        )
        principals = [
            Principal(USER, owner_id(caller.id)),
            EVERYBODY,
            *(Principal(GROUP, each) for each in groups),
        ]
        return [*principals, Principal(ROLE, role)] if role else principals

    def _find_account(self, owner: str) -> tuple[str, str | None]:
        user = self._users.get(owner)
        return user.get("role") or "USER", user.get("idOnTheSource") or None

    def _named(self, kind: ResourceType, role: str, bits: int, expires_at: datetime | None) -> Grant:
        named = self._access_roles.find(access_role(kind, role)) or {}
        return Grant(bits, named.get("_id"), expires_at)


def _has(permissions: Permissions, needs: Needs) -> bool:
    return all(permissions[kind].get(each, False) for kind, names in needs.items() for each in names)


def existing(resource_id: StoredId | str) -> StoredId:
    """The id of a thing as it is stored; raises `NotFound` for a text that is none."""
    resource = stored_id(resource_id)
    if resource is None:
        raise NotFound
    return resource
