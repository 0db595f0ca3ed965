"""One connection to a server: a task of its own holds it, and everybody else asks through that."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import mcp_types
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED

from echo import __version__
from echo.tools.mcp.catalog import ServerTool, usable
from echo.tools.mcp.failures import CallFailed, NotConnected
from echo.tools.mcp.limits import LIST_AGE, LIST_SECONDS, MAX_LIST_BYTES, MAX_PAGES, MAX_TOOLS
from echo.tools.mcp.trace import OPEN, Trace

Streams = AbstractAsyncContextManager[tuple[Any, Any]]
INFO = mcp_types.Implementation(name="echo-api", version=__version__)
CLOSING_SECONDS = 10.0
# How the SDK says that a server has forgotten a session.
FORGOTTEN = "Session terminated"


class _Session(ClientSession):
    """The SDK's, which does not hold results against a schema of the server's: patterns in it could cost hours."""

    async def validate_tool_result(self, name: str, result: mcp_types.CallToolResult) -> None:
        """Nothing: a model reads whatever comes."""


class _Watched:
    """A stream of what a server says, whose end is noticed at once."""

    def __init__(self, inner: Any, ended: asyncio.Event) -> None:
        self._inner, self._ended = inner, ended

    async def receive(self) -> Any:
        """The next message. Raises what the stream does."""
        try:
            return await self._inner.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._ended.set()
            raise

    def __aiter__(self) -> "_Watched":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Close it."""
        await self._inner.aclose()

    async def __aenter__(self) -> "_Watched":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()


class Connection:
    """Open from `open` until `close`, or until the server ends it: then `is_open` is False."""

    def __init__(
        self,
        server: str,
        streams: Callable[[], Streams],
        *,
        begin_seconds: float,
        call_seconds: float,
        trace: Trace,
    ) -> None:
        self.server = server
        self._trace = trace
        self.used_at = asyncio.get_running_loop().time()
        self.calls = 0
        self.instructions: str | None = None
        # Whether the server has asked for a login since; set by who knows.
        self.asks_login: Callable[[], bool] = lambda: False
        self._streams = streams
        self._begin_seconds, self._call_seconds = begin_seconds, call_seconds
        self._task: asyncio.Task[None] | None = None
        self._session: _Session | None = None
        self._closing = asyncio.Event()
        self._tools: tuple[ServerTool, ...] | None = None
        self._listed_at = 0.0
        self._listing = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._session is not None and not self._closing.is_set()

    async def open(self) -> None:
        """Connect and agree on the protocol. Raises `NotConnected`."""
        ready = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(ready), name=f"mcp {self.server}")
        try:
            async with asyncio.timeout(self._begin_seconds):
                await asyncio.shield(ready)
        except TimeoutError as error:
            self._trace.timed_out = self._begin_seconds
            await self.close()
            self._trace.tell(self.server)
            raise NotConnected("the server did not answer in time", why=self._trace.sentence()) from error
        except asyncio.CancelledError:
            await self.close()
            raise

    async def tools(self) -> tuple[ServerTool, ...]:
        """What the server has; asked again where it said that this has changed, and now and then."""
        async with self._listing:
            fresh = asyncio.get_running_loop().time() - self._listed_at < LIST_AGE
            if self._tools is None or not fresh:
                listed_at = asyncio.get_running_loop().time()
                found = await self._asked(self._list())
                self._tools, self._listed_at = found, listed_at
            return self._tools

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> mcp_types.CallToolResult:
        """The result of a call. Raises `NotConnected`, `CallFailed`; cancelled, it is cancelled at the server."""
        session = self._open_session()
        result = await self._asked(
            session.call_tool(tool, dict(arguments), read_timeout_seconds=self._call_seconds),
            seconds=self._call_seconds + 1,
        )
        if not isinstance(result, mcp_types.CallToolResult):
            raise CallFailed("the server asks for something that cannot be given")
        return result

    async def close(self) -> None:
        """End it; the server is told as far as its protocol has that."""
        self._closing.set()
        task = self._task
        if task is None or task.done():
            return
        if self._session is not None:
            await asyncio.wait([task], timeout=CLOSING_SECONDS)
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=CLOSING_SECONDS)

    def _open_session(self) -> _Session:
        if self._session is None or not self.is_open:
            raise NotConnected("the connection has ended")
        return self._session

    async def _hold(self, ready: asyncio.Future[None]) -> None:
        try:
            async with (
                self._streams() as (incoming, outgoing),
                _Session(
                    _Watched(incoming, self._closing),
                    outgoing,
                    message_handler=self._heard,
                    client_info=INFO,
                ) as session,
            ):
                agreed = await session.initialize()
                self.instructions = agreed.instructions
                self._session = session
                self._trace.phase = OPEN
                if not ready.done():
                    ready.set_result(None)
                await self._closing.wait()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._trace.tell(self.server, cause=_cause(error))
        finally:
            self._session = None
            if not ready.done():
                ready.set_exception(NotConnected("the server cannot be reached", why=self._trace.sentence()))
                # Where nobody waits any more, that is no error of anybody's.
                ready.exception()

    async def _heard(self, message: Any) -> None:
        """What a server says by itself: that its tools are others now."""
        if isinstance(message, mcp_types.ToolListChangedNotification):
            self._listed_at = -LIST_AGE

    async def _list(self) -> tuple[ServerTool, ...]:
        session = self._open_session()
        found: list[tuple[str, str | None, Any]] = []
        size, cursor = 0, None
        for _ in range(MAX_PAGES):
            page = await session.list_tools(params=mcp_types.PaginatedRequestParams(cursor=cursor))
            size += len(page.model_dump_json())
            if size > MAX_LIST_BYTES:
                break
            found += [(each.name, each.description or each.title, each.input_schema) for each in page.tools]
            cursor = page.next_cursor
            if not cursor or len(found) >= MAX_TOOLS:
                break
        return usable(found)

    async def _asked(self, work: Any, *, seconds: float = LIST_SECONDS) -> Any:
        self.calls += 1
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError as error:
            raise CallFailed("the server did not answer in time") from error
        except MCPError as error:
            # Where each request is one of HTTP, one that breaks off is not the end of the others.
            lost = error.code == CONNECTION_CLOSED
            if error.message == FORGOTTEN or (lost and not self.is_open):
                self._closing.set()
                unsent = error.message == FORGOTTEN
                raise NotConnected("the connection has ended", unsent=unsent) from error
            if lost:
                raise CallFailed("the server's answer broke off, or is too large") from error
            raise CallFailed(error.message) from error
        except (RuntimeError, ValueError) as error:
            # What does not follow the protocol (pydantic's errors are among these).
            raise CallFailed("the server's answer cannot be read") from error
        finally:
            self.calls -= 1
            self.used_at = asyncio.get_running_loop().time()


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    # Neither a URL nor a word of the server's: either may hold a secret.
    return type(error).__name__
