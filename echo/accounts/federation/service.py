"""Logins by other servers from their beginning to their end: what the operations under `/oauth` do."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import structlog

from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.attempts import Attempts
from echo.accounts.federation.delegation import Delegate, Delegations
from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.accounts.federation.portraits import Portraits
from echo.accounts.federation.provider import Answer, Provider
from echo.accounts.service import AuthService, HalfSignedIn, SignedIn
from echo.errors import ApiError, Forbidden, NotFound, ServiceUnavailable, Unauthorized
from echo.handling.caller import Caller, ClientInfo

log = structlog.get_logger(__name__)

# What a refusal to a program says; a browser gets the code alone, in the address of the login page.
MESSAGE = "That does not let you in here."
BANS = ("account_banned", "address_banned")


class Organisation(Provider, Delegate, Protocol):
    """The organisation's own provider, which can do more than let somebody in; see `OpenIdProvider`."""

    @property
    def exchanges_tokens(self) -> bool:
        """Whether access tokens can be exchanged."""
        ...

    async def prepare(self) -> None:
        """Ask the provider what it is; its silence is logged, and is no failure."""
        ...

    async def identity_of_token(self, token: str) -> Identity:
        """Who an access token is for; raises `Refused`."""
        ...

    def farewell(self, back: str) -> str | None:
        """Where a browser ends its session there, to come back to that address."""
        ...


@dataclass(frozen=True)
class Redirect:
    """Where the browser is sent, and the `Set-Cookie` values that it gets."""

    location: str
    cookies: tuple[str, ...] = ()


class Federation:
    """The ways in beside a password; without any, every login is one that does not exist."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        accounts: FederatedAccounts,
        attempts: Attempts,
        auth: AuthService,
        portraits: Portraits,
        *,
        delegations: Delegations,
        client_address: str,
        organisation: "Organisation | None" = None,
    ) -> None:
        self._providers = providers
        self._accounts = accounts
        self._attempts = attempts
        self._auth = auth
        self._portraits = portraits
        self.delegations = delegations
        self._client_address = client_address
        self._organisation = organisation

    async def begin_running(self) -> None:
        """Ask the organisation's provider what it is: called when the application starts."""
        if self._organisation:
            await self._organisation.prepare()

    async def begin(self, name: str, client: ClientInfo, browser: str | None) -> Redirect:
        """Send a browser to a provider; `browser` is the cookie that it may have. Raises `NotFound`.

        Where that is not possible, it ends on the login page.
        """
        provider = self._provider(name)
        try:
            attempt = await asyncio.to_thread(self._attempts.begin, name, browser)
            location = await provider.address(attempt)
        except Refused as refusal:
            return self._refuse(name, refusal)
        cookie = self._attempts.cookie(attempt, client, cross_site=provider.comes_by_form)
        return Redirect(location, (cookie,))

    async def finish(self, name: str, client: ClientInfo, browser: str | None, answer: Answer) -> Redirect:
        """A session for the browser that comes back from a provider, or the login page. Raises `NotFound`."""
        provider = self._provider(name)
        try:
            attempt = await asyncio.to_thread(self._attempts.take, name, answer.state, browser)
            if answer.code is None:
                raise Refused("provider_refused", said_error(answer))
            identity = await provider.identity(attempt, answer, answer.code)
            signed_in = await self.enter(identity, provider.policy, client)
        except Refused as refusal:
            return self._refuse(name, refusal)
        if isinstance(signed_in, HalfSignedIn):
            query = urlencode({"tempToken": signed_in.token})
            return Redirect(f"{self._client_address}/login/2fa?{query}")
        return Redirect(f"{self._client_address}/", (signed_in.cookie,) if signed_in.cookie else ())

    async def enter(
        self, identity: Identity, policy: Policy, client: ClientInfo, *, existing_only: bool = False
    ) -> SignedIn | HalfSignedIn:
        """A session for an identity, or half of one, whatever way it came in by; raises `Refused`."""
        user, signed_in = await asyncio.to_thread(
            self._enter, identity, policy, client, existing_only=existing_only
        )
        self._portraits.follow(user, identity.picture)
        return signed_in

    def _enter(
        self, identity: Identity, policy: Policy, client: ClientInfo, *, existing_only: bool
    ) -> tuple[dict[str, Any], SignedIn | HalfSignedIn]:
        try:
            self._auth.refuse_banned_address(client)
            user = self._accounts.admit(identity, policy, existing_only=existing_only)
            signed_in = self._auth.login_federated(user, client)
        except Forbidden as error:
            raise Refused(error.code if error.code in BANS else "login_failed") from error
        except ServiceUnavailable as error:
            raise Refused("login_unavailable") from error
        except Unauthorized as error:
            raise Refused("login_failed", error.code) from error
        if identity.tokens:
            self.delegations.keep(str(user["_id"]), identity.tokens)
        log.info("login by a provider", provider=identity.provider, user=str(user["_id"]))
        return user, signed_in

    async def exchange(self, token: str, client: ClientInfo) -> SignedIn | HalfSignedIn:
        """A session for an access token of the organisation's provider, for an account that there is.

        Raises `NotFound` where that is not switched on, `Unauthorized` with one text for all that can be wrong, and
        `Forbidden` for a ban.
        """
        if self._organisation is None or not self._organisation.exchanges_tokens:
            raise NotFound
        try:
            identity = await self._organisation.identity_of_token(token)
            policy = self._organisation.policy
            return await self.enter(identity, policy, client, existing_only=True)
        except Refused as refusal:
            log.warning("a token was not exchanged", code=refusal.code, why=refusal.detail)
            raise refusal_to_program(refusal) from refusal

    def farewell(self, caller: Caller) -> str | None:
        """Where a browser ends its session with the organisation's provider too, None where it does not.

        What that provider gave for the user is forgotten.
        """
        if self._organisation is None or caller.provider != self._organisation.name:
            return None
        self.delegations.forget(caller.id)
        return self._organisation.farewell(f"{self._client_address}/login")

    def _provider(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            raise NotFound
        return provider

    def _refuse(self, name: str, refusal: Refused) -> Redirect:
        """The login page with a reason; `redirect=false` keeps the client from beginning at once again."""
        log.warning("login by a provider refused", provider=name, code=refusal.code, why=refusal.detail)
        query = urlencode({"redirect": "false", "error": "auth_failed", "reason": refusal.code})
        return Redirect(f"{self._client_address}/login?{query}")

    async def close(self) -> None:
        """Give up what nobody waits for."""
        await self._portraits.close()


def said_error(answer: Answer) -> str:
    """OAuth's word for what went wrong, as far as it is one."""
    return "".join(letter for letter in (answer.error or "")[:40] if letter.isalpha() or letter == "_")


def refusal_to_program(refusal: Refused) -> ApiError:
    """What a program is answered that nobody lets in: a ban is told as at every login, all else is one."""
    if refusal.code == "account_banned":
        return Forbidden(MESSAGE, code="account_banned")
    if refusal.code == "address_banned":
        return Forbidden(MESSAGE, code="address_banned")
    return Unauthorized(MESSAGE, code="token_refused")
