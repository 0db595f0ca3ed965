"""MCP servers: Echo has none, and says so in the words in which LibreChat says that it has none."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services

Json = dict[str, Any]
# How long a client would wait for somebody to log in at a server: LibreChat's default, in milliseconds.
OAUTH_TIMEOUT = 600_000


def list_mcp_servers(services: Services, caller: Caller) -> Json:
    """The servers by name."""
    return {}


def list_mcp_tools(services: Services, caller: Caller) -> Json:
    """Their tools."""
    return {"servers": {}}


def get_mcp_connection_status(services: Services, caller: Caller) -> Json:
    """Which of them are connected."""
    return {"success": True, "connectionStatus": {}, "oauthTimeout": OAUTH_TIMEOUT}
