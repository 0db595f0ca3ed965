"""Registration: who makes an account, by what, and what is told of it."""

from collections.abc import Callable
from typing import Any

from echo.accounts import letters
from echo.accounts.new_account import create_account, normalize_email
from echo.accounts.passwords import check_new_password
from echo.accounts.tokens import hash_token
from echo.errors import Conflict, Forbidden
from echo.handling.caller import ClientInfo
from echo.mail import Post
from echo.settings import Settings
from echo.settings.overrides import SettingsOf
from storage.accounts.invitations import InvitationRepository
from storage.accounts.users import UserRepository


class Registration:
    """What the operation `register` does; `refuse_banned` raises for a client at an address that is banned."""

    def __init__(
        self,
        settings: Settings,
        users: UserRepository,
        invitations: InvitationRepository,
        post: Post,
        *,
        refuse_banned: Callable[[ClientInfo], None],
        live: SettingsOf,
    ) -> None:
        self._settings = settings
        self._users = users
        self._invitations = invitations
        self._post = post
        self._refuse_banned = refuse_banned
        self._live = live

    def register(
        self,
        client: ClientInfo,
        *,
        name: str,
        email: str,
        username: str | None,
        password: str,
        token: str | None = None,
    ) -> dict[str, Any]:
        """A new user; the first one is the administrator. The `token` of an invitation opens a closed registration.

        Where mail is sent, the address has to be verified by a link, unless an invitation vouches for it.
        Raises `Forbidden` when registration is closed, also to the address's domain, when the invitation is not valid
        for this address, or when the place that the client calls from is banned; `InvalidRequest` for an address or a
        password that is refused; `Conflict` for an address that is taken.
        """
        if not token and not self._settings.allow_registration:
            raise Forbidden("Registration is closed on this server.", code="registration_closed")
        self._refuse_banned(client)
        address = normalize_email(email)
        self._check_domain(address)
        role = self._invited_role(address, token) if token else None
        check_new_password(password, minimum=self._settings.min_password_length)
        user = create_account(
            self._users,
            name=name,
            email=address,
            username=username,
            password=password,
            role=role,
            verified=bool(token) or not self._post.works,
            lasting=self._settings.allow_unverified_login,
        )
        if token:
            # Now, not before: what fails leaves the invitation good, and an address registers once only.
            self._invitations.use_up(address)
        else:
            self._post.put(letters.VERIFY, address, once=True)
        return user

    def register_quietly(self, client: ClientInfo, **fields: Any) -> None:
        """As `register`, but an address that is taken looks like one that is not, in the answer and in its time."""
        try:
            self.register(client, **fields)
        except Conflict:
            self._post.put(letters.TAKEN, normalize_email(fields["email"]), once=True)

    def _invited_role(self, address: str, token: str) -> str | None:
        """The role that an invitation names, if any. Raises `Forbidden`, with one text for all that can be wrong."""
        invitation = self._invitations.find(address, hash_token(token))
        if invitation is None:
            raise Forbidden("The invitation is not valid for this e-mail address.", code="invalid_invitation")
        role = (invitation.get("metadata") or {}).get("role")
        return role if isinstance(role, str) and role else None

    def _check_domain(self, address: str) -> None:
        """As LibreChat's `registration.allowedDomains`: the domain itself, and no subdomain of it."""
        domains = self._live(None).allowed_domains
        if domains and address.rpartition("@")[2].lower() not in domains:
            raise Forbidden("Addresses of that domain cannot register here.", code="domain_not_allowed")
