"""The queue of files that are to be searched: one worker has each, and what came of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from bson import ObjectId

from storage.core.database import Database, Document
from storage.core.repository import now
from storage.library.file_indexes import FileIndexRepository, IndexState, Job

WAITING = IndexState("waiting")


@pytest.fixture
def queue(database: Database) -> FileIndexRepository:
    return FileIndexRepository(database)


def stored(database: Database, file_id: str) -> Document:
    (row,) = database.collection("echo_file_indexes").find({"_id": file_id})
    return row


def set_due(database: Database, file_id: str, ago: timedelta) -> None:
    database.collection("echo_file_indexes").update_one({"_id": file_id}, {"$set": {"due": now() - ago}})


def taken(queue: FileIndexRepository) -> Job:
    job = queue.take()
    assert job is not None
    return job


class TestPut:
    def test_waits_until_a_worker_takes_it(
        self, queue: FileIndexRepository, database: Database, ada: str
    ) -> None:
        queue.put(ada, "f")
        row = stored(database, "f")
        assert row.pop("due") == row.pop("createdAt") <= now()
        assert row == {"_id": "f", "user": ObjectId(ada), "state": "waiting", "attempts": 0}
        assert queue.states(ada, ["f"]) == {"f": WAITING}

    def test_one_that_is_there_stays_as_it_is(
        self, queue: FileIndexRepository, database: Database, ada: str
    ) -> None:
        queue.put(ada, "f")
        queue.finish(taken(queue), chunks=3, model=None)
        before = stored(database, "f")
        queue.put(ada, "f")
        assert stored(database, "f") == before

    @pytest.mark.parametrize("ready", [True, False])
    def test_again_has_one_that_is_over_done_once_more(
        self, queue: FileIndexRepository, database: Database, ada: str, bob: str, ready: bool
    ) -> None:
        queue.put(ada, "f")
        job = taken(queue)
        if ready:
            queue.finish(job, chunks=3, model="m")
        else:
            queue.fail(job, "broken")
        queue.put(bob, "f", again=True)
        assert queue.states(ada, ["f"])["f"].state == ("ready" if ready else "failed")
        queue.put(ada, "f", again=True)
        assert (stored(database, "f")["state"], stored(database, "f")["attempts"]) == ("waiting", 0)
        assert taken(queue).attempts == 1

    def test_again_leaves_one_that_is_being_done(
        self, queue: FileIndexRepository, database: Database, ada: str
    ) -> None:
        queue.put(ada, "f")
        job = taken(queue)
        queue.put(ada, "f", again=True)
        assert queue.states(ada, ["f"])["f"].state == "working"
        assert queue.hold(job)


class TestTake:
    def test_one_worker_has_it_until_it_is_silent(
        self, queue: FileIndexRepository, database: Database, ada: str
    ) -> None:
        assert queue.take() is None
        queue.put(ada, "f")
        job = taken(queue)
        assert (job.owner, job.file_id, job.attempts) == (ada, "f", 1)
        assert queue.states(ada, ["f"])["f"] == IndexState("working")
        assert timedelta(minutes=2) < stored(database, "f")["due"] - now() <= timedelta(minutes=3)
        assert queue.take() is None
        set_due(database, "f", timedelta(seconds=1))
        other = taken(queue)
        assert (other.attempts, other.token != job.token) == (2, True)

    def test_who_was_silent_says_no_more(
        self, queue: FileIndexRepository, database: Database, ada: str
    ) -> None:
        queue.put(ada, "f")
        late = taken(queue)
        set_due(database, "f", timedelta(seconds=1))
        job = taken(queue)
        before = stored(database, "f")
        assert not queue.hold(late)
        assert not queue.finish(late, chunks=1, model=None)
        assert not queue.fail(late, "x")
        queue.postpone(late, timedelta(hours=1))
        assert stored(database, "f") == before
        assert queue.hold(job)


class TestWork:
    def test_who_goes_on_keeps_it(self, queue: FileIndexRepository, database: Database, ada: str) -> None:
        queue.put(ada, "f")
        job = taken(queue)
        set_due(database, "f", timedelta(seconds=1))
        assert queue.hold(job)
        assert timedelta(minutes=2) < stored(database, "f")["due"] - now() <= timedelta(minutes=3)
        assert queue.take() is None

    def test_what_is_finished_can_be_searched(
        self, queue: FileIndexRepository, database: Database, ada: str
    ) -> None:
        queue.put(ada, "f")
        assert queue.finish(taken(queue), chunks=3, model="m")
        assert queue.states(ada, ["f"]) == {"f": IndexState("ready", None, 3, "m")}
        row = stored(database, "f")
        assert {"due", "token"}.isdisjoint(row)
        assert now() - row["updatedAt"] < timedelta(minutes=5)

    def test_what_failed_says_why(self, queue: FileIndexRepository, database: Database, ada: str) -> None:
        queue.put(ada, "f")
        assert queue.fail(taken(queue), "broken")
        assert queue.states(ada, ["f"]) == {"f": IndexState("failed", "broken", 0, None)}
        assert {"due", "token"}.isdisjoint(stored(database, "f"))
        assert queue.take() is None

    def test_what_is_postponed_is_taken_later(
        self, queue: FileIndexRepository, database: Database, ada: str
    ) -> None:
        queue.put(ada, "f")
        queue.postpone(taken(queue), timedelta(hours=1))
        assert queue.states(ada, ["f"]) == {"f": WAITING}
        left = stored(database, "f")["due"] - now()
        assert timedelta(minutes=55) < left <= timedelta(hours=1)
        assert queue.take() is None
        set_due(database, "f", timedelta(seconds=1))
        assert taken(queue).attempts == 2

    def test_one_of_another_owner_or_file_is_none(
        self, queue: FileIndexRepository, ada: str, bob: str
    ) -> None:
        queue.put(ada, "f")
        job = taken(queue)
        for other in (replace(job, owner=bob), replace(job, file_id="g"), replace(job, token="")):
            assert not queue.hold(other)
        assert queue.hold(job)


class TestStates:
    def test_are_the_owners_of_those_files(self, queue: FileIndexRepository, ada: str, bob: str) -> None:
        for owner, file_id in ((ada, "f"), (ada, "g"), (bob, "h")):
            queue.put(owner, file_id)
        assert queue.states(ada, ["f", "h", "i"]) == {"f": WAITING}

    @pytest.mark.parametrize(
        ("state", "is_open"), [("waiting", True), ("working", True), ("ready", False), ("failed", False)]
    )
    def test_are_open_until_they_are_over(self, state: str, is_open: bool) -> None:
        assert IndexState(state).is_open is is_open


class TestCountChunks:
    def test_of_all_files_of_the_owner_but_one(self, queue: FileIndexRepository, ada: str, bob: str) -> None:
        for owner, file_id, chunks in ((ada, "f", 3), (ada, "g", 5), (ada, "h", 7), (bob, "i", 11)):
            queue.put(owner, file_id)
            queue.finish(taken(queue), chunks=chunks, model=None)
        queue.put(ada, "waits")
        assert queue.count_chunks(ada, but="g") == 10
        assert queue.count_chunks(ada, but="none") == 15
        assert queue.count_chunks(bob, but="i") == 0


class TestDelete:
    def test_forgets_the_owners(self, queue: FileIndexRepository, ada: str, bob: str) -> None:
        for owner, file_id in ((ada, "f"), (ada, "g"), (bob, "h")):
            queue.put(owner, file_id)
        queue.delete(ada, iter(["f", "h"]))
        assert queue.states(ada, ["f", "g"]) == {"g": WAITING}
        assert queue.states(bob, ["h"]) == {"h": WAITING}


def test_only_what_is_due_is_in_the_index_of_the_queue(database: Database) -> None:
    index = database.collection("echo_file_indexes").index_information()["due_1"]
    assert index["partialFilterExpression"] == {"due": {"$exists": True}}
