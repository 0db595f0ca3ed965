"""Runs in the database: what each process knows of those of the others."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.core.database import Database
from storage.core.errors import Conflict
from storage.runs.runs import KEPT, PLACE, RUNNING, RunEnd, RunRepository
from tests.support.chats import new_id, profiled


@pytest.fixture
def runs(database: Database) -> RunRepository:
    return RunRepository(database)


def insert(runs: RunRepository, owner: str, **fields: str) -> str:
    """A run that goes on; its id."""
    run_id = new_id()
    conversation_id = fields.pop("conversation_id", None) or new_id()
    request_id = fields.pop("request_id", None)
    runs.insert(owner, conversation_id, run_id, {"worker": "w", **fields}, request_id=request_id)
    return run_id


class TestRuns:
    def test_the_newest_of_a_conversation_is_found(self, runs: RunRepository, ada: str) -> None:
        conversation_id = new_id()
        first = insert(runs, ada, conversation_id=conversation_id)
        second = insert(runs, ada, conversation_id=conversation_id)
        newest = runs.newest(ada, conversation_id)
        assert newest is not None
        assert newest["_id"] in (first, second)
        assert [run["_id"] for run in runs.running(ada)][-1] == newest["_id"]

    def test_one_is_found_by_its_time(self, runs: RunRepository, ada: str) -> None:
        conversation_id = new_id()
        run_id = insert(runs, ada, conversation_id=conversation_id)
        found = runs.newest(ada, conversation_id)
        assert found is not None
        same = runs.newest(ada, conversation_id, created_at=found["createdAt"])
        assert same is not None
        assert same["_id"] == run_id
        assert runs.newest(ada, conversation_id, created_at=datetime(2026, 1, 1, tzinfo=UTC)) is None

    def test_a_request_has_one_run(self, runs: RunRepository, ada: str, bob: str) -> None:
        run_id = insert(runs, ada, request_id="r")
        with pytest.raises(Conflict):
            insert(runs, ada, request_id="r")
        insert(runs, bob, request_id="r")
        found = runs.of_request(ada, "r")
        assert found is not None
        assert found["_id"] == run_id

    def test_many_without_a_request_are_no_conflict(self, runs: RunRepository, ada: str) -> None:
        assert insert(runs, ada) != insert(runs, ada)

    def test_only_one_has_a_place_as_long_as_it_goes_on(
        self, runs: RunRepository, ada: str, bob: str
    ) -> None:
        def begin(owner: str, place: int) -> str:
            run_id = new_id()
            runs.insert(owner, new_id(), run_id, {"worker": "w"}, request_id=None, place=place)
            return run_id

        first = begin(ada, 0)
        begin(ada, 1)
        begin(bob, 0)
        with pytest.raises(Conflict) as refused:
            begin(ada, 0)
        assert refused.value.field == PLACE
        runs.end_all([RunEnd(ada, first, "complete", b"")])
        second = begin(ada, 0)
        assert runs.end(ada, second, "interrupted")
        third = begin(ada, 0)
        runs.leave_places(bob, [third])
        with pytest.raises(Conflict):
            begin(ada, 0)
        runs.leave_places(ada, [third])
        assert runs.end_unless_waiting(ada, begin(ada, 0), "complete", b"", titling=False)
        begin(ada, 0)

    def test_of_others_are_not_there(self, runs: RunRepository, ada: str, bob: str) -> None:
        conversation_id = new_id()
        run_id = insert(runs, ada, conversation_id=conversation_id)
        assert runs.newest(bob, conversation_id) is None
        assert runs.running(bob) == []
        assert not runs.request_abort(bob, run_id)
        assert not runs.end(bob, run_id, "interrupted")
        runs.delete(bob, run_id)
        runs.end_all([RunEnd(bob, run_id, "complete", b"")])
        assert [run["status"] for run in runs.running(ada)] == [RUNNING]

    def test_the_process_learns_who_wants_one_to_end(self, runs: RunRepository, ada: str) -> None:
        worker = new_id()
        run_id, other = insert(runs, ada, worker=worker), insert(runs, ada, worker=worker)
        assert runs.request_abort(ada, run_id)
        assert runs.abort_requests(worker) == [run_id]
        assert runs.end(ada, run_id, "aborted")
        assert runs.abort_requests(worker) == []
        assert not runs.request_abort(ada, run_id)
        assert [run["_id"] for run in runs.running(ada)] == [other]

    def test_all_of_an_owner_are_asked_to_end(self, runs: RunRepository, ada: str, bob: str) -> None:
        worker = new_id()
        mine = {insert(runs, ada, worker=worker), insert(runs, ada, worker=worker)}
        runs.end(ada, over := insert(runs, ada, worker=worker), "complete")
        insert(runs, bob, worker=worker)
        assert runs.request_abort_all(ada) == 2
        assert set(runs.abort_requests(worker)) == mine - {over}

    def test_those_of_a_conversation_are_asked_to_end(self, runs: RunRepository, ada: str, bob: str) -> None:
        worker, conversation_id = new_id(), new_id()
        mine = {insert(runs, ada, worker=worker, conversation_id=conversation_id) for _ in range(2)}
        insert(runs, ada, worker=worker)
        assert runs.request_abort_all(bob, conversation_id) == 0
        assert runs.request_abort_all(ada, conversation_id) == 2
        assert set(runs.abort_requests(worker)) == mine

    def test_those_of_a_conversation_are_found_by_an_index(
        self, runs: RunRepository, database: Database, ada: str
    ) -> None:
        for _ in range(20):
            runs.end(ada, insert(runs, ada), "complete")
        with profiled(database, "echo_runs") as notes:
            assert runs.request_abort_all(ada, new_id()) == 0
        [note] = notes
        assert note["planSummary"].startswith("IXSCAN")
        assert note["docsExamined"] == 0

    def test_an_end_keeps_what_was_said_for_some_minutes(self, runs: RunRepository, ada: str) -> None:
        conversation_id = new_id()
        run_id = insert(runs, ada, conversation_id=conversation_id)
        runs.end_all([RunEnd(ada, run_id, "complete", b"[]", titling=True)])
        ended = runs.newest(ada, conversation_id)
        assert ended is not None
        assert (ended["status"], ended["frames"], ended["titling"]) == ("complete", b"[]", True)
        assert timedelta(0) < ended["expiresAt"] - datetime.now(UTC) <= KEPT
        runs.end_titling(ada, run_id)
        assert (runs.newest(ada, conversation_id) or {})["titling"] is False
        assert runs.states([run_id])[run_id]["status"] == "complete"

    def test_one_that_expired_is_not_there_even_before_it_is_removed(
        self, runs: RunRepository, database: Database, ada: str
    ) -> None:
        conversation_id = new_id()
        run_id = insert(runs, ada, conversation_id=conversation_id)
        past = datetime.now(UTC) - timedelta(seconds=1)
        database.collection("echo_runs").update_one({"_id": run_id}, {"$set": {"expiresAt": past}})
        assert runs.newest(ada, conversation_id) is None


class TestWhatIsStored:
    def test_of_one_that_begins(self, runs: RunRepository, database: Database, ada: str) -> None:
        given = runs.insert(
            ada, "c", "r-1", {"worker": "w", "user": "mallory", "status": "x"}, request_id="q", place=2
        )
        assert database.collection("echo_runs").find_one({"_id": "r-1"}) == given
        moment = given.pop("createdAt")
        assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(minutes=5)
        # Longer than the settings let a run take.
        assert given.pop("expiresAt") - moment == timedelta(hours=25)
        assert given == {
            "_id": "r-1",
            "worker": "w",
            "user": ada,
            "conversationId": "c",
            "status": "running",
            "clientRequestId": "q",
            "place": 2,
        }
        assert {"clientRequestId", "place"}.isdisjoint(runs.insert(ada, "c", "r-2", {}, request_id=None))

    @pytest.mark.parametrize("way", ["end", "end_all", "end_unless_waiting"])
    def test_of_one_that_is_over(self, runs: RunRepository, ada: str, way: str) -> None:
        runs.insert(ada, "c", run_id := new_id(), {"worker": "w"}, request_id="q", place=0)
        if way == "end":
            runs.end(ada, run_id, "aborted")
        elif way == "end_all":
            runs.end_all([RunEnd(ada, run_id, "aborted", b"[]")])
        else:
            runs.end_unless_waiting(ada, run_id, "aborted", b"[]", titling=False)
        run = runs.get(ada, run_id)
        assert run is not None
        left = run.pop("expiresAt") - datetime.now(UTC)
        assert timedelta(minutes=4) < left <= timedelta(minutes=5)
        del run["createdAt"]
        assert run == {
            "_id": run_id,
            "worker": "w",
            "user": ada,
            "conversationId": "c",
            "status": "aborted",
            "titling": False,
            "clientRequestId": "q",
            **({} if way == "end" else {"frames": b"[]"}),
        }

    def test_what_has_expired_goes(self, database: Database) -> None:
        indexes = database.collection("echo_runs").index_information()
        assert indexes["expiresAt_1"]["expireAfterSeconds"] == 0
        for name in ("user_1_clientRequestId_1", "user_1_place_1"):
            assert indexes[name]["unique"] is True


class TestReading:
    def test_one_and_only_its_owner(self, runs: RunRepository, ada: str, bob: str) -> None:
        run_id = insert(runs, ada)
        assert (runs.get(ada, run_id) or {})["_id"] == run_id
        assert runs.get(bob, run_id) is None
        assert runs.get(ada, new_id()) is None

    def test_the_newest_of_all_and_of_equals_the_last(
        self, runs: RunRepository, database: Database, ada: str, bob: str
    ) -> None:
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        rows = database.collection("echo_runs")
        for run_id, later in (*((each, 1) for each in "bdhgaef"), ("c", 0)):
            runs.insert(ada, run_id, run_id, {}, request_id=None)
            rows.update_one({"_id": run_id}, {"$set": {"createdAt": moment + timedelta(hours=later)}})
        insert(runs, bob)
        assert (runs.newest(ada) or {})["_id"] == "h"
        assert (runs.newest(ada, "c") or {})["_id"] == "c"
        assert [run["_id"] for run in runs.running(ada)] == list("cabdefgh")

    def test_those_that_go_on_come_without_what_they_said(
        self, runs: RunRepository, database: Database, ada: str
    ) -> None:
        going, expired, over = (insert(runs, ada) for _ in range(3))
        rows = database.collection("echo_runs")
        rows.update_many({}, {"$set": {"frames": b"x"}})
        past = datetime.now(UTC) - timedelta(seconds=1)
        rows.update_one({"_id": expired}, {"$set": {"expiresAt": past}})
        runs.end(ada, over, "complete")
        (run,) = runs.running(ada)
        assert (run["_id"], "frames" in run) == (going, False)

    def test_states_are_of_those_that_are_named(self, runs: RunRepository, ada: str, bob: str) -> None:
        first, second = insert(runs, ada), insert(runs, bob)
        insert(runs, ada)
        assert runs.states([first, second, "none"]) == {
            each: {"_id": each, "status": "running", "worker": "w"} for each in (first, second)
        }


class TestOneOfSeveral:
    """A change is of the one run that is named."""

    def test_the_others_stay_as_they_are(self, runs: RunRepository, database: Database, ada: str) -> None:
        changed, other = insert(runs, ada), insert(runs, ada)
        rows = database.collection("echo_runs")
        rows.update_many({}, {"$set": {"titling": True}})
        before = rows.find_one({"_id": other})
        runs.request_abort(ada, changed)
        runs.end_titling(ada, changed)
        assert (runs.get(ada, changed) or {})["titling"] is False
        assert runs.end(ada, changed, "complete")
        assert not runs.end(ada, changed, "error")
        runs.delete(ada, changed)
        assert runs.get(ada, changed) is None
        assert rows.find_one({"_id": other}) == before

    def test_an_ended_one_is_not_ended_again(self, runs: RunRepository, ada: str) -> None:
        run_id = insert(runs, ada)
        runs.end(ada, run_id, "aborted")
        runs.end_all([RunEnd(ada, run_id, "complete", b"[]")])
        run = runs.get(ada, run_id) or {}
        assert (run["status"], "frames" in run) == ("aborted", False)

    def test_titling_ends_for_the_owner_only(self, runs: RunRepository, ada: str, bob: str) -> None:
        run_id = insert(runs, ada)
        runs.end_all([RunEnd(ada, run_id, "complete", b"", titling=True)])
        runs.end_titling(bob, run_id)
        assert (runs.get(ada, run_id) or {})["titling"] is True
