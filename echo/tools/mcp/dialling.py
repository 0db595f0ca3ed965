"""From a server as one user reaches it to a connection. The SDK is imported here."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from echo.providers.addresses import AddressGuard
from echo.settings.mcp import SSE, STDIO, McpServer
from echo.tools.mcp.authorizing import ServerAuth
from echo.tools.mcp.connection import Connection
from echo.tools.mcp.failures import LoginNeeded, NotConnected
from echo.tools.mcp.http import CheckedTransport, make_client
from echo.tools.mcp.limits import MAX_MESSAGE_BYTES
from echo.tools.mcp.resolving import Reached
from echo.tools.mcp.stdio import process_streams
from echo.tools.mcp.trace import CONNECT, PROCESS, Trace

# What the SDK logs holds what servers say, and addresses with what is secret in them.
for name in ("mcp", "client", "httpx2", "httpcore2"):
    logging.getLogger(name).setLevel(logging.CRITICAL)


class Delegated(httpx2.Auth):
    """A token in the user's name with every request; such a server asks nobody to log in."""

    login_needed = False

    def __init__(self, token: Callable[[], Awaitable[str]]) -> None:
        self._token = token

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """See httpx."""
        request.headers["Authorization"] = f"Bearer {await self._token()}"
        yield request


async def dial(
    server: McpServer,
    reached: Reached,
    guard: AddressGuard,
    auth: ServerAuth | Delegated | None = None,
    *,
    quiet: bool = False,
) -> Connection:
    """An open connection. Raises `NotConnected`, and `LoginNeeded` where a server asks for a login.

    If it is `quiet`, whoever calls tells what went wrong, and the log does not.
    """
    trace = Trace(server.type, PROCESS if server.type == STDIO else CONNECT, quiet)
    transport = CheckedTransport(guard, server.proxy, trace) if server.type != STDIO else None

    @asynccontextmanager
    async def streams() -> AsyncIterator[tuple[Any, Any]]:
        if transport is None:
            opened: Any = process_streams(
                reached.command,
                reached.environment,
                directory=server.directory,
                stderr=server.stderr,
                trace=trace,
            )
        else:
            opened = _remote(server, reached, transport, auth)
        async with opened as both:
            yield both

    connection = Connection(
        server.name,
        streams,
        begin_seconds=server.begin_seconds,
        call_seconds=server.call_seconds,
        trace=trace,
    )
    try:
        await connection.open()
    except NotConnected as error:
        if transport is not None and (transport.unauthorized if auth is None else auth.login_needed):
            raise LoginNeeded from error
        raise
    if auth is not None:
        connection.asks_login = lambda: auth.login_needed
    return connection


@asynccontextmanager
async def _remote(
    server: McpServer, reached: Reached, transport: CheckedTransport, auth: httpx2.Auth | None
) -> AsyncIterator[tuple[Any, Any]]:
    seconds = max(server.stream_seconds, server.call_seconds)
    if server.type == SSE:

        def factory(
            headers: dict[str, str] | None = None,
            timeout: httpx2.Timeout | None = None,
            auth: httpx2.Auth | None = auth,
        ) -> httpx2.AsyncClient:
            return make_client(transport, headers=reached.headers, read_seconds=seconds, auth=auth)

        async with sse_client(
            reached.url, timeout=server.begin_seconds, sse_read_timeout=seconds, httpx_client_factory=factory
        ) as both:
            yield both
        return
    client = make_client(transport, headers=reached.headers, read_seconds=seconds, auth=auth)
    async with (
        client,
        streamable_http_client(reached.url, http_client=client, max_sse_event_size=MAX_MESSAGE_BYTES) as both,
    ):
        yield both
