"""Users' logins at services of actions: OAuth 2.0 with an authorization code (RFC 6749, section 4.1).

The browser that is sent away has a cookie, and only a browser with it can come back: else somebody could have another
log in for them. The tokens are the user's who logged in, and are used for nobody else.
"""

import asyncio
import base64
import hmac
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jwt
import structlog
from yarl import URL

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.accounts.turns import Turns
from echo.errors import NotFound
from echo.settings import Settings
from echo.tools.actions.credentials import secret
from echo.tools.browser_mark import BrowserMark
from echo.tools.outbound import Outbound, Request
from echo.tools.tool import ToolFailure
from storage.accounts.action_tokens import ACCESS, REFRESH, ActionTokenRepository
from storage.agents.actions import ActionRepository
from storage.core.repository import now

log = structlog.get_logger(__name__)
Action = Mapping[str, Any]
COOKIE = "echo_action_login"
LOGIN_SECONDS = 600
# A service that says nothing of it: an hour for a token, a year for what renews it.
TOKEN_SECONDS, REFRESH_SECONDS = 3600, 365 * 24 * 3600
MAX_TOKEN = 16_000


class ActionLogins:
    """Sends users away, takes what their browsers bring back, and keeps tokens fresh."""

    def __init__(
        self,
        settings: Settings,
        tokens: ActionTokenRepository,
        actions: ActionRepository,
        cipher: CredentialsCipher | None,
        *,
        outbound: Outbound,
        turns: Turns,
    ) -> None:
        self._tokens = tokens
        self._turns = turns
        self._actions = actions
        self._cipher = cipher
        self._outbound = outbound
        self._client = settings.domain_client
        self._base = settings.domain_server + ("" if settings.root == "librechat" else "/chat")
        self._path = urlsplit(f"{self._base}/api/actions").path
        self._key = hmac.digest(str(settings.jwt_secret).encode(), b"echo action logins", "sha256")
        self._mark = BrowserMark(COOKIE, self._path, LOGIN_SECONDS, self._key)

    def address(self, owner: str, action: Action) -> str:
        """Where a user logs in. Raises `ToolFailure`."""
        auth = action["metadata"].get("auth") or {}
        state = {
            "user": owner,
            "action_id": action["action_id"],
            "nonce": secrets.token_urlsafe(12),
            "exp": int(time.time()) + LOGIN_SECONDS,
        }
        query = {
            "client_id": secret(action["metadata"], "oauth_client_id", self._cipher),
            "scope": str(auth.get("scope") or ""),
            "redirect_uri": self._callback(action["action_id"]),
            "access_type": "offline",
            "response_type": "code",
            "state": jwt.encode(state, self._key, algorithm="HS256"),
        }
        address = str(auth.get("authorization_url") or "")
        if not is_address(address):
            raise ToolFailure("The action does not say where to log in.")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    async def token(self, owner: str, action: Action) -> str | None:
        """The user's token for an action, renewed where it must be; None for who has to log in."""
        token, refresh = await self._kept(owner, action)
        if token is not None or refresh is None:
            return token
        async with self._turns.of(owner, f"action:{action['action_id']}"):
            token, refresh = await self._kept(owner, action)
            if token is not None or refresh is None:
                return token
            try:
                grant = {"grant_type": "refresh_token", "refresh_token": refresh}
                return await self._exchange(owner, action, grant)
            except ToolFailure:
                return None

    async def come_back(self, action_id: str, code: str | None, state: str | None, cookie: str | None) -> str:
        """Take what a browser brings back; where to send it. Raises `NotFound` where there is no such action."""
        action = await asyncio.to_thread(self._actions.find, action_id)
        if action is None:
            raise NotFound
        try:
            said = jwt.decode(state or "", self._key, algorithms=["HS256"], options={"require": ["exp"]})
        except jwt.InvalidTokenError:
            return self._failed("invalid_state")
        owner = said.get("user")
        if said.get("action_id") != action_id or not isinstance(owner, str):
            return self._failed("invalid_state")
        if not self._mark.is_of(owner, cookie):
            return self._failed("csrf_validation_failed")
        if not code:
            return self._failed("callback_failed")
        try:
            grant = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._callback(action_id),
            }
            await self._exchange(owner, action, grant)
        except ToolFailure:
            log.info("a login at an action's service has failed", action=action_id)
            return self._failed("callback_failed")
        return f"{self._client}/oauth/success?serverName={quote(f'Action {action_id}', safe='')}"

    def cookie(self, owner: str, *, secure: bool) -> str:
        """See `BrowserMark`."""
        return self._mark.cookie(owner, secure=secure)

    async def _kept(self, owner: str, action: Action) -> tuple[str | None, str | None]:
        """The token, and what renews it."""
        kept = await asyncio.to_thread(self._tokens.find, owner, action["action_id"])
        return self._read(kept.get(ACCESS)), self._read(kept.get(REFRESH))

    async def _exchange(self, owner: str, action: Action, grant: Mapping[str, str]) -> str:
        metadata = action["metadata"]
        auth = metadata.get("auth") or {}
        client = secret(metadata, "oauth_client_id", self._cipher)
        password = secret(metadata, "oauth_client_secret", self._cipher)
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        form = dict(grant)
        if auth.get("token_exchange_method") == "basic_auth_header":
            pair = base64.b64encode(f"{client}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        else:
            form |= {"client_id": client, "client_secret": password}
        url = str(auth.get("client_url") or "")
        answer = await self._outbound.json(
            Request(url, "POST", headers=headers, body=urlencode(form).encode())
        )
        return await asyncio.to_thread(self._keep, owner, str(action["action_id"]), answer)

    def _keep(self, owner: str, action_id: str, answer: Any) -> str:
        fields = answer if isinstance(answer, Mapping) else {}
        token, refresh = fields.get("access_token"), fields.get("refresh_token")
        if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN or self._cipher is None:
            raise ToolFailure("The service gave no token.")
        ends = now() + timedelta(seconds=_seconds(fields.get("expires_in"), TOKEN_SECONDS))
        kept = {ACCESS: (self._cipher.encrypt_anew(token), ends)}
        if isinstance(refresh, str) and 0 < len(refresh) <= MAX_TOKEN:
            life = timedelta(seconds=_seconds(fields.get("refresh_token_expires_in"), REFRESH_SECONDS))
            kept[REFRESH] = (self._cipher.encrypt_anew(refresh), now() + life)
        self._tokens.store(owner, action_id, kept)
        return token

    def _read(self, stored: str | None) -> str | None:
        try:
            return self._cipher.decrypt(stored) if stored and self._cipher else None
        except Undecipherable:
            return None

    def _callback(self, action_id: str) -> str:
        return f"{self._base}/api/actions/{quote(str(action_id), safe='')}/oauth/callback"

    def _failed(self, word: str) -> str:
        return f"{self._client}/oauth/error?error={word}"


def is_address(text: str) -> bool:
    """Whether a browser may be sent there: an address of http or https, and nothing that could be a script."""
    try:
        url = URL(text)
    except ValueError:
        return False
    printable = text.isascii() and text.isprintable() and len(text) <= 2048
    return printable and url.scheme in ("http", "https") and bool(url.raw_host) and url.raw_user is None


def _seconds(value: Any, otherwise: int) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return min(max(value, 1), REFRESH_SECONDS) if is_number else otherwise
