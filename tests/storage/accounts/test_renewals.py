"""One turn at a time to renew a login at another service."""

from datetime import timedelta

import pytest

from storage.accounts import renewals as module
from storage.accounts.renewals import RenewalRepository
from storage.core.database import Database
from storage.core.repository import now
from tests.support.threads import together


class Turns(RenewalRepository):
    """The turns, and the clock that they look at."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(database)
        self.moment = now()
        monkeypatch.setattr(module, "now", lambda: self.moment)


@pytest.fixture
def turns(database: Database, monkeypatch: pytest.MonkeyPatch) -> Turns:
    return Turns(database, monkeypatch)


def test_one_has_it_until_it_ends_it(turns: Turns, ada: str) -> None:
    assert turns.take(ada, "github", "one")
    assert not turns.take(ada, "github", "two")
    # Nobody ends what is not their own.
    turns.end(ada, "github", "two")
    assert not turns.take(ada, "github", "two")
    turns.end(ada, "github", "one")
    assert turns.take(ada, "github", "two")


def test_each_user_and_each_login_has_its_own(turns: Turns, ada: str, bob: str) -> None:
    assert turns.take(ada, "github", "one")
    assert turns.take(bob, "github", "two")
    assert turns.take(ada, "gitlab", "two")
    turns.end(ada, "gitlab", "two")
    turns.end(bob, "github", "two")
    assert not turns.take(ada, "github", "two")


def test_after_45_seconds_it_is_over(turns: Turns, database: Database, ada: str) -> None:
    assert turns.take(ada, "github", "one")
    [row] = database.collection("echo_renewals").find()
    assert row == {
        "_id": f"{ada}:github",
        "user": ada,
        "holder": "one",
        "expiresAt": turns.moment + timedelta(seconds=45),
    }
    turns.moment += timedelta(seconds=44.999)
    assert not turns.take(ada, "github", "two")
    turns.moment += timedelta(milliseconds=1)
    assert turns.take(ada, "github", "two")
    assert not turns.take(ada, "github", "one")
    turns.end(ada, "github", "one")
    assert not turns.take(ada, "github", "one")


def test_of_many_who_take_it_at_once_one_does(turns: Turns, ada: str) -> None:
    assert together(lambda number: turns.take(ada, "github", str(number))).count(True) == 1
