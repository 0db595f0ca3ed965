"""The runs of one process: which may begin, and which are there. How they go on is in `test_runs.py`."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.hub import RunHub, RunStores
from echo.chat.prepared import Asking, Prepared
from echo.chat.presence import Presence
from echo.errors import Conflict as Refused
from echo.errors import ServiceUnavailable, TooManyRequests
from echo.providers.chat import ChatRequest, Finished, TextDelta
from echo.tools.sources import Sources
from storage.conversations.chat_shapes import Begun
from storage.core.errors import Conflict, NotFound, Unavailable
from tests.support.waiting import soon, until

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MILLISECONDS = 1_767_225_600_000
COUNTS = {"window": 1, "budget": 1, "system": 1, "messages": 1, "before": 1, "count": 1}
NOBODY: Any = None


class Scene:
    """A hub, and everything that it asks, in one; `done` notes what was done, in its order."""

    def __init__(self, most: int | None = None) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.errors: dict[str, BaseException] = {}
        self.there: set[str] = set()
        self.rows: list[dict[str, Any]] = []
        self.other: dict[str, Any] | None = None
        everything: Any = self
        stores = RunStores(everything, everything, everything, everything, everything)
        self.hub = RunHub(
            stores,
            NOBODY,
            NOBODY,
            everything,
            len,
            sources=Sources(()),
            moderation=NOBODY,
            load_files=NOBODY,
            remembering=NOBODY,
            most_at_once=most,
        )

    def _do(self, *what: Any) -> None:
        self.done.append(what)
        if (error := self.errors.get(what[0])) is not None:
            raise error

    def beat(self, worker: str) -> None:
        self._do("beat", worker)

    def insert(self, owner: str, conversation_id: str, run_id: str, about: Any, **more: Any) -> Any:
        self._do("inserted", owner, conversation_id, run_id, dict(about), more)
        row = {
            "_id": run_id,
            "user": owner,
            "worker": about["worker"],
            "status": "running",
            "createdAt": BEGAN,
        }
        self.rows.append(row)
        return row

    def delete(self, owner: str, run_id: str) -> None:
        self._do("deleted", owner, run_id)

    # `begin` is that of chats: what is stored of the messages.
    def begin(self, owner: str, conversation_id: str, begun: Begun) -> None:
        self._do("begun", owner, conversation_id, begun)

    def submit(self, work: Any) -> None:
        work.close()
        self._do("submitted")

    def between(self, *asked: Any) -> Any:
        self._do("between", *asked)
        return self.other

    # Of workers.
    def alive(self, workers: Any) -> set[str]:
        return self.there & set(workers)

    def start(self, run_id: str = "r", **more: Any) -> Any:
        return self.hub.start(prepared(run_id, **more))

    @property
    def steps(self) -> list[str]:
        return [step for step, *_ in self.done]


def prepared(run_id: str = "r", **more: Any) -> Prepared:
    about = {"responseMessageId": "answer", "conversationId": "c", "endpoint": "openAI", "sender": "GPT"}
    question = {"messageId": "q", "text": "?"}
    return Prepared(
        **{
            "run_id": run_id,
            "owner": "ada",
            "conversation_id": "c",
            "question": question,
            "begun": Begun(question, {}, {}, new=True),
            "askings": (Asking(NOBODY, ChatRequest("m", ()), None, COUNTS, "a", "openAI"),),
            "about": {**about, "model": "m", "iconURL": None},
            "titling": True,
            **more,
        }
    )


@pytest.fixture
def scene() -> Scene:
    return Scene()


class TestARunThatBegins:
    def test_is_written_down_before_it_is_run(self, scene: Scene) -> None:
        document = scene.start(client_request_id="request")
        worker = scene.hub.presence.worker
        assert scene.steps == ["beat", "inserted", "begun", "submitted"]
        _, owner, conversation_id, run_id, about, more = scene.done[1]
        assert (owner, conversation_id, run_id) == ("ada", "c", "r")
        assert about == {**prepared().about, "worker": worker, "titling": True}
        assert more == {"request_id": "request", "place": None}
        assert scene.done[2][1:] == ("ada", "c", prepared().begun)
        assert document["createdAt"] == BEGAN

    def test_is_found_by_its_id_and_by_its_time(self, scene: Scene) -> None:
        scene.start()
        run = scene.hub.local("r")
        assert run is not None
        assert (run.id, run.owner, run.created_at, run.titling) == ("r", "ada", BEGAN, True)
        assert scene.hub.begun("ada", "c", MILLISECONDS) is run
        for place in (("bob", "c", MILLISECONDS), ("ada", "d", MILLISECONDS), ("ada", "c", MILLISECONDS + 1)):
            assert scene.hub.begun(*place) is None
        assert scene.hub.local("s") is None

    def test_is_one_of_as_many_as_its_owner_may_have(self) -> None:
        scene = Scene(most=1)
        scene.start()
        assert scene.done[1][-1]["place"] == 0
        scene.errors["inserted"] = Conflict("place")
        scene.of_request = lambda *_: None  # type: ignore[attr-defined]
        scene.running = lambda _owner: scene.rows  # type: ignore[attr-defined]
        with pytest.raises(TooManyRequests):
            scene.start("s")
        assert scene.hub.local("s") is None

    def test_does_not_when_the_server_stops(self, scene: Scene) -> None:
        scene.hub.stop()
        with pytest.raises(ServiceUnavailable, match=r": The server is stopping\.$"):
            scene.start()
        assert scene.done == []

    @pytest.mark.parametrize(
        ("step", "error"),
        [("begun", NotFound()), ("submitted", Unavailable()), ("begun", KeyboardInterrupt())],
    )
    def test_leaves_nothing_where_that_fails(self, scene: Scene, step: str, error: BaseException) -> None:
        scene.errors[step] = error
        with pytest.raises(type(error)):
            scene.start()
        assert scene.done[-1] == ("deleted", "ada", "r")
        assert scene.hub.local("r") is scene.hub.begun("ada", "c", MILLISECONDS) is None

    def test_is_not_forgotten_for_another_that_began_at_the_same_time(self, scene: Scene) -> None:
        scene.start()
        first = scene.hub.local("r")
        assert first is not None
        scene.start("s")
        scene.hub._forget(first)
        assert scene.hub.local("r") is None
        assert scene.hub.begun("ada", "c", MILLISECONDS) is scene.hub.local("s")


class TestATurnThatIsToFollowARun:
    def test_may_begin_where_no_other_has(self, scene: Scene) -> None:
        scene.start(predecessor=17)
        assert ("between", "ada", "c", 17, BEGAN, "r") in scene.done
        assert scene.steps[-1] == "submitted"
        scene.done.clear()
        scene.start("s")
        assert "between" not in scene.steps

    @pytest.mark.parametrize(
        ("status", "worker", "active"),
        [("running", "there", True), ("running", "gone", False), ("complete", "there", False)],
    )
    def test_is_refused_where_another_has(self, scene: Scene, status: str, worker: str, active: bool) -> None:
        scene.there = {"there"}
        scene.other = {"_id": "s", "createdAt": BEGAN, "status": status, "worker": worker}
        with pytest.raises(Refused) as refused:
            scene.start(predecessor=17)
        told = refused.value.librechat
        assert (told["streamId"], told["generationCreatedAt"], told["active"]) == ("c", MILLISECONDS, active)
        assert scene.steps == ["beat", "inserted", "between", "deleted"]
        assert scene.hub.local("r") is None


class TestWhichAreThere:
    def test_are_those_of_processes_that_say_so_and_ones_own_that_have_not_ended(self, scene: Scene) -> None:
        own = scene.hub.presence.worker
        for run_id in ("goes on", "has ended"):
            scene.start(run_id)
        ended = scene.hub.local("has ended")
        assert ended is not None
        ended.transcript.add("error", {"error": "x"})
        scene.there = {"other"}
        rows = [
            {"_id": "goes on", "worker": own},
            {"_id": "has ended", "worker": own},
            {"_id": "is unknown", "worker": own},
            {"_id": "elsewhere", "worker": "other"},
            {"_id": "is lost", "worker": "gone"},
        ]
        assert [run["_id"] for run in scene.hub.alive(rows)] == ["goes on", "elsewhere"]
        assert scene.hub.alive([]) == []


class TestStopping:
    def test_ends_all_runs_and_wakes_who_reads(self, scene: Scene) -> None:
        woken: list[str] = []
        stopped: list[tuple[str, str]] = []
        for run_id in ("r", "s"):
            scene.start(run_id)
            run: Any = scene.hub.local(run_id)
            run.stop = lambda why, run_id=run_id: stopped.append((run_id, why))
            run.transcript.watchers.add(lambda run_id=run_id: woken.append(run_id))
        scene.hub.stop()
        assert scene.hub.closing.is_set()
        assert (stopped, woken) == ([("r", "interrupted"), ("s", "interrupted")], ["r", "s"])


class TestListening:
    def test_ends_the_runs_that_somebody_wants_to_end(self, scene: Scene) -> None:
        stopped: list[tuple[str, str]] = []
        scene.start("r")
        scene.start("s")
        for run_id in ("r", "s"):
            run: Any = scene.hub.local(run_id)
            run.stop = lambda why, run_id=run_id: stopped.append((run_id, why))
        asked: list[str] = []

        def abort_requests(worker: str) -> list[str]:
            asked.append(worker)
            return ["s", "of another time"]

        scene.abort_requests = abort_requests  # type: ignore[attr-defined]
        asyncio.run(scene.hub._listen())
        assert (stopped, asked) == ([("s", "aborted")], [scene.hub.presence.worker])

    def test_goes_on_while_the_database_is_away(self, scene: Scene) -> None:
        def away(_worker: str) -> list[str]:
            raise Unavailable

        scene.abort_requests = away  # type: ignore[attr-defined]
        asyncio.run(scene.hub._listen())


class TestTending:
    """What is said is written down each time, and who wants a run to end is asked every 0.4 seconds."""

    @staticmethod
    def tend(scene: Scene, monkeypatch: pytest.MonkeyPatch, *steps: float, fails: bool = False) -> list[str]:
        """What was done when the clock goes on by such steps; then the last run ends."""
        done: list[str] = []
        left = list(steps)
        clock = SimpleNamespace(now=1000.0)
        monkeypatch.setattr("echo.chat.hub.time", SimpleNamespace(monotonic=lambda: clock.now))
        hub: Any = scene.hub
        hub._local["r"] = SimpleNamespace(id="r")

        async def wait() -> None:
            done.append("waited")
            clock.now += left.pop(0)

        async def write() -> None:
            done.append("written")
            if fails and len(left) == 1:
                raise KeyError("a fault of ours")
            if not left:
                hub._local.clear()

        async def listen() -> None:
            done.append("asked")

        hub._wait, hub._write, hub._listen = wait, write, listen
        asyncio.run(hub._tend())
        return done

    def test_asks_at_once_and_then_now_and_again(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.tend(scene, monkeypatch, 0.0, 0.15, 0.24, 0.02, 0.15, 0.26, 1.0)
        assert "".join(each[0] for each in done) == "wwa ww ww wwa ww wwa ww".replace(" ", "")

    def test_asks_for_nobody_where_no_run_is_left(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.tend(scene, monkeypatch, 0.0) == ["waited", "written"]

    def test_goes_on_after_a_fault_of_one_run(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("echo.chat.hub.ASK_SECONDS", 0.0)
        done = self.tend(scene, monkeypatch, 0.0, 0.0, fails=True)
        assert done == ["waited", "written", "waited", "written"]

    def test_goes_on_until_the_journal_has_nothing_to_write(self, scene: Scene) -> None:
        idle = iter([False, False, True])

        class Journal:
            is_idle = property(lambda _: next(idle))

        hub: Any = scene.hub
        hub._journal = Journal()
        written: list[str] = []

        async def wait() -> None:
            pass

        async def write() -> None:
            written.append("all")

        hub._wait, hub._write = wait, write
        asyncio.run(hub._tend())
        assert written == ["all", "all"]


class TestATitleThatComesLate:
    @staticmethod
    def after(scene: Scene, making: Callable[[], Any], **about: Any) -> Any:
        run: Any = SimpleNamespace(
            **{
                "id": "r",
                "owner": "ada",
                "titling": True,
                "is_closing": False,
                "over": asyncio.Event(),
                **about,
            }
        )

        async def go() -> None:
            async def make() -> None:
                making()

            scene.hub._keep_title(run, asyncio.create_task(make()))
            while scene.hub._titling:
                await asyncio.sleep(0)

        asyncio.run(go())
        return run

    @pytest.fixture
    def noted(self, scene: Scene) -> list[tuple[str, str]]:
        noted: list[tuple[str, str]] = []
        scene.end_titling = lambda *run: noted.append(run)  # type: ignore[attr-defined]
        return noted

    def test_is_noted_where_the_end_may_have_been_written_down(self, scene: Scene, noted: list[Any]) -> None:
        run = self.after(scene, lambda: None, is_closing=True)
        assert (run.titling, noted) == (False, [("ada", "r")])
        over = asyncio.Event()
        over.set()
        self.after(scene, lambda: None, over=over)
        assert len(noted) == 2

    def test_needs_no_note_before(self, scene: Scene, noted: list[Any]) -> None:
        assert (self.after(scene, lambda: None).titling, noted) == (False, [])

    def test_may_fail(self, scene: Scene, noted: list[Any]) -> None:
        def fail() -> None:
            raise Unavailable

        assert (self.after(scene, fail, is_closing=True).titling, noted) == (False, [("ada", "r")])

    def test_is_waited_for_and_so_is_the_end_of_its_run(
        self, scene: Scene, noted: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("echo.chat.hub.WRITE_SECONDS", 0.0)
        run: Any = SimpleNamespace(id="r", owner="ada", titling=True, is_closing=True, over=asyncio.Event())
        scene.hub._local["r"] = run

        async def go() -> None:
            made = asyncio.Event()

            async def make() -> None:
                await made.wait()

            scene.hub._keep_title(run, asyncio.create_task(make()))
            for _ in range(5):
                await asyncio.sleep(0)
            assert (run.titling, list(scene.hub._titling)) == (True, ["r"])
            made.set()
            await soon(lambda: not run.titling)
            for _ in range(5):
                await asyncio.sleep(0)
            # The end would note that the title is still to come.
            assert (noted, list(scene.hub._titling)) == ([], ["r"])
            del scene.hub._local["r"]
            await scene.hub._titling["r"]
            assert noted == [("ada", "r")]

        asyncio.run(go())
        assert scene.hub._titling == {}


class Saying:
    """A provider that says one word."""

    @staticmethod
    async def stream(*_: Any) -> Any:
        yield TextDelta("So")
        yield Finished("stop")


class TestARunThatGoesOn:
    """From its beginning to its end, with everything that the hub gives it."""

    @staticmethod
    def play(scene: Scene, *, is_waiting: bool = False) -> list[tuple[str, str]]:
        """What was written down, and by whom."""
        written: list[tuple[str, str]] = []
        everything: Any = scene
        saying: Any = Saying()
        asking = replace(prepared().first, provider=saying)

        def conversation(*_: Any) -> Any:
            written.append(("answer", "chats"))
            return {"conversationId": "c", "title": "A talk"}

        def end(*_: Any, **__: Any) -> bool:
            written.append(("end", "runs"))
            return not is_waiting

        everything.finish = conversation
        everything.end_unless_waiting = end
        everything.end_all = lambda ends: written.append(("end", "journal"))
        # As many as there is time for.
        everything.append_all = lambda pieces: None
        everything.save_all = everything.delete_all = everything.abort_requests = lambda _: []
        everything.close = lambda *_: []

        async def go() -> None:
            begun: list[asyncio.Task[None]] = []
            everything.submit = lambda work: begun.append(asyncio.create_task(work))
            scene.start(titling=False, askings=(asking,))
            assert scene.hub.local("r") is not None
            await begun[0]
            if is_waiting:
                # The journal has its end to write down.
                assert scene.hub._tending is not None
                await asyncio.to_thread(until, lambda: scene.hub.local("r") is None)
            assert scene.hub.local("r") is scene.hub.begun("ada", "c", MILLISECONDS) is None
            await scene.hub.close()

        asyncio.run(go())
        return written

    @pytest.fixture
    def scene(self) -> Scene:
        scene = Scene()
        nothing: Any = SimpleNamespace(limits=False, counts=False)
        remembering: Any = SimpleNamespace(begin=lambda *_: scene.done.append(("remembering",)))
        scene.hub._tools = replace(scene.hub._tools, credits=nothing)
        assert scene.hub._tools.remembering is NOBODY
        scene.hub._tools = replace(scene.hub._tools, remembering=remembering)
        return scene

    def test_is_forgotten_once_its_end_is_written_down(self, scene: Scene) -> None:
        assert self.play(scene)[:2] == [("answer", "chats"), ("end", "runs")]
        assert ("remembering",) in scene.done

    def test_is_a_job_of_its_kind_while_it_goes_on(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jobs: list[str] = []

        @contextmanager
        def running(kind: str) -> Iterator[None]:
            jobs.append(kind)
            yield
            jobs.append(f"{kind} over")

        monkeypatch.setattr("echo.chat.hub.metrics", SimpleNamespace(jobs=SimpleNamespace(running=running)))
        self.play(scene)
        assert jobs == ["chat", "chat over"]

    def test_is_written_down_by_the_journal_where_that_is_left_to_it(self, scene: Scene) -> None:
        written = self.play(scene, is_waiting=True)
        assert written[:2] == [("answer", "chats"), ("end", "runs")]
        assert ("end", "journal") in written

    def test_is_forgotten_once_however_often_that_is_noted(self, scene: Scene) -> None:
        scene.start()
        run = scene.hub.local("r")
        assert run is not None
        for _ in range(2):
            scene.hub._forget(run)
        assert scene.hub.local("r") is None


class TestTheSignalToEnd:
    def test_stops_at_once_and_goes_on_to_who_waited_for_it_before(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handlers: list[Any] = []
        passed: list[Any] = []
        stopped: list[str] = []
        before: Any = lambda *told: passed.append(told)  # noqa: E731 - one of several
        monkeypatch.setattr("echo.chat.hub.signal.getsignal", {signal.SIGTERM: before}.get)
        monkeypatch.setattr(
            "echo.chat.hub.signal.signal", lambda number, handler: handlers.append((number, handler))
        )

        async def go() -> None:
            scene.hub.begin(lambda: stopped.append("all"))
            [(number, handler)] = handlers
            frame = object()
            handler(number, frame)
            assert passed == [(signal.SIGTERM, frame)]
            await asyncio.sleep(0)

        asyncio.run(go())
        assert (stopped, handlers[0][0]) == (["all"], signal.SIGTERM)

    def test_of_who_takes_it_by_other_means_is_left_alone(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handlers: list[Any] = []
        monkeypatch.setattr("echo.chat.hub.signal.getsignal", lambda _number: signal.SIG_DFL)
        monkeypatch.setattr("echo.chat.hub.signal.signal", lambda *handler: handlers.append(handler))

        async def go() -> None:
            scene.hub.begin(lambda: None)

        asyncio.run(go())
        assert handlers == []


def test_what_a_hub_is_given_its_runs_have() -> None:
    given: list[Any] = [object() for _ in range(11)]
    titles, ledger, remembering, moderation, load_files, background, *stores = given
    chats, runs, pieces, workers, steers = stores
    sources = Sources(())
    everything: Any = RunHub(
        RunStores(chats, runs, pieces, workers, steers),
        titles,
        ledger,
        background,
        len,
        sources=sources,
        moderation=moderation,
        load_files=load_files,
        remembering=remembering,
        most_at_once=2,
    )
    hub, tools, injecting = everything, everything._tools, everything._tools.injecting
    assert (tools.titles, tools.credits, tools.remembering) == (titles, ledger, remembering)
    assert (tools.sources, tools.count_tokens) == (sources, len)
    assert (tools.chats, tools.runs, tools.steers) == (chats, runs, steers)
    assert (tools.in_thread, tools.keep, tools.pause) == (hub.in_thread, hub._keep_title, hub._journal.pause)
    assert (injecting._steers, injecting._moderation) == (steers, moderation)
    assert (injecting._load_files, injecting._in_thread) == (load_files, hub.in_thread)
    journal, places = hub._journal, hub._places
    assert (journal._chats, journal._runs, journal._pieces) == (chats, runs, pieces)
    assert journal._in_thread == hub.in_thread
    assert (places._runs, places._alive, places._most) == (runs, hub.alive, 2)
    assert (hub.presence._workers, hub._background) == (workers, background)


def test_it_has_a_name_of_its_own(scene: Scene) -> None:
    assert isinstance(scene.hub.presence, Presence)
    assert scene.hub.presence.worker != Scene().hub.presence.worker
