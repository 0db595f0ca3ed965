"""Following runs of other processes: what has come of them, and what becomes of readers when a process is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from echo.chat import frames
from echo.chat import mirrors as module
from echo.chat.follow import Reading
from echo.chat.mirrors import Mirror, Mirrors, past
from echo.chat.transcript import BEGINNING, Frame, Transcript, pack
from storage.core.errors import Unavailable
from storage.runs.pieces import Piece
from tests.support.waiting import soon

ABOUT = {"responseMessageId": "answer", "conversationId": "c", "sender": "GPT", "model": "m"}
LOST = {
    "error": "The server that worked on this answer is gone. What came so far is kept.",
    "code": "interrupted",
}
LAST = Frame("message", {"final": True})


def said(number: int) -> Frame:
    return Frame("message", {"event": f"e{number}"})


def told(*found: Frame) -> bytes:
    return b"".join(frames.encode(*each) for each in found)


def events(transcript: Transcript) -> list[tuple[str, Any]]:
    return [tuple(each) for each in transcript.since(BEGINNING)[0]]


class Elsewhere:
    """The database, as far as runs of other processes are in it; `now` is the clock of this one."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.pieces: list[Piece] = []
        self.there = {"w"}
        self.is_away = False
        self.now = 0.0
        self.looks = 0
        self.checks: list[list[str]] = []
        self.closing = asyncio.Event()
        everything: Any = self
        self.mirrors = Mirrors(
            everything, everything, everything, in_thread=self.in_thread, closing=self.closing
        )

    def begin(self, run_id: str = "r", owner: str = "ada", worker: str = "w") -> dict[str, Any]:
        row = {**ABOUT, "_id": run_id, "user": owner, "worker": worker, "status": "running"}
        self.rows[run_id] = row
        return dict(row)

    def say(self, number: int, run_id: str = "r") -> None:
        self.pieces.append(Piece("ada", run_id, number, pack([said(number)])))

    def finish(self, *found: Frame, run_id: str = "r") -> None:
        self.rows[run_id] |= {"status": "complete", "frames": pack([*found, LAST])}

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self.is_away:
            self.looks += 1
            raise Unavailable
        return function(*arguments)

    def states(self, run_ids: list[str]) -> dict[str, Any]:
        self.looks += 1
        return {each: self.rows[each] for each in run_ids if each in self.rows}

    def read_all(self, positions: list[tuple[str, str, int]]) -> list[Piece]:
        return [
            each
            for owner, run_id, number in positions
            for each in self.pieces
            if (each.owner, each.run_id) == (owner, run_id) and each.number >= number
        ]

    def get(self, owner: str, run_id: str) -> Any:
        row = self.rows.get(run_id)
        return row if row and row["user"] == owner else None

    def alive(self, workers: Any) -> set[str]:
        self.checks.append(sorted(workers))
        return self.there & set(workers)

    def end(self, owner: str, run_id: str, status: str) -> bool:
        row = self.rows[run_id]
        if (row["user"], row["status"]) != (owner, "running"):
            return False
        row["status"] = status
        return True


class Reader:
    """Takes what comes of a stream."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self.bytes = b""
        self.task = asyncio.create_task(self._read(stream))

    async def end(self) -> None:
        """Return when all has come; an error if that does not."""
        await soon(self.task.done)
        await self.task

    async def _read(self, stream: AsyncIterator[bytes]) -> None:
        async for piece in stream:
            self.bytes += piece


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[Elsewhere], Coroutine[Any, Any, None]]], None]:
    """Plays a scene; nobody waits between two looks, and the clock goes as the scene says."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)

    def play(scene: Callable[[Elsewhere], Coroutine[Any, Any, None]]) -> None:
        async def go() -> None:
            world = Elsewhere()
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: world.now))
            try:
                await scene(world)
            finally:
                await world.mirrors.close()

        asyncio.run(go())

    return play


Play = Callable[[Callable[[Elsewhere], Coroutine[Any, Any, None]]], None]


class TestARunThatGoesOn:
    def test_is_followed_piece_by_piece_to_its_end(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            reader = Reader(world.mirrors.follow(world.begin(), Reading()))
            for number in range(2):
                world.say(number)
                await soon(lambda at=number: told(said(at)) in reader.bytes)
            world.finish(said(0), said(1))
            await reader.end()
            assert reader.bytes == told(said(0), said(1), LAST)

        run(scene)

    def test_that_lost_a_piece_is_caught_up_with_at_its_end(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            reader = Reader(world.mirrors.follow(world.begin(), Reading()))
            world.say(0)
            await soon(lambda: reader.bytes)
            world.say(2)
            world.finish(said(0), said(1), said(2))
            await reader.end()
            assert reader.bytes == told(said(0), said(1), said(2), LAST)

        run(scene)

    def test_shows_nothing_of_another_owners(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            document = {**world.begin(), "user": "bob"}
            world.say(0)
            world.finish(said(0))
            reader = Reader(world.mirrors.follow(document, Reading()))
            await reader.end()
            assert reader.bytes == told(Frame("error", LOST))

        run(scene)

    def test_that_is_gone_from_the_database_is_lost(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            reader = Reader(world.mirrors.follow(world.begin(), Reading()))
            world.say(0)
            await soon(lambda: reader.bytes)
            del world.rows["r"]
            await reader.end()
            assert reader.bytes == told(said(0), Frame("error", LOST))

        run(scene)

    def test_is_read_once_for_all_who_follow(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            document = world.begin()
            readers = [Reader(world.mirrors.follow(document, Reading())) for _ in range(2)]
            other = Reader(world.mirrors.follow(world.begin("s"), Reading()))
            await soon(lambda: world.looks)
            assert len(world.mirrors._mirrors) == 2
            readers[0].task.cancel()
            await asyncio.gather(readers[0].task, return_exceptions=True)
            world.say(0)
            world.say(0, "s")
            world.finish(said(0))
            world.finish(said(0), run_id="s")
            await asyncio.gather(readers[1].end(), other.end())
            assert readers[1].bytes == other.bytes == told(said(0), LAST)
            # Nobody follows, nobody asks.
            polling = world.mirrors._polling
            assert polling is not None
            await soon(polling.done)
            assert world.mirrors._mirrors == {}

        run(scene)

    def test_is_asked_for_again_by_who_comes_when_nobody_followed(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            for number in range(2):
                reader = Reader(world.mirrors.follow(world.begin(), Reading()))
                world.finish(said(number))
                await reader.end()
                assert reader.bytes == told(said(number), LAST)
                assert world.mirrors._polling is not None
                await soon(world.mirrors._polling.done)

        run(scene)


class TestAProcessThatIsGone:
    def test_has_its_runs_ended(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            world.now = 1.0
            reader = Reader(world.mirrors.follow(world.begin(), Reading()))
            await soon(lambda: world.checks)
            assert world.checks == [["w"]]
            looked = world.looks
            await soon(lambda: world.looks > looked + 3)
            # Once a second.
            assert (len(world.checks), world.rows["r"]["status"]) == (1, "running")
            world.there = set()
            world.say(0)
            world.now = 2.0
            await reader.end()
            # What it said last is told first.
            assert reader.bytes == told(said(0), Frame("error", LOST))
            assert world.rows["r"]["status"] == "interrupted"

        run(scene)

    def test_has_only_its_own_runs_ended(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            world.now = 1.0
            names = {"a": "w", "b": "gone", "c": "w", "d": "gone"}
            readers = {
                name: Reader(world.mirrors.follow(world.begin(name, worker=worker), Reading()))
                for name, worker in names.items()
            }
            await asyncio.gather(readers["b"].end(), readers["d"].end())
            statuses = {name: world.rows[name]["status"] for name in names}
            assert statuses == {"a": "running", "b": "interrupted", "c": "running", "d": "interrupted"}
            for name in ("a", "c"):
                world.finish(run_id=name)
                await readers[name].end()

        run(scene)

    def test_may_have_ended_the_run_before(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            alive = world.alive

            def gone(workers: Any) -> set[str]:
                world.finish(said(0))
                return alive(workers) - {"w"}

            world.alive = gone  # type: ignore[method-assign]
            world.now = 1.0
            reader = Reader(world.mirrors.follow(world.begin(), Reading()))
            await reader.end()
            assert reader.bytes == told(said(0), LAST)
            assert world.rows["r"]["status"] == "complete"

        run(scene)

    def test_is_not_taken_for_gone_when_the_database_was_away(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            world.there, world.now, world.is_away = set(), 10.0, True
            reader = Reader(world.mirrors.follow(world.begin(), Reading()))
            await soon(lambda: world.looks)
            world.is_away = False
            for world.now in (10.0, 15.9):
                await soon(lambda enough=world.looks + 4: world.looks >= enough)
                assert world.checks == []
            world.now = 16.0
            await reader.end()
            assert world.rows["r"]["status"] == "interrupted"

        run(scene)


class TestAServerThatStops:
    def test_ends_the_streams(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            first = Reader(world.mirrors.follow(world.begin(), Reading()))
            await soon(lambda: world.looks)
            world.is_away = True
            # This one has not even been told what there is.
            second = Reader(world.mirrors.follow(world.begin("s"), Reading()))
            await asyncio.sleep(0)
            world.closing.set()
            world.mirrors.stop()
            await asyncio.gather(first.end(), second.end())
            assert first.bytes == second.bytes == frames.COME_BACK

        run(scene)


class TestARunThatIsOver:
    def test_is_held_once_for_all_who_read_and_for_nobody_else(self, run: Play) -> None:
        async def scene(world: Elsewhere) -> None:
            document = world.begin()
            world.finish(said(0))
            document |= world.rows["r"]
            streams = [world.mirrors.follow(document, Reading()) for _ in range(2)]
            assert [await anext(each) for each in streams] == [told(said(0), LAST)] * 2
            assert len(world.mirrors._past) == 1
            for each in streams:
                await each.aclose()
            del streams, each
            await soon(lambda: not world.mirrors._past)
            assert world.looks == 0

        run(scene)

    def test_that_was_interrupted_is_read_from_the_stored_message_by_librechats_client(
        self, run: Play
    ) -> None:
        async def scene(world: Elsewhere) -> None:
            document = {**world.begin(), "status": "interrupted", "frames": pack([said(0)])}
            reader = Reader(world.mirrors.follow(document, Reading(reconnects=True)))
            await reader.end()
            assert reader.bytes == told(said(0)) + frames.BROKEN

        run(scene)

    def test_whose_process_died_says_that_it_is_lost(self) -> None:
        for kept in ({}, {"frames": b""}, {"frames": pack([said(0)])}):
            found = events(past({**ABOUT, **kept}))
            assert found[-1] == ("error", LOST)
            assert len(found) == (2 if kept.get("frames") else 1)

    def test_has_all_that_it_said_and_holds_it_once(self) -> None:
        transcript = past({**ABOUT, "frames": pack([said(0), LAST])})
        assert events(transcript) == [tuple(said(0)), tuple(LAST)]
        assert transcript.about == ABOUT


class TestMirror:
    @staticmethod
    def mirror() -> Mirror:
        return Mirror({**ABOUT, "_id": "r", "user": "ada"})

    def test_takes_pieces_in_their_order_each_once(self) -> None:
        mirror = self.mirror()
        for number in (1, 0, 0, 1, 3, 2):
            mirror.take(Piece("ada", "r", number, pack([said(number)])))
        assert events(mirror.transcript) == [tuple(said(0)), tuple(said(1)), tuple(said(2))]

    def test_takes_nothing_after_the_end(self) -> None:
        mirror = self.mirror()
        mirror.take(Piece("ada", "r", 0, pack([LAST])))
        mirror.take(Piece("ada", "r", 1, pack([said(1)])))
        mirror.lose()
        assert events(mirror.transcript) == [tuple(LAST)]

    def test_adds_the_rest_of_a_text_that_it_has_a_part_of(self) -> None:
        mirror, whole = self.mirror(), Transcript(ABOUT)
        mirror.transcript.extend("s", "text", "Half ")
        whole.extend("s", "text", "Half and whole")
        whole.add(*LAST)
        mirror.catch_up(whole)
        assert orjson.loads(mirror.transcript.everything()) == orjson.loads(whole.everything())
