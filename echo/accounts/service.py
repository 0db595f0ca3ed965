"""Registration, login, refresh and logout."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from email_validator import EmailNotValidError, validate_email

from echo.accounts import cookies, letters
from echo.accounts.credentials import Credentials, StoredCredentials
from echo.accounts.passwords import check_new_password, hash_password
from echo.accounts.sessions import SessionGuard
from echo.accounts.succession import Succession
from echo.accounts.tokens import InvalidToken, Tokens, hash_refresh_token, hash_token
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.accounts.violations import Violations
from echo.errors import Conflict, FieldError, Forbidden, InvalidRequest, Unauthorized, Unprocessable
from echo.handling.caller import Caller, ClientInfo
from echo.mail import Post
from echo.settings import Settings
from storage.accounts.bans import FOR_EVER, BanRepository
from storage.accounts.invitations import InvitationRepository
from storage.accounts.sessions import Origin, SessionRepository
from storage.accounts.users import UserRepository
from storage.core import errors as storage_errors

# LibreChat's: accounts that were made before it verified addresses.
VERIFIED_SINCE = datetime(2024, 6, 7, 19, 20, 18, tzinfo=UTC)


@dataclass(frozen=True)
class SignedIn:
    """The outcome of a login or a refresh; `cookie` is a `Set-Cookie` value, None if the old one stays.

    `refresh_token` is what the cookie holds, for a program that keeps none.
    """

    user: dict[str, Any]
    token: str
    cookie: str | None
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class HalfSignedIn:
    """The password was right, and the account has a second factor; `token` is for `AuthService.login_second`."""

    token: str


class AuthService:
    """What the operations under `/api/auth` do."""

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        *,
        users: UserRepository,
        sessions: SessionRepository,
        bans: BanRepository,
        invitations: InvitationRepository,
        guard: SessionGuard,
        two_factor: TwoFactorService,
        violations: Violations,
        post: Post,
        credentials: Credentials | None = None,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._users = users
        self._sessions = sessions
        self._bans = bans
        self._invitations = invitations
        self._guard = guard
        self._two_factor = two_factor
        self._violations = violations
        self._post = post
        self._credentials = credentials or StoredCredentials(users)
        self._succession = Succession(tokens, sessions, settings.refresh_grace_seconds)

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
        self.refuse_banned_address(client)
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
        domains = self._settings.allowed_domains
        if domains and address.rpartition("@")[2].lower() not in domains:
            raise Forbidden("Addresses of that domain cannot register here.", code="domain_not_allowed")

    def login(
        self, email: str, password: str, client: ClientInfo, *, admit: Callable[[str], None] | None = None
    ) -> SignedIn | HalfSignedIn:
        """A new session, or half of one. Raises `Unauthorized`, with one text and in one time for every failure.

        `admit` gets the id of a user whose password is right, and raises for one who may not come in here.

        Only who knows the password learns of a ban of the account: `Forbidden`, as for a client at an address that is
        banned; that the e-mail address is not verified: `Unprocessable`; and that there is a second factor, which
        this server may be unable to check: `ServiceUnavailable`. Where a directory has the passwords, `email` is the
        name that it knows; see `federation.directory`.
        """
        if not self._settings.allow_email_login:
            raise Forbidden("Login by e-mail is switched off on this server.", code="login_disabled")
        self.refuse_banned_address(client)
        user = self._credentials.holder(email, password)
        if admit:
            admit(str(user["_id"]))
        if not self._credentials.vouches:
            self._refuse_unverified(user)
        return self._enter(user, client)

    def login_federated(self, user: dict[str, Any], client: ClientInfo) -> SignedIn | HalfSignedIn:
        """As `login`, for a user whom another server has named, and a client from a place that is not banned."""
        return self._enter(user, client)

    def _enter(self, user: dict[str, Any], client: ClientInfo) -> SignedIn | HalfSignedIn:
        if not user.get("twoFactorEnabled"):
            return self._begin(user, client)
        owner = str(user["_id"])
        self._refuse_banned(owner)
        self._two_factor.require_cipher()
        return HalfSignedIn(self._tokens.make_pending(owner, user.get("password")))

    def login_second(self, token: str, proof: Proof, client: ClientInfo) -> SignedIn:
        """The other half of a login. Raises `Unauthorized`, with one text for every failure, and as `login`."""
        self.refuse_banned_address(client)
        wrong = Unauthorized("The code is wrong, or the login took too long.", code="wrong_code")
        try:
            claims = self._tokens.read_pending(token)
            user = self._users.get(claims.owner)
        except (InvalidToken, storage_errors.NotFound) as error:
            raise wrong from error
        if not hmac.compare_digest(claims.password_mark, self._tokens.mark_of(user.get("password"))):
            raise wrong
        if not self._two_factor.prove(str(user["_id"]), proof):
            raise wrong
        return self._begin(user, client)

    def login_proven(self, user: dict[str, Any], client: ClientInfo) -> SignedIn:
        """A new session of a user who has proved everything otherwise, as by a passkey.

        It stands for the password, so it opens nothing where no password would: raises as `login`.
        """
        if not self._settings.allow_email_login or self._credentials.vouches:
            raise Forbidden(
                "Login without another service is switched off on this server.", code="login_disabled"
            )
        self.refuse_banned_address(client)
        self._refuse_unverified(user)
        return self._begin(user, client)

    def _begin(self, user: dict[str, Any], client: ClientInfo) -> SignedIn:
        """A new session of a user who has proved to be that user."""
        # 96 random bits make the id, LibreChat's ObjectId; the secret of the session is the refresh token.
        owner, session_id = str(user["_id"]), secrets.token_hex(12)
        refresh_token = self._tokens.make_refresh(owner, session_id)
        session = self._sessions.create(
            owner,
            refresh_token_hash=hash_refresh_token(refresh_token),
            expires_at=self._expiry(),
            session_id=session_id,
            where=Origin(client.address, client.device),
        )
        # After the session is made: who bans, or sets another password, ends the sessions that there are, and one of
        # both sees the other.
        self._refuse_banned(owner, session_id)
        self._refuse_outdated(user, session_id)
        return self._signed_in(user, session, refresh_token, client)

    def refresh(self, caller: Caller, refresh_token: str | None, client: ClientInfo) -> SignedIn:
        """A new access token; with a refresh token also a new one of these, which ends the old one.

        Neither is good for longer than the session, whose end no refresh moves. Raises `Unauthorized` when that has
        ended, and `Forbidden` for a banned user. A refresh token that was used before ends its session, unless
        that was within the grace (see `echo.accounts.succession`).
        """
        try:
            user = self._users.get(caller.id)
            session = self._sessions.get(caller.id, caller.session_id)
            self._refuse_banned(caller.id, caller.session_id)
            if refresh_token is None:
                return self._signed_in(user, session, None, client)
            successor = self._succession.exchange(refresh_token, session)
        except storage_errors.NotFound as error:
            raise Unauthorized(code="session_expired") from error
        if successor is not None:
            self._sessions.note_use(caller.id, caller.session_id, Origin(client.address, client.device))
        if successor is None:
            self._end(caller.id, caller.session_id)
            raise Unauthorized("The session has ended; log in again.", code="session_expired")
        return self._signed_in(user, session, successor, client)

    def logout(self, caller: Caller, client: ClientInfo) -> str:
        """End the caller's session; the `Set-Cookie` value that takes the cookie away."""
        self._end(caller.id, caller.session_id)
        secure = cookies.must_be_secure(client, self._settings.secure_cookies)
        return cookies.make_cookie("", max_age=0, secure=secure)

    def _end(self, owner: str, session_id: str) -> None:
        self._sessions.delete(owner, session_id)
        self._guard.forget(owner, session_id)

    def _refuse_unverified(self, user: Mapping[str, Any]) -> None:
        """As LibreChat: an account that is older than verification is verified where no mail is sent.

        Raises `Unprocessable`.
        """
        owner, verified = str(user["_id"]), bool(user.get("emailVerified"))
        if not verified and not self._post.works and _made_at(user) < VERIFIED_SINCE:
            self._users.set_verified(owner)
            return
        if not verified and not self._settings.allow_unverified_login:
            raise Unprocessable("The e-mail address is not verified yet.", code="email_unverified")
        if user.get("expiresAt"):
            # It is in use: nobody's any more that goes by itself.
            self._users.keep(owner)

    def _refuse_banned(self, owner: str, session_id: str | None = None) -> None:
        """End the session of a banned user, if there is one already; raises `Forbidden`."""
        if end := self._bans.until(owner):
            if session_id is not None:
                self._end(owner, session_id)
            until = "" if end == FOR_EVER else f" until {end:%Y-%m-%dT%H:%M:%SZ}"
            raise Forbidden(f"This account is banned{until}.", code="account_banned")

    def refuse_banned_address(self, client: ClientInfo) -> None:
        """Whose sessions there are goes on; nobody new comes from there. Raises `Forbidden`."""
        if end := self._violations.banned_until(client.address):
            raise Forbidden(
                f"Logins and registrations from this address are banned until {end:%Y-%m-%dT%H:%M:%SZ}.",
                code="address_banned",
            )

    def _refuse_outdated(self, user: Mapping[str, Any], session_id: str) -> None:
        """End the session of a user who has got another password, or is gone, since it was read.

        Raises `Unauthorized`.
        """
        owner = str(user["_id"])
        with suppress(storage_errors.NotFound):
            if self._users.get(owner).get("password") == user.get("password"):
                return
        self._end(owner, session_id)
        raise Unauthorized("The session has ended; log in again.", code="session_expired")

    def _expiry(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._settings.refresh_seconds)

    def _cookie(self, refresh_token: str, session: Mapping[str, Any], client: ClientInfo) -> str:
        left = (session["expiration"] - datetime.now(UTC)).total_seconds()
        secure = cookies.must_be_secure(client, self._settings.secure_cookies)
        return cookies.make_cookie(refresh_token, max_age=max(1, round(left)), secure=secure)

    def _signed_in(
        self, user: dict[str, Any], session: Mapping[str, Any], refresh_token: str | None, client: ClientInfo
    ) -> SignedIn:
        caller = caller_of(user, str(session["_id"]))
        token = self._tokens.make_access(caller, session_end=session["expiration"])
        cookie = None if refresh_token is None else self._cookie(refresh_token, session, client)
        return SignedIn(user, token, cookie, refresh_token)


def create_account(
    users: UserRepository,
    *,
    name: str,
    email: str,
    username: str | None,
    password: str,
    role: str | None = None,
    verified: bool = True,
    lasting: bool = True,
) -> dict[str, Any]:
    """Store a new user with a checked address and password; raises `Conflict` for an address that is taken.

    One that is not `verified` waits for its address to be; if it is not `lasting` either, it goes some day.
    """
    try:
        return users.create(
            name=name,
            email=email,
            username=username or "",
            password_hash=hash_password(password),
            role=role,
            verified=verified,
            lasting=lasting,
        )
    except storage_errors.Conflict as error:
        field = FieldError(error.field, "already taken")
        raise Conflict(
            f"That {error.field} is already registered.", code="email_taken", errors=(field,)
        ) from error


def caller_of(user: Mapping[str, Any], session_id: str) -> Caller:
    """The caller that a stored user is in a session; older documents may lack any of the optional fields."""
    return Caller(
        id=str(user["_id"]),
        session_id=session_id,
        email=user.get("email") or "",
        username=user.get("username") or "",
        provider=user.get("provider") or "local",
        role=user.get("role") or "USER",
    )


def normalize_email(email: str) -> str:
    """The address in the form in which it is stored and compared: checked, in lower case.

    Raises `InvalidRequest`; no name server is asked.
    """
    try:
        checked = validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        problem = FieldError("email", "is not a valid e-mail address")
        raise InvalidRequest(errors=(problem,)) from error
    return checked.normalized.lower()


def _made_at(user: Mapping[str, Any]) -> datetime:
    """When an account was made. The oldest do not say so, but their ids do: an ObjectId begins with its second."""
    made = user.get("createdAt")
    return made if isinstance(made, datetime) else datetime.fromtimestamp(int(str(user["_id"])[:8], 16), UTC)
