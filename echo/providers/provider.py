"""One endpoint over HTTP: what all kinds of provider have in common. What differs is a `Dialect`."""

import re
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from echo.errors import ApiError, Unprocessable
from echo.observation import metrics
from echo.providers.adapting import Adapting, Refused
from echo.providers.calls import calling
from echo.providers.chat import ChatRequest, Credentials, Event, Usage
from echo.providers.failures import ProviderFailure, refused_key
from echo.providers.models import ModelList
from echo.providers.retries import Attempts
from echo.providers.streams import EventReader, read_answer
from echo.providers.transport import Call, Transport
from echo.settings import ProviderSettings

log = structlog.get_logger(__name__)

CHAT, VOICE = "chat", "tts"
# What comes as a stream, which another task may read on than began.
STREAMED = (CHAT, VOICE)
# What can stand in a header; a key with a line break in it would be two headers.
KEY = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True)
class Access:
    """Where a request goes and with which key; `own_key` and `own_url` if they are the user's, not the operator's."""

    api_key: str = field(repr=False)
    base_url: str
    own_key: bool = False
    own_url: bool = False


class Dialect(Protocol):
    """A provider's protocol. Nothing here does input or output."""

    def chat(self, request: ChatRequest, access: Access) -> Call:
        """The request for an answer as a stream."""

    def short(self, request: ChatRequest, access: Access) -> Call:
        """The request for an answer in one piece."""

    def models(self, access: Access) -> Call | None:
        """The request for the models, where the provider lists them."""

    def reader(self, request: ChatRequest, /) -> EventReader:
        """A reader of the stream that the request is answered with."""

    def read_text(self, answer: Any) -> str:
        """The text of an answer in one piece."""

    def read_models(self, answer: Any) -> list[Any]:
        """The names of models in an answer, not yet checked."""


class HttpProvider:
    """A `ChatProvider` that speaks one dialect to one endpoint."""

    def __init__(self, settings: ProviderSettings, dialect: Dialect, transport: Transport) -> None:
        self._settings = settings
        self._dialect = dialect
        self._transport = transport
        self._models = ModelList()
        self._refused = Refused()

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        """The models on offer: asked of the provider where that is configured, else the configured list.

        Never fails: without a key, or where the provider does not tell, it is the configured list too.
        """
        try:
            access = self._access(credentials) if self._settings.fetch_models else None
        except ApiError:
            access = None
        call = self._dialect.models(access) if access else None
        if access is None or call is None:
            return self._settings.models
        names = await self._models.get((access.base_url, access.api_key), lambda: self._fetch_models(call))
        return names or self._settings.models

    async def _fetch_models(self, call: Call) -> list[Any]:
        with self._asking("models"):
            return self._dialect.read_models(await self._transport.json(call))

    async def complete(self, request: ChatRequest, credentials: Credentials | None = None) -> str:
        """The whole text of a short answer, asked once only, but for what the provider refuses."""
        sending = self._adapting(self._dialect.short(request, self._access(credentials)))
        with self._asking("title"):
            while True:
                try:
                    answer = await self._transport.json(sending.call)
                    break
                except ProviderFailure as failure:
                    if not sending.adapt(failure):
                        raise
            sending.worked()
            return self._dialect.read_text(answer)

    def _adapting(self, call: Call) -> Adapting:
        return Adapting(self._refused, call, self._settings.name)

    async def stream(
        self, request: ChatRequest, credentials: Credentials | None = None
    ) -> AsyncGenerator[Event, None]:
        """The answer as it comes; see `ChatProvider`."""
        sending = self._adapting(self._dialect.chat(request, self._access(credentials)))
        limits = self._transport.limits
        attempts, begun = Attempts(limits.attempts, limits.pause_seconds), False
        asked = time.perf_counter()
        with self._asking(CHAT):
            while True:
                try:
                    async with aclosing(self._events(sending.call, request)) as events:
                        async for event in events:
                            sending.worked()
                            if not begun and not isinstance(event, Usage):
                                begun = True
                                metrics.observe_first_chunk(self._settings.name, time.perf_counter() - asked)
                            yield event
                    return
                except ProviderFailure as failure:
                    if begun:
                        raise
                    if not sending.adapt(failure):
                        await attempts.wait(failure)

    async def _events(self, call: Call, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """One attempt. Ends with `Finished`, or raises `ProviderFailure`."""
        async with (
            self._transport.stream(call) as body,
            aclosing(read_answer(body, self._dialect.reader(request), tools=bool(request.tools))) as events,
        ):
            async for event in events:
                yield event
            await body.drain()

    def _access(self, credentials: Credentials | None) -> Access:
        """Where to and with which key. The server's key never goes to an address of a user's."""
        key, url, own_url = self._settings.api_key, self._settings.base_url, False
        if credentials is not None:
            key = credentials.api_key.strip()
            if self._settings.user_provides_url and credentials.base_url:
                url, own_url = str(self._transport.guard.check_url(credentials.base_url)), True
        # With deployments each model has an address and, where the settings have it, a key of its own.
        if not self._settings.deployments and not (key and url):
            raise Unprocessable("This endpoint needs a key of your own.", code="provider_key_missing")
        if key and not KEY.fullmatch(key):
            raise refused_key()
        return Access(key or "", (url or "").rstrip("/"), credentials is not None, own_url)

    @contextmanager
    def _asking(self, call: str) -> Iterator[None]:
        """Around each request, whatever for, to its very end: here failures become errors of ours.

        `call` is what for, such as "chat", "title" or "models". It is also the one place to time and count them.
        """
        name = self._settings.name
        with calling(name, call, current=call not in STREAMED):
            try:
                yield
            except ProviderFailure as failure:
                code = failure.error.code
                log.warning("a provider failed", provider=name, call=call, code=code, kind=failure.kind)
                raise failure.error from None
