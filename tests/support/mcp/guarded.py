"""A server that lets nobody in without a login, and the provider of that login: both are the SDK's."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from mcp.server.auth.provider import AccessToken, AuthorizationCode, AuthorizationParams, RefreshToken
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken


@dataclass
class Provider:
    """Whoever comes to `/authorize` is let in at once. `life` is how long tokens are good, in seconds.

    A token for renewing is good once, and takes `pause` seconds; if it comes again, all tokens of its client are void
    (RFC 9700, section 4.14.2).
    """

    life: int = 3600
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)
    challenges: list[str] = field(default_factory=list)
    refreshed: int = 0
    pause: float = 0.0
    revoked: list[str] = field(default_factory=list)
    spent: set[str] = field(default_factory=set)

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        self.challenges.append(params.code_challenge)
        code = AuthorizationCode(
            code=secrets.token_urlsafe(16),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=True,
            resource=params.resource,
        )
        self.codes[code.code] = code
        parts = urlsplit(str(params.redirect_uri))
        query = [*parse_qsl(parts.query), ("code", code.code), ("state", params.state or "")]
        return urlunsplit(parts._replace(query=urlencode(query)))

    async def load_authorization_code(self, client: Any, authorization_code: str) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: Any, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._give(client.client_id, authorization_code.scopes)

    async def load_refresh_token(self, client: Any, refresh_token: str) -> RefreshToken | None:
        if refresh_token in self.spent:
            for kept in (self.access, self.refresh):
                for each in [each for each, token in kept.items() if token.client_id == client.client_id]:
                    del kept[each]
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(
        self, client: Any, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        del self.refresh[refresh_token.token]
        self.spent.add(refresh_token.token)
        self.refreshed += 1
        await asyncio.sleep(self.pause)
        return self._give(client.client_id, scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: Any) -> None:
        self.revoked.append(token.token.partition("-")[0])
        self.access.pop(token.token, None)
        self.refresh.pop(token.token, None)

    def _give(self, client_id: str, scopes: list[str]) -> OAuthToken:
        access, refresh = f"access-{secrets.token_urlsafe(8)}", f"refresh-{secrets.token_urlsafe(8)}"
        self.access[access] = AccessToken(token=access, client_id=client_id, scopes=scopes)
        self.refresh[refresh] = RefreshToken(token=refresh, client_id=client_id, scopes=scopes)
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=self.life)


def guarded(provider: Provider, port: int) -> Any:
    """The server as an application; its one tool tells which token it was called with."""
    url = f"http://127.0.0.1:{port}"
    server = MCPServer(
        "guarded",
        auth_server_provider=provider,  # type: ignore[arg-type]
        auth=AuthSettings(
            issuer_url=url,  # type: ignore[arg-type]
            resource_server_url=f"{url}/mcp",  # type: ignore[arg-type]
            validate_token_resource=False,
            client_registration_options=ClientRegistrationOptions(enabled=True),
            revocation_options=RevocationOptions(enabled=True),
        ),
    )

    @server.tool()
    def token(ctx: Context[Any]) -> str:
        request = ctx.request_context.request
        return str(request.headers["authorization"]) if request else ""

    return server.streamable_http_app()
