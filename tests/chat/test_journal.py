"""What is written down of a run on the way, beside the answer that it stores at its end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.finishing import Tools
from echo.chat.injecting import Injecting
from echo.chat.journal import Journal, end_of, size_of, write_all
from echo.chat.prepared import Asking, Prepared
from echo.chat.run import Run
from echo.chat.transcript import Transcript, text_of
from echo.providers.chat import ChatRequest, Event, Finished, TextDelta
from echo.services import Services
from echo.tools.sources import Sources
from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository
from storage.core.database import Database
from storage.core.errors import InvalidDocument, Unavailable
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


class Said:
    """A run that says what a test has it say; `saved` is when its answer was looked at last."""

    def __init__(self, run_id: str = "r") -> None:
        self.id, self.owner = run_id, "ada"
        self.about = {"responseMessageId": f"answer of {run_id}"}
        self.transcript = Transcript(self.about)
        self.prepared = SimpleNamespace(about=self.about, conversation_id=f"c of {run_id}")
        self.written, self.pieces = self.transcript.end, 0
        self.saved_at, self.saved_size = -100.0, 0
        self.finishing = self.is_written_down = self.titling = False
        self.ending: str | None = None

    def say(self, text: str = "word ") -> None:
        if not self.transcript.end.entry:
            step = {"id": "s", "index": 0, "stepDetails": {"message_creation": {"content_type": "text"}}}
            self.transcript.add(
                "message", {"event": "on_run_step", "data": {**step, "type": "message_creation"}}
            )
        self.transcript.extend("s", "text", text)

    def end(self, ending: str | None = "complete") -> None:
        self.ending = ending
        self.transcript.add("message", {"final": True})


class Books:
    """A journal, and what is written down by it."""

    def __init__(self) -> None:
        self.is_away = False
        self.odd: set[str] = set()
        self.pieces: list[tuple[str, str, int, bytes]] = []
        self.progress: list[tuple[Any, ...]] = []
        self.ends: list[Any] = []
        self.deleted: list[str] = []
        everything: Any = self
        self.journal = Journal(everything, everything, everything, self.in_thread)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    def watch(self, run: Any) -> None:
        self.journal.watch(run)

    def write(self) -> list[str]:
        return [run.id for run in asyncio.run(self.journal.write())]

    def _check(self, run_id: str) -> None:
        if self.is_away:
            raise Unavailable
        if run_id in self.odd:
            raise InvalidDocument("odd")

    def append_all(self, pieces: Sequence[Any]) -> None:
        for each in pieces:
            self._check(each.run_id)
        self.pieces += [(each.owner, each.run_id, each.number, each.frames) for each in pieces]

    def save_all(self, progress: Sequence[Any]) -> None:
        for each in progress:
            self._check(each.conversation_id)
        self.progress += [
            (each.owner, each.conversation_id, each.message_id, text_of(each.fields["content"]))
            for each in progress
        ]

    def end_all(self, ends: Sequence[Any]) -> None:
        for each in ends:
            self._check(f"end of {each.run_id}" if each.frames else "")
        self.ends += [(each.owner, each.run_id, each.status, bool(each.frames)) for each in ends]

    def delete_all(self, run_ids: Sequence[str]) -> None:
        self.deleted += run_ids


@pytest.fixture
def books() -> Books:
    return Books()


class TestWhatRunsSay:
    def test_is_written_in_pieces_that_are_counted(self, books: Books) -> None:
        run = Said()
        books.watch(run)
        for text in ("one ", "two "):
            run.say(text)
            assert books.write() == []
        # Nothing new is no piece.
        assert books.write() == []
        first, second = books.pieces
        assert (first[:3], second[:3]) == (("ada", "r", 0), ("ada", "r", 1))
        assert b"one " in first[3]
        assert b"one " not in second[3]
        assert b"two " in second[3]

    def test_is_written_once_the_database_is_back(self, books: Books) -> None:
        run, books.is_away = Said(), True
        books.watch(run)
        run.say("one ")
        books.write()
        run.say("two ")
        books.write()
        assert not books.journal.is_idle
        books.is_away = False
        books.write()
        assert [number for _, _, number, _ in books.pieces] == [0, 1]

    def test_takes_nothing_of_another_run_with_it_that_cannot_be_stored(self, books: Books) -> None:
        books.odd = {"r1"}
        runs = [Said(f"r{number}") for number in range(3)]
        for run in runs:
            books.watch(run)
            run.say()
        books.write()
        assert sorted(run_id for _, run_id, _, _ in books.pieces) == ["r0", "r2"]
        books.odd = {"end of r1"}
        for run in runs:
            run.end()
        assert sorted(books.write()) == ["r0", "r1", "r2"]
        # An end is noted at least, without all that was said.
        assert sorted(books.ends) == [
            ("ada", "r0", "complete", True),
            ("ada", "r1", "complete", False),
            ("ada", "r2", "complete", True),
        ]

    def test_is_the_answer_on_its_way_every_other_second(
        self, books: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = Said()
        books.watch(run)
        run.say("one ")
        books.write()
        assert books.progress == [("ada", "c of r", "answer of r", "one ")]
        saved = run.saved_at
        run.say("two ")
        books.write()
        assert len(books.progress) == 1
        run.saved_at = saved - 2.0
        books.write()
        assert books.progress[-1][-1] == "one two "
        # With nothing new there is nothing to store.
        run.saved_at = saved - 2.0
        run.transcript.add("message", {"event": "other"})
        books.write()
        assert len(books.progress) == 2

    def test_is_stored_the_less_often_the_longer_it_is(self) -> None:
        run: Any = Said()
        run.saved_at, run.saved_size = 100.0, 400_000
        assert [Journal._is_due(run, now) for now in (103.9, 104.0)] == [False, True]
        run.saved_size = 0
        assert [Journal._is_due(run, now) for now in (101.9, 102.0)] == [False, True]

    def test_is_not_stored_beside_the_whole_answer(self, books: Books) -> None:
        run = Said()
        books.watch(run)
        run.say()
        run.finishing = True
        books.write()
        assert (len(books.pieces), books.progress) == (1, [])


class TestTheEnd:
    def test_is_written_and_then_there_is_nothing_left_but_old_pieces(
        self, books: Books, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = Said()
        books.watch(run)
        assert books.journal.is_idle
        run.say()
        assert not books.journal.is_idle
        run.end()
        assert books.write() == ["r"]
        assert (books.ends, books.progress) == ([("ada", "r", "complete", True)], [])
        assert (books.write(), books.deleted, books.journal.is_idle) == ([], [], False)
        books.journal._old = [(due - 10.0, run_id) for due, run_id in books.journal._old]
        assert books.write() == []
        assert (books.deleted, books.journal.is_idle) == (["r"], True)

    def test_that_is_written_down_already_needs_no_more(self, books: Books) -> None:
        run = Said()
        books.watch(run)
        run.say()
        books.write()
        run.is_written_down = True
        run.end()
        assert books.write() == []
        assert (len(books.pieces), books.ends) == (1, [])
        assert [run_id for _, run_id in books.journal._old] == ["r"]

    def test_of_a_run_without_pieces_leaves_nothing(self, books: Books) -> None:
        run = Said()
        books.watch(run)
        run.is_written_down = True
        run.end()
        assert books.write() == []
        assert books.journal.is_idle

    def test_comes_back_when_the_database_does(self, books: Books) -> None:
        run, books.is_away = Said(), True
        books.watch(run)
        run.end()
        assert books.write() == []
        books.is_away = False
        assert books.write() == ["r"]

    @pytest.mark.parametrize("ending", ["complete", "aborted", "interrupted", None])
    def test_says_how_it_was(self, ending: str | None) -> None:
        run: Any = Said()
        run.titling = True
        run.end(ending)
        end = end_of(run)
        assert (end.owner, end.run_id, end.status, end.titling) == ("ada", "r", ending or "error", True)
        assert end.frames == run.transcript.everything()

    def test_of_a_very_long_answer_has_no_room_for_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        run: Any = Said()
        run.end()
        whole = len(run.transcript.everything())
        monkeypatch.setattr("echo.chat.journal.MAX_WHOLE_BYTES", whole)
        assert len(end_of(run).frames) == whole
        monkeypatch.setattr("echo.chat.journal.MAX_WHOLE_BYTES", whole - 1)
        assert end_of(run).frames == b""


class TestWritingAll:
    def test_is_done_at_once_or_one_by_one(self) -> None:
        asked: list[list[int]] = []

        def write(items: Sequence[int]) -> None:
            asked.append([*items])
            if 2 in items:
                raise ValueError

        assert write_all(write, []) == []
        assert asked == []
        assert write_all(write, [1, 3]) == []
        assert asked == [[1, 3]]
        assert write_all(write, [1, 2, 3]) == [2]
        assert asked[1:] == [[1, 2, 3], [1], [2], [3]]

    def test_is_given_up_where_the_database_is_away(self) -> None:
        def write(_items: Sequence[int]) -> None:
            raise Unavailable

        for items in ([1], [1, 2]):
            with pytest.raises(Unavailable):
                write_all(write, items)


@pytest.mark.parametrize(
    ("part", "size"),
    [
        ({"type": "text", "text": "four"}, 4),
        ({"type": "think", "think": "four"}, 4),
        ({"type": "text", "text": {"value": "four"}}, 0),
        ({"type": "tool_call", "tool_call": {"args": "two", "output": "four"}}, 11),
        ({"type": "tool_call", "tool_call": {"args": {}, "output": None, "runStepStatus": "failed"}}, 10),
        ({"type": "tool_call", "tool_call": "odd"}, 0),
        ({}, 0),
    ],
)
def test_a_part_holds_about_so_much(part: dict[str, Any], size: int) -> None:
    assert size_of(part) == size
