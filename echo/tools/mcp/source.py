"""MCP servers as a source of tools."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from echo.access import Access, ResourceType
from echo.access.kinds import VIEW
from echo.accounts.federation.delegation import NotDelegated
from echo.errors import ApiError, Forbidden
from echo.providers.chat import Attachment, Tool
from echo.settings.mcp import McpServer
from echo.tools.mcp.catalog import ServerTool
from echo.tools.mcp.failures import CallFailed, LoginFailed, LoginNeeded, why
from echo.tools.mcp.limits import LOGIN_SECONDS
from echo.tools.mcp.logins import Asked
from echo.tools.mcp.manager import Listing, McpManager, Use
from echo.tools.mcp.naming import (
    ALL,
    DELIMITER,
    SERVER,
    aliases,
    function_name,
    key_of,
    login_name,
    normalized,
    split,
)
from echo.tools.mcp.results import PICTURES, output_of
from echo.tools.mcp.servers import Servers, caller_of
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolFailure, ToolOutput, Wanted
from storage.agents.agents import AgentRepository
from storage.core.errors import NotFound

log = structlog.get_logger(__name__)
NEEDS = {"MCP_SERVERS": ("USE",)}
# For one server to say what it has, beside the time that a login takes.
LIST_SECONDS = 40.0
# Who keeps a picture of a tool's as a file of the user's: what people are shown of it, None where it is not kept.
KeepPicture = Callable[[str, Attachment], dict[str, Any] | None]


@dataclass
class _Chosen:
    """What is wanted of one server."""

    tools: set[str] = field(default_factory=set)
    all: bool = False
    # The server alone: what it says of itself, and no tool.
    pinned: bool = False


class McpTools:
    """The tools of the servers that an agent names, or that a chat has switched on."""

    # It may have to wait until the user has logged in somewhere.
    offer_seconds = LOGIN_SECONDS + 60

    def __init__(
        self,
        access: Access,
        servers: Servers,
        manager: McpManager,
        agents: AgentRepository,
        keep_picture: KeepPicture | None = None,
    ) -> None:
        self._access = access
        self._servers = servers
        self.manager = manager
        self._agents = agents
        self._keep = keep_picture

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        """See `ToolSource`. A server that cannot be reached is left out; one that wants a login is waited for."""
        names = [each for each in wanted.names if DELIMITER in each]
        if not names:
            return Offer()
        try:
            found = await asyncio.to_thread(self._found, names, wanted, place.owner)
        except (Forbidden, NotFound):
            return Offer()
        chosen = _chosen(names, found)
        uses = {name: Use(place.owner, found[name], place.placeholders) for name in chosen}
        offers = await asyncio.gather(*(self._of(uses[name], each, place) for name, each in chosen.items()))
        return Offer(
            tuple(tool for each in offers for tool in each.tools),
            tuple(text for each in offers for text in each.instructions),
        )

    def _found(self, names: Iterable[str], wanted: Wanted, owner: str) -> dict[str, McpServer]:
        self._access.check(owner, NEEDS)
        agent = None
        if wanted.agent_id is not None and wanted.agent_id.startswith("agent_"):
            identifier = self._agents.identify(wanted.agent_id)
            if self._access.bits(caller_of(owner), ResourceType.AGENT, identifier) & VIEW:
                agent = next(iter(self._agents.servers_of([identifier])), None)
        # Of a tool's name every end can be a server's.
        ends = {end for name in names for end in _ends(name)}
        plain = {normalized(each): each for each in self._servers.configured}
        return self._servers.named(owner, {plain.get(end, end) for end in ends}, agent)

    async def _of(self, use: Use, chosen: _Chosen, place: RunPlace) -> Offer:
        try:
            listing = await self._listing(use, place)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.info("an MCP server is left out of a run", server=use.server.name, why=why(error))
            return Offer()
        tools = [
            self._tool(use, each, place)
            for each in listing.tools
            if chosen.all or {each.name, key_of(each.name, use.server.name)} & chosen.tools
        ]
        said = listing.instructions
        texts = (f"# MCP server {use.server.name}\n{said}",) if said and (tools or chosen.pinned) else ()
        return Offer(tuple(tools), texts)

    async def _listing(self, use: Use, place: RunPlace) -> Listing:
        try:
            return await self._listed(use)
        except LoginNeeded:
            if not await self._logged_in(use, place):
                raise
        return await self._listed(use)

    async def _listed(self, use: Use) -> Listing:
        async with asyncio.timeout(LIST_SECONDS):
            return await self.manager.tools(use)

    async def _logged_in(self, use: Use, place: RunPlace) -> bool:
        """Show the user where to log in, as LibreChat's step does, and wait for it."""
        asked = await self.manager.log_in(use)
        if asked is None:
            return True
        name = login_name(use.server.name)
        step = f"step_oauth_login_{use.server.name}"
        call = {
            "id": f"{place.owner}:{use.server.name}:{int(time.time() * 1000)}",
            "name": name,
            "type": "tool_call_chunk",
        }
        details = {"type": "tool_calls", "tool_calls": [call]}
        begun = {
            "runId": place.answer_id,
            "id": step,
            "type": "tool_calls",
            "index": 0,
            "stepDetails": details,
        }
        place.tell("message", {"event": "on_run_step", "data": begun})
        _tell(place, step, call, asked)
        done = await self.manager.logins.wait(place.owner, use.server.name, asked.ends_at)
        _tell(place, step, call, None)
        return done

    def _tool(self, use: Use, tool: ServerTool, place: RunPlace) -> RunTool:
        async def call(called: Called) -> ToolOutput:
            return await self._call(use, tool, called, place)

        spec = Tool(function_name(tool.name, use.server.name), tool.description or None, tool.schema)
        # A call may have to wait until the user has logged in again.
        login = LOGIN_SECONDS if self.manager.uses_oauth(use.server) else 0.0
        return RunTool(spec, call, use.server.call_seconds + login + 10)

    async def _call(self, use: Use, tool: ServerTool, called: Called, place: RunPlace) -> ToolOutput:
        try:
            said = await self._called(use, tool, called, place)
        except CallFailed as error:
            raise ToolFailure(f"The tool failed: {str(error)[:2000]}") from error
        except (LoginNeeded, LoginFailed) as error:
            raise ToolFailure(
                "The user has to log in at the MCP server before this tool can be used."
            ) from error
        except NotDelegated as error:
            raise ToolFailure(str(error)) from error
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.info("a call of an MCP tool has failed", server=use.server.name, why=why(error))
            raise ToolFailure("The MCP server cannot be reached.") from error
        output = output_of(
            said.get("content") or (), said.get("structuredContent"), is_error=said.get("isError") is True
        )
        return await self._with_pictures(output, place)

    async def _called(self, use: Use, tool: ServerTool, called: Called, place: RunPlace) -> Any:
        try:
            return await self.manager.call(use, tool.name, called.arguments)
        except LoginNeeded:
            asked = await self.manager.log_in(use)
            if asked is not None:
                name = function_name(tool.name, use.server.name)
                about = {"id": called.id, "name": name, "type": "tool_call_chunk"}
                _tell(place, called.step_id, about, asked)
                done = await self.manager.logins.wait(place.owner, use.server.name, asked.ends_at)
                _tell(place, called.step_id, about, None)
                if not done:
                    raise
        return await self.manager.call(use, tool.name, called.arguments)

    async def _with_pictures(self, output: ToolOutput, place: RunPlace) -> ToolOutput:
        """With the pictures as files of the user's, which people are shown."""
        pictures = [
            each for each in output.content if isinstance(each, Attachment) and each.media_type in PICTURES
        ]
        kept = [await self._kept(place.owner, each) for each in pictures]
        shown = tuple(each for each in kept if each is not None)
        return ToolOutput(output.content, output.is_error, (*shown, *output.attachments))

    async def _kept(self, owner: str, picture: Attachment) -> dict[str, Any] | None:
        if self._keep is None:
            return None
        try:
            return await asyncio.to_thread(self._keep, owner, picture)
        except (ApiError, OSError) as error:
            log.info("a picture of an MCP tool is not kept", cause=type(error).__name__)
            return None


def _chosen(names: Iterable[str], found: dict[str, McpServer]) -> dict[str, _Chosen]:
    """What the names want, by server; of servers that are there."""
    named = aliases(found)
    candidates = {**named, **{each: each for each in found}}
    chosen: dict[str, _Chosen] = {}
    for name in names:
        parts = split(name, candidates)
        if parts is None:
            continue
        tool, server = parts
        of_server = chosen.setdefault(candidates[server], _Chosen())
        if tool == ALL:
            of_server.all = True
        elif tool == SERVER:
            of_server.pinned = True
        else:
            of_server.tools.add(tool)
    return chosen


def _ends(name: str) -> list[str]:
    """Everything that follows a delimiter."""
    found: list[str] = []
    rest = name
    while DELIMITER in rest and len(found) < 8:
        _, _, rest = rest.partition(DELIMITER)
        found.append(rest)
    return found


def _tell(place: RunPlace, step: str, call: dict[str, str], asked: Asked | None) -> None:
    delta: dict[str, Any] = {"type": "tool_calls", "tool_calls": [{**call, "args": ""} if asked else call]}
    if asked:
        delta |= {"auth": asked.url, "expires_at": int(asked.ends_at.timestamp() * 1000)}
    place.tell("message", {"event": "on_run_step_delta", "data": {"id": step, "delta": delta}})
