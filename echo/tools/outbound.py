"""What tools ask of other servers: every request bounded in bytes and time, and its address checked.

An address that an operator has set may be anywhere. Every other one, of users, of documents, of pages and of answers,
must be public or allowed by name; the connection goes to the addresses that were checked. No cookies, no proxy or
.netrc from the environment, and no redirect is followed, unless it is asked for page by page.
"""

import asyncio
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import aiohttp
import orjson
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from echo import __version__
from echo.providers.addresses import AddressGuard, AddressRefused
from echo.providers.bodies import TooLarge, whole_body
from echo.tools.tool import ToolFailure
from echo.trust import authorities

MAX_URL = 8192
CONNECT_SECONDS = 10.0
SECONDS = 30.0
MAX_BYTES = 4 * 1024 * 1024
MAX_ERROR_CHARACTERS = 1000
# gzip or zlib, whichever the body begins with.
ANY_ZLIB = 47
# The first status that is none of success.
REDIRECTS = 300
# Of a file that comes, before it goes to the disk.
WRITTEN_AT_ONCE = 1024 * 1024
# Bodies that are sent as they are.
AS_IT_IS = (bytes, str, aiohttp.FormData)


@dataclass(frozen=True)
class Request:
    """What is asked; `body` is sent as JSON, bytes and forms as they are. `trusted` is an operator's own address.

    `url` may hold a query; `query` is added to it. `seconds` are for all of it, `most` bytes may come back.
    """

    url: str | URL
    method: str = "GET"
    query: Mapping[str, str | list[str]] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)
    trusted: bool = False
    seconds: float = SECONDS
    most: int = MAX_BYTES


@dataclass(frozen=True)
class Reply:
    """What came back, whatever its status; `url` is the one that answered."""

    status: int
    headers: Mapping[str, str]
    media_type: str
    content: bytes = field(repr=False)
    url: URL = field(default_factory=URL)
    charset: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as a text; what is none is replaced."""
        try:
            return self.content.decode(self.charset or "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The JSON of it. Raises `ToolFailure`, also for a status that is not of success."""
        if not self.ok:
            raise ToolFailure(self.failure)
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            raise ToolFailure("The service did not answer with JSON.") from None

    @property
    def failure(self) -> str:
        """What a model is told of an answer that is a failure."""
        return f"The service answered with status {self.status}: {self.text[:MAX_ERROR_CHARACTERS]}"


class Outbound:
    """Asks what tools ask; `allowed` are `host:port` pairs that may be private."""

    def __init__(self, allowed: Iterable[str] = (), guard: AddressGuard | None = None) -> None:
        self.guard = guard or AddressGuard(allowed)

    def admits(self, url: str | URL) -> bool:
        """Whether an address that no operator has set may be asked, as far as its own text says."""
        try:
            return len(str(url)) <= MAX_URL and self.guard.admits(URL(url))
        except ValueError:
            return False

    async def send(self, request: Request) -> Reply:
        """The answer, also one that is a failure or a redirect.

        Raises `ToolFailure` where none comes, it is too large, or the address may not be asked.
        """
        return await self._answer(request, None)

    async def _answer(self, request: Request, into: BinaryIO | None) -> Reply:
        url = self._checked(request)
        try:
            async with (
                asyncio.timeout(request.seconds),
                self._session(request.trusted) as session,
                session.request(
                    request.method,
                    url,
                    headers=_headers(request, as_it_is=into is not None),
                    data=_data(request.body),
                    allow_redirects=False,
                ) as response,
            ):
                if into is not None and response.status < REDIRECTS:
                    await _write(response, request.most, into)
                    content = b""
                else:
                    content = await _read(response, request.most if into is None else MAX_BYTES)
                return Reply(
                    response.status,
                    response.headers,
                    response.content_type,
                    content,
                    url,
                    response.charset,
                )
        except TooLarge:
            raise ToolFailure(TOO_LARGE) from None
        except TimeoutError:
            raise ToolFailure("The service did not answer in time.") from None
        except (aiohttp.ClientError, OSError, ValueError, TypeError, zlib.error) as error:
            raise ToolFailure(_told(error)) from error

    async def receive(self, request: Request, into: BinaryIO) -> Reply:
        """As `send`; the body of an answer of success is written into a file, and of no other one is any."""
        return await self._answer(request, into)

    async def json(self, request: Request) -> Any:
        """The JSON of an answer of success. Raises as `send`, and `ToolFailure` for any other answer."""
        return (await self.send(request)).json()

    def _checked(self, request: Request) -> URL:
        try:
            url = URL(request.url) if len(str(request.url)) <= MAX_URL else URL()
            if request.query:
                url = url.update_query(dict(request.query))
        except ValueError:
            raise ToolFailure(NO_ADDRESS) from None
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise ToolFailure(NO_ADDRESS)
        if not (request.trusted or self.guard.admits(url)):
            raise ToolFailure(REFUSED)
        return url

    def _session(self, trusted: bool) -> aiohttp.ClientSession:
        """For one request: tools ask seldom, and nothing has to be closed with the process."""
        inner = ThreadedResolver()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=inner if trusted else self.guard.resolver(inner), ssl=authorities(), force_close=True
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"echo-api/{__version__}", "Accept-Encoding": "gzip, identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, connect=CONNECT_SECONDS),
            # Decompressed here, where it is known how much may come of it.
            auto_decompress=False,
            trust_env=False,
        )


NO_ADDRESS = "That is no address that can be asked."
# No more is said, or a model would be a port scanner.
REFUSED = "That address may not be asked."
TOO_LARGE = "The answer is larger than this server takes."


def _told(error: Exception) -> str:
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return REFUSED if isinstance(inner, AddressRefused) else "The service could not be asked."


def _headers(request: Request, *, as_it_is: bool) -> dict[str, str]:
    is_json = request.body is not None and not isinstance(request.body, AS_IT_IS)
    return {
        **({"Content-Type": "application/json"} if is_json else {}),
        **({"Accept-Encoding": "identity"} if as_it_is else {}),
        **request.headers,
    }


def _data(body: Any) -> Any:
    return body if body is None or isinstance(body, AS_IT_IS) else orjson.dumps(body)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    content = await whole_body(response.content, most)
    return _decoded(content, response.headers.get("Content-Encoding", ""), most)


async def _write(response: aiohttp.ClientResponse, most: int, into: BinaryIO) -> None:
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise ToolFailure("The service sent a file in a form that was not asked for.")
    pieces, size, waiting = [], 0, 0
    while piece := await response.content.readany():
        size, waiting = size + len(piece), waiting + len(piece)
        if size > most:
            raise TooLarge
        pieces.append(piece)
        if waiting >= WRITTEN_AT_ONCE:
            await asyncio.to_thread(into.write, b"".join(pieces))
            pieces, waiting = [], 0
    await asyncio.to_thread(into.write, b"".join(pieces))


def _decoded(content: bytes, encoding: str, most: int) -> bytes:
    """The content without its compression, of which never more than `most` bytes are unpacked. Raises `TooLarge`."""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return content
    unpacker = zlib.decompressobj(ANY_ZLIB)
    unpacked = unpacker.decompress(content, most + 1)
    if len(unpacked) > most:
        raise TooLarge
    return unpacked
