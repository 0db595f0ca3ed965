"""What may be connected to for a server."""

from echo.providers.addresses import AddressGuard
from echo.settings.mcp import USER, McpServer, McpSettings, host_and_port
from echo.tools.mcp.resolving import Reached


def guard_of(settings: McpSettings, server: McpServer, reached: Reached) -> AddressGuard:
    """What is public, and what the operator names, for this server or in the rules."""
    allowed = list(settings.allowed_addresses)
    if settings.names(reached.url) or (server.source != USER and not reached.own_host):
        allowed += host_and_port(reached.url)
    if server.source != USER and server.oauth:
        for name in ("authorization_url", "token_url", "revocation_endpoint"):
            allowed += host_and_port(str(server.oauth.get(name) or ""))
    return AddressGuard(allowed)
