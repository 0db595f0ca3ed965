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
        long_ago = datetime.now(UTC) - timedelta(seconds=60)
        database.collection("echo_run_workers").update_one({"_id": gone}, {"$set": {"at": long_ago}})
        assert workers.alive([here, gone]) == {here}

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
