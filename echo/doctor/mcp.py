"""MCP servers: does each answer that needs no user?"""

import asyncio
from collections.abc import Iterator

from echo.doctor.findings import Examined, Finding, failed, ok, skipped
from echo.settings.mcp import McpServer, McpSettings

AT_ONCE = 8


def check_mcp(examined: Examined) -> Iterator[Finding]:
    """Connect to the servers of the file, and ask what they have."""
    settings = examined.settings.mcp if examined.settings else McpSettings()
    if not settings.servers:
        return
    if examined.offline:
        yield skipped("MCP servers", f"not asked: {', '.join(each.name for each in settings.servers)}")
        return
    personal = [each for each in settings.servers if each.variables or each.placeholders]
    for each in personal:
        told = f"needs values of users: echo-api mcp test {each.name} --set NAME=VALUE"
        yield skipped(f"MCP server {each.name}", told)
    yield from asyncio.run(_tried(settings, [each for each in settings.servers if each not in personal]))


async def _tried(settings: McpSettings, servers: list[McpServer]) -> list[Finding]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(server: McpServer) -> Finding:
        # Imported here: where there are no servers, the extra may be missing.
        from echo.tools.mcp.trying import try_server  # noqa: PLC0415

        async with turns:
            tried = await try_server(settings, server, {})
        about = f"MCP server {server.name}"
        if tried.works:
            return ok(about, tried.told)
        return failed(
            about,
            tried.told,
            f"Try it with echo-api mcp test {server.name}; until then chats go without its tools.",
        )

    return list(await asyncio.gather(*map(one, servers)))
