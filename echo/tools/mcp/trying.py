"""Trying a server for its operator: without users, and without what is stored of them."""

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from echo.settings.mcp import STDIO, McpServer, McpSettings
from echo.tools.mcp.failures import CallFailed, LoginNeeded, NotConnected, why
from echo.tools.mcp.guarding import guard_of
from echo.tools.mcp.resolving import MissingValues, UnusableValue, reach

LIST_SECONDS = 30.0
LOGIN = "it answers, and wants users to log in"


@dataclass(frozen=True)
class Tried:
    """What became of it: `told` is a sentence about the server, `tools` are the names of what it has."""

    works: bool
    told: str
    tools: tuple[str, ...] = ()
    seconds: float = 0.0


async def try_server(settings: McpSettings, server: McpServer, values: Mapping[str, str]) -> Tried:
    """Connect to a server with these values for its placeholders, and ask what it has."""
    began = monotonic()
    dialling = await asyncio.to_thread(importlib.import_module, "echo.tools.mcp.dialling")
    try:
        reached = reach(server, values)
        if server.type != STDIO and not settings.allows(reached.url):
            return Tried(works=False, told="mcpSettings.allowedDomains does not have its address")
        connection = await dialling.dial(server, reached, guard_of(settings, server, reached), quiet=True)
        try:
            async with asyncio.timeout(LIST_SECONDS):
                names = tuple(each.name for each in await connection.tools())
        finally:
            await connection.close()
    except LoginNeeded:
        expected = server.uses_oauth or server.may_ask_login or server.obo is not None
        return Tried(
            expected, LOGIN if expected else "it does not let us in (401)", seconds=monotonic() - began
        )
    except (MissingValues, UnusableValue, NotConnected, CallFailed, TimeoutError) as error:
        return Tried(works=False, told=why(error), seconds=monotonic() - began)
    told = f"it answers, and has {len(names)} tools"
    return Tried(works=True, told=told, tools=names, seconds=monotonic() - began)
