"""Messages that came during a run, put before its model."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from echo.chat.injecting import Injecting, part_of
from echo.errors import Unprocessable
from echo.providers.chat import Attachment, Turn
from storage.core.database import Database
from storage.core.errors import Unavailable
from storage.runs.runs import RunRepository
from storage.runs.steers import Steer, SteerRepository
from tests.support.chats import new_id

FILE = Attachment("a.txt", "text/plain", b"a")


class Checks:
    """Lets all but `bad` pass; notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def check(self, text: str) -> None:
        self.asked.append(text)
        if text == "bad":
            raise Unprocessable


class Scene:
    """Ada's run, and messages for it."""

    def __init__(self, database: Database) -> None:
        self.steers, self.run_id, self.is_away = SteerRepository(database), new_id(), False
        RunRepository(database).insert("ada", "c", self.run_id, {}, request_id=None)
        self.checks, self.loaded = Checks(), list[Any]()
        checks: Any = self.checks
        self.injecting = Injecting(self.steers, checks, self.load, self.in_thread)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self.is_away:
            raise Unavailable
        return function(*arguments)

    def load(self, owner: str, row: Any) -> tuple[Attachment, ...]:
        self.loaded.append((owner, row["files"]))
        return (FILE,)

    def say(self, *texts: str, **more: Any) -> None:
        for number, text in enumerate(texts):
            self.steers.add("ada", self.run_id, Steer(f"s-{text}", None, text, number, **more))

    def take(self, owner: str = "ada") -> list[tuple[str, Turn]]:
        taken = asyncio.run(self.injecting.take(owner, self.run_id))
        return [(row["text"], turn) for row, turn in taken]

    def waiting(self) -> list[str]:
        return [row["text"] for row in self.steers.pending("ada", self.run_id)]


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


def test_are_taken_once_in_their_order(scene: Scene) -> None:
    scene.say("one", "two")
    taken = scene.take()
    assert taken == [("one", Turn.of_text("user", "one")), ("two", Turn.of_text("user", "two"))]
    assert (scene.take(), scene.waiting(), scene.loaded) == ([], [], [])


def test_one_that_may_not_be_said_stays_with_those_after_it(scene: Scene) -> None:
    scene.say("one", "bad", "two")
    assert [text for text, _ in scene.take()] == ["one"]
    assert scene.waiting() == ["bad", "two"]
    assert scene.checks.asked == ["one", "bad"]
    assert scene.take() == []
    assert scene.waiting() == ["bad", "two"]


def test_come_with_their_files(scene: Scene) -> None:
    scene.say("one", files=[{"file_id": "f"}])
    assert scene.take() == [("one", Turn.of_text("user", "one", (FILE,)))]
    assert scene.loaded == [("ada", [{"file_id": "f"}])]


def test_of_another_owner_are_not_taken(scene: Scene) -> None:
    scene.say("one")
    assert scene.take("bob") == []
    assert scene.waiting() == ["one"]


def test_wait_while_the_database_is_away(scene: Scene) -> None:
    scene.say("one")
    scene.is_away = True
    assert scene.take() == []
    scene.is_away = False
    assert scene.waiting() == ["one"]


def test_are_parts_of_the_answer() -> None:
    row = {"steerId": "s", "clientSteerId": "l", "text": "Wait", "createdAt": 5, "files": [], "takenBy": None}
    assert part_of(row) == {
        "type": "steer",
        "steer": "Wait",
        "steerId": "s",
        "clientSteerId": "l",
        "createdAt": 5,
        "files": [],
    }
    assert part_of({"text": "Wait", "steerId": "s"}) == {"type": "steer", "steer": "Wait", "steerId": "s"}
