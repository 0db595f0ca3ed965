"""What is written down of a run on the way, beside the answer that it stores at its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from echo.chat.finishing import Tools
from echo.chat.injecting import Injecting
from echo.chat.journal import Journal
from echo.chat.prepared import Asking, Prepared
from echo.chat.run import Run
from echo.chat.transcript import text_of
from echo.providers.chat import ChatRequest, Event, Finished, TextDelta
from echo.services import Services
from echo.tools.sources import Sources
from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository
from storage.core.database import Database
from storage.core.errors import Unavailable
from storage.runs.pieces import PieceRepository
from storage.runs.runs import RunRepository
from storage.runs.steers import SteerRepository
from tests.support.chats import NO_PARENT, new_id, new_owner

COUNTS = {"window": 1, "budget": 1, "system": 1, "messages": 1, "before": 1, "count": 1}


class Unasked:
    """No memory agent."""

    @staticmethod
    def begin(*_: Any) -> None:
        return None


class Provider:
    """Says one half of an answer, and the other when it may."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def stream(self, _request: Any, _credentials: Any) -> AsyncIterator[Event]:
        yield TextDelta("Half ")
        await self.go_on.wait()
        yield TextDelta("and whole")
        yield Finished("stop")


class Scene:
    """A run with its journal on the real database; `in_thread` is what both call it by."""

    def __init__(self, database: Database, services: Services, in_thread: Callable[..., Any]) -> None:
        self.chats = ChatRepository(database)
        self.journal = Journal(self.chats, RunRepository(database), PieceRepository(database), in_thread)
        self.provider = Provider()
        self.prepared = prepared(self.provider)
        self.chats.begin(self.prepared.owner, self.prepared.conversation_id, self.prepared.begun)
        tools = Tools(
            self.chats,
            RunRepository(database),
            SteerRepository(database),
            services.providers.titles,
            services.credits,
            len,
            in_thread,
            lambda *_: None,
            self.journal.pause,
            Sources(()),
            Injecting(SteerRepository(database), services.providers.moderation, lambda *_: (), in_thread),
            Unasked(),  # type: ignore[arg-type]
        )
        self.run = Run(self.prepared, datetime.now(UTC), tools)
        self.journal.watch(self.run)

    async def spoken(self) -> None:
        """The first half is there."""
        while not text_of(self.run.transcript.content()):
            await asyncio.sleep(0)

    def stored(self) -> str:
        """What the answer holds in the database."""
        answer = self.chats.answer(
            self.prepared.owner, self.prepared.conversation_id, self.prepared.about["responseMessageId"]
        )
        return text_of(answer["content"])


def prepared(provider: Any) -> Prepared:
    conversation_id, question_id, answer_id = new_id(), new_id(), new_id()
    question = {"messageId": question_id, "parentMessageId": NO_PARENT, "sender": "User", "text": "?"}
    answer = {"messageId": answer_id, "parentMessageId": question_id, "sender": "GPT", "content": []}
    about = {
        "responseMessageId": answer_id,
        "conversationId": conversation_id,
        "endpoint": "openAI",
        "sender": "GPT",
        "model": "m",
        "iconURL": None,
    }
    return Prepared(
        run_id=new_id(),
        owner=new_owner(),
        conversation_id=conversation_id,
        question=question,
        begun=Begun(question, answer, {"endpoint": "openAI", "model": "m"}, new=True),
        askings=(Asking(provider, ChatRequest("m", ()), None, COUNTS, "a", "openAI"),),
        about=about,
        titling=False,
    )


@pytest.fixture
def database(app_database: Database) -> Database:
    return app_database


class TestProgress:
    def test_is_stored_though_the_model_pauses_after_it(
        self, database: Database, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is said right after a look is stored by a later one, with nothing new in between."""

        async def go() -> tuple[str, str]:
            scene = Scene(database, services, asyncio.to_thread)
            running = asyncio.create_task(scene.run.execute())
            scene.run.saved_at = asyncio.get_running_loop().time()
            await scene.spoken()
            await scene.journal.write()
            early = scene.stored()
            monkeypatch.setattr("echo.chat.journal.SAVE_SECONDS", 0.0)
            await scene.journal.write()
            late = scene.stored()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return early, late

        assert asyncio.run(go()) == ("", "Half ")

    def test_is_stored_while_the_run_goes_on(self, database: Database, services: Services) -> None:
        async def go() -> tuple[str, str]:
            scene = Scene(database, services, asyncio.to_thread)
            running = asyncio.create_task(scene.run.execute())
            await scene.spoken()
            await scene.journal.write()
            half = scene.stored()
            scene.provider.go_on.set()
            await running
            return half, scene.stored()

        assert asyncio.run(go()) == ("Half ", "Half and whole")

    def test_that_failed_is_not_tried_again_after_the_end(
        self, database: Database, services: Services
    ) -> None:
        async def go() -> str:
            is_away = True

            async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
                if is_away and arguments and hasattr(arguments[0], "progress"):
                    raise Unavailable
                return await asyncio.to_thread(function, *arguments)

            scene = Scene(database, services, in_thread)
            running = asyncio.create_task(scene.run.execute())
            await scene.spoken()
            assert await scene.journal.write() == []
            scene.provider.go_on.set()
            await running
            is_away = False
            assert await scene.journal.write() == [scene.run]
            return scene.stored()

        assert asyncio.run(go()) == "Half and whole"

    def test_that_is_being_stored_is_waited_for_before_the_end(
        self, database: Database, services: Services
    ) -> None:
        order: list[str] = []

        async def go() -> str:
            writing, release = asyncio.Event(), asyncio.Event()

            async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
                is_progress = bool(arguments) and hasattr(arguments[0], "progress")
                if is_progress:
                    writing.set()
                    await release.wait()
                if is_progress or function == scene.chats.finish:
                    order.append("progress" if is_progress else "end")
                return await asyncio.to_thread(function, *arguments)

            scene = Scene(database, services, in_thread)
            running = asyncio.create_task(scene.run.execute())
            await scene.spoken()
            written = asyncio.create_task(scene.journal.write())
            await writing.wait()
            scene.provider.go_on.set()
            while not scene.run.finishing:
                await asyncio.sleep(0)
            for _ in range(100):
                # Time enough for an end that waits for nothing.
                await asyncio.sleep(0)
            release.set()
            await asyncio.gather(running, written)
            return scene.stored()

        assert asyncio.run(go()) == "Half and whole"
        assert order == ["progress", "end"]
