"""What stands around every operation: how many at once, who may still be here."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import replace
from typing import Any

import pytest

from echo.accounts.sessions import SessionGuard
from echo.accounts.standing import Standing
from echo.chat.variables import Variables
from echo.completions.models import Reach
from echo.completions.under_way import OpenCompletions
from echo.errors import NotFound, TooManyRequests, Unauthorized
from echo.handling.caller import Caller, KeyGrant
from echo.programs import work as module
from echo.programs.audio import AudioService, Said
from echo.programs.offers import Offers, Picked
from echo.programs.work import Work
from echo.providers.chat import Credentials
from echo.providers.errands import Endpoint, Sound
from echo.providers.operations import Wanted
from echo.services import Services
from echo.settings import ProviderSettings
from tests.conftest import MakeUser, UserClient
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("running")

CALLER = Caller("0" * 24, "1" * 24, "ada@example.com", "ada", "local", "USER")
SETTINGS = {"a": ProviderSettings("a", "custom", ("m",), api_key="k")}


class Speaking(Endpoint):
    """Says one word, and nothing more; `closed` counts the ends."""

    def __init__(self) -> None:
        self.closed = 0

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        return ("m",)

    async def offered(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        return ()

    async def ask(self, errand: Any, credentials: Credentials | None = None) -> Any:
        raise NotImplementedError

    async def pour(self, flow: Any, credentials: Credentials | None = None) -> AsyncGenerator[Any, None]:
        try:
            first: Any = Sound("audio/mpeg", b"first")
            yield first
            await asyncio.Event().wait()
        finally:
            self.closed += 1


class Models:
    """What the caller reaches, without a database."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoints = {"a": endpoint}

    def may_ask(self, caller: Caller, endpoint: str, model: str) -> bool:
        return caller.may_ask(endpoint, model)

    def reach_of(self, caller: Caller) -> Reach:
        return Reach(self._endpoints, SETTINGS, {}, Variables(dict), caller)


def make(services: Services, endpoint: Endpoint, standing: Standing | None = None, most: int = 1) -> Work:
    models: Any = Models(endpoint)
    standing = standing or services.accounts.standing
    return Work(
        models,
        Offers({"a": endpoint}, ()),
        standing,
        OpenCompletions(most),
        moderation=services.providers.moderation,
        meter=services.completions.meter,
    )


def short_standing(services: Services) -> tuple[SessionGuard, Standing]:
    guard = SessionGuard(services.accounts.auth._sessions)
    return guard, Standing(guard, services.accounts.api_keys._guard, look_seconds=0.05)


def with_session(user: UserClient) -> Caller:
    return replace(CALLER, id=user.id, session_id=user.session_id)


def speech(work: Work, services: Services, caller: Caller = CALLER) -> Awaitable[Any]:
    return AudioService(work, services.transcriber).speak(caller, Said("a/m", "Hello", "alloy")).make()


def test_programs_are_counted_together_with_completions(services: Services) -> None:
    assert services.programs.work._open is services.completions.under_way


def test_so_many_are_under_way_at_once(services: Services) -> None:
    async def use() -> None:
        endpoint = Speaking()
        work = make(services, endpoint)
        stream, status, headers = await speech(work, services)
        assert (status, headers) == (200, {"Content-Type": "audio/mpeg"})
        assert await anext(stream.frames) == b"first"
        with pytest.raises(TooManyRequests):
            await speech(work, services)
        await stream.frames.aclose()
        assert endpoint.closed == 1
        assert work._open._open == {}

    asyncio.run(use())


def test_a_service_of_its_own_speaks_where_no_endpoint_has_the_model(services: Services) -> None:
    own = ProviderSettings("speech", "custom", ("tts-1",), api_key="k", base_url="http://x")

    async def speak(model: str, key: KeyGrant | None = None) -> bytes:
        voice = Picked(Speaking(), own, Wanted("tts-1"), None)
        audio = AudioService(make(services, Speaking()), services.transcriber, voice)
        said = Said(model, "Hello", "alloy")
        stream, *_ = await audio.speak(replace(CALLER, key=key), said).make()
        found: bytes = await anext(stream.frames)
        await stream.frames.aclose()
        return found

    assert asyncio.run(speak("tts-1")) == b"first"
    with pytest.raises(NotFound):
        asyncio.run(speak("tts-2"))
    with pytest.raises(NotFound):
        asyncio.run(speak("tts-1", KeyGrant("0" * 24, ("a/m",))))


def test_speech_ends_when_the_caller_must_go(services: Services, make_user: MakeUser) -> None:
    async def use() -> None:
        guard, standing = short_standing(services)
        endpoint = Speaking()
        stream, *_ = await speech(make(services, endpoint, standing), services, with_session(ada))
        assert await anext(stream.frames) == b"first"
        services.accounts.auth._sessions.delete(ada.id, ada.session_id)
        guard.forget(ada.id, ada.session_id)
        with pytest.raises(Unauthorized):
            await anext(stream.frames)
        assert endpoint.closed == 1

    ada = make_user("ada")
    asyncio.run(asyncio.wait_for(use(), PATIENCE))


def test_a_whole_answer_ends_when_the_caller_must_go(services: Services) -> None:
    async def never(picked: Picked) -> None:
        await asyncio.Event().wait()

    async def use() -> None:
        _, standing = short_standing(services)
        work = make(services, Speaking(), standing)
        with pytest.raises(Unauthorized):
            await work.whole(work.job(CALLER, "a/m"), never)
        assert work._open._open == {}

    asyncio.run(asyncio.wait_for(use(), PATIENCE))


def test_a_whole_answer_has_its_time(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(picked: Picked) -> None:
        await asyncio.Event().wait()

    assert module.WHOLE_SECONDS == 600
    monkeypatch.setattr(module, "WHOLE_SECONDS", 0.01)
    work = make(services, Speaking())
    with pytest.raises(Exception, match="provider_failed"):
        asyncio.run(work.whole(work.job(CALLER, "a/m"), never))
