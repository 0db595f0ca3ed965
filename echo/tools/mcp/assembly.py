"""How the parts of MCP fit together; called by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from echo.access import Access
from echo.accounts.federation.delegation import Delegations
from echo.accounts.plugin_keys import PluginKeys
from echo.accounts.turns import Turns
from echo.accounts.user_keys import make_cipher
from echo.background import Background
from echo.providers.chat import Attachment
from echo.settings import Settings
from echo.tools.mcp.connections import Connections
from echo.tools.mcp.logins import Logins
from echo.tools.mcp.manager import McpManager
from echo.tools.mcp.own_servers import TO_CONFIGURE_OBO, OwnServers
from echo.tools.mcp.reports import Reports
from echo.tools.mcp.servers import Servers
from echo.tools.mcp.service import McpService
from echo.tools.mcp.source import McpTools
from storage.accounts.mcp_logins import McpLoginRepository
from storage.accounts.mcp_states import McpFindingRepository, McpStateRepository
from storage.accounts.mcp_tokens import McpTokenRepository
from storage.accounts.renewals import RenewalRepository
from storage.accounts.users import UserRepository
from storage.agents.agents import AgentRepository
from storage.agents.mcp_servers import McpServerRepository
from storage.core.database import Database


@dataclass(frozen=True)
class McpParts:
    """What it takes of other domains; `keep_picture` keeps a picture of a tool's as a file of the user's."""

    access: Access
    plugin_keys: PluginKeys
    delegations: Delegations
    background: Background
    keep_picture: Callable[[str, Attachment], dict[str, Any] | None] | None = None


def build_mcp(
    settings: Settings,
    database: Database,
    parts: McpParts,
) -> McpService:
    """What is behind `/api/mcp`; its `tools` are the source for runs. Nothing is contacted, and no SDK imported."""
    cipher, stored, agents = make_cipher(settings), McpServerRepository(database), AgentRepository(database)
    turns = Turns(RenewalRepository(database))
    logins = Logins(settings, McpLoginRepository(database), McpTokenRepository(database), cipher, turns)
    connections = Connections()
    reports = Reports(connections, McpStateRepository(database), McpFindingRepository(database))
    manager = McpManager(
        settings.mcp,
        parts.plugin_keys,
        logins,
        connections=connections,
        reports=reports,
        delegations=parts.delegations,
        may_delegate=lambda author: author is not None and parts.access.may(author, TO_CONFIGURE_OBO),
    )
    servers = Servers(settings.mcp, parts.access, stored, agents, cipher)
    own = OwnServers(settings.mcp, parts.access, stored, servers, cipher)
    tools = McpTools(parts.access, servers, manager, agents, parts.keep_picture)
    service = McpService(servers, own, tools, UserRepository(database), parts.background)
    parts.plugin_keys.listen(service.values_changed)
    return service
