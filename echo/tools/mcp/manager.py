"""What a user reaches of a server: its tools, calls of them, and logging in at it."""

import asyncio
import hashlib
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from echo.accounts.federation.delegation import Delegations
from echo.accounts.plugin_keys import MCP, PluginKeys
from echo.providers.addresses import AddressGuard
from echo.settings.mcp import STDIO, USER, McpServer, McpSettings
from echo.tools.mcp.catalog import ServerTool, instructions_of
from echo.tools.mcp.connections import Connections, Key
from echo.tools.mcp.failures import CallFailed, LoginNeeded, NotAllowed, NotConnected, why
from echo.tools.mcp.guarding import guard_of
from echo.tools.mcp.identity import identity_of
from echo.tools.mcp.logins import Asked, Logins
from echo.tools.mcp.reports import Reports
from echo.tools.mcp.resolving import Reached, missing, reach
from storage.accounts.mcp_states import CONNECTED, CONNECTING
from storage.accounts.mcp_tokens import Kept

if TYPE_CHECKING:
    from echo.tools.mcp.connection import Connection

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Use:
    """A server for a user; `placeholders` are values of LibreChat's, by name."""

    owner: str
    server: McpServer
    placeholders: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Listing:
    """What a server has, and what a model is told of it."""

    tools: tuple[ServerTool, ...]
    instructions: str | None = None


@dataclass(frozen=True)
class _Line:
    """A use, with everything that a connection is made of."""

    use: Use
    reached: Reached
    key: Key
    oauth: bool


class McpManager:
    """Over the connections of this process.

    Raises the errors of `echo.tools.mcp.failures` and of `resolving`, and `NotDelegated`.
    """

    def __init__(
        self,
        settings: McpSettings,
        plugin_keys: PluginKeys,
        logins: Logins,
        *,
        connections: Connections,
        reports: Reports,
        delegations: Delegations,
        may_delegate: Callable[[str | None], bool],
    ) -> None:
        """`may_delegate` says whether an author's servers may get tokens in users' names; for threads."""
        self._delegations = delegations
        self._may_delegate = may_delegate
        self._settings = settings
        self._plugin_keys = plugin_keys
        self.logins = logins
        self.connections = connections
        self.reports = reports

    def uses_oauth(self, server: McpServer) -> bool:
        """Whether users log in at a server, as far as that is known."""
        return server.uses_oauth or (server.may_ask_login and self.reports.asks_login(server))

    def values(self, owner: str, server: McpServer) -> dict[str, str]:
        """What a user has set for a server."""
        if not server.variables:
            return {}
        found = self._plugin_keys.get(owner, f"{MCP}{server.name}")
        return {name: value for name, value in found.items() if name in server.variables}

    async def variables(self, use: Use) -> dict[str, str]:
        """The same, for who is on the event loop."""
        return await asyncio.to_thread(self.values, use.owner, use.server) if use.server.variables else {}

    async def missing(self, use: Use) -> list[str]:
        """The variables that the user has not set."""
        return missing(use.server, await self.variables(use))

    async def tools(self, use: Use) -> Listing:
        """What the server has for this user."""
        line = await self._line(use)

        async def work(connection: "Connection") -> Listing:
            tools = await connection.tools()
            return Listing(tools, instructions_of(use.server.instructions, connection.instructions))

        return await self._do(line, work)

    async def look(self, use: Use) -> Listing:
        """The same by a connection of its own, which is closed again."""
        line = await self._line(use)
        connection = await self._dial(line)
        try:
            return Listing(await connection.tools())
        finally:
            await connection.close()

    async def call(self, use: Use, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a call, as MCP's JSON."""
        line = await self._line(use)

        async def work(connection: "Connection") -> Mapping[str, Any]:
            result = await connection.call(tool, arguments)
            said: Mapping[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
            return said

        return await self._do(line, work)

    async def log_in(self, use: Use) -> Asked | None:
        """Begin a login at the server, see `Logins.begin`."""
        await self._sdk()
        line = await self._line(use)
        asked = await self.logins.begin(
            use.owner, use.server, line.reached, guard_of(self._settings, use.server, line.reached)
        )
        if asked is None and not use.server.uses_oauth:
            await self.reports.forget_login(use.server)
        return asked

    async def revoke(self, use: Use, forgotten: Mapping[str, Kept]) -> None:
        """Have the provider void tokens that nobody has any more, as far as it can be told."""
        try:
            await self._sdk()
            line = await self._line(use)
            guard = guard_of(self._settings, use.server, line.reached)
            auth = self.logins.auth(use.owner, use.server, line.reached, forgotten)
            await auth.revoke(guard)
        except Exception as error:
            log.info("tokens for an MCP server are not revoked", server=use.server.name, why=why(error))

    async def drop(self, owner: str | None, server: McpServer) -> None:
        """Close the user's connections to a server, or everybody's: the next use makes new ones."""
        await self.connections.drop(identity_of(server), owner)

    def state(self, use: Use, told: Mapping[str, str]) -> str | None:
        """How things stand with the user's connections, here or as processes have `told`; None without any."""
        name = identity_of(use.server)
        here = self.connections.states()
        found = {here.get((owner, name)) for owner in (use.owner, None)} | {told.get(name)}
        return next((each for each in (CONNECTED, CONNECTING) if each in found), None)

    async def open_shared(self, server: McpServer) -> None:
        """Connect to a server that all share, as far as it can be reached."""
        try:
            await self.tools(Use("", server))
        except Exception as error:
            log.warning("an MCP server cannot be reached yet", server=server.name, why=why(error))

    async def close(self) -> None:
        """End everything."""
        await self.logins.close()
        await self.connections.close()
        await self.reports.close()

    async def _line(self, use: Use) -> _Line:
        server = use.server
        values = {**await self.variables(use), **use.placeholders}
        reached = reach(server, values)
        if server.type != STDIO and not self._settings.allows(reached.url):
            raise NotAllowed
        if server.obo and (reached.own_host or not await self._is_trusted(server)):
            # A token of the organisation's goes to no address but those that somebody may choose for it.
            raise NotAllowed
        oauth = self.uses_oauth(server)
        mark = f"{reached.mark} {server.updated_at} {server.directory}"
        key = Key(
            owner=use.owner if server.personal or oauth else None,
            server=identity_of(server),
            mark=hashlib.sha256(mark.encode()).hexdigest(),
            is_process=server.type == STDIO,
            per_message=server.per_message,
        )
        return _Line(use, reached, key, oauth)

    async def _is_trusted(self, server: McpServer) -> bool:
        """Whether a server may get tokens in users' names: the operator's, and one whose author still may say so."""
        return server.source != USER or await asyncio.to_thread(self._may_delegate, server.author)

    async def _do(self, line: _Line, work: Callable[["Connection"], Awaitable[T]]) -> T:
        use = line.use
        if line.oauth and use.server.name not in await asyncio.to_thread(self.logins.servers, use.owner):
            # Who has logged out is logged out, whatever is still open.
            await self.drop(use.owner, use.server)
            raise LoginNeeded
        if use.server.obo:
            await self._delegations.token(use.owner, use.server.obo)
        used: list[Connection] = []

        async def noted(connection: "Connection") -> T:
            used.append(connection)
            return await work(connection)

        try:
            return await self.connections.use(line.key, lambda: self._dial(line), noted)
        except (CallFailed, NotConnected) as error:
            if used and used[-1].asks_login():
                await self.drop(use.owner, use.server)
                raise LoginNeeded from error
            raise

    async def _dial(self, line: _Line) -> "Connection":
        dial = (await self._sdk()).dial
        server, owner = line.use.server, line.use.owner
        guard = guard_of(self._settings, server, line.reached)
        if line.oauth:
            auth = self.logins.auth(owner, server, line.reached)
            try:
                made: Connection = await dial(server, line.reached, guard, auth)
            except LoginNeeded:
                if auth.sent is None:
                    raise
                # A token may be void before its time, and still be worth another one.
                auth = self.logins.auth(owner, server, line.reached, refused=auth.sent)
                made = await dial(server, line.reached, guard, auth)
            return made
        if server.obo:
            return await self._dial_in_name(line, guard)
        try:
            made = await dial(server, line.reached, guard)
        except LoginNeeded as error:
            if server.requires_oauth is False or server.api_key is not None:
                raise NotConnected("the server does not let us in") from error
            await self.reports.note_login(server)
            raise
        return made

    async def _dial_in_name(self, line: _Line, guard: AddressGuard) -> "Connection":
        """With a token that the organisation's provider gives in the user's name, fresh for each request."""
        owner, scopes = line.use.owner, line.use.server.obo or ""
        dialling = await self._sdk()

        async def token() -> str:
            return await self._delegations.token(owner, scopes)

        made: Connection = await dialling.dial(
            line.use.server, line.reached, guard, dialling.Delegated(token)
        )
        return made

    @staticmethod
    async def _sdk() -> Any:
        """Where the SDK is, imported beside the event loop."""
        return await asyncio.to_thread(importlib.import_module, "echo.tools.mcp.dialling")
