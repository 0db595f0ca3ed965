"""What connections and findings call a server: a name alone may be another's tomorrow."""

import hashlib

from echo.settings.mcp import McpServer


def identity_of(server: McpServer) -> str:
    """The id of a user's server, the name of an operator's."""
    return server.id or server.name


def mark_of(server: McpServer) -> str:
    """The same for a server at the same address."""
    said = f"{identity_of(server)} {server.url.texts if server.url else None}"
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
