"""What other servers are asked for: every address checked, everything bounded in time and size.

A host that the operator has named may be anywhere; every other one must be public, also where an issuer's metadata
name it. No redirect is followed and no proxy taken from the environment: a code or a secret goes to one address.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import orjson
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from echo import __version__
from echo.accounts.federation.identity import Refused
from echo.providers.addresses import AddressGuard, AddressRefused, is_public_host
from echo.providers.bodies import TooLarge, whole_body
from echo.trust import authorities

SECONDS = 10.0
MAX_JSON_BYTES = 1024 * 1024
MAX_URL = 2048
# How OAuth names what went wrong (RFC 6749, section 5.2): a word, which is all that goes into a log.
ERROR_WORD = re.compile(r"[a-z_]{1,40}")


class Fetcher:
    """Asks other servers; `allowed` are `host:port` pairs that may be private, and may be reached without TLS."""

    def __init__(self, allowed: Iterable[str] = (), *, seconds: float = SECONDS) -> None:
        self._guard = AddressGuard(allowed)
        self._seconds = seconds

    async def json(
        self, url: str, *, form: str | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON object at an address, asked for by GET, or by POST with a form; raises `Refused`."""
        value = await self.json_value(url, form=form, headers=headers)
        if not isinstance(value, dict):
            raise Refused("login_failed", "no JSON object")
        return value

    async def json_value(
        self, url: str, *, form: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """As `json`, whatever the JSON is."""
        sent = {"Accept": "application/json", **(headers or {})}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        status, content = await self._ask(url, form=form, headers=sent, most=MAX_JSON_BYTES)
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise Refused("login_failed", f"status {status} and no JSON") from error
        if status != 200 or (isinstance(value, dict) and "error" in value):
            raise Refused("login_failed", f"status {status} {error_word(value)}")
        return value

    async def content(self, url: str, *, most: int) -> bytes:
        """What is at an address, of at most so many bytes; raises `Refused`."""
        status, content = await self._ask(url, form=None, headers={}, most=most)
        if status != 200:
            raise Refused("login_failed", f"status {status}")
        return content

    def check(self, url: str) -> URL:
        """The address as it may be asked: https, or what the operator has named; raises `Refused`."""
        try:
            parsed = URL(url) if len(url) <= MAX_URL else URL()
            host, port = parsed.raw_host, parsed.port
        except ValueError as error:
            raise Refused("login_failed", "an address that is none") from error
        if not host or not port or parsed.raw_user is not None or parsed.raw_password is not None:
            raise Refused("login_failed", "an address that is none")
        named = self._guard.allows(host, port)
        if not named and not (parsed.scheme == "https" and is_public_host(host)):
            raise Refused("login_failed", f"an address that may not be asked: {parsed.scheme}://{host}")
        return parsed

    async def _ask(
        self, url: str, *, form: str | None, headers: Mapping[str, str], most: int
    ) -> tuple[int, bytes]:
        checked = self.check(url)
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._session() as session,
                session.request(
                    "GET" if form is None else "POST",
                    checked,
                    data=form,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                return response.status, await whole_body(response.content, most)
        except TooLarge as error:
            raise Refused("login_failed", "too large an answer") from error
        except TimeoutError as error:
            raise Refused("login_failed", f"{checked.host} did not answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            kind = "a private address" if isinstance(reason, AddressRefused) else type(error).__name__
            raise Refused("login_failed", f"{checked.host}: {kind}") from error

    def _session(self) -> aiohttp.ClientSession:
        """For one request: logins are rare, and nothing has to be closed with the process."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._guard.resolver(ThreadedResolver()),
                ssl=authorities(),
                force_close=True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"echo-api/{__version__}"},
            trust_env=False,
        )


def error_word(value: Any) -> str:
    """OAuth's word for what went wrong, "" where there is none that is one."""
    word = value.get("error") if isinstance(value, dict) else None
    return word if isinstance(word, str) and ERROR_WORD.fullmatch(word) else ""


def host_and_port(url: str) -> str:
    """How an `AddressGuard` is told that it may go there."""
    parsed = URL(url)
    host = parsed.raw_host or ""
    return f"[{host}]:{parsed.port}" if ":" in host else f"{host}:{parsed.port}"
