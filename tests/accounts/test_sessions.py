"""Which sessions are alive is remembered for three seconds, and not once they have ended here."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from echo.accounts import sessions
from echo.accounts.sessions import SessionGuard
from storage.accounts.sessions import SessionRepository
from storage.core.database import Database
from storage.core.errors import Unavailable
from tests.support.chats import new_owner

ADA, BOB = new_owner(), new_owner()


class Counting(SessionRepository):
    """The stored sessions, and how often they were asked for."""

    asked = 0

    def active(self, sessions: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        self.asked += 1
        return super().active(sessions)


class Guarded:
    """A guard, and the clock that it looks at."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(sessions, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.stored = Counting(database)
        self.guard = SessionGuard(self.stored)

    def begin(self, owner: str) -> str:
        end = datetime.now(UTC) + timedelta(hours=1)
        return str(self.stored.create(owner, refresh_token_hash="x", expires_at=end)["_id"])

    def alive(self, owner: str, session_id: str) -> tuple[bool, int]:
        """Whether it is, and how often that was asked for just now."""
        before = self.stored.asked
        return asyncio.run(self.guard.is_alive(owner, session_id)), self.stored.asked - before


@pytest.fixture
def guarded(app_database: Database, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    return Guarded(app_database, monkeypatch)


def test_for_three_seconds_the_database_is_asked_once(guarded: Guarded) -> None:
    session = guarded.begin(ADA)
    assert guarded.alive(ADA, session) == (True, 1)
    guarded.stored.delete(ADA, session)
    guarded.now += 2.9
    assert guarded.alive(ADA, session) == (True, 0)
    guarded.now += 0.1
    assert guarded.alive(ADA, session) == (False, 1)
    # That it is not is asked each time.
    assert guarded.alive(ADA, session) == (False, 1)


def test_the_answer_is_for_one_account_and_one_session(guarded: Guarded) -> None:
    session = guarded.begin(ADA)
    assert guarded.alive(ADA, session) == (True, 1)
    assert guarded.alive(BOB, session) == (False, 1)
    assert guarded.alive(ADA, "f" * 24) == (False, 1)


def test_what_has_ended_here_is_known_at_once(guarded: Guarded) -> None:
    session, other = guarded.begin(ADA), guarded.begin(ADA)
    assert guarded.alive(ADA, session) == guarded.alive(ADA, other) == (True, 1)
    guarded.guard.forget(ADA, session)
    assert guarded.alive(ADA, other) == (True, 0)
    assert guarded.alive(ADA, session) == (True, 1)
    # Nothing is remembered of those.
    guarded.guard.forget(ADA, "f" * 24)


def test_when_all_others_have_ended_this_one_and_other_peoples_are_still_known(guarded: Guarded) -> None:
    kept, ended, also, bobs = (guarded.begin(owner) for owner in (ADA, ADA, ADA, BOB))
    for owner, session in ((ADA, kept), (ADA, ended), (ADA, also), (BOB, bobs)):
        guarded.alive(owner, session)
    guarded.guard.forget_others(ADA, kept)
    asked = [guarded.alive(*each)[1] for each in ((ADA, kept), (ADA, ended), (ADA, also), (BOB, bobs))]
    assert asked == [0, 1, 1, 0]


def test_others_are_forgotten_while_more_are_noted(guarded: Guarded) -> None:
    """By a handler's thread, between two steps of which the event loop's may come."""
    kept, ended = guarded.begin(ADA), guarded.begin(ADA)
    for session in (kept, ended):
        guarded.alive(ADA, session)

    class Meanwhile(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            guarded.guard._note((BOB, new_owner()), True, 2000.0)
            return str.__eq__(self, other)

    guarded.guard.forget_others(Meanwhile(ADA), kept)
    assert [guarded.alive(ADA, session)[1] for session in (kept, ended)] == [0, 1]


def test_one_that_ends_here_while_it_is_noted_is_no_fault(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetting(OrderedDict[tuple[str, str], float]):
        def __setitem__(self, key: tuple[str, str], until: float) -> None:
            super().__setitem__(key, until)
            guarded.guard.forget(*key)

    monkeypatch.setattr(guarded.guard, "_alive_until", Forgetting())
    session = guarded.begin(ADA)
    assert [guarded.alive(ADA, session) for _ in range(2)] == [(True, 1)] * 2


def test_those_that_were_asked_for_last_are_remembered(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sessions.MAX_REMEMBERED == 10_000
    monkeypatch.setattr(sessions, "MAX_REMEMBERED", 2)
    first, second, third = (guarded.begin(ADA) for _ in range(3))
    guarded.alive(ADA, first)
    guarded.alive(ADA, second)
    guarded.now += 3
    for session in (first, third):
        guarded.alive(ADA, session)
    guarded.now -= 3
    assert [guarded.alive(ADA, session)[1] for session in (first, third, second)] == [0, 0, 1]


def test_what_has_ended_elsewhere_is_forgotten(guarded: Guarded) -> None:
    session = guarded.begin(ADA)
    guarded.alive(ADA, session)
    guarded.stored.delete(ADA, session)
    guarded.now += 3
    guarded.alive(ADA, session)
    assert guarded.guard._alive_until == {}


def test_many_who_come_at_the_same_time_are_asked_about_together(guarded: Guarded) -> None:
    wanted = [(owner, guarded.begin(owner)) for owner in (ADA, BOB) for _ in range(5)]
    guarded.stored.delete(*wanted[4])
    crossed = [(BOB, wanted[0][1]), ("nobody", "nothing")]

    async def all_at_once() -> list[bool]:
        return await asyncio.gather(*(guarded.guard.is_alive(*each) for each in (*wanted, *crossed)))

    assert asyncio.run(all_at_once()) == [True] * 4 + [False] + [True] * 5 + [False] * 2
    assert guarded.stored.asked == 1


def test_who_comes_while_others_are_asked_about_gets_an_answer_of_their_own_time(guarded: Guarded) -> None:
    first, second = guarded.begin(ADA), guarded.begin(ADA)

    async def one_after_the_other() -> list[bool]:
        asking = asyncio.ensure_future(guarded.guard.is_alive(ADA, first))
        while not guarded.stored.asked:
            await asyncio.sleep(0)
        guarded.stored.delete(ADA, second)
        return await asyncio.gather(asking, guarded.guard.is_alive(ADA, second))

    assert asyncio.run(one_after_the_other()) == [True, False]
    assert guarded.stored.asked == 2


@pytest.mark.parametrize("others", [False, True])
def test_one_that_ends_while_it_is_asked_about_is_not_remembered(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    session = guarded.begin(ADA)
    answers = guarded.stored.active

    def ends_meanwhile(sessions: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        alive = answers(sessions)
        guarded.stored.delete(ADA, session)
        if others:
            guarded.guard.forget_others(ADA, "f" * 24)
        else:
            guarded.guard.forget(ADA, session)
        return alive

    with monkeypatch.context() as slow:
        slow.setattr(guarded.stored, "active", ends_meanwhile)
        # It was alive when it was asked for.
        assert guarded.alive(ADA, session) == (True, 1)
    assert guarded.alive(ADA, session) == (False, 1)


def test_that_nobody_can_tell_is_told_to_all_who_wait_and_asked_anew(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = guarded.begin(ADA), guarded.begin(BOB)
    answers = guarded.stored.active

    def fails(sessions: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        answers(sessions)
        raise Unavailable("no database")

    async def both() -> list[Any]:
        asked = (guarded.guard.is_alive(ADA, first), guarded.guard.is_alive(BOB, second))
        return [*await asyncio.gather(*asked, return_exceptions=True)]

    with monkeypatch.context() as broken:
        broken.setattr(guarded.stored, "active", fails)
        assert [type(each) for each in asyncio.run(both())] == [Unavailable, Unavailable]
    assert guarded.stored.asked == 1
    assert asyncio.run(both()) == [True, True]
    assert guarded.stored.asked == 2
