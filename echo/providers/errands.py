"""What is asked of a provider beside chats: embeddings, speech, recordings, pictures; each has its module."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import orjson

from echo.errors import ApiError
from echo.providers.chat import ChatProvider, Credentials
from echo.providers.constants import MAX_SOUND_BYTES
from echo.providers.failures import ProviderFailure, unusable
from echo.providers.models import ModelList
from echo.providers.provider import Access, Dialect, HttpProvider
from echo.providers.transport import Body, Call, Transport
from echo.settings import ProviderSettings

T = TypeVar("T")

# As long as the longest of these takes; OpenAI's own clients wait so long.
ERRAND_SECONDS = 600.0
# What is larger is read in a thread, so that streams do not falter meanwhile.
SMALL_BYTES = 64 * 1024
# Media types of sound, and what servers call it that do not know better.
SOUND = ("audio/", "application/octet-stream", "binary/octet-stream")


@dataclass(frozen=True)
class Errand(Generic[T]):
    """One request that is no chat: what it is called in metrics, of which model, how it is sent, how it is read.

    `read` gets at most `most` bytes and raises `ProviderFailure` for what is no such answer.
    """

    name: str
    model: str
    call: Callable[[Access], Call]
    read: Callable[[bytes], T]
    most: int


@dataclass(frozen=True)
class Flow(Generic[T]):
    """One request that is answered piece by piece; `read` makes the pieces of the body as it comes."""

    name: str
    model: str
    call: Callable[[Access], Call]
    read: Callable[[Body], AsyncGenerator[T, None]]


@dataclass(frozen=True)
class Sound:
    """A piece of speech, and what the provider calls it."""

    media_type: str
    content: bytes


class Endpoint(ChatProvider, Protocol):
    """An endpoint that is asked for more than chats. What it raises is as of a `ChatProvider`."""

    async def ask(self, errand: Errand[T], credentials: Credentials | None = None) -> T:
        """The answer of a model; what fails for a moment is tried again."""

    def pour(self, flow: Flow[T], credentials: Credentials | None = None) -> AsyncGenerator[T, None]:
        """A model's answer as it comes; closing it ends the provider's work."""

    async def offered(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        """Every model that the provider lists, whatever for; empty where it does not tell. Never fails."""


class HttpEndpoint(HttpProvider):
    """An `Endpoint` over HTTP."""

    def __init__(self, settings: ProviderSettings, dialect: Dialect, transport: Transport) -> None:
        super().__init__(settings, dialect, transport)
        self._offered = ModelList()

    async def ask(self, errand: Errand[T], credentials: Credentials | None = None) -> T:
        """See `Endpoint`."""
        tries = self._tries(errand.model, credentials, errand.call)
        seconds = min(ERRAND_SECONDS, self._transport.limits.stream_seconds)
        with self._asking(errand.name):
            while True:
                try:
                    content = await self._transport.content(tries.call, seconds=seconds, most=errand.most)
                    break
                except ProviderFailure as failure:
                    await tries.again(failure)
            tries.worked()
            if len(content) <= SMALL_BYTES:
                return errand.read(content)
            return await asyncio.to_thread(errand.read, content)

    async def pour(self, flow: Flow[T], credentials: Credentials | None = None) -> AsyncGenerator[T, None]:
        """See `Endpoint`."""
        tries, begun = self._tries(flow.model, credentials, flow.call), False
        with self._asking(flow.name):
            while True:
                try:
                    async with (
                        self._transport.stream(tries.call, events=False) as body,
                        aclosing(flow.read(body)) as pieces,
                    ):
                        async for piece in pieces:
                            begun = True
                            tries.worked()
                            yield piece
                    return
                except ProviderFailure as failure:
                    if begun:
                        tries.broke_off(failure)
                        raise
                    await tries.again(failure)

    async def offered(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        """See `Endpoint`."""
        try:
            access = self._access(credentials)
        except ApiError:
            return ()
        call = self._dialect.models(access)
        if call is None:
            return ()
        return await self._offered.get((access.base_url, access.api_key), lambda: self._fetch_all(call))

    async def _fetch_all(self, call: Call) -> list[Any]:
        with self._asking("models"):
            return names_in(await self._transport.json(call))


async def sounds(body: Body) -> AsyncGenerator[Sound, None]:
    """Speech as it comes. Raises `ProviderFailure`."""
    left = MAX_SOUND_BYTES
    if not body.content_type.startswith(SOUND):
        raise unusable("no_sound")
    while chunk := await body.read():
        left -= len(chunk)
        if left < 0:
            raise unusable("too_large")
        yield Sound(body.content_type, chunk)
    if left == MAX_SOUND_BYTES:
        raise unusable("no_answer")


def names_in(answer: Any) -> list[Any]:
    """The names in a list of models, of all kinds: OpenAI's and Anthropic's have ids, Google's names."""
    if not isinstance(answer, dict):
        return []
    listed = answer.get("data", answer.get("models"))
    if not isinstance(listed, list):
        return []
    named = (each.get("id", each.get("name")) for each in listed if isinstance(each, dict))
    return [name.removeprefix("models/") for name in named if isinstance(name, str)]


def read_json(content: bytes) -> Any:
    """The JSON of an answer, in which NaN and infinities are none. Raises `ProviderFailure`."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise unusable("no_json") from error
