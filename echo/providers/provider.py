"""One endpoint over HTTP: what all kinds of provider have in common. What differs is a `Dialect`."""

import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, Protocol

import structlog

from echo.errors import ApiError, Unprocessable
from echo.observation import metrics
from echo.providers.adapting import Adapting, Refused
from echo.providers.calls import calling
from echo.providers.chat import ChatRequest, Credentials, Event, Usage, ignore
from echo.providers.failures import ProviderFailure, refused_key
from echo.providers.models import ModelList
from echo.providers.retries import Attempts, Tries
from echo.providers.sites import Access, Sites
from echo.providers.streams import EventReader, read_answer
from echo.providers.transport import Body, Call, Transport
from echo.providers.whole import WholeBody, whole_body
from echo.settings import AzureDeployment, ProviderSettings

log = structlog.get_logger(__name__)

CHAT, VOICE, DICTATION = "chat", "tts", "dictation"
# What comes as a stream, which another task may read on than began.
STREAMED = (CHAT, VOICE, DICTATION)
# What can stand in a header; a key with a line break in it would be two headers.
KEY = re.compile(r"[\x21-\x7e]{1,4096}")


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

    def read_usage(self, answer: Any) -> Sequence[Usage]:
        """The tokens of an answer in one piece, if it tells them."""

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
        self._sites = Sites(settings.name)

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

    async def complete(
        self,
        request: ChatRequest,
        credentials: Credentials | None = None,
        told: Callable[[Usage], object] = ignore,
    ) -> str:
        """The whole text of a short answer, asked once only of each key, but for what the provider refuses."""
        tries = self._tries(
            request.model, credentials, lambda access: self._dialect.short(request, access), Attempts(1, 0)
        )
        with self._asking("title"):
            while True:
                try:
                    answer = await self._transport.json(tries.call)
                    break
                except ProviderFailure as failure:
                    await tries.again(failure)
            tries.worked()
            for usage in self._dialect.read_usage(answer):
                told(usage)
            return self._dialect.read_text(answer)

    def _tries(
        self,
        model: str,
        credentials: Credentials | None,
        make: Callable[[Access], Call],
        attempts: Attempts | None = None,
    ) -> Tries:
        """One request to a model, with each key or deployment that there is for it."""
        limits, name = self._transport.limits, self._settings.name
        turn = self._sites.among(self._accesses(credentials, model), model)
        attempts = attempts or Attempts(limits.attempts, limits.pause_seconds)
        return Tries(turn, lambda access: Adapting(self._refused, make(access), name), attempts)

    async def stream(
        self, request: ChatRequest, credentials: Credentials | None = None
    ) -> AsyncGenerator[Event, None]:
        """The answer as it comes; see `ChatProvider`."""
        tries = self._tries(request.model, credentials, lambda access: self._dialect.chat(request, access))
        asked, begun = time.perf_counter(), False
        with self._asking(CHAT):
            while True:
                try:
                    async with aclosing(self._events(tries.call, request)) as events:
                        async for event in events:
                            tries.worked()
                            if not begun and not isinstance(event, Usage):
                                begun = True
                                metrics.observe_first_chunk(self._settings.name, time.perf_counter() - asked)
                            yield event
                    return
                except ProviderFailure as failure:
                    if begun:
                        tries.broke_off(failure)
                        raise
                    await tries.again(failure)

    async def _events(self, call: Call, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """One attempt. Ends with `Finished`, or raises `ProviderFailure`."""
        async with (
            self._body(call) as body,
            aclosing(read_answer(body, self._dialect.reader(request), tools=bool(request.tools))) as events,
        ):
            async for event in events:
                yield event
            await body.drain()

    @asynccontextmanager
    async def _body(self, call: Call) -> AsyncIterator[Body | WholeBody]:
        if call.whole:
            yield await whole_body(self._transport, call)
            return
        async with self._transport.stream(call) as body:
            yield body

    def _access(self, credentials: Credentials | None) -> Access:
        """Where to and with which key to ask for what is the same for all keys."""
        return self._sites.first(self._accesses(credentials, ""))

    def _accesses(self, credentials: Credentials | None, model: str) -> list[Access]:
        """Where to and with which keys, at least one. The server's key never goes to an address of a user's."""
        if credentials is not None:
            return [self._own_access(credentials)]
        if deployments := numbered(self._settings, model):
            return [Access("", "", site=number, deployment=each) for number, each in deployments]
        # With deployments each model has an address and a key of its own: of this one there is none.
        if self._settings.deployments:
            return [Access("", "")]
        keys, url = self._settings.api_keys, self._settings.base_url
        if not (keys and url):
            raise key_missing()
        usable = [(number, key) for number, key in enumerate(keys, 1) if KEY.fullmatch(key)]
        if not usable:
            raise refused_key()
        return [Access(key, url.rstrip("/"), site=number) for number, key in usable]

    def _own_access(self, credentials: Credentials) -> Access:
        """With the user's own key, and at the user's own address where there may be one."""
        key, url, own_url = credentials.api_key.strip(), self._settings.base_url, False
        if self._settings.user_provides_url and credentials.base_url:
            url, own_url = str(self._transport.guard.check_url(credentials.base_url)), True
        if not self._settings.deployments and not (key and url):
            raise key_missing()
        if key and not KEY.fullmatch(key):
            raise refused_key()
        return Access(key, (url or "").rstrip("/"), own_key=True, own_url=own_url)

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


def numbered(settings: ProviderSettings, model: str) -> list[tuple[int, AzureDeployment]]:
    """The deployments of a model for which the server has a key, by their numbers among those of all models."""
    every = [(name, each) for name, first in settings.deployments.items() for each in first.all]
    return [(number, each) for number, (name, each) in enumerate(every, 1) if name == model and each.api_key]


def key_missing() -> Unprocessable:
    """The server has no key, and the user has brought none."""
    return Unprocessable("This endpoint needs a key of your own.", code="provider_key_missing")


__all__ = ["Access", "Dialect", "HttpProvider"]
