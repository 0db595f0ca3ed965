"""OAuth at a server, by the SDK: discovery, registration, PKCE, refreshing. Imports the SDK."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
)
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER as VERSION_HEADER
from pydantic import AnyUrl

from echo.providers.addresses import AddressGuard
from echo.settings.mcp import SSE, McpServer
from echo.tools.mcp.failures import LoginNeeded
from echo.tools.mcp.http import CheckedTransport, make_client
from echo.tools.mcp.resolving import Reached
from echo.tools.mcp.token_storage import StoredTokens

HTTP_SECONDS = 30.0
Ask = Callable[[str], Awaitable[None]]
Answer = Callable[[], Awaitable[AuthorizationCodeResult]]
# The turn at renewing the tokens.
Turn = Callable[[], AbstractAsyncContextManager[None]]


class ServerAuth(OAuthClientProvider):
    """Tokens of one user's for one server. Without `ask` nobody is asked: `LoginNeeded` is raised in its place.

    A token that the server has `refused` is renewed, whatever its life. Two who would renew the same one at once, in
    this process or in another, do so one after the other, and the second finds what the first has got.
    """

    def __init__(
        self,
        server: McpServer,
        reached: Reached,
        tokens: StoredTokens,
        redirect_uri: str,
        *,
        turn: Turn,
        client_name: str,
        ask: Ask | None = None,
        answer: Answer | None = None,
        refused: str | None = None,
    ) -> None:
        self._said = server.oauth or {}
        self._own_headers, self._proxy = reached.oauth_headers, server.proxy
        self._redirect_uri = redirect_uri
        self._ask, self._refused, self._turn = ask, refused, turn
        self._tokens = tokens
        self._renewing = asyncio.Lock()
        # The token that went along last.
        self.sent: str | None = None
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
            callback_handler=answer or _nobody,
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
        tokens = self.context.current_tokens
        if tokens is not None and tokens.access_token == self._refused:
            self.context.token_expiry_time = 1.0
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
        asked = await super()._refresh_token()
        audience = self._said.get("audience")
        if not audience or self._said.get("forward_audience_on_refresh") is False:
            return asked
        form = dict(parse_qsl(asked.content.decode(), keep_blank_values=True))
        headers = {name: asked.headers[name] for name in ("authorization",) if name in asked.headers}
        return httpx2.Request("POST", asked.url, data={**form, "audience": audience}, headers=headers)

    def _add_auth_header(self, request: httpx2.Request) -> None:
        super()._add_auth_header(request)
        tokens = self.context.current_tokens
        self.sent = tokens.access_token if tokens else None

    def _must_renew(self) -> bool:
        return not self.context.is_token_valid() and self.context.can_refresh_token()

    async def _renewed(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Renew the tokens, if they must be and nobody else has done it meanwhile."""
        async with self._renewing:
            if self._initialized and self.context.is_token_valid():
                return
            await self._initialize()
            if not self._must_renew():
                return
            async with self._turn():
                await self._initialize()
                if not self._must_renew():
                    return
                self.context.protocol_version = request.headers.get(VERSION_HEADER)
                asked = await self._refresh_token()
                asked.headers.update(self._own_headers)
                await self._take_renewed((yield asked))

    async def _take_renewed(self, response: httpx2.Response) -> None:
        """Keep what has come, unless others are stored meanwhile."""
        if response.status_code == 429 or response.status_code >= 500:
            # The login may still be good.
            raise httpx2.RemoteProtocolError("the token cannot be renewed now")
        before = self._tokens.set_id
        self._tokens.replaces = (before,)
        try:
            taken = await self._handle_refresh_response(response)
        finally:
            self._tokens.replaces = None
        if not taken or not self._tokens.was_kept:
            # LibreChat, on the same database, may have been faster; or the user has logged out or in.
            await self._initialize()
            if self._tokens.set_id == before:
                self.context.clear_tokens()

    async def _auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        renewing = self._renewed(request)
        try:
            outgoing = await anext(renewing)
            while True:
                outgoing = await renewing.asend((yield outgoing))
        except StopAsyncIteration:
            pass
        finally:
            await renewing.aclose()
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
            if self.context.is_token_valid():
                self._add_auth_header(request)
            response = yield request
            if response.status_code == 401:
                given = yield await self._perform_authorization()
                await self._handle_token_response(given)
                self._add_auth_header(request)
                yield request

    async def revoke(self, guard: AddressGuard) -> None:
        """Have the provider void the tokens (RFC 7009). Raises what its HTTP library does."""
        await self._initialize()
        tokens, metadata = self.context.current_tokens, self.context.oauth_metadata
        url = self._said.get("revocation_endpoint") or (metadata and metadata.revocation_endpoint)
        if tokens is None or not url:
            return
        given = (("refresh_token", tokens.refresh_token), ("access_token", tokens.access_token))
        client = make_client(
            CheckedTransport(guard, self._proxy), headers=self._own_headers, read_seconds=HTTP_SECONDS
        )
        async with client:
            for hint, token in given:
                if token:
                    await client.send(self._revocation(str(url), hint, token))

    def _revocation(self, url: str, hint: str, token: str) -> httpx2.Request:
        client = self.context.client_info
        form = {
            "token": token,
            "token_type_hint": hint,
            **({"client_id": client.client_id} if client else {}),
        }
        form, headers = self.context.prepare_token_auth(form, {})
        return httpx2.Request("POST", url, data=form, headers=headers)


async def _nobody() -> AuthorizationCodeResult:
    """Nobody was asked, so nobody answers."""
    raise LoginNeeded


async def log_in(server: McpServer, reached: Reached, guard: AddressGuard, auth: ServerAuth) -> None:
    """Ask the server for anything, so that it asks who is there; over when the user has come back, and been let in.

    Raises what the SDK and its HTTP library do.
    """
    client = make_client(
        CheckedTransport(guard, server.proxy), headers=reached.headers, read_seconds=HTTP_SECONDS, auth=auth
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
