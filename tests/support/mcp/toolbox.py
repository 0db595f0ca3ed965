"""A server whose tools do what a test needs."""

import asyncio
import base64
import json
from typing import Any

from mcp_types import (
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from mcp.server.mcpserver import Context, MCPServer

# One red pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def toolbox() -> MCPServer:
    """A new one; nothing is listening."""
    server = MCPServer("toolbox", instructions="Use echo for words.")
    _add_plain(server)
    _add_waiting(server)
    _add_strange(server)
    return server


def _add_plain(server: MCPServer) -> None:
    @server.tool(description="Says it back")
    def echo(text: str) -> str:
        return text

    @server.tool(structured_output=False)
    def huge(size: int) -> str:
        return "x" * size

    @server.tool()
    def whoami(ctx: Context[Any]) -> str:
        request = ctx.request_context.request
        return json.dumps(dict(request.headers) if request else {})


def _add_waiting(server: MCPServer) -> None:
    waiting: dict[str, str] = {}

    @server.tool()
    async def slow(key: str, seconds: float = 60) -> str:
        waiting[key] = "begun"
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            waiting[key] = "cancelled"
            raise
        return "done"

    meeting: dict[int, asyncio.Barrier] = {}

    @server.tool()
    async def meet(number: int) -> str:
        """Answers once so many have come."""
        await meeting.setdefault(number, asyncio.Barrier(number)).wait()
        return "met"

    @server.tool()
    def state(key: str) -> str:
        return waiting.get(key, "never")


def _add_strange(server: MCPServer) -> None:
    @server.tool()
    def broken() -> str:
        raise ValueError("nothing works")

    @server.tool()
    async def learn(ctx: Context[Any]) -> str:
        server.add_tool(broken, name="learned")
        await ctx.session.send_tool_list_changed()
        return "learned"

    @server.tool(structured_output=False)
    def mixed() -> CallToolResult:
        text = TextResourceContents(uri="file:///a.txt", mime_type="text/plain", text="inside")
        page = TextResourceContents(uri="ui://page", mime_type="text/html", text="<p>hi</p>")
        return CallToolResult(
            content=[
                TextContent(type="text", text="a picture"),
                ImageContent(type="image", data=base64.b64encode(PNG).decode(), mime_type="image/png"),
                EmbeddedResource(type="resource", resource=text),
                EmbeddedResource(type="resource", resource=page),
                ResourceLink(type="resource_link", uri="file:///b.txt", name="b"),
            ]
        )
