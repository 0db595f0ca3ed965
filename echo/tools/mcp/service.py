"""What the operations under `/api/mcp` do."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from echo.background import Background
from echo.handling.caller import Caller
from echo.providers.personal import user_values
from echo.settings.mcp import McpServer
from echo.tools.mcp.failures import LoginFailed, LoginNeeded, why
from echo.tools.mcp.limits import LOGIN_SECONDS
from echo.tools.mcp.logins import Asked
from echo.tools.mcp.manager import Listing, Use
from echo.tools.mcp.naming import key_of
from echo.tools.mcp.own_servers import OwnServers, unusable
from echo.tools.mcp.servers import Servers
from echo.tools.mcp.source import McpTools
from echo.tools.mcp.standings import Standings
from storage.accounts.mcp_tokens import Kept
from storage.accounts.users import UserRepository

log = structlog.get_logger(__name__)
Json = dict[str, Any]
# For all servers of a user to say what they have, and how many are asked at once.
LIST_SECONDS, AT_ONCE = 15.0, 8
PREFIX = "mcp_"


@dataclass(frozen=True)
class Shown:
    """A server, whether the caller may change it, and whether users log in at it."""

    server: McpServer
    may_edit: bool
    oauth: bool


@dataclass(frozen=True)
class Initialized:
    """What became of an attempt to connect; `asked` is the login that is needed first."""

    success: bool
    message: str
    asked: Asked | None = None
    failure: str | None = None
    missing: tuple[str, ...] = ()
    deferred: bool = False


class McpService:
    """All of it for the caller's own servers: those of others answer as if there were none."""

    def __init__(
        self,
        servers: Servers,
        own: OwnServers,
        tools: McpTools,
        users: UserRepository,
        background: Background,
    ) -> None:
        self._servers = servers
        self.own = own
        self.tools = tools
        self.manager = tools.manager
        self.standings = Standings(servers, own, tools.manager)
        self._users = users
        self._background = background

    @property
    def logins(self) -> Any:
        """Users' logins at servers."""
        return self.manager.logins

    async def begin(self) -> None:
        """Connect to the operator's servers that all share, where the file does not put that off."""
        shared = [each for each in self._servers.configured.values() if each.startup and not each.personal]
        await asyncio.gather(*(self.manager.open_shared(each) for each in shared))

    async def close(self) -> None:
        """End everything that belongs to this process."""
        await self.manager.close()

    def values_changed(self, owner: str, plugin: str) -> None:
        """A user has set or deleted values, perhaps of a server: what was connected by them ends.

        To delete everything of a server also means to log out of it, as in LibreChat; its provider is told.
        """
        if not plugin.startswith(PREFIX):
            return
        name = plugin.removeprefix(PREFIX)
        server = self._servers.named(owner, [name]).get(name)
        if server is None:
            return
        found: Mapping[str, Kept] = {}
        if self.manager.uses_oauth(server) and not self.manager.values(owner, server):
            found = self.logins.forget(owner, name)
        if self._background.is_running:
            self._background.submit(self.manager.drop(owner, server))
            if found:
                self._background.submit(self.manager.revoke(Use(owner, server), found))

    def list(self, caller: Caller) -> dict[str, Shown]:
        """The servers of the caller."""
        servers = self._servers.of(caller.id)
        self.manager.reports.learn(servers.values())
        return {name: self._shown(caller, each) for name, each in servers.items()}

    def get(self, caller: Caller, name: str) -> Shown:
        """One of them. Raises `NotFound`."""
        server, _ = self.own.find(caller, name)
        self.manager.reports.learn([server])
        return self._shown(caller, server)

    async def create(self, caller: Caller, said: Mapping[str, Any]) -> Shown:
        """Keep a server of the caller's, after a look whether it is there. Raises `Unprocessable`."""
        server = await asyncio.to_thread(self.own.check, caller, said)
        found = await self._inspect(caller, server)
        made = await asyncio.to_thread(self.own.create, caller, said, found)
        return Shown(made, may_edit=True, oauth=self.manager.uses_oauth(made))

    async def update(self, caller: Caller, name: str, said: Mapping[str, Any]) -> Shown:
        """Change one. Raises `NotFound`, `Forbidden`, `Unprocessable`."""
        server = await asyncio.to_thread(self.own.check, caller, said, name)
        found = await self._inspect(caller, server)
        made = await asyncio.to_thread(self.own.update, caller, name, said, found)
        await self.manager.drop(None, made)
        return Shown(made, may_edit=True, oauth=self.manager.uses_oauth(made))

    async def delete(self, caller: Caller, name: str) -> None:
        """Delete one. Raises `NotFound`, `Forbidden`."""
        server = await asyncio.to_thread(self.own.delete, caller, name)
        if server is not None:
            await self.manager.drop(None, server)

    async def list_tools(self, caller: Caller) -> dict[str, tuple[McpServer, Listing]]:
        """The tools of all servers that can be reached without asking the user for anything."""
        servers = await asyncio.to_thread(self._servers.of, caller.id)
        values = await asyncio.to_thread(self._values, caller)
        turns = asyncio.Semaphore(AT_ONCE)

        async def ask(server: McpServer) -> Listing:
            try:
                async with turns, asyncio.timeout(LIST_SECONDS):
                    return await self.manager.tools(Use(caller.id, server, values))
            except Exception as error:
                log.debug("an MCP server says nothing", server=server.name, why=why(error))
                return Listing(())

        listings = await asyncio.gather(*(ask(each) for each in servers.values()))
        return dict(zip(servers, zip(servers.values(), listings, strict=True), strict=True))

    async def initialize(self, caller: Caller, name: str) -> Initialized:
        """Connect anew for the caller, or begin the login that is needed first. Raises `NotFound`."""
        server, _ = await asyncio.to_thread(self.own.find, caller, name)
        use = Use(caller.id, server, await asyncio.to_thread(self._values, caller))
        if lacking := await self.manager.missing(use):
            said = f"MCP server '{name}' requires user-provided variable(s) [{', '.join(lacking)}] which are not set"
            return Initialized(False, said, failure="missing_custom_user_vars", missing=tuple(lacking))
        if server.per_message:
            return Initialized(True, f"MCP server '{name}' is connected to in the next chat", deferred=True)
        await self.manager.drop(caller.id, server)
        try:
            await self.manager.tools(use)
        except LoginNeeded:
            return await self._begin_login(use)
        except Exception as error:
            log.info("an MCP server cannot be reached", server=name, why=why(error))
            failed = f"Failed to reinitialize MCP server '{name}'"
            return Initialized(False, failed, failure="initialization_failed")
        return Initialized(True, f"MCP server '{name}' reinitialized successfully")

    def set_variables(self, caller: Caller, name: str) -> dict[str, bool]:
        """Which variables of a server the caller has set. Raises `NotFound`."""
        server, _ = self.own.find(caller, name)
        values = self.manager.values(caller.id, server)
        return {each: bool(values.get(each)) for each in server.variables}

    async def _begin_login(self, use: Use) -> Initialized:
        name = use.server.name
        try:
            asked = await self.manager.log_in(use)
        except LoginFailed:
            said = f"Failed to reinitialize MCP server '{name}'"
            return Initialized(False, said, failure="oauth_required")
        if asked is None:
            return Initialized(True, f"MCP server '{name}' reinitialized successfully")
        return Initialized(True, f"MCP server '{name}' ready for OAuth authentication", asked)

    async def _inspect(self, caller: Caller, server: McpServer) -> Json:
        """What is found out about a server that is to be kept: LibreChat's fields."""
        if server.oauth or server.variables or server.obo:
            return {"requiresOAuth": server.oauth is not None}
        try:
            listing = await self.manager.look(Use(caller.id, server))
        except LoginNeeded:
            return {"requiresOAuth": True}
        except Exception as error:
            log.info("a new MCP server cannot be reached", why=why(error))
            raise unusable("The MCP server cannot be reached at this address.") from error
        return {"requiresOAuth": False, "tools": ", ".join(each.name for each in listing.tools)[:4000]}

    def _shown(self, caller: Caller, server: McpServer) -> Shown:
        return Shown(server, self.own.may_edit(caller, server), self.manager.uses_oauth(server))

    def _values(self, caller: Caller) -> dict[str, str]:
        return user_values(self._users.get(caller.id))


def tools_of(server: McpServer, listing: Listing) -> list[Json]:
    """Tools as LibreChat's clients list them."""
    return [
        {"name": each.name, "pluginKey": key_of(each.name, server.name), "description": each.description}
        for each in listing.tools
    ]


TIMEOUT_MS = int(LOGIN_SECONDS * 1000)
