"""Which processes say that they are there."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from storage.core.database import Database
from storage.runs.workers import WorkerRepository
from tests.support.chats import new_id


@pytest.fixture
def workers(database: Database) -> WorkerRepository:
    return WorkerRepository(database)


class TestWorkers:
    def test_are_there_for_some_seconds_after_saying_so(
        self, workers: WorkerRepository, database: Database
    ) -> None:
        here, gone = new_id(), new_id()
        for worker in (here, gone):
            workers.beat(worker)
        assert workers.alive([here, gone, "never"]) == {here, gone}
        assert workers.alive([gone]) == {gone}
        long_ago = datetime.now(UTC) - timedelta(seconds=12)
        database.collection("echo_run_workers").update_one({"_id": gone}, {"$set": {"at": long_ago}})
        assert workers.alive([here, gone]) == {here}
        workers.beat(gone)
        assert workers.alive([here, gone]) == {here, gone}

    def test_that_have_gone_are_forgotten_after_an_hour(self, database: Database) -> None:
        indexes = database.collection("echo_run_workers").index_information()
        assert indexes["at_1"]["expireAfterSeconds"] == 3600

    def test_may_say_so_for_the_first_time_from_two_threads(self, workers: WorkerRepository) -> None:
        worker = new_id()
        failures: list[Exception] = []

        def beat() -> None:
            try:
                workers.beat(worker)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=beat) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert workers.alive([worker]) == {worker}
