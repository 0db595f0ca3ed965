"""A server of FastMCP's, by itself, over HTTP with a login, or over any transport without one: TRANSPORT [PORT]."""

import sys

from fastmcp import FastMCP
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from mcp.server.auth.settings import ClientRegistrationOptions

transport, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
base = f"http://127.0.0.1:{port}"
login = InMemoryOAuthProvider(
    base_url=base, client_registration_options=ClientRegistrationOptions(enabled=True)
)
server = FastMCP("Sums", instructions="Sums things.", auth=login if transport == "login" else None)


@server.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool
def fail() -> str:
    """Fail."""
    raise ValueError("broken on purpose")


if transport == "stdio":
    server.run(show_banner=False)
else:
    kind = "sse" if transport == "sse" else "http"
    server.run(transport=kind, host="127.0.0.1", port=port, show_banner=False)
