"""Streams with a provider that does as the test says."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from echo.accounts.sessions import SessionGuard
from echo.accounts.standing import Standing
from echo.accounts.user_keys import KeyService
from echo.completions.answering import Answering
from echo.completions.asking import Question
from echo.completions.models import Models
from echo.completions.objects import DONE, SILENT
from echo.completions.service import CompletionService
from echo.errors import BadGateway, TooManyRequests, Unauthorized
from echo.handling.caller import Caller
from echo.handling.event_stream import EventStream
from echo.handling.pending import Pending
from echo.providers.chat import ChatProvider, ChatRequest, Credentials, Event, Finished, TextDelta, Turn
from echo.services import Services
from echo.settings import ProviderSettings
from storage.accounts.sessions import SessionRepository
from storage.core.database import Database
from tests.conftest import MakeUser, UserClient
from tests.support.waiting import until

CALLER = Caller("0" * 24, "1" * 24, "ada@example.com", "ada", "local", "USER")

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

    async def complete(self, *_arguments: Any) -> str:
        raise NotImplementedError


def make(services: Services, provider: ChatProvider, **options: Any) -> CompletionService:
    providers: Mapping[str, ChatProvider] = {"a": provider}
    settings = [ProviderSettings("a", "custom", ("m",), api_key="k")]
    keys = KeyService(services.accounts.keys._keys, settings, None)
    models = Models(providers, settings, keys, services.accounts.users)
    completions = services.completions
    answering = completions.answering
    parts = {"standing": answering._standing, "meter": answering.meter, "count_tokens": len}
    parts |= {"most_open": 1, "check_texts": services.providers.moderation.check}
    keeper = options.pop("keeper", completions.keeper)
    return CompletionService(Answering(models, **{**parts, **options}), keeper)


async def stream_of(service: CompletionService, caller: Caller = CALLER) -> EventStream:
    question = Question("a/m", (Turn.of_text("user", "Hello"),), stream=True)
    return await begun(service.create(caller, question))


async def begun(pending: Pending) -> EventStream:
    """The stream of an answer, without status and headers."""
    stream, _, _ = await pending.make()
    return cast("EventStream", stream)


def with_session(user: UserClient) -> Caller:
    return replace(CALLER, id=user.id, session_id=user.session_id)


class TestSilence:
    def test_is_filled_until_the_model_speaks(self, services: Services, make_user: MakeUser) -> None:
        # One who stays logged in, however long a busy machine takes.
        ada = with_session(make_user("ada"))

        async def collect() -> list[bytes]:
            stream = await stream_of(make(services, Slow(0.25), pulse_seconds=0.1), ada)
            return [frame async for frame in stream.frames]

        frames = asyncio.run(collect())
        assert frames.count(SILENT) >= 1
        assert frames[-1].endswith(DONE)
        assert any(b'"late"' in frame for frame in frames)

    def test_that_ends_in_a_failure_is_told_in_the_stream(self, services: Services) -> None:
        async def collect() -> list[bytes]:
            stream = await stream_of(make(services, Slow(0.25, fails=True), pulse_seconds=0.1))
            return [frame async for frame in stream.frames]

        assert b'"error"' in asyncio.run(collect())[-1]

    def test_a_failure_before_it_has_its_status(self, services: Services) -> None:
        with pytest.raises(BadGateway):
            asyncio.run(stream_of(make(services, Slow(0, fails=True))))


class Mute(Slow):
    """Ends without a word."""

    async def stream(
        self, request: ChatRequest, credentials: Credentials | None = None
    ) -> AsyncGenerator[Event, None]:
        for event in ():
            yield event


def test_a_stream_of_nothing_ends_as_any_other(services: Services, make_user: MakeUser) -> None:
    ada = with_session(make_user("ada"))

    async def collect() -> list[bytes]:
        stream = await stream_of(make(services, Mute(0)), ada)
        return [frame async for frame in stream.frames]

    frames = asyncio.run(collect())
    assert frames[-1].endswith(DONE)
    assert not any(b'"error"' in frame for frame in frames)


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
            assert [frame async for frame in stream.frames][-1].endswith(DONE)
            assert service.under_way._open == {}

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
            assert (failing.under_way._open, slow.under_way._open) == ({}, {})

        asyncio.run(use())


class TestStanding:
    def test_that_was_lost_before_the_end_keeps_nothing(
        self, services: Services, app_database: Database
    ) -> None:
        question = Question("a/m", (Turn.of_text("user", "Hello"),), store=True)
        with pytest.raises(Unauthorized):
            asyncio.run(make(services, Slow(0)).create(CALLER, question).make())  # type: ignore[arg-type]
        assert app_database.collection("conversations").count_documents({"user": CALLER.id}) == 0

    def test_is_lost_while_the_model_is_silent(self, services: Services, make_user: MakeUser) -> None:
        async def collect() -> list[bytes]:
            guard = SessionGuard(services.accounts.auth._sessions)
            standing = Standing(guard, services.accounts.api_keys._guard, look_seconds=0.05)
            service = make(services, Slow(60), standing=standing, pulse_seconds=0.2)
            question = Question("a/m", (Turn.of_text("user", "Hello"),), stream=True)
            stream = await begun(service.create(with_session(ada), question))
            services.accounts.auth._sessions.delete(ada.id, ada.session_id)
            guard.forget(ada.id, ada.session_id)
            return [frame async for frame in stream.frames]

        ada = make_user("ada")
        assert b"session_expired" in asyncio.run(asyncio.wait_for(collect(), 5))[-1]

    def test_is_not_lost_because_the_database_is_away(self, services: Services) -> None:
        async def collect() -> list[bytes]:
            guard = SessionGuard(SessionRepository(away))
            standing = Standing(guard, services.accounts.api_keys._guard, look_seconds=0.01)
            stream = await stream_of(make(services, Slow(0.3), standing=standing))
            return [frame async for frame in stream.frames]

        away = Database("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=10")
        assert asyncio.run(collect())[-1].endswith(DONE)
        away.close()


def test_tokens_are_counted_beside_the_event_loop(services: Services, make_user: MakeUser) -> None:
    threads: set[int] = set()

    def count(text: str) -> int:
        threads.add(threading.get_ident())
        return len(text)

    async def answer() -> Any:
        question = Question("a/m", (Turn.of_text("user", "Hello"),), store=True)
        keeper = replace(services.completions.keeper, count_tokens=count)
        service = make(services, Slow(0), keeper=keeper, count_tokens=count)
        body, _, _ = await service.create(with_session(make_user("ada")), question).make()
        return body

    assert asyncio.run(answer())["usage"]["prompt_tokens"] == len("Hello")
    assert threads
    assert threading.get_ident() not in threads
