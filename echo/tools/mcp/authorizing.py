"""OAuth at a server, by the SDK: discovery, registration, PKCE, refreshing. Imports the SDK.

What is kept of it are LibreChat's records in the collection `tokens`, so that a user who has logged in there is
logged in here.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
)
from pydantic import AnyUrl, ValidationError

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.providers.addresses import AddressGuard
from echo.settings.mcp import SSE, McpServer
from echo.tools.mcp.failures import LoginNeeded
from echo.tools.mcp.http import CheckedTransport, make_client
from echo.tools.mcp.resolving import Reached
from storage.accounts.mcp_tokens import ACCESS, CLIENT, REFRESH, Kept, McpTokenRepository

YEAR = timedelta(days=365)
# For a token that does not say how long it is good: LibreChat's.
DEFAULT_LIFE = timedelta(days=365)
# So long before its end a token is renewed.
SKEW_SECONDS = 30.0
HTTP_SECONDS = 30.0
MAX_TOKEN = 100_000
Ask = Callable[[str], Awaitable[None]]
Answer = Callable[[], Awaitable[AuthorizationCodeResult]]


class StoredTokens:
    """The SDK's storage, over one user's records for one server."""

    def __init__(
        self, stored: McpTokenRepository, cipher: CredentialsCipher, owner: str, server: McpServer, url: str
    ) -> None:
        self._stored, self._cipher = stored, cipher
        self._owner, self._server, self._url = owner, server, url
        self.expires_at: float | None = None
        self.metadata: OAuthMetadata | None = None
        self.found: OAuthMetadata | None = None
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """The tokens, also those that have to be renewed; None for those of another address."""
        records = await asyncio.to_thread(self._stored.find, self._owner, self._server.name)
        self._client, self.metadata, self.expires_at = None, None, None
        client = records.get(CLIENT)
        if client is None or not _same(client.metadata.get("server_url"), self._url):
            return None
        self._client = self._read_client(client)
        self.metadata = _metadata(client.metadata)
        access, refresh = self._text(records.get(ACCESS)), self._text(records.get(REFRESH))
        if access is None and refresh is None:
            return None
        kept = records.get(ACCESS)
        self.expires_at = kept.expires_at.timestamp() - SKEW_SECONDS if kept and access else 1.0
        return OAuthToken(access_token=access or "expired", refresh_token=refresh)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """As it was with the tokens."""
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Kept until there are tokens: a client without any is of no use to anybody."""
        self._client = client_info

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Store tokens with the client that they were given to, as one set."""
        if self._client is None or len(tokens.access_token) + len(tokens.refresh_token or "") > MAX_TOKEN:
            return
        moment = datetime.now(UTC)
        life = (
            timedelta(seconds=min(tokens.expires_in, 10 * 365 * 86400)) if tokens.expires_in else DEFAULT_LIFE
        )
        one_set = {"credential_set_id": secrets.token_urlsafe(16)}
        described = self.found.model_dump(mode="json", exclude_none=True) if self.found else {}
        configured = bool(self._server.oauth and self._server.oauth.get("client_id"))
        about = {
            **described,
            **one_set,
            "server_url": self._url,
            "client_source": "configured" if configured else "dynamic",
        }
        client = self._client.model_dump_json(exclude_none=True)
        records = {
            ACCESS: Kept(self._cipher.encrypt_anew(tokens.access_token), moment + life, one_set),
            CLIENT: Kept(self._cipher.encrypt_anew(client), moment + YEAR, about),
        }
        if tokens.refresh_token:
            records[REFRESH] = Kept(self._cipher.encrypt_anew(tokens.refresh_token), moment + YEAR, one_set)
        await asyncio.to_thread(self._stored.store, self._owner, self._server.name, records)

    def _text(self, record: Kept | None) -> str | None:
        if record is None:
            return None
        try:
            return self._cipher.decrypt(record.token)
        except Undecipherable:
            return None

    def _read_client(self, record: Kept) -> OAuthClientInformationFull | None:
        try:
            return OAuthClientInformationFull.model_validate(json.loads(self._text(record) or "null"))
        except (ValueError, ValidationError):
            return None


class ServerAuth(OAuthClientProvider):
    """Tokens of one user's for one server. Without `ask` nobody is asked: `LoginNeeded` is raised in its place."""

    def __init__(
        self,
        server: McpServer,
        reached: Reached,
        tokens: StoredTokens,
        redirect_uri: str,
        *,
        client_name: str,
        ask: Ask | None = None,
        answer: Answer | None = None,
        renew: bool = False,
    ) -> None:
        self._said = server.oauth or {}
        self._own_headers = reached.oauth_headers
        self._redirect_uri = redirect_uri
        self._ask, self._renew = ask, renew
        self._tokens = tokens
        self.login_needed = False
        super().__init__(
            reached.url,
            OAuthClientMetadata(
                redirect_uris=[AnyUrl(redirect_uri)],
                client_name=client_name,
                scope=self._said.get("scope"),
                application_type="web",
            ),
            tokens,
            redirect_handler=self._go,
            callback_handler=answer,
        )

    @property
    def _is_configured(self) -> bool:
        return bool(
            self._said.get("authorization_url")
            and self._said.get("token_url")
            and self._said.get("client_id")
        )

    async def _go(self, url: str) -> None:
        if self._ask is None:
            self.login_needed = True
            raise LoginNeeded
        audience = self._said.get("audience")
        await self._ask(f"{url}&{urlencode({'audience': audience})}" if audience else url)

    async def _initialize(self) -> None:
        await super()._initialize()
        self.context.oauth_metadata = self._tokens.metadata
        self.context.token_expiry_time = self._tokens.expires_at
        if self._renew:
            self._renew, self.context.token_expiry_time = False, 1.0
        if self._ask is not None:
            # Whoever is asked anew gets new tokens. A client that was registered for another address is of no use.
            self.context.clear_tokens()
            client = self.context.client_info
            if client and self._redirect_uri not in map(str, client.redirect_uris or ()):
                self.context.client_info = None
        if self._said.get("client_id"):
            self.context.client_info = self._configured_client()
            await self._tokens.set_client_info(self.context.client_info)
        if self._is_configured:
            self.context.oauth_metadata = self._configured_metadata()
            self._tokens.found = self.context.oauth_metadata

    def _configured_client(self) -> OAuthClientInformationFull:
        secret = self._said.get("client_secret")
        methods = self._said.get("token_endpoint_auth_methods_supported") or ()
        basic = self._said.get("token_exchange_method") == "basic_auth_header" or (
            "client_secret_basic" in methods and "client_secret_post" not in methods
        )
        method = ("client_secret_basic" if basic else "client_secret_post") if secret else "none"
        return OAuthClientInformationFull(
            client_id=self._said["client_id"],
            client_secret=secret,
            redirect_uris=[AnyUrl(self._redirect_uri)],
            token_endpoint_auth_method=method,
        )

    def _configured_metadata(self) -> OAuthMetadata:
        parts = urlsplit(self._said["authorization_url"])
        return OAuthMetadata.model_validate(
            {
                "issuer": f"{parts.scheme}://{parts.netloc}",
                "authorization_endpoint": self._said["authorization_url"],
                "token_endpoint": self._said["token_url"],
            }
        )

    async def _perform_authorization(self) -> httpx2.Request:
        if scope := self._said.get("scope"):
            self.context.client_metadata.scope = scope
        self._tokens.found = self.context.oauth_metadata
        return await super()._perform_authorization()

    async def _refresh_token(self) -> httpx2.Request:
        self._tokens.found = self.context.oauth_metadata
        return await super()._refresh_token()

    async def _auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        if not self.context.is_token_valid():
            # Another process may have renewed them.
            self._initialized = False
        flow = self._known_flow(request) if self._is_configured else super()._auth_flow(request)
        try:
            outgoing = await anext(flow)
            while True:
                if outgoing is not request:
                    outgoing.headers.update(self._own_headers)
                response = yield outgoing
                if response.status_code in (401, 403):
                    # Before a person is waited for: the server may not wait with the rest of it.
                    await response.aread()
                outgoing = await flow.asend(response)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()

    async def _known_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Where the operator has said everything, nothing that the server says counts."""
        async with self.context.lock:
            if not self._initialized:
                await self._initialize()
            if not self.context.is_token_valid() and self.context.can_refresh_token():
                renewed = yield await self._refresh_token()
                if not await self._handle_refresh_response(renewed):
                    self._initialized = False
            if self.context.is_token_valid():
                self._add_auth_header(request)
            response = yield request
            if response.status_code == 401:
                given = yield await self._perform_authorization()
                await self._handle_token_response(given)
                self._add_auth_header(request)
                yield request


async def log_in(server: McpServer, reached: Reached, guard: AddressGuard, auth: ServerAuth) -> None:
    """Ask the server for anything, so that it asks who is there; over when the user has come back, and been let in.

    Raises what the SDK and its HTTP library do.
    """
    client = make_client(
        CheckedTransport(guard), headers=reached.headers, read_seconds=HTTP_SECONDS, auth=auth
    )
    ping: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    asked = (
        client.stream("GET", reached.url, headers={"Accept": "text/event-stream"})
        if server.type == SSE
        else client.stream(
            "POST", reached.url, json=ping, headers={"Accept": "application/json, text/event-stream"}
        )
    )
    async with client, asked as response:
        if response.status_code == 401:
            raise LoginNeeded


def _metadata(kept: Any) -> OAuthMetadata | None:
    try:
        return OAuthMetadata.model_validate(dict(kept))
    except (ValidationError, TypeError, ValueError):
        return None


def _same(stored: Any, url: str) -> bool:
    return isinstance(stored, str) and stored.rstrip("/") == url.rstrip("/")
