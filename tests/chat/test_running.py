"""Which run a client means, and which of an owner's go on."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.running import Running, milliseconds, moment
from echo.errors import NotFound
from storage.core.database import Database
from storage.runs.runs import RunEnd, RunRepository
from tests.support.chats import new_id

OWNER = "ada"
HERE, GONE = "here", "gone"


class Hub:
    """Only what works `HERE` is there; `locals` are the runs of this process."""

    def __init__(self) -> None:
        self.locals: dict[str, Any] = {}

    @staticmethod
    def alive(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [run for run in runs if run["worker"] == HERE]

    def local(self, run_id: str) -> Any:
        return self.locals.get(run_id)


class Scene:
    """Runs of a database, one second after the other."""

    def __init__(self, database: Database) -> None:
        self.hub = Hub()
        self.runs = RunRepository(database)
        self.running = Running(self.runs, self.hub)  # type: ignore[arg-type]
        self._rows = database.collection("echo_runs")
        self._count = 0

    def begin(self, conversation_id: str, worker: str = HERE, owner: str = OWNER) -> tuple[str, int]:
        """A run's id, and when it began."""
        run_id, self._count = new_id(), self._count + 1
        self.runs.insert(owner, conversation_id, run_id, {"worker": worker}, request_id=None)
        began = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._count)
        self._rows.update_one({"_id": run_id}, {"$set": {"createdAt": began}})
        return run_id, milliseconds(began)

    def end(self, run_id: str) -> None:
        self.runs.end_all([RunEnd(OWNER, run_id, "complete", b"")])

    def end_here(self, run_id: str, *, ended: bool) -> None:
        """This process has the run, and knows whether it has said its last."""
        self.hub.locals[run_id] = SimpleNamespace(transcript=SimpleNamespace(ended=ended))

    def to_end(self, stream_id: str | None, created_at: int | None = None) -> str:
        return str(self.running.to_end(OWNER, stream_id, created_at)["_id"])


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


class TestGet:
    def test_finds_the_newest_of_the_owners_conversation(self, scene: Scene) -> None:
        scene.begin("c")
        newest, _ = scene.begin("c")
        scene.begin("other")
        scene.begin("c", owner="bob")
        assert scene.running.get(OWNER, "c", None)["_id"] == newest

    def test_finds_the_one_that_began_then_though_it_has_ended(self, scene: Scene) -> None:
        first, began = scene.begin("c")
        scene.begin("c")
        scene.end(first)
        assert scene.running.get(OWNER, "c", began)["_id"] == first

    def test_finds_none_at_another_time_or_of_anothers(self, scene: Scene) -> None:
        _, began = scene.begin("c")
        for owner, stream_id, created_at in ((OWNER, "c", began + 1), ("bob", "c", None), (OWNER, "d", None)):
            with pytest.raises(NotFound):
                scene.running.get(owner, stream_id, created_at)


class TestCurrent:
    def test_is_the_newest_that_goes_on(self, scene: Scene) -> None:
        assert scene.running.current(OWNER, "c") is None
        run_id, _ = scene.begin("c")
        found = scene.running.current(OWNER, "c")
        assert found is not None
        assert found["_id"] == run_id
        assert scene.running.current("bob", "c") is None
        scene.end(run_id)
        assert scene.running.current(OWNER, "c") is None

    def test_is_none_where_its_process_is_gone(self, scene: Scene) -> None:
        scene.begin("c", GONE)
        assert scene.running.current(OWNER, "c") is None


class TestToEnd:
    @pytest.mark.parametrize("stream_id", [None, "", "new", "null"])
    def test_is_the_owners_newest_where_none_is_named(self, scene: Scene, stream_id: str | None) -> None:
        scene.begin("a")
        newest, _ = scene.begin("b")
        scene.begin("c", owner="bob")
        scene.begin("d", GONE)
        assert scene.to_end(stream_id) == newest

    def test_is_the_one_that_began_then_where_only_its_time_is_named(self, scene: Scene) -> None:
        first, began = scene.begin("a")
        scene.begin("b")
        assert scene.to_end("new", began) == first
        with pytest.raises(NotFound):
            scene.to_end("new", began - 1)

    def test_is_that_of_the_named_conversation(self, scene: Scene) -> None:
        named, began = scene.begin("a")
        scene.begin("b")
        assert scene.to_end("a") == named
        assert scene.to_end("a", began) == named
        with pytest.raises(NotFound):
            scene.to_end("a", began + 1)

    def test_is_not_one_that_has_ended(self, scene: Scene) -> None:
        run_id, _ = scene.begin("a")
        scene.end(run_id)
        for stream_id in ("a", None):
            with pytest.raises(NotFound):
                scene.to_end(stream_id)

    def test_is_not_one_whose_process_is_gone(self, scene: Scene) -> None:
        scene.begin("a", GONE)
        with pytest.raises(NotFound):
            scene.to_end("a")

    def test_is_not_one_that_has_just_said_its_last(self, scene: Scene) -> None:
        run_id, _ = scene.begin("a")
        scene.end_here(run_id, ended=False)
        assert scene.to_end("a") == run_id
        scene.end_here(run_id, ended=True)
        with pytest.raises(NotFound):
            scene.to_end("a")


def test_active_are_the_streams_of_the_owners_runs_each_once(scene: Scene) -> None:
    for conversation_id in ("a", "b", "a"):
        scene.begin(conversation_id)
    scene.begin("gone", GONE)
    scene.begin("bobs", owner="bob")
    ended, _ = scene.begin("ended")
    scene.end(ended)
    assert scene.running.active(OWNER) == ["a", "b"]


class TestTimes:
    def test_are_milliseconds(self) -> None:
        began = datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)
        assert milliseconds(began) == 1_767_225_600_123
        assert moment(1_767_225_600_123) == began
        assert moment(None) is None

    @pytest.mark.parametrize("created_at", [10**15, 10**18, 10**30])
    def test_that_are_none_find_nothing(self, created_at: int) -> None:
        with pytest.raises(NotFound):
            moment(created_at)
