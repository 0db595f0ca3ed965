"""Messages that wait for the end of runs."""

from datetime import timedelta

import pytest

from storage.core.database import Database
from storage.core.repository import now
from storage.runs import steers as stored_steers
from storage.runs.runs import RunEnd, RunRepository
from storage.runs.steers import MOST_CANCELLED, MOST_RUNS, MOST_WAITING, Steer, SteerRepository
from tests.storage.runs.test_runs import insert
from tests.support.chats import new_id


@pytest.fixture
def runs(database: Database) -> RunRepository:
    return RunRepository(database)


@pytest.fixture
def steers(database: Database) -> SteerRepository:
    return SteerRepository(database)


def steer(name: str = "s", *, client_id: str | None = None, text: str = "x") -> Steer:
    return Steer(name, client_id, text, 5)


def end(runs: RunRepository, owner: str, run_id: str) -> None:
    runs.end_all([RunEnd(owner, run_id, "complete", b"")])


class TestWaiting:
    def test_the_limits(self) -> None:
        assert (MOST_WAITING, MOST_CANCELLED, MOST_RUNS) == (10, 50, 3)

    def test_messages_wait_in_their_order(
        self, runs: RunRepository, steers: SteerRepository, ada: str
    ) -> None:
        run_id = insert(runs, ada)
        first = steers.add(ada, run_id, steer("a", client_id="c", text="one"))
        second = steers.add(ada, run_id, steer("b", text="two"))
        assert [(each.added, each.position) for each in (first, second)] == [("new", 1), ("new", 2)]
        assert steers.pending(ada, run_id) == [
            {"steerId": "a", "clientSteerId": "c", "text": "one", "createdAt": 5},
            {"steerId": "b", "text": "two", "createdAt": 5},
        ]

    def test_one_of_the_same_client_id_waits_once(
        self, runs: RunRepository, steers: SteerRepository, ada: str
    ) -> None:
        run_id = insert(runs, ada)
        steers.add(ada, run_id, steer("a"))
        steers.add(ada, run_id, steer("b", client_id="c", text="one"))
        again = steers.add(ada, run_id, steer("d", client_id="c", text="two"))
        assert (again.added, again.position) == ("again", 2)
        assert again.steer is not None
        assert (again.steer["steerId"], again.steer["text"]) == ("b", "one")

    def test_ten_wait(self, runs: RunRepository, steers: SteerRepository, ada: str) -> None:
        run_id = insert(runs, ada)
        added = [steers.add(ada, run_id, steer(str(number))).added for number in range(11)]
        assert added == ["new"] * 10 + ["full"]
        assert len(steers.pending(ada, run_id)) == 10

    def test_none_wait_where_a_run_is_over_or_closing(
        self, runs: RunRepository, steers: SteerRepository, ada: str
    ) -> None:
        closing, over = insert(runs, ada), insert(runs, ada)
        steers.close(ada, closing)
        end(runs, ada, over)
        assert [steers.add(ada, each, steer()).added for each in (closing, over, "none")] == ["over"] * 3

    def test_of_another_owner_nothing_waits(
        self, runs: RunRepository, steers: SteerRepository, ada: str, bob: str
    ) -> None:
        run_id = insert(runs, ada)
        steers.add(ada, run_id, steer())
        assert steers.add(bob, run_id, steer()).added == "over"
        assert (steers.pending(bob, run_id), steers.close(bob, run_id)) == ([], [])
        assert steers.add(ada, run_id, steer()).added == "new"


class TestLeft:
    def test_is_what_the_newest_runs_of_a_conversation_have(
        self, runs: RunRepository, steers: SteerRepository, ada: str, bob: str
    ) -> None:
        conversation_id = new_id()
        for number in range(4):
            run_id = insert(runs, ada, conversation_id=conversation_id)
            steers.add(ada, run_id, steer(str(number)))
            end(runs, ada, run_id)
        assert [each["steerId"] for each in steers.left(ada, conversation_id)] == ["1", "2", "3"]
        assert steers.left(bob, conversation_id) == []

    def test_is_nothing_when_the_run_is_forgotten(
        self, runs: RunRepository, steers: SteerRepository, database: Database, ada: str
    ) -> None:
        conversation_id = new_id()
        run_id = insert(runs, ada, conversation_id=conversation_id)
        steers.add(ada, run_id, steer())
        past = {"$set": {"expiresAt": now() - timedelta(seconds=1)}}
        database.collection("echo_runs").update_one({"_id": run_id}, past)
        assert steers.left(ada, conversation_id) == []

    def test_can_be_forgotten(self, runs: RunRepository, steers: SteerRepository, ada: str, bob: str) -> None:
        conversation_id = new_id()
        steers.add(ada, insert(runs, ada, conversation_id=conversation_id), steer())
        steers.forget(bob, conversation_id)
        assert len(steers.left(ada, conversation_id)) == 1
        steers.forget(ada, conversation_id)
        assert steers.left(ada, conversation_id) == []


class TestCancelling:
    def test_takes_a_message_out_once_and_knows_it(
        self, runs: RunRepository, steers: SteerRepository, ada: str, bob: str
    ) -> None:
        conversation_id = new_id()
        run_id = insert(runs, ada, conversation_id=conversation_id)
        steers.add(ada, run_id, steer("a"))
        steers.add(ada, run_id, steer("b"))
        assert steers.cancel(bob, conversation_id, "a") is False
        assert steers.cancel(ada, new_id(), "a") is False
        assert [steers.cancel(ada, conversation_id, "a") for _ in range(2)] == [True, True]
        assert steers.cancel(ada, conversation_id, "c") is False
        assert [each["steerId"] for each in steers.pending(ada, run_id)] == ["b"]


class TestTaking:
    def test_is_for_one_request(self, runs: RunRepository, steers: SteerRepository, ada: str) -> None:
        conversation_id = new_id()
        run_id = insert(runs, ada, conversation_id=conversation_id)
        steers.add(ada, run_id, steer("a"))
        steers.add(ada, run_id, steer("b"))
        assert [steers.take(ada, conversation_id, "b", each) for each in ("r1", "r1", "r2")] == [
            True,
            True,
            False,
        ]
        assert [each["steerId"] for each in steers.left(ada, conversation_id)] == ["a"]
        steers.give_back(ada, conversation_id, "b", "r2")
        assert steers.take(ada, conversation_id, "b", "r2") is False
        steers.give_back(ada, conversation_id, "b", "r1")
        assert steers.take(ada, conversation_id, "b", "r2") is True

    def test_of_what_is_not_there_is_free(self, steers: SteerRepository, ada: str) -> None:
        assert [steers.take(ada, new_id(), "a", each) for each in ("r1", "r2")] == [True, True]


class TestApplying:
    def test_takes_those_that_are_named_in_the_order_they_came(
        self, runs: RunRepository, steers: SteerRepository, ada: str, bob: str
    ) -> None:
        run_id, other = insert(runs, ada), insert(runs, ada)
        for name in "abc":
            steers.add(ada, run_id, steer(name, text=name.upper()))
        steers.add(ada, other, steer("a"))
        assert steers.apply(bob, run_id, ["a"]) == []
        applied = steers.apply(ada, run_id, ["c", "a", "none"])
        assert [(each["steerId"], each["text"]) for each in applied] == [("a", "A"), ("c", "C")]
        assert [each["steerId"] for each in steers.pending(ada, run_id)] == ["b"]
        assert [each["steerId"] for each in steers.pending(ada, other)] == ["a"]
        assert steers.apply(ada, run_id, ["a"]) == []

    def test_none_that_a_request_asks_already(
        self, runs: RunRepository, steers: SteerRepository, ada: str
    ) -> None:
        conversation_id = new_id()
        run_id = insert(runs, ada, conversation_id=conversation_id)
        steers.add(ada, run_id, steer("a"))
        steers.take(ada, conversation_id, "a", "r1")
        assert steers.apply(ada, run_id, ["a"]) == []
        steers.give_back(ada, conversation_id, "a", "r1")
        assert [each["steerId"] for each in steers.apply(ada, run_id, ["a"])] == ["a"]

    def test_what_the_model_was_told_does_not_wait_again(
        self, runs: RunRepository, steers: SteerRepository, ada: str
    ) -> None:
        run_id = insert(runs, ada)
        steers.add(ada, run_id, steer("x"))
        steers.add(ada, run_id, steer("a", client_id="c", text="one"))
        steers.apply(ada, run_id, ["x", "a"])
        again = steers.add(ada, run_id, steer("b", client_id="c"))
        assert (again.added, again.position) == ("applied", 1)
        assert again.steer is not None
        assert (again.steer["steerId"], again.steer["text"]) == ("a", "one")
        assert steers.pending(ada, run_id) == []
        # Without such an id nobody knows it.
        assert steers.add(ada, run_id, steer("b")).added == "new"

    def test_of_so_many_that_were_told_the_last_are_known(
        self, runs: RunRepository, steers: SteerRepository, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert stored_steers.MOST_APPLIED == 50
        monkeypatch.setattr(stored_steers, "MOST_APPLIED", 2)
        run_id = insert(runs, ada)
        for name in "abc":
            steers.add(ada, run_id, steer(name, client_id=name))
            steers.apply(ada, run_id, [name])
        added = [steers.add(ada, run_id, steer("x" + name, client_id=name)).added for name in "abc"]
        assert added == ["new", "applied", "applied"]

    def test_files_come_along(self, runs: RunRepository, steers: SteerRepository, ada: str) -> None:
        run_id = insert(runs, ada)
        files = [{"file_id": "f", "type": "image/png"}]
        steers.add(ada, run_id, Steer("a", None, "x", 5, files))
        waiting = [{"steerId": "a", "text": "x", "createdAt": 5, "files": files}]
        assert steers.pending(ada, run_id) == waiting
        assert steers.close(ada, run_id) == waiting
        assert steers.apply(ada, run_id, ["a"]) == waiting


class TestRunsBetween:
    def test_are_those_that_began_after_one_and_before_another(
        self, runs: RunRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id = new_id()
        ids = [insert(runs, ada, conversation_id=conversation_id) for _ in range(3)]
        base = now().replace(microsecond=0)
        for number, run_id in enumerate(ids):
            moment = {"$set": {"createdAt": base + timedelta(milliseconds=number)}}
            database.collection("echo_runs").update_one({"_id": run_id}, moment)
        first = round(base.timestamp() * 1000)
        last = base + timedelta(milliseconds=2)

        def between(owner: str, after: int) -> str | None:
            found = runs.between(owner, conversation_id, after, last, ids[2])
            return None if found is None else str(found["_id"])

        assert between(ada, first) == ids[1]
        assert between(ada, first - 1) == ids[1]
        assert between(ada, first + 1) is None
        assert between(bob, first) is None

    def test_of_two_at_the_same_time_one_is_first(
        self, runs: RunRepository, database: Database, ada: str
    ) -> None:
        conversation_id = new_id()
        ids = sorted(insert(runs, ada, conversation_id=conversation_id) for _ in range(2))
        moment = now().replace(microsecond=0)
        database.collection("echo_runs").update_many({"_id": {"$in": ids}}, {"$set": {"createdAt": moment}})
        before = round(moment.timestamp() * 1000) - 1
        found = [runs.between(ada, conversation_id, before, moment, each) for each in ids]
        assert found[0] is None
        assert found[1] is not None
        assert found[1]["_id"] == ids[0]


class TestAnEnd:
    def test_comes_at_once_where_nothing_waits(
        self, runs: RunRepository, steers: SteerRepository, ada: str, bob: str
    ) -> None:
        run_id = insert(runs, ada)
        assert not runs.end_unless_waiting(bob, run_id, "complete", b"[]", titling=False)
        assert runs.end_unless_waiting(ada, run_id, "complete", b"[]", titling=True)
        ended = runs.get(ada, run_id) or {}
        assert (ended["status"], ended["frames"], ended["titling"]) == ("complete", b"[]", True)
        assert steers.add(ada, run_id, steer()).added == "over"
        # Nobody ends it twice.
        assert not runs.end_unless_waiting(ada, run_id, "error", b"", titling=False)

    def test_does_not_where_something_waits(
        self, runs: RunRepository, steers: SteerRepository, ada: str
    ) -> None:
        run_id = insert(runs, ada)
        steers.add(ada, run_id, steer("a"))
        assert not runs.end_unless_waiting(ada, run_id, "complete", b"[]", titling=False)
        assert [run["_id"] for run in runs.running(ada)] == [run_id]
        steers.apply(ada, run_id, ["a"])
        assert runs.end_unless_waiting(ada, run_id, "complete", b"[]", titling=False)
