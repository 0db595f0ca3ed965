"""The end of a run: what is stored, what is given back, and the title."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat import finishing as module
from echo.chat.finishing import MAX_WHOLE_BYTES, Finishing
from echo.chat.transcript import BEGINNING, Frame, Transcript
from echo.providers.titles import Titled
from storage.core.errors import InvalidDocument, Unavailable

LAST = Frame("message", {"final": True})


class Scene:
    """Everything that a run ends with; `away` counts the times that the database is."""

    def __init__(self, *, away: int = 0) -> None:
        self.away = away
        self.waiting: list[Any] = []
        self.has_title = False
        self.calls: list[tuple[Any, ...]] = []
        self.transcript = Transcript({"responseMessageId": "answer"})
        tools: Any = SimpleNamespace(
            chats=self, runs=self, steers=self, titles=self, in_thread=self.in_thread
        )
        self.prepared: Any = SimpleNamespace(
            owner="ada",
            run_id="run",
            conversation_id="c",
            question={"text": "Why?"},
            about={"responseMessageId": "answer", "endpoint": "agents"},
            first=SimpleNamespace(
                endpoint="openAI",
                credentials="key",
                request=SimpleNamespace(model="m", placeholders={"USER": "ada"}),
            ),
        )
        self.finishing = Finishing(self.prepared, self.transcript, tools)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self.away:
            self.away -= 1
            raise Unavailable
        return function(*arguments)

    def finish(self, *arguments: Any) -> Any:
        self.calls.append(("finish", *arguments))
        return {"title": "A talk"}

    def end_unless_waiting(self, *arguments: Any, titling: bool) -> bool:
        self.calls.append(("end", *arguments, titling))
        return not self.waiting

    def close(self, *arguments: Any) -> list[Any]:
        self.calls.append(("close", *arguments))
        return self.waiting

    async def title_for(self, *arguments: Any, **named: Any) -> str:
        self.calls.append(("title", *arguments, named))
        return "Reasons"

    def give_title(self, *arguments: Any) -> bool:
        self.calls.append(("give", *arguments))
        return not self.has_title

    def store(self, *, patient: bool = True) -> Any:
        return asyncio.run(self.finishing.store({"text": "So"}, patient=lambda: patient))

    def end(self, *, titling: bool = True) -> Any:
        return asyncio.run(self.finishing.close(LAST, "complete", titling=titling))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without anybody waiting."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    return slept


class TestStoring:
    def test_is_done_once(self, pauses: list[float]) -> None:
        scene = Scene()
        assert scene.store() == {"title": "A talk"}
        assert (scene.calls, pauses) == ([("finish", "ada", "c", "answer", {"text": "So"})], [])

    def test_is_tried_again_for_as_long_as_the_database_may_be_away(self, pauses: list[float]) -> None:
        scene = Scene(away=8)
        assert scene.store() == {"title": "A talk"}
        assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]
        with pytest.raises(Unavailable):
            Scene(away=9).store()

    def test_is_tried_once_where_nobody_has_patience(self, pauses: list[float]) -> None:
        with pytest.raises(Unavailable):
            Scene(away=1).store(patient=False)
        assert pauses == []

    def test_of_what_cannot_be_stored_is_not_tried_again(self, pauses: list[float]) -> None:
        scene = Scene()

        def finish(*_: Any) -> Any:
            raise InvalidDocument("too deep")

        scene.finish = finish  # type: ignore[method-assign]
        with pytest.raises(InvalidDocument):
            scene.store()
        assert pauses == []


class TestClosing:
    @pytest.mark.parametrize("titling", [True, False])
    def test_writes_all_that_was_said_down_with_the_last_event(self, titling: bool) -> None:
        scene = Scene()
        scene.transcript.add("message", {"event": "x"})
        assert scene.end(titling=titling) == (True, [])
        whole = b'[["message",{"event":"x"}],["message",{"final":true}]]'
        assert scene.calls == [("end", "ada", "run", "complete", whole, titling)]

    def test_gives_back_what_has_come(self) -> None:
        scene = Scene()
        scene.waiting = [{"text": "Wait"}]
        assert scene.end() == (False, [{"text": "Wait"}])
        assert scene.calls[-1] == ("close", "ada", "run")

    def test_leaves_a_very_long_answer_to_the_journal(self) -> None:
        empty = len('[["message",{"event":""}],["message",{"final":true}]]')
        for size, is_written in ((MAX_WHOLE_BYTES - empty, True), (MAX_WHOLE_BYTES - empty + 1, False)):
            scene = Scene()
            scene.transcript.add("message", {"event": "x" * size})
            assert scene.end() == (is_written, [])
            assert [name for name, *_ in scene.calls] == (["end"] if is_written else ["close"])

    def test_is_left_to_the_journal_where_the_database_is_away(self) -> None:
        assert Scene(away=1).end() == (False, [])


class TestTitle:
    @staticmethod
    def titled(scene: Scene, present: Any = "New Chat") -> Any:
        async def go() -> Any:
            making = asyncio.create_task(scene.finishing.make_title("Because."))
            return await scene.finishing.titled(making, present, 60.0)

        return asyncio.run(go())

    def test_is_made_of_question_and_answer_by_the_endpoint_that_was_asked(self) -> None:
        scene = Scene()
        assert self.titled(scene) == "Reasons"
        about = {
            "endpoint": "openAI",
            "model": "m",
            "credentials": "key",
            "placeholders": {"USER": "ada"},
            "titled": Titled("ada", "c", "answer"),
        }
        assert scene.calls == [("title", "Why?", "Because.", about), ("give", "ada", "c", "Reasons")]
        [told] = scene.transcript.since(BEGINNING)[0]
        assert told == (
            "message",
            {"event": "title", "data": {"conversationId": "c", "title": "Reasons"}},
        )

    def test_is_asked_of_the_conversations_endpoint_where_that_is_the_one(self) -> None:
        scene = Scene()
        scene.prepared.first.endpoint = None
        self.titled(scene)
        assert scene.calls[0][-1]["endpoint"] == "agents"

    def test_that_the_conversation_has_by_now_stays(self) -> None:
        scene = Scene()
        scene.has_title = True
        assert self.titled(scene, "Mine") == "Mine"
        assert scene.transcript.since(BEGINNING)[0] == []

    def test_that_does_not_come_in_time_is_not_waited_for(self) -> None:
        scene = Scene()

        async def go() -> Any:
            making = asyncio.create_task(asyncio.Event().wait())
            title = await scene.finishing.titled(making, "New Chat", 0.0)  # type: ignore[arg-type]
            making.cancel()
            return title

        assert asyncio.run(go()) == "New Chat"
