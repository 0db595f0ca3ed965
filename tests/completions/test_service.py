"""Streams with a provider that does as the test says."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from echo.auth.user_keys import KeyService
from echo.completions.asking import Question
from echo.completions.models import Models
from echo.completions.objects import DONE, SILENT
from echo.completions.service import CompletionService
from echo.errors import BadGateway, TooManyRequests
from echo.providers.chat import ChatProvider, ChatRequest, Credentials, Event, Finished, TextDelta, Turn
from echo.services import Services
from echo.settings import ProviderSettings
from tests.support.waiting import until

OWNER = "0" * 24

# Its end closes the database under the services.
pytestmark = pytest.mark.usefixtures("running")


class Slow:
    """Answers after some seconds; `opened` counts the streams that have begun, `closed` those that have ended."""

    def __init__(self, seconds: float, *, fails: bool = False) -> None:
        self._seconds = seconds
        self._fails = fails
        self.opened = self.closed = 0

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        return ("m",)

    async def stream(
        self, request: ChatRequest, credentials: Credentials | None = None
    ) -> AsyncGenerator[Event, None]:
        self.opened += 1
        try:
            await asyncio.sleep(self._seconds)
            if self._fails:
                raise BadGateway
            yield TextDelta("late")
            yield Finished("stop")
        finally:
            self.closed += 1

    async def complete(self, request: ChatRequest, credentials: Credentials | None = None) -> str:
        raise NotImplementedError


def make(services: Services, provider: ChatProvider, **options: Any) -> CompletionService:
    providers: Mapping[str, ChatProvider] = {"a": provider}
    settings = [ProviderSettings("a", "custom", ("m",), api_key="k")]
    keys = KeyService(services.keys._keys, settings, None)
    models = Models(providers, settings, keys)
    parts = {"keeper": services.completions._keeper, "count_tokens": len, "most_open": 1}
    return CompletionService(models, **{**parts, **options})


def stream_of(service: CompletionService) -> Any:
    return service.create(OWNER, Question("a/m", (Turn("user", "Hello"),), stream=True)).make()


class TestSilence:
    def test_is_filled_until_the_model_speaks(self, services: Services) -> None:
        async def collect() -> list[bytes]:
            stream = await stream_of(make(services, Slow(0.25), pulse_seconds=0.1))
            return [frame async for frame in stream.frames]

        frames = asyncio.run(collect())
        assert frames.count(SILENT) >= 1
        assert frames[-1] == DONE
        assert any(b'"late"' in frame for frame in frames)

    def test_that_ends_in_a_failure_is_told_in_the_stream(self, services: Services) -> None:
        async def collect() -> list[bytes]:
            stream = await stream_of(make(services, Slow(0.25, fails=True), pulse_seconds=0.1))
            return [frame async for frame in stream.frames]

        assert b'"error"' in asyncio.run(collect())[-1]

    def test_a_failure_before_it_has_its_status(self, services: Services) -> None:
        with pytest.raises(BadGateway):
            asyncio.run(stream_of(make(services, Slow(0, fails=True))))


class TestOpenCompletions:
    def test_are_counted_until_they_end(self, services: Services) -> None:
        async def use() -> None:
            provider = Slow(0)
            service = make(services, provider)
            for leave_after in (0, 1):
                stream = await stream_of(service)
                with pytest.raises(TooManyRequests):
                    await stream_of(service)
                for _ in range(leave_after):
                    await anext(stream.frames)
                await stream.frames.aclose()
            assert provider.closed == 2
            stream = await stream_of(service)
            assert [frame async for frame in stream.frames][-1] == DONE
            assert service._open._open == {}

        asyncio.run(use())

    def test_one_that_fails_or_is_given_up_is_none(self, services: Services) -> None:
        async def use() -> None:
            failing = make(services, Slow(0, fails=True))
            for _ in range(2):
                with pytest.raises(BadGateway):
                    await stream_of(failing)
            provider = Slow(60)
            slow = make(services, provider)
            for number in range(2):
                waiting = asyncio.ensure_future(stream_of(slow))
                await asyncio.to_thread(until, lambda number=number: provider.opened > number)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            assert provider.closed == 2
            assert (failing._open._open, slow._open._open) == ({}, {})

        asyncio.run(use())


def test_tokens_are_counted_beside_the_event_loop(services: Services) -> None:
    threads: set[int] = set()

    def count(text: str) -> int:
        threads.add(threading.get_ident())
        return len(text)

    async def answer() -> Any:
        keeper = replace(services.completions._keeper, count_tokens=count)
        service = make(services, Slow(0), keeper=keeper, count_tokens=count)
        return await service.create(OWNER, Question("a/m", (Turn("user", "Hello"),), store=True)).make()

    assert asyncio.run(answer())["usage"]["prompt_tokens"] == len("Hello")
    assert threads
    assert threading.get_ident() not in threads
