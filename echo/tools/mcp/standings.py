"""How things stand with a user's MCP servers: connections and logins, as every process tells it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from echo.errors import NotFound
from echo.handling.caller import Caller
from echo.settings.mcp import McpServer
from echo.tools.mcp.manager import McpManager, Use
from echo.tools.mcp.own_servers import OwnServers
from echo.tools.mcp.servers import Servers
from storage.accounts.mcp_logins import COMPLETED, FAILED, PENDING
from storage.core.database import Document


@dataclass(frozen=True)
class State:
    """LibreChat's words for a connection and for a login."""

    connection: str
    oauth: bool
    authorization: str


@dataclass(frozen=True)
class _Told:
    """States of connections by server, and the servers at which the user is logged in."""

    connections: Mapping[str, str]
    logins: Collection[str]


class Standings:
    """Those of the caller's own servers; servers and logins of others answer as if there were none."""

    def __init__(self, servers: Servers, own: OwnServers, manager: McpManager) -> None:
        self._servers = servers
        self._own = own
        self._manager = manager

    def states(self, caller: Caller) -> dict[str, State]:
        """How things stand with each server of the caller."""
        servers = self._servers.of(caller.id)
        told = self._told(caller, servers.values())
        return {name: self._state(caller, each, told) for name, each in servers.items()}

    def state(self, caller: Caller, name: str) -> State:
        """How things stand with one. Raises `NotFound`."""
        server, _ = self._own.find(caller, name)
        return self._state(caller, server, self._told(caller, [server]))

    def login(self, caller: Caller, flow_id: str) -> Document:
        """The caller's last login at a server, by LibreChat's name for it. Raises `NotFound`."""
        owner, _, name = flow_id.partition(":")
        login = self._manager.logins.find(owner, name) if owner == caller.id else None
        if login is None:
            raise NotFound
        return dict(login)

    def completed(self, caller: Caller, flow_id: str) -> Document:
        """The same, of one that has come to tokens. Raises `NotFound`."""
        login = self.login(caller, flow_id)
        if login["status"] != COMPLETED:
            raise NotFound
        return login

    def pending_url(self, caller: Caller, name: str, user_id: str, flow_id: str) -> str:
        """Where a login that has begun goes on. Raises `NotFound`."""
        if user_id != caller.id or flow_id != self.flow_id(caller, name):
            raise NotFound
        login = self.login(caller, flow_id)
        if login["status"] != PENDING or not login.get("url"):
            raise NotFound
        return str(login["url"])

    @staticmethod
    def flow_id(caller: Caller, name: str) -> str:
        """LibreChat's name for the login of a user at a server."""
        return f"{caller.id}:{name}"

    def _told(self, caller: Caller, servers: Collection[McpServer]) -> _Told:
        """What is the same for all of these, whichever process is asked."""
        reports = self._manager.reports
        reports.learn(servers)
        return _Told(
            reports.of(caller.id) if servers else {},
            self._manager.logins.servers(caller.id) if any(map(self._manager.uses_oauth, servers)) else set(),
        )

    def _state(self, caller: Caller, server: McpServer, told: _Told) -> State:
        if not self._manager.uses_oauth(server):
            found = self._manager.state(Use(caller.id, server), told.connections) or "disconnected"
            return State(found, oauth=False, authorization="not_required")
        if server.name in told.logins:
            return State("connected", oauth=True, authorization="authorized")
        login = self._manager.logins.find(caller.id, server.name)
        if login is not None and login["status"] == PENDING:
            return State("connecting", oauth=True, authorization="authorizing")
        if login is not None and login["status"] == FAILED and login.get("error") != "cancelled":
            return State("error", oauth=True, authorization="error")
        return State("disconnected", oauth=True, authorization="needs_authorization")
