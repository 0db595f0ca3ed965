"""Logins to LibreChat's admin panel by another server.

The panel is a server of its own. It makes a secret and sends the browser here with its hash. The browser goes to the
provider, comes back here, and is sent to the panel's page with a code. For the code and the secret the panel gets a
session. Unlike LibreChat, Echo makes the session only then, and what the panel refreshes it with is Echo's own
refresh token: those of the provider are not kept.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import structlog

from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.attempts import Attempts
from echo.accounts.federation.identity import Refused
from echo.accounts.federation.provider import Answer, Provider
from echo.accounts.federation.service import Redirect, said_error
from echo.accounts.service import AuthService, HalfSignedIn, SignedIn
from echo.accounts.tokens import InvalidToken, Tokens, hash_token
from echo.errors import ApiError, Forbidden, NotFound, Unauthorized
from echo.handling.caller import Caller, ClientInfo
from echo.settings.sign_in import PanelSettings
from storage.accounts.login_states import LoginStateRepository
from storage.accounts.users import UserRepository
from storage.core import errors as storage_errors

log = structlog.get_logger(__name__)

CODE_GOOD_FOR = timedelta(minutes=1)
# What is kept of logins to the panel is apart from that of others: neither can be finished in the place of the other.
CODE, PANEL = "panel-code", "panel:"
# What a page is told; the reason is in the log.
DESCRIPTION = "The login was refused."

# Raises `Forbidden` for the id of a user who may not administer.
Admit = Callable[[str], None]


@dataclass(frozen=True)
class PanelSession:
    """A session of the panel; `expires_at` is the end of its access token, in milliseconds since 1970."""

    signed_in: SignedIn
    expires_at: int


class PanelCodes:
    """Codes that stand for a login that has ended well: each is good for once, and for a minute."""

    def __init__(self, states: LoginStateRepository) -> None:
        self._states = states

    def make(self, holder: str, challenge: str) -> str:
        """A code of 64 hexadecimal digits, as LibreChat's; only its hash is kept."""
        code = secrets.token_hex(32)
        self._states.add(hash_token(code), CODE, CODE_GOOD_FOR, challenge=challenge, holder=holder)
        return code

    def redeem(self, code: str, verifier: str) -> str:
        """Whose login it was. The code is used up also where the verifier is wrong. Raises `Unauthorized`."""
        kept = self._states.take(hash_token(code), CODE)
        made = hashlib.sha256(verifier.encode()).hexdigest()
        if kept is None or not hmac.compare_digest(made, str(kept.get("challenge") or "")):
            raise code_refused("no such code" if kept is None else "another verifier")
        return str(kept["holder"])


class Sessions:
    """Sessions of the panel for users who are known already."""

    def __init__(self, auth: AuthService, tokens: Tokens, users: UserRepository) -> None:
        self._auth = auth
        self._tokens = tokens
        self._users = users

    def refuse_banned_address(self, client: ClientInfo) -> None:
        """See `AuthService`."""
        self._auth.refuse_banned_address(client)

    def begin(self, owner: str, client: ClientInfo) -> PanelSession:
        """A session; raises as `AuthService.login`, `Unauthorized` for a second factor, `NotFound` of the storage."""
        signed_in = self._auth.login_federated(self._users.get(owner), client)
        if isinstance(signed_in, HalfSignedIn):
            raise second_factor_required()
        return self._session(signed_in)

    def refresh(self, token: str, owner: str | None, client: ClientInfo, admit: Admit) -> PanelSession:
        """The session goes on, as by `AuthService.refresh`; raises as that does."""
        try:
            claims = self._tokens.read_refresh(token)
        except InvalidToken as error:
            raise Unauthorized(code="session_expired") from error
        if owner is not None and owner != claims.owner:
            raise Unauthorized(code="session_expired")
        admit(claims.owner)
        caller = Caller(claims.owner, claims.session_id, email="", username="", provider="", role="")
        return self._session(self._auth.refresh(caller, token, client))

    def _session(self, signed_in: SignedIn) -> PanelSession:
        return PanelSession(signed_in, self._tokens.read_access(signed_in.token).expires_at * 1000)


class PanelLogins:
    """What the operations below `/api/admin/oauth` do. Without `ADMIN_PANEL_URL` none of them is there."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        accounts: FederatedAccounts,
        attempts: Attempts,
        codes: PanelCodes,
        sessions: Sessions,
        *,
        panel: PanelSettings | None,
    ) -> None:
        self._providers = providers
        self._accounts = accounts
        self._attempts = attempts
        self._codes = codes
        self._sessions = sessions
        self._panel = panel

    def demand(self, name: str) -> tuple[Provider, PanelSettings]:
        """The provider of that name, and the panel; raises `NotFound` where one of them is not set up."""
        provider = self._providers.get(name)
        if provider is None or self._panel is None:
            raise with_code(NotFound(), f"{name.upper()}_NOT_CONFIGURED")
        return provider, self._panel

    async def begin(self, name: str, challenge: str, client: ClientInfo, browser: str | None) -> Redirect:
        """Send a browser to a provider; where that cannot be, back to the panel. Raises `NotFound`."""
        provider, panel = self.demand(name)
        try:
            attempt = await asyncio.to_thread(self._attempts.begin, PANEL + name, browser, challenge)
            location = await provider.address(attempt)
        except Refused as refusal:
            return _refuse(panel, name, refusal)
        cookie = self._attempts.cookie(attempt, client, cross_site=provider.comes_by_form)
        return Redirect(location, (cookie,))

    async def finish(
        self, name: str, client: ClientInfo, browser: str | None, answer: Answer, admit: Admit
    ) -> Redirect:
        """Send the browser on to the panel, with a code if an administrator has come back. Raises `NotFound`."""
        provider, panel = self.demand(name)
        try:
            code = await self._code(provider, client, browser, answer, admit)
        except Refused as refusal:
            return _refuse(panel, name, refusal)
        return Redirect(f"{panel.page(name)}?{urlencode({'code': code})}")

    async def _code(
        self, provider: Provider, client: ClientInfo, browser: str | None, answer: Answer, admit: Admit
    ) -> str:
        attempt = await asyncio.to_thread(self._attempts.take, PANEL + provider.name, answer.state, browser)
        if answer.code is None:
            raise Refused("provider_refused", said_error(answer))
        identity = await provider.identity(attempt, answer, answer.code)

        def administrator() -> str:
            try:
                self._sessions.refuse_banned_address(client)
                # Nobody gets an account by asking for the panel.
                user = self._accounts.admit(identity, provider.policy, existing_only=True)
                admit(str(user["_id"]))
            except Forbidden as error:
                is_ban = error.code == "address_banned"
                raise Refused("address_banned" if is_ban else "not_admin") from error
            return self._codes.make(str(user["_id"]), attempt.challenge)

        return await asyncio.to_thread(administrator)

    def exchange(
        self, code: str, verifier: str, origin: str | None, client: ClientInfo, admit: Admit
    ) -> PanelSession:
        """A session for a code.

        Raises `NotFound` without a panel, `Unauthorized` with one text for all that can be wrong with the code, and
        with another for an account with a second factor, `Forbidden` for who does not administer any more, or for a
        ban.
        """
        if self._panel is None:
            raise NotFound
        self._sessions.refuse_banned_address(client)
        holder = self._codes.redeem(code, verifier)
        if (origin or "").lower() != self._panel.origin:
            raise code_refused("another origin")
        try:
            admit(holder)
            session = self._sessions.begin(holder, client)
        except storage_errors.NotFound as error:
            raise code_refused("the account has gone") from error
        log.info("login to the admin panel", user=holder)
        return session

    def refresh(self, token: str, owner: str | None, client: ClientInfo, admit: Admit) -> PanelSession:
        """A session of the panel goes on; `owner` is whose the panel takes it for.

        Raises `NotFound` without a panel, `Unauthorized` for a session that has ended or is another user's, and
        `Forbidden` for who does not administer any more, or is banned.
        """
        if self._panel is None:
            raise NotFound
        try:
            return self._sessions.refresh(token, owner, client, admit)
        except Unauthorized as error:
            raise with_code(error, "REFRESH_FAILED") from error
        except Forbidden as error:
            raise with_code(error, "FORBIDDEN") from error


def code_refused(why: str) -> ApiError:
    """What the panel is answered whose code lets nobody in; why is only logged."""
    log.warning("a code of the admin panel was refused", why=why)
    refused = Unauthorized("The code is wrong, was used before, or is too old.", code="wrong_code")
    return with_code(refused, "INVALID_OR_EXPIRED_CODE")


def second_factor_required() -> ApiError:
    """What the panel is answered for an account with a second factor.

    At such a login it has no page to ask for a code, takes half of a session for a whole one, and comes back to its
    login without a word. The message of an error it shows.
    """
    refused = Unauthorized(
        "This account has a second factor. The panel asks for its code at a login by password only.",
        code="second_factor_required",
    )
    return with_code(refused, "SECOND_FACTOR_REQUIRED")


def with_code(error: ApiError, code: str) -> ApiError:
    """The error with LibreChat's own word for it, by which its panel tells what to do."""
    error.librechat = {"error_code": code}
    return error


def _refuse(panel: PanelSettings, name: str, refusal: Refused) -> Redirect:
    log.warning("login to the admin panel refused", provider=name, code=refusal.code, why=refusal.detail)
    said = urlencode({"error": "auth_failed", "error_description": DESCRIPTION, "reason": refusal.code})
    return Redirect(f"{panel.page(name)}?{said}")
