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
