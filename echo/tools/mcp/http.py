"""HTTP to servers and to where their users log in: addresses are checked where a connection is made.

So it is for whatever leads to an address: the operator's file, a user's server, a redirect, what a server says of its
login. The connection goes to exactly the addresses that were checked. Answers are bounded, and no proxy, cookie or
`.netrc` of the environment has a part in it.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpcore2
import httpx2
from aiohttp.resolver import ThreadedResolver
from httpcore2 import AsyncNetworkBackend, AsyncNetworkStream

from echo import __version__
from echo.providers.addresses import AddressGuard, AddressRefused, is_public
from echo.tools.mcp.limits import MAX_MESSAGE_BYTES
from echo.tools.mcp.trace import CONNECT, NAME, Trace
from echo.trust import authorities

USER_AGENT = f"echo-api/{__version__}"
EVENTS = "text/event-stream"
CONNECT_SECONDS = 10.0
# Of one connection to a server, which all users may share: as many calls run at once. Few of them are kept open.
MAX_SOCKETS, MAX_IDLE_SOCKETS = 256, 20


class Refused(httpx2.ConnectError):
    """An address that may not be connected to."""


class _CheckedBackend(AsyncNetworkBackend):
    """Connects to hosts whose every address is public, or which the operator allows by name."""

    def __init__(self, guard: AddressGuard, trace: Trace) -> None:
        self._guard = guard
        self._trace = trace
        self._resolver = guard.resolver(ThreadedResolver())
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first address that answers. Raises what httpcore does."""
        self._trace.phase = NAME
        if not self._guard.may_name(host, port):
            self._trace.went_wrong(AddressRefused())
            raise httpcore2.ConnectError("an address that may not be used")
        try:
            found = await self._resolver.resolve(host, port)
        except OSError as error:
            self._trace.went_wrong(error)
            raise httpcore2.ConnectError(type(error).__name__) from error
        self._trace.phase = CONNECT
        failure = httpcore2.ConnectError("no address")
        for each in found:
            try:
                return await self._inner.connect_tcp(
                    each["host"],
                    port,
                    timeout=timeout,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except httpcore2.ConnectError as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_arguments: Any, **_options: Any) -> AsyncNetworkStream:
        """Nothing is reached like that."""
        raise httpcore2.ConnectError("no sockets of files")

    async def sleep(self, seconds: float) -> None:
        """As the library wants it."""
        await self._inner.sleep(seconds)


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """The library's transport over checked connections; `unauthorized` says whether a server asked for a login.

    What a name stands for behind a `proxy` cannot be seen from here. So a proxy is only asked for what the operator
    names, and for public addresses in numbers (as in LibreChat).
    """

    def __init__(self, guard: AddressGuard, proxy: str | None = None, trace: Trace | None = None) -> None:
        self.unauthorized = False
        self._trace = trace or Trace("http")
        self._guard = guard if proxy else None
        self._pool = (
            _proxied(proxy)
            if proxy
            else _pool(httpcore2.AsyncConnectionPool, _CheckedBackend(guard, self._trace))
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, of which no more is read than may be."""
        if self._guard is not None and not _may_be_asked_for(self._guard, request.url):
            self._trace.went_wrong(AddressRefused())
            raise httpx2.ConnectError("a proxy is not asked for an address that may not be used")
        try:
            response = await super().handle_async_request(request)
        except Exception as error:
            self._trace.went_wrong(error)
            raise
        self._trace.answered(response.status_code)
        if response.status_code == 401:
            self.unauthorized = True
        packed = response.headers.get("content-encoding", "identity").lower() != "identity"
        if packed or not isinstance(response.stream, httpx2.AsyncByteStream):
            await response.aclose()
            raise httpx2.RemoteProtocolError("an answer in an encoding that was not asked for")
        if not response.headers.get("content-type", "").lower().startswith(EVENTS):
            response.stream = _Bounded(response.stream)
        return response


def _pool(kind: Any, backend: AsyncNetworkBackend, **more: Any) -> Any:
    return kind(
        ssl_context=authorities(),
        max_connections=MAX_SOCKETS,
        max_keepalive_connections=MAX_IDLE_SOCKETS,
        keepalive_expiry=30.0,
        network_backend=backend,
        **more,
    )


def _proxied(proxy: str) -> Any:
    """A pool of connections through a proxy, which is the operator's and may be anywhere."""
    parts = urlsplit(proxy)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    socks = parts.scheme.lower() == "socks5"
    port = parts.port or (1080 if socks else {"https": 443}.get(parts.scheme.lower(), 80))
    user = unquote(parts.username or ""), unquote(parts.password or "")
    return _pool(
        httpcore2.AsyncSOCKSProxy if socks else httpcore2.AsyncHTTPProxy,
        httpcore2.AnyIOBackend(),
        proxy_url=f"{parts.scheme.lower()}://{host}:{port}",
        proxy_auth=user if any(user) else None,
        **({"proxy_ssl_context": authorities()} if parts.scheme.lower() == "https" else {}),
    )


def _may_be_asked_for(guard: AddressGuard, url: httpx2.URL) -> bool:
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    return guard.allows(url.host, port) or (is_public(url.host) and guard.may_name(url.host, port))


class _Bounded(httpx2.AsyncByteStream):
    """A body that must come to an end."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_MESSAGE_BYTES
        async for chunk in self._inner:
            left -= len(chunk)
            if left < 0:
                raise httpx2.StreamError("the answer is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def make_client(
    transport: CheckedTransport,
    *,
    headers: Mapping[str, str] | None = None,
    read_seconds: float,
    auth: httpx2.Auth | None = None,
) -> httpx2.AsyncClient:
    """A client that goes by nothing but this; the SDK follows redirects within one origin only."""
    return httpx2.AsyncClient(
        transport=transport,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})},
        # A call that waits for a socket has its own limit of time.
        timeout=httpx2.Timeout(read_seconds, connect=CONNECT_SECONDS),
        auth=auth,
        follow_redirects=False,
        trust_env=False,
    )
