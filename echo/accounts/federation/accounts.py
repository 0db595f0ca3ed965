"""From an identity to the account: the rules are LibreChat's, where those are safe.

An account is found by provider and subject. One that has the provider but no subject yet (LibreChat made such) is
found by the address, and gets its subject then, if the server vouches for that address. Nothing else is found by an
address: whoever can make a server say one would have the account. LibreChat's social logins take an account of the
same provider by the address though it has another subject; here that is refused.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from echo.accounts.federation.identity import Identity, Policy, Refused, said
from echo.accounts.federation.roles import RoleSync, role_after
from echo.accounts.service import normalize_email
from echo.errors import InvalidRequest
from storage.access.directory_groups import DirectoryGroupRepository
from storage.access.roles import RoleRepository
from storage.accounts.administrators import AdministratorRepository
from storage.accounts.federated_users import FederatedUserRepository
from storage.accounts.users import ADMIN, USER, UserRepository
from storage.core.errors import Conflict, LastAdministrator, NotFound

log = structlog.get_logger(__name__)

User = dict[str, Any]
# The parts of an id at a server that is somebody's, and may be looked for.
MAX_SUBJECT = 512
# A domain that the check of addresses refuses, and one that it takes.
INTERNAL, STAND_IN = ".local", ".test"


class FederatedAccounts:
    """The accounts of those who come in by others: `admit` is all that a way in needs."""

    def __init__(
        self,
        users: UserRepository,
        federated: FederatedUserRepository,
        groups: DirectoryGroupRepository,
        roles: RoleRepository,
        administrators: AdministratorRepository,
        *,
        allowed_domains: tuple[str, ...],
        role_sync: RoleSync | None = None,
    ) -> None:
        self._users = users
        self._federated = federated
        self._groups = groups
        self._roles = roles
        self._administrators = administrators
        self._allowed_domains = allowed_domains
        self._role_sync = role_sync

    def admit(self, identity: Identity, policy: Policy, *, existing_only: bool = False) -> User:
        """The account of an identity, made if there is none, with what the server says now; raises `Refused`.

        `existing_only` makes none, whatever the policy says. Whether the account is banned is not asked here.
        """
        if not 0 < len(identity.subject) <= MAX_SUBJECT:
            raise Refused("login_failed", "no subject")
        address = checked_address(identity)
        try:
            user = self._known(identity, address)
            if user is None:
                if existing_only or not policy.registers:
                    raise Refused("registration_closed")
                user = self._create_once(identity, policy, address)
            else:
                user = self._follow(user, identity, policy, address)
        except Conflict as error:
            raise Refused("account_exists", f"{error.field} is taken") from error
        except NotFound as error:
            raise Refused("login_failed", "the account has gone") from error
        if identity.groups is not None:
            self._groups.set_membership(str(user["_id"]), user.get("idOnTheSource"), identity.groups)
        return user

    def _known(self, identity: Identity, address: str | None) -> User | None:
        user = self._federated.find(identity.provider, identity.subject, identity.issuer)
        if user is None and address and identity.email_verified:
            return self._of_address(identity, address)
        if user is not None and user.get("provider") != identity.provider:
            raise Refused("account_exists", f"the subject's account is {user.get('provider')}'s")
        if user is not None and identity.issuer and not user.get("openidIssuer"):
            return self._federated.update(str(user["_id"]), {"openidIssuer": identity.issuer})
        return user

    def _of_address(self, identity: Identity, address: str) -> User | None:
        """The account with the address, if it is of this provider and waits for its subject; None for none."""
        user = self._users.find_by_email(address)
        if user is None:
            return None
        if user.get("provider") != identity.provider:
            raise Refused("account_exists", f"the address's account is {user.get('provider')}'s")
        bound = self._federated.bind(str(user["_id"]), identity.provider, identity.subject, identity.issuer)
        if bound is None:
            # It has a subject: this one, where a login of the same person has just made it.
            known = self._federated.find(identity.provider, identity.subject, identity.issuer)
            if known is not None and known["_id"] == user["_id"]:
                return known
            raise Refused("account_exists", "the address's account has another subject")
        log.info("account bound to its subject", user=str(user["_id"]), provider=identity.provider)
        return bound

    def _create_once(self, identity: Identity, policy: Policy, address: str | None) -> User:
        """The new account, or the one that another login of the same person has made meanwhile, as of two tabs."""
        try:
            return self._create(identity, policy, address)
        except Conflict:
            user = self._known(identity, None)
            if user is None:
                raise
            return self._follow(user, identity, policy, address)

    def _create(self, identity: Identity, policy: Policy, address: str | None) -> User:
        if address is None:
            raise Refused("no_address")
        # What nobody vouches for says nothing of whose domain the user belongs to.
        if not identity.email_verified and (self._allowed_domains or not policy.unverified):
            raise Refused("address_unverified")
        self._check_domain(address)
        fields = {
            "name": said(identity.name) or address.partition("@")[0],
            "username": (said(identity.username) or address.partition("@")[0]).lower(),
            "email": address,
            "emailVerified": identity.email_verified,
            # Never by coming first: that is for who sets the server up. See `OPENID_ADMIN_ROLE`.
            "role": self._role(identity, USER),
        }
        if identity.directory_id:
            fields["idOnTheSource"] = identity.directory_id
        return self._federated.create(
            provider=identity.provider, subject=identity.subject, issuer=identity.issuer, fields=fields
        )

    def _follow(self, user: User, identity: Identity, policy: Policy, address: str | None) -> User:
        """The account with what the server says of it now. An address follows only if the server vouches for it."""
        said_now: User = {"role": self._role(identity, user.get("role") or USER)}
        if policy.renames:
            said_now |= _without_empty(name=said(identity.name), username=said(identity.username).lower())
        if identity.directory_id:
            said_now["idOnTheSource"] = identity.directory_id
        if address and identity.email_verified:
            said_now |= {"email": address, "emailVerified": True}
        self._check_domain(str(said_now.get("email") or user.get("email") or ""))
        changes = {name: value for name, value in said_now.items() if user.get(name) != value}
        if user.get("role") == ADMIN and "role" in changes and not self._step_down(user, changes["role"]):
            del changes["role"]
        if not changes:
            return user
        try:
            return self._federated.update(str(user["_id"]), changes)
        except Conflict:
            # Somebody else has the new address: the login is this user's all the same, the address is not.
            log.warning("a changed address is another account's", user=str(user["_id"]))
            for name in ("email", "emailVerified"):
                changes.pop(name, None)
            return self._federated.update(str(user["_id"]), changes)

    def _step_down(self, user: User, role: str) -> bool:
        """Whether an administrator whom the server has unmade is none any more: the last one stays one."""
        try:
            self._administrators.set_role(str(user["_id"]), role)
        except LastAdministrator:
            log.warning("the last administrator stays one, whatever the claim says", user=str(user["_id"]))
            return False
        return True

    def _role(self, identity: Identity, current: str) -> str:
        return role_after(identity, current, self._role_sync, lambda name: self._roles.find(name) is not None)

    def _check_domain(self, address: str) -> None:
        """As at a registration, and as LibreChat does at every such login: the domain itself, no subdomain."""
        if self._allowed_domains and address.rpartition("@")[2].lower() not in self._allowed_domains:
            raise Refused("domain_not_allowed")


def checked_address(identity: Identity) -> str | None:
    """The address as it is stored and compared; None where there is none, or what is there is none."""
    address = (identity.email or "").strip().lower()
    # An organisation's own network may be called so, which no address on the Internet is.
    is_internal = address.endswith(INTERNAL)
    try:
        if is_internal:
            return (
                normalize_email(address.removesuffix(INTERNAL) + STAND_IN).removesuffix(STAND_IN) + INTERNAL
            )
        return normalize_email(address)
    except InvalidRequest:
        return None


def _without_empty(**fields: str) -> Mapping[str, str]:
    return {name: value for name, value in fields.items() if value}
