"""HTTP to providers: one set of reused connections per event loop, everything bounded in time and size.

No cookies, no redirects, no proxy or .netrc from the environment: a key goes to the address that was set, and nowhere
else. What a user's own base URL leads to is reached by connections of their own, whose every address is checked.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp.resolver import ThreadedResolver

from echo import __version__
from echo.observation import tracing
from echo.providers.addresses import AddressGuard, AddressRefused, address_refused
from echo.providers.bodies import TooLarge, whole_body
from echo.providers.constants import (
    DRAIN_SECONDS,
    ENDING_SECONDS,
    ERROR_SECONDS,
    MAX_ANSWER_BYTES,
    MAX_ERROR_BYTES,
    MAX_STREAM_BYTES,
)
from echo.providers.failures import ProviderFailure, describe_answer, of_status, refused, unusable
from echo.providers.forms import Form
from echo.providers.naming import Named, named_in
from echo.settings import ProviderLimits
from echo.trust import authorities

EVENT_STREAM = "text/event-stream"
# The statuses of a request that holds what a server does not take.
NAMING = (400, 422)
USER_AGENT = f"echo-api/{__version__}"


@dataclass(frozen=True)
class Call:
    """A request to a provider; its `body` is sent as JSON or is a `Form`; `guarded` if its URL is a user's own.

    `whole` asks for an answer in one piece in place of a stream.
    `parameters` are the names of all that steers the answer, `optional` those of them that it may do without.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(default=None, repr=False)
    guarded: bool = False
    model: str = ""
    parameters: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    whole: bool = False


class Transport:
    """The connections of one process to providers: to their hosts, or by what `connector` makes."""

    def __init__(
        self,
        limits: ProviderLimits,
        guard: AddressGuard | None = None,
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
    ) -> None:
        self.limits = limits
        self._connector = connector
        self.guard = guard or AddressGuard(limits.allowed_addresses)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    @asynccontextmanager
    async def stream(self, call: Call, *, events: bool = True) -> AsyncIterator["Body"]:
        """The body of an answer as it comes, which must be an event stream unless `events` says otherwise.

        Raises `ProviderFailure`.
        """
        deadline = asyncio.get_running_loop().time() + self.limits.first_seconds
        response = await self._answer(call, deadline)
        try:
            if events and response.content_type != EVENT_STREAM:
                raise unusable("no_event_stream")
            yield Body(response, self.limits, deadline)
        finally:
            # Not drained: closing is what tells the provider to stop. After a proper end this keeps the connection.
            response.release() if response.content.at_eof() else response.close()

    async def json(self, call: Call) -> Any:
        """The JSON of a whole, short answer, `None` as the body asking by GET. Raises `ProviderFailure`."""
        content = await self.content(call, seconds=self.limits.short_seconds, most=MAX_ANSWER_BYTES)
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise unusable("no_json") from error

    async def content(self, call: Call, *, seconds: float, most: int) -> bytes:
        """A whole answer of at most so many bytes, in so many seconds. Raises `ProviderFailure`."""
        deadline = asyncio.get_running_loop().time() + seconds
        response = await self._answer(call, deadline)
        try:
            return await _read_all(response, deadline, most)
        finally:
            response.release() if response.content.at_eof() else response.close()

    async def _answer(self, call: Call, deadline: float) -> aiohttp.ClientResponse:
        """The answer with its headers; another status than 200 is a failure."""
        response = await self._send(call, deadline)
        if response.status == 200:
            return response
        try:
            said = await _said_of_error(response)
            kinds, wait = describe_answer(said)
            named = named_in(said, call.parameters) if response.status in NAMING else Named()
            raise of_status(response.status, response.headers, kinds, wait, named)
        finally:
            response.close()

    async def _send(self, call: Call, deadline: float) -> aiohttp.ClientResponse:
        body = None if call.body is None else _dumped(call.body)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._session(call.guarded).request(
                    "GET" if body is None else "POST",
                    call.url,
                    headers={**tracing.outgoing_headers(), **call.headers},
                    data=body,
                    allow_redirects=False,
                )
        except aiohttp.ConnectionTimeoutError as error:
            raise unusable("connect_timeout", transient=True) from error
        except TimeoutError as error:
            raise unusable("timeout") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                raise ProviderFailure(address_refused()) from error
            raise unusable("connect", transient=not isinstance(error.os_error, ssl.SSLError)) from error
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise unusable("disconnected", transient=True) from error
        except (aiohttp.ClientError, OSError, ValueError, TypeError) as error:
            raise unusable(type(error).__name__) from error

    def _session(self, guarded: bool) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._sessions = loop, {}
        if guarded not in self._sessions:
            self._sessions[guarded] = self._new_session(guarded)
        return self._sessions[guarded]

    def _new_session(self, guarded: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._connector() if self._connector else self._to_hosts(guarded),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self.limits.connect_seconds, connect=self.limits.connect_seconds
            ),
            trust_env=False,
        )

    def _to_hosts(self, guarded: bool) -> aiohttp.TCPConnector:
        inner = ThreadedResolver()
        return aiohttp.TCPConnector(
            resolver=self.guard.resolver(inner) if guarded else inner,
            ssl=authorities(),
            limit=0,
            ttl_dns_cache=60,
        )

    async def close(self) -> None:
        """Close every connection."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()


class Body:
    """The body of an answer, read piece by piece under the limits of time and size."""

    def __init__(
        self, response: aiohttp.ClientResponse, limits: ProviderLimits, first_deadline: float
    ) -> None:
        self.content_type = response.content_type
        self._content = response.content
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._first: float | None = first_deadline
        self._end = first_deadline - limits.first_seconds + limits.stream_seconds
        self._size = 0

    async def read(self, *, ending: bool = False) -> bytes:
        """The next piece, empty at the end; `ending` waits but shortly. Raises `ProviderFailure`."""
        try:
            # What has come already needs no timer.
            chunk = self._content.read_nowait() or await self._wait(ending)
        except TimeoutError as error:
            raise unusable("timeout") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise unusable("broken_off", transient=True) from error
        self._first = None
        self._size += len(chunk)
        if self._size > MAX_STREAM_BYTES:
            raise unusable("too_large")
        return chunk

    async def drain(self) -> None:
        """Read what is left of a body that has said all, for a moment, so that its connection can be used again."""
        deadline = self._loop.time() + DRAIN_SECONDS
        with suppress(TimeoutError, aiohttp.ClientError, OSError, ValueError):
            async with asyncio.timeout_at(deadline):
                while self._size < MAX_STREAM_BYTES and (chunk := await self._content.readany()):
                    self._size += len(chunk)

    async def _wait(self, ending: bool) -> bytes:
        now = self._loop.time()
        deadline = self._first or now + (ENDING_SECONDS if ending else self._limits.chunk_seconds)
        async with asyncio.timeout_at(min(deadline, self._end)):
            return await self._content.readany()


def prepare() -> None:
    """Read the certificate authorities, which takes a tenth of a second, so that no request does; for a thread."""
    authorities()


def _dumped(body: Any) -> bytes | aiohttp.FormData:
    """A body as it is sent; in JSON a number beyond 64 bits or half a character would be refused anyway."""
    if isinstance(body, Form):
        return body.payload()
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise ProviderFailure(refused(), kind="no_json") from None


async def _read_all(response: aiohttp.ClientResponse, deadline: float, most: int) -> bytes:
    try:
        async with asyncio.timeout_at(deadline):
            return await whole_body(response.content, most)
    except TooLarge as error:
        raise unusable("too_large") from error
    except TimeoutError as error:
        raise unusable("timeout") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise unusable("broken_off", transient=True) from error


async def _said_of_error(response: aiohttp.ClientResponse) -> Any:
    """What the provider says of its error, where it does so in time: JSON, or a text."""
    deadline = asyncio.get_running_loop().time() + ERROR_SECONDS
    try:
        content = await _read_all(response, deadline, MAX_ERROR_BYTES)
    except ProviderFailure:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")
