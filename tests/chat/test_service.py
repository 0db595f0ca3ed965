"""What the operations of chats do, of runs of this process and of others. Whole chats are in `test_runs.py`."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat import frames
from echo.chat import service as module
from echo.chat.service import ChatService
from echo.chat.transcript import Transcript, pack
from echo.errors import NotFound
from storage.core.errors import NotFound as NotStored
from storage.core.errors import Unavailable
from storage.runs.pieces import Piece

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MILLISECONDS = 1_767_225_600_000
ABOUT = {"responseMessageId": "answer", "sender": "GPT", "model": "m", "conversationId": "c"}
WAITING = [{"steerId": "s", "text": "Wait"}]
LAST = frames.encode("message", {"final": True})


class Scene:
    """Ada's conversation `c` and its newest run, which is of another process unless a test says otherwise."""

    def __init__(self, status: str = "running", *, here: bool = False, there: bool = True) -> None:
        self.row: dict[str, Any] | None = {
            **ABOUT,
            "_id": "r",
            "user": "ada",
            "worker": "w",
            "status": status,
            "createdAt": BEGAN,
        }
        self.is_here, self.is_there = here, there
        self.closing = asyncio.Event()
        self.document: dict[str, Any] | None = {"conversationId": "c", "title": "A talk"}
        self.transcript = Transcript(ABOUT)
        self.over = asyncio.Event()
        self.stopped: list[str] = []
        self.waiting: list[Any] = []
        self.said: list[Any] = []
        self.aborts: list[tuple[Any, ...]] = []
        everything: Any = self
        stores: Any = SimpleNamespace(runs=self, pieces=self, workers=self, steers=self, chats=self)
        self.service = ChatService(everything, everything, stores, everything, everything)

    # Of the hub and what waits for the event loop.
    @property
    def run(self) -> Any:
        return SimpleNamespace(id="r", transcript=self.transcript, over=self.over, stop=self.stop_run)

    def stop_run(self, why: str) -> None:
        self.stopped.append(why)
        self.over.set()

    def local(self, run_id: str) -> Any:
        return self.run if self.is_here and run_id == "r" else None

    def begun(self, *place: Any) -> Any:
        return self.run if self.is_here and place == ("ada", "c", MILLISECONDS) else None

    def alive(self, runs: list[Any]) -> list[Any]:
        return runs if self.is_there else []

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    @staticmethod
    def wait(work: Any, seconds: float) -> Any:
        assert seconds == 5.0
        return asyncio.run(work)

    # Of stores and steering.
    def newest(self, owner: str, conversation_id: str, *, created_at: Any = None) -> Any:
        found = (owner, conversation_id) == ("ada", "c") and created_at in (None, BEGAN)
        return self.row if found else None

    def running(self, owner: str) -> list[Any]:
        return [self.row] if owner == "ada" and self.row and self.row["status"] == "running" else []

    def states(self, run_ids: list[str]) -> dict[str, Any]:
        self.said.append(run_ids)
        return {"r": self.row} if self.row and run_ids == ["r"] else {}

    def request_abort(self, owner: str, run_id: str) -> bool:
        self.aborts.append((owner, run_id))
        if self.row is not None:
            self.row["status"] = "aborted"
        return self.is_there

    def request_abort_all(self, owner: str, conversation_id: str) -> None:
        self.aborts.append((owner, conversation_id))
        if not self.is_there:
            raise Unavailable

    def read(self, owner: str, run_id: str) -> list[Piece]:
        # A run of this process is there itself.
        assert (owner, run_id, self.is_here) == ("ada", "r", False)
        return [Piece("ada", "r", 0, pack([frame])) for frame in self.transcript.since((0, 0))[0]]  # type: ignore[arg-type]

    def pending(self, owner: str, run_id: str) -> list[Any]:
        return self.waiting if (owner, run_id) == ("ada", "r") else []

    def close(self, owner: str, run_id: str) -> list[Any]:
        return self.pending(owner, run_id)

    def left(self, owner: str, conversation_id: str, *, once: bool) -> list[Any]:
        self.said.append(("left", owner, conversation_id, once))
        return self.waiting

    def conversation(self, owner: str, conversation_id: str) -> Any:
        if self.document is None or (owner, conversation_id) != ("ada", "c"):
            raise NotStored
        return self.document

    def speak(self, *, ended: bool = False) -> None:
        step = {"id": "s", "index": 0, "type": "message_creation"}
        details = {"message_creation": {"content_type": "text"}}
        self.transcript.add("message", {"event": "on_run_step", "data": {**step, "stepDetails": details}})
        self.transcript.extend("s", "text", "So")
        if ended:
            self.transcript.add("message", {"final": True})

    def follow(self, **how: Any) -> bytes:
        async def go() -> bytes:
            stream = self.service.follow("ada", how.pop("stream_id", "c"), **how)
            return b"".join([piece async for piece in stream])

        return asyncio.run(go())


class TestFollowing:
    @pytest.mark.parametrize("created_at", [None, MILLISECONDS])
    def test_a_run_of_this_process_reads_what_it_says(self, created_at: int | None) -> None:
        scene = Scene(here=True)
        scene.speak(ended=True)
        told = scene.follow(created_at=created_at)
        assert told.startswith(b'event: message\ndata: {"event":"on_run_step"')
        assert told.endswith(LAST)

    @pytest.mark.parametrize("created_at", [None, MILLISECONDS])
    def test_again_begins_with_the_state_and_what_waits(self, created_at: int | None) -> None:
        scene = Scene(here=True)
        scene.speak(ended=True)
        scene.waiting = WAITING
        told = scene.follow(created_at=created_at, resume=True)
        assert b'"sync":true' in told
        assert b'"pendingSteers":[{"steerId":"s","text":"Wait"}]' in told
        assert b"pendingSteers" not in scene.follow(created_at=created_at)

    def test_tells_the_last_event_in_the_readers_protocol(self) -> None:
        scene = Scene(here=True)
        scene.speak(ended=True)
        assert b'"generationProtocolVersion":2' in scene.follow(protocol=2)
        assert b"generationProtocolVersion" not in scene.follow()

    def test_a_run_that_is_over_reads_all_that_it_kept(self) -> None:
        scene = Scene("complete")
        scene.speak(ended=True)
        assert scene.row is not None
        scene.row["frames"] = scene.transcript.everything()
        assert scene.follow().endswith(LAST)
        # With its conversation it is gone.
        scene.document = None
        with pytest.raises(NotStored):
            scene.follow()

    def test_a_run_that_was_interrupted_sends_librechats_client_to_the_message(self) -> None:
        scene = Scene("interrupted")
        assert b'"code":"interrupted"' in scene.follow()
        with pytest.raises(NotFound):
            scene.follow(reconnects=True)

    def test_what_is_not_there_finds_nothing(self) -> None:
        for how in ({"stream_id": "d"}, {"created_at": MILLISECONDS + 1}):
            with pytest.raises(NotFound):
                Scene().follow(**how)


@pytest.mark.parametrize("here", [True, False])
class TestTheState:
    def test_of_a_run_is_what_it_has_said(self, here: bool) -> None:
        scene = Scene(here=here)
        scene.speak()
        state = scene.service.status("ada", "c")
        assert state.pop("resumeState")["aggregatedContent"] == [{"type": "text", "text": "So"}]
        assert state == {
            "generationProtocolVersion": 1,
            "active": True,
            "streamId": "c",
            "status": "running",
            "aggregatedContent": [{"type": "text", "text": "So"}],
            "createdAt": MILLISECONDS,
        }

    def test_of_a_run_has_what_waits_for_it(self, here: bool) -> None:
        scene = Scene(here=here)
        scene.speak()
        assert "pendingSteers" not in scene.service.progress("ada", "c", once=True)["resumeState"]
        scene.waiting = WAITING
        state = scene.service.progress("ada", "c", once=True)
        assert (state["active"], state["resumeState"]["pendingSteers"]) == (True, WAITING)
        assert state["resumeState"]["responseMessageId"] == "answer"
        assert scene.said == []

    def test_after_a_run_is_what_it_has_left(self, here: bool) -> None:
        scene = Scene(here=here)
        scene.speak(ended=True)
        assert scene.service.status("ada", "c") == {"active": False, "generationProtocolVersion": 1}
        assert scene.service.progress("ada", "c", once=True) == {"active": False}
        scene.waiting = WAITING
        left = scene.service.progress("ada", "c", once=False)
        assert left == {"active": False, "unrecoveredSteers": WAITING}
        assert scene.said == [("left", "ada", "c", True), ("left", "ada", "c", False)]


def test_without_a_run_or_its_process_there_is_none_under_way() -> None:
    for scene in (Scene("complete"), Scene(there=False)):
        assert scene.service.status("ada", "c")["active"] is False
        assert scene.service.progress("bob", "d", once=True) == {"active": False}
        with pytest.raises(NotStored):
            scene.service.status("ada", "d")
    assert Scene().service.active("ada") == ["c"]
    assert Scene(there=False).service.active("ada") == []


class TestAborting:
    @staticmethod
    def abort(scene: Scene, **how: Any) -> Any:
        return asyncio.run(scene.service.abort("ada", how.pop("stream_id", "c"), **how))

    def test_stops_a_run_of_this_process_and_waits_for_its_end(self) -> None:
        scene = Scene(here=True)
        assert self.abort(scene) == {"success": True, "aborted": "c", "generationProtocolVersion": 1}
        assert (scene.stopped, scene.aborts) == (["aborted"], [])

    def test_asks_another_process_to_and_waits_until_it_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
        scene = Scene()
        assert self.abort(scene, created_at=MILLISECONDS)["aborted"] == "c"
        assert (scene.aborts, scene.said) == ([("ada", "r")], [["r"]])

    def test_hands_back_what_waited(self) -> None:
        scene = Scene(here=True)
        scene.waiting = WAITING
        assert self.abort(scene)["pendingSteers"] == WAITING

    def test_answers_though_the_end_takes_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "ABORT_SECONDS", 0.0)
        scene = Scene(here=True)
        scene.stop_run = scene.stopped.append  # type: ignore[method-assign]
        assert self.abort(scene)["success"] is True

    def test_leaves_readers_of_protocol_2_time_for_the_last_event(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
        assert self.abort(Scene(here=True), protocol=2)["generationProtocolVersion"] == 2
        assert slept == [1.0]
        self.abort(Scene(here=True))
        assert slept == [1.0]

    def test_of_what_has_ended_finds_nothing(self) -> None:
        for scene in (Scene("complete"), Scene(there=False)):
            with pytest.raises(NotFound):
                self.abort(scene)
        with pytest.raises(NotFound):
            self.abort(Scene(), stream_id="d")
        # It has ended in between.
        scene = Scene()
        scene.request_abort = lambda *_: False  # type: ignore[method-assign]
        with pytest.raises(NotFound):
            self.abort(scene)


def test_the_runs_of_a_conversation_that_was_deleted_are_ended_if_that_can_be() -> None:
    for there in (True, False):
        scene = Scene(there=there)
        scene.service.abandon("ada", "c")
        assert scene.aborts == [("ada", "c")]


class TestTitles:
    @staticmethod
    def title(scene: Scene, document: dict[str, Any], row: dict[str, Any] | None = None) -> str:
        scene.document = document
        if row is not None and scene.row is not None:
            scene.row |= row
        return asyncio.run(scene.service.title("ada", "c"))

    def test_are_told_at_once_where_they_are_there(self) -> None:
        assert self.title(Scene(), {"title": "A talk"}) == "A talk"

    @pytest.mark.parametrize("title", [None, "", "New Chat"])
    @pytest.mark.parametrize(
        ("row", "there"),
        [
            ({"titling": False}, True),
            ({}, True),
            # Its process is gone, and has not ended it.
            ({"titling": True}, False),
        ],
    )
    def test_are_not_waited_for_where_none_is_made(
        self, title: str | None, row: dict[str, Any], there: bool
    ) -> None:
        with pytest.raises(NotFound, match=r": The conversation has no title\.$"):
            self.title(Scene(there=there), {"title": title}, row)

    @pytest.mark.parametrize(("status", "there"), [("running", True), ("complete", False)])
    def test_are_waited_for_while_one_is_made(
        self, monkeypatch: pytest.MonkeyPatch, status: str, there: bool
    ) -> None:
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
        scene, looks = Scene(status, there=there), [0]
        conversation = scene.conversation

        def later(owner: str, conversation_id: str) -> Any:
            looks[0] += 1
            return {"title": "A talk"} if looks[0] == 3 else conversation(owner, conversation_id)

        scene.conversation = later  # type: ignore[method-assign]
        assert self.title(scene, {"title": "New Chat"}, {"titling": True}) == "A talk"
        assert looks == [3]

    def test_are_not_waited_for_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "TITLE_SECONDS", 0.0)
        with pytest.raises(NotFound):
            self.title(Scene(), {"title": None}, {"titling": True})

    def test_of_no_conversation_are_not_found(self) -> None:
        scene = Scene()
        scene.document = None
        with pytest.raises(NotStored):
            asyncio.run(scene.service.title("ada", "c"))


def test_runs_and_readers_end_with_the_application() -> None:
    scene, done = Scene(), list[Any]()
    hub: Any = scene
    hub.begin = done.append
    hub.stop = lambda: done.append("hub stopped")
    mirrors = SimpleNamespace(stop=lambda: done.append("mirrors stopped"))

    async def close(what: str) -> None:
        done.append(what)

    hub.close = lambda: close("hub closed")
    mirrors.close = lambda: close("mirrors closed")
    scene.service._mirrors = mirrors  # type: ignore[assignment]
    assert scene.service.hub is hub
    scene.service.begin()
    # What is called as soon as the process is asked to end.
    [stop] = done
    stop()
    asyncio.run(scene.service.close())
    assert done[1:] == ["hub stopped", "mirrors stopped", "mirrors closed", "hub closed"]


def test_what_it_is_given_is_what_operations_find() -> None:
    starting, steering, background, in_thread = (object() for _ in range(4))
    hub = SimpleNamespace(in_thread=in_thread, closing=asyncio.Event())
    stores = SimpleNamespace(runs="runs", pieces="pieces", workers="workers")
    given: Any = (starting, hub, stores, background, steering)
    service: Any = ChatService(*given)
    assert (service.starting, service.hub, service.steering) == (starting, hub, steering)
    assert (service._stores, service._background) == (stores, background)
    assert (service._running._runs, service._running._hub) == ("runs", hub)
    mirrors = service._mirrors
    assert (mirrors._runs, mirrors._pieces, mirrors._workers) == ("runs", "pieces", "workers")
    # Readers of runs of other processes end with the server, too.
    assert (mirrors._in_thread, mirrors._closing) == (hub.in_thread, hub.closing)
