"""Tokens for other services in the name of a user who has logged in by the organisation's OpenID provider.

The provider exchanges the user's own access token for one that another service takes: RFC 7523's grant with
`requested_token_use=on_behalf_of`, as Microsoft's "on-behalf-of" flow has it, and LibreChat sends it.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.accounts.federation.identity import Refused
from echo.accounts.turns import Turns
from storage.accounts.openid_tokens import OpenIdTokenRepository, OpenIdTokens
from storage.core.repository import now

log = structlog.get_logger(__name__)

# A token that does not say how long it is good; and so long before its end it counts as over.
TOKEN_SECONDS, SKEW = 3600, timedelta(seconds=30)
# A second attempt where the provider is busy.
RETRY_SECONDS = 0.3
MAX_TOKEN, MAX_SECONDS, MAX_REMEMBERED = 32_000, 24 * 3600, 2000
LOG_IN = "The user has to log in again by the organisation's own provider before this can be used."
REFUSED = "The organisation's provider gives no token for this service to this user."
BUSY = "The organisation's provider does not answer now."


class NotDelegated(Exception):
    """There is no token; the message is for the user."""


class Delegate(Protocol):
    """The part of the organisation's provider that is needed here; see `OpenIdProvider`."""

    async def renew(self, refresh_token: str) -> dict[str, Any]:
        """New tokens; raises `Refused`."""
        ...

    async def on_behalf(self, access_token: str, scopes: str) -> dict[str, Any]:
        """The token for another service; raises `Refused`."""
        ...


@dataclass(frozen=True)
class _Given:
    token: str = field(repr=False)
    ends_at: datetime


class Delegations:
    """Keeps what users bring from their logins, and exchanges it. Without a provider nothing is kept."""

    def __init__(
        self,
        stored: OpenIdTokenRepository,
        turns: Turns,
        cipher: CredentialsCipher | None,
        provider: Delegate | None,
    ) -> None:
        self._stored = stored
        self._turns = turns
        self._cipher = cipher
        self._provider = provider if cipher is not None else None
        self._given: dict[tuple[str, str, str], _Given] = {}
        self._under_way: dict[tuple[str, str, str], asyncio.Task[str]] = {}

    def keep(self, owner: str, tokens: Mapping[str, Any]) -> None:
        """Keep the tokens of a login; for threads."""
        if self._provider is not None and (made := self._made(tokens)) is not None:
            self._stored.keep(owner, made)

    def forget(self, owner: str) -> None:
        """Forget a user's tokens; for threads."""
        if self._provider is not None:
            self._stored.drop(owner)

    async def token(self, owner: str, scopes: str) -> str:
        """A token for a service in a user's name. Raises `NotDelegated`."""
        if self._provider is None:
            raise NotDelegated(LOG_IN)
        kept = await asyncio.to_thread(self._stored.find, owner)
        if kept is None:
            raise NotDelegated(LOG_IN)
        key = (owner, scopes, kept.login)
        given = self._given.get(key)
        if given is not None and given.ends_at - SKEW > now():
            return given.token
        task = self._under_way.get(key)
        if task is None:
            # Calls at once share one exchange.
            task = self._under_way[key] = asyncio.create_task(self._exchanged(key, kept, self._provider))
            task.add_done_callback(lambda _done: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _exchanged(self, key: tuple[str, str, str], kept: OpenIdTokens, provider: Delegate) -> str:
        owner, scopes, _ = key
        access = await self._access(owner, kept, provider)
        answer = await _twice(lambda: provider.on_behalf(access, scopes))
        given = _Given(answer["access_token"], now() + _life(answer))
        if len(self._given) >= MAX_REMEMBERED:
            self._given.clear()
        self._given[key] = given
        return given.token

    async def _access(self, owner: str, kept: OpenIdTokens, provider: Delegate) -> str:
        """The user's own token, renewed where it has ended."""
        if kept.ends_at - SKEW > now():
            return self._text(kept.access)
        async with self._turns.of(owner, "openid"):
            found = await asyncio.to_thread(self._stored.find, owner)
            if found is None or found.refresh is None:
                raise NotDelegated(LOG_IN)
            if found.ends_at - SKEW > now():
                return self._text(found.access)
            refresh = self._text(found.refresh)
            try:
                answer = await provider.renew(refresh)
            except Refused as refusal:
                log.info("a token of an OpenID login is not renewed", why=refusal.detail)
                raise NotDelegated(BUSY if _is_busy(refusal) else LOG_IN) from refusal
            # The same login goes on: what was exchanged in its name stays good.
            made = self._made({"refresh_token": refresh, **answer}, found.login)
            if made is None or not await asyncio.to_thread(
                lambda: self._stored.keep(owner, made, replaces=found.login)
            ):
                raise NotDelegated(LOG_IN)
            return self._text(made.access)

    def _made(self, tokens: Mapping[str, Any], login: str | None = None) -> OpenIdTokens | None:
        access, refresh = tokens.get("access_token"), tokens.get("refresh_token")
        if self._cipher is None or not _is_token(access):
            return None
        return OpenIdTokens(
            login or secrets.token_urlsafe(12),
            self._cipher.encrypt_anew(str(access)),
            self._cipher.encrypt_anew(str(refresh)) if _is_token(refresh) else None,
            now() + _life(tokens),
        )

    def _text(self, stored: str) -> str:
        try:
            if self._cipher is not None:
                return self._cipher.decrypt(stored)
        except Undecipherable:
            pass
        raise NotDelegated(LOG_IN)


async def _twice(ask: Any) -> dict[str, Any]:
    for last in (False, True):
        try:
            answer: dict[str, Any] = await ask()
            if not _is_token(answer.get("access_token")):
                raise Refused("login_failed", "no access token")
        except Refused as refusal:
            busy = _is_busy(refusal)
            if last or not busy:
                log.info("a token is not exchanged", why=refusal.detail)
                raise NotDelegated(BUSY if busy else REFUSED) from refusal
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return answer
    raise AssertionError


def _is_busy(refusal: Refused) -> bool:
    """Whether it may work a moment later: `Refused` says of answers what status they had."""
    word, _, status = refusal.detail.partition(" ")
    return word != "status" or status[:3] in ("429", "500", "502", "503", "504")


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TOKEN and value.isascii() and value.isprintable()


def _life(tokens: Mapping[str, Any]) -> timedelta:
    """How long a token is good; Microsoft's provider may say it as text."""
    try:
        seconds = float(tokens.get("expires_in") or TOKEN_SECONDS)
    except (TypeError, ValueError):
        seconds = TOKEN_SECONDS
    return timedelta(seconds=seconds if 0 < seconds < MAX_SECONDS else TOKEN_SECONDS)
