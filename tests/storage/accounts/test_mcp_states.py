"""What each process says of its connections to MCP servers, and which servers want a login."""

from datetime import timedelta

import pytest

from storage.accounts import mcp_states as module
from storage.accounts.mcp_states import McpFindingRepository, McpStateRepository
from storage.core.database import Database
from storage.core.repository import now

SECOND = timedelta(seconds=1)


class Clock:
    """The clock that the states look at."""

    def __init__(self) -> None:
        self.moment = now()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "now", lambda: clock.moment)
    return clock


@pytest.fixture
def states(database: Database, clock: Clock) -> McpStateRepository:
    return McpStateRepository(database)


@pytest.fixture
def findings(database: Database, clock: Clock) -> McpFindingRepository:
    return McpFindingRepository(database)


class TestStates:
    def test_are_of_one_user_or_of_all(self, states: McpStateRepository, ada: str, bob: str) -> None:
        states.tell("w1", {(ada, "own"): "connected", (None, "shared"): "connecting"}, [])
        assert states.of(ada) == {"own": "connected", "shared": "connecting"}
        assert states.of(bob) == {"shared": "connecting"}

    def test_lie_by_process_user_and_server(
        self, states: McpStateRepository, database: Database, clock: Clock, ada: str
    ) -> None:
        states.tell("w1", {(ada, "own"): "connected", (None, "shared"): "connecting"}, [])
        alive = {"worker": "w1", "expiresAt": clock.moment + 45 * SECOND}
        assert sorted(database.collection("echo_mcp_states").find(), key=lambda each: each["server"]) == [
            {"_id": f"w1:{ada}:own", "user": ada, "server": "own", "state": "connected", **alive},
            {"_id": "w1::shared", "user": None, "server": "shared", "state": "connecting", **alive},
        ]

    def test_one_that_is_connected_in_any_process_is(self, states: McpStateRepository, ada: str) -> None:
        told = {"w1": "connecting", "w2": "connected", "w3": "connecting"}
        for worker, state in told.items():
            states.tell(worker, {(None, "shared"): state}, [])
        assert states.of(ada) == {"shared": "connected"}
        states.tell("w2", {}, [(None, "shared")])
        assert states.of(ada) == {"shared": "connecting"}

    def test_change_and_end_as_their_process_says(self, states: McpStateRepository, ada: str) -> None:
        for worker in ("w1", "w2"):
            states.tell(worker, {(ada, "a"): "connecting", (ada, "b"): "connecting"}, [])
        states.tell("w1", {(ada, "a"): "connected"}, [(ada, "b")])
        states.tell("w2", {}, [(ada, "a"), (ada, "unknown")])
        assert states.of(ada) == {"a": "connected", "b": "connecting"}
        # Nothing to say is nothing to write.
        states.tell("w1", {}, [])
        assert states.of(ada) == {"a": "connected", "b": "connecting"}

    def test_of_a_process_that_says_nothing_for_45_seconds_are_over(
        self, states: McpStateRepository, clock: Clock, ada: str
    ) -> None:
        for worker in ("w1", "w2"):
            states.tell(worker, {(ada, worker): "connected"}, [])
        clock.moment += 44 * SECOND
        assert states.keep("w1") == 1
        assert states.keep("w3") == 0
        assert states.of(ada) == {"w1": "connected", "w2": "connected"}
        clock.moment += SECOND
        assert states.of(ada) == {"w1": "connected"}
        clock.moment += 43 * SECOND
        assert states.of(ada) == {"w1": "connected"}
        clock.moment += SECOND
        assert states.of(ada) == {}

    def test_of_a_process_that_ends_are_forgotten(
        self, states: McpStateRepository, database: Database, ada: str
    ) -> None:
        for worker in ("w1", "w2"):
            states.tell(worker, {(ada, worker): "connected", (None, worker): "connected"}, [])
        states.forget("w1")
        assert states.of(ada) == {"w2": "connected"}
        assert database.collection("echo_mcp_states").count_documents({}) == 2


class TestFindings:
    def test_are_remembered_until_they_are_dropped(self, findings: McpFindingRepository) -> None:
        for mark in ("a", "b", "a"):
            findings.add(mark)
        assert findings.among(["a", "b", "c"]) == {"a", "b"}
        assert findings.among(["b"]) == {"b"}
        findings.drop("a")
        findings.drop("c")
        assert findings.among(["a", "b", "c"]) == {"b"}

    def test_are_over_after_thirty_days(self, findings: McpFindingRepository, clock: Clock) -> None:
        findings.add("a")
        findings.add("b")
        clock.moment += timedelta(days=30) - SECOND
        findings.add("b")
        assert findings.among(["a", "b"]) == {"a", "b"}
        clock.moment += SECOND
        assert findings.among(["a", "b"]) == {"b"}
