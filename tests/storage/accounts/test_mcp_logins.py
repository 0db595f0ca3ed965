"""Logins at MCP servers that are under way: one for each user and server, the last."""

from datetime import timedelta
from typing import Any

import pytest

from storage.accounts import mcp_logins as module
from storage.accounts.mcp_logins import McpLoginRepository
from storage.core.database import Database
from storage.core.repository import now

MINUTE = timedelta(minutes=1)


class Logins(McpLoginRepository):
    """The logins, and the clock that they look at."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(database)
        self.moment = now()
        monkeypatch.setattr(module, "now", lambda: self.moment)

    def start(self, owner: str, server: str = "docs", attempt: str = "a1", state: str = "s1") -> None:
        self.begin(owner, server, attempt=attempt, state=state, url="https://x", good_for=2 * MINUTE)


@pytest.fixture
def logins(database: Database, monkeypatch: pytest.MonkeyPatch) -> Logins:
    return Logins(database, monkeypatch)


def begun(logins: Logins, owner: str, **other: Any) -> dict[str, Any]:
    return {
        "_id": f"{owner}:docs",
        "user": owner,
        "server": "docs",
        "attempt": "a1",
        "state": "s1",
        "url": "https://x",
        "status": "PENDING",
        "createdAt": logins.moment,
        "aliveAt": logins.moment,
        "endsAt": logins.moment + 2 * MINUTE,
        # What became of it can be asked for five minutes.
        "expiresAt": logins.moment + 7 * MINUTE,
        **other,
    }


def test_the_last_of_a_user_and_a_server_is_kept(logins: Logins, ada: str, bob: str) -> None:
    assert logins.find(ada, "docs") is None
    logins.start(ada)
    assert logins.find(ada, "docs") == begun(logins, ada)
    logins.answer(ada, "docs", "a1", "code")
    logins.start(ada, attempt="a2", state="s2")
    assert logins.find(ada, "docs") == begun(logins, ada, attempt="a2", state="s2")
    assert logins.find(bob, "docs") is logins.find(ada, "mail") is None


def test_who_waits_says_so_until_another_takes_its_place(logins: Logins, ada: str, bob: str) -> None:
    logins.start(ada)
    started = begun(logins, ada)
    logins.moment += MINUTE
    assert logins.alive(ada, "docs", "a1") is not None
    assert logins.find(ada, "docs") == {**started, "aliveAt": logins.moment}
    logins.moment += MINUTE
    assert logins.alive(ada, "docs", "a2") is None
    assert logins.alive(bob, "docs", "a1") is logins.alive(ada, "mail", "a1") is None
    assert logins.find(ada, "docs") == {**started, "aliveAt": logins.moment - MINUTE}


def test_it_is_found_by_its_state_while_it_waits(logins: Logins, ada: str, bob: str) -> None:
    logins.start(ada)
    logins.start(bob, state="s2", attempt="a2")
    assert (logins.of_state("s1") or {})["user"] == ada
    assert logins.of_state("s3") is None
    end = logins.moment + 2 * MINUTE
    assert logins.of_state("s1", end - timedelta(seconds=1)) is not None
    assert logins.of_state("s1", end) is None
    logins.moment = end
    assert logins.of_state("s1") is None
    assert logins.of_state("s1", end - MINUTE) is not None


def test_what_has_ended_is_found_by_no_state(logins: Logins, ada: str, database: Database) -> None:
    logins.start(ada)
    database.collection("echo_mcp_logins").update_one({}, {"$set": {"status": "COMPLETED"}})
    assert logins.of_state("s1") is None


def test_what_the_browser_brought_is_kept_once(logins: Logins, ada: str, bob: str) -> None:
    logins.start(ada)
    assert not logins.answer(bob, "docs", "a1", "code")
    assert not logins.answer(ada, "mail", "a1", "code")
    assert not logins.answer(ada, "docs", "a2", "code")
    assert logins.answer(ada, "docs", "a1", "code")
    assert not logins.answer(ada, "docs", "a1", "other")
    assert logins.find(ada, "docs") == begun(logins, ada, answer="code")


def test_of_its_end_only_what_became_of_it_is_left(logins: Logins, ada: str, bob: str) -> None:
    logins.start(ada)
    logins.answer(ada, "docs", "a1", "code")
    started = begun(logins, ada)
    for secret in ("url", "state"):
        del started[secret]
    assert not logins.end(bob, "docs", status="FAILED")
    assert not logins.end(ada, "mail", status="FAILED")
    assert not logins.end(ada, "docs", status="FAILED", attempt="a2")
    logins.moment += MINUTE
    assert logins.end(ada, "docs", status="FAILED", error="denied", attempt="a1")
    ended = {"status": "FAILED", "error": "denied", "expiresAt": logins.moment + 5 * MINUTE}
    assert logins.find(ada, "docs") == {**started, **ended}
    # That is said once, and nothing can be brought to it any more.
    assert not logins.end(ada, "docs", status="COMPLETED")
    assert not logins.answer(ada, "docs", "a1", "code")


def test_whichever_is_pending_can_be_ended_without_a_fault(logins: Logins, ada: str) -> None:
    logins.start(ada)
    assert logins.end(ada, "docs", status="COMPLETED")
    found = logins.find(ada, "docs") or {}
    assert (found["status"], found["error"]) == ("COMPLETED", None)
