"""A server whose tools do what a test needs; as a program it speaks over its standard input and output."""

import asyncio
import base64
import json
import os
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


def toolbox() -> MCPServer:  # noqa: C901 - one function for each tool
    """A new one; nothing is listening."""
    server = MCPServer("toolbox", instructions="Use echo for words.")
    waiting: dict[str, str] = {}

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

    @server.tool()
    def environment() -> str:
        return json.dumps(dict(os.environ))

    @server.tool()
    async def slow(key: str, seconds: float = 60) -> str:
        waiting[key] = "begun"
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            waiting[key] = "cancelled"
            raise
        return "done"

    @server.tool()
    def state(key: str) -> str:
        return waiting.get(key, "never")

    @server.tool()
    def broken() -> str:
        raise ValueError("nothing works")

    @server.tool()
    def die() -> str:
        os._exit(3)

    @server.tool()
    async def learn(ctx: Context[Any]) -> str:
        server.add_tool(echo, name="learned")
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

    return server


if __name__ == "__main__":
    toolbox().run()
