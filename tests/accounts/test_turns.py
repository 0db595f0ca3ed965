"""One after the other, among all processes: who waits for a turn, and who gets it."""

import asyncio
from typing import cast

import pytest

from echo.accounts.turns import Turns
from storage.accounts.renewals import RenewalRepository
from storage.core.database import Database
from tests.support.chats import new_owner


class Stored:
    """Turns that are refused so many times, and what was asked of them."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.asked: list[tuple[str, ...]] = []

    def take(self, owner: str, login: str, holder: str) -> bool:
        self.asked.append(("take", owner, login, holder))
        self.refusals -= 1
        return self.refusals < 0

    def end(self, owner: str, login: str, holder: str) -> None:
        self.asked.append(("end", owner, login, holder))


def held_by(stored: Stored, owner: str = "ada", login: str = "github") -> list[str]:
    """What was asked while the turn was had; then it is over."""

    async def run() -> list[str]:
        async with Turns(cast("RenewalRepository", stored)).of(owner, login):
            return [each[0] for each in stored.asked]

    return asyncio.run(run())


def test_a_turn_is_taken_and_ended_by_one_name() -> None:
    stored = Stored()
    assert held_by(stored) == ["take"]
    assert [each[:3] for each in stored.asked] == [("take", "ada", "github"), ("end", "ada", "github")]
    taker, ender = (each[3] for each in stored.asked)
    assert taker == ender
    # Twelve random bytes.
    assert len(taker) == 16
    held_by(stored)
    assert stored.asked[-1][3] != taker


def test_who_finds_it_taken_looks_again_each_tenth_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    stored = Stored(refusals=2)
    assert held_by(stored) == ["take", "take", "take"]
    assert slept == [0.1, 0.1]
    assert len({each[3] for each in stored.asked}) == 1


def test_a_turn_ends_whatever_becomes_of_it() -> None:
    stored = Stored()

    async def run() -> None:
        async with Turns(cast("RenewalRepository", stored)).of("ada", "github"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
    assert [each[0] for each in stored.asked] == ["take", "end"]


def test_two_of_one_login_follow_each_other_and_others_need_not_wait(database: Database) -> None:
    owner, events = new_owner(), list[str]()

    async def run() -> None:
        stored = Turns(RenewalRepository(database))

        async def have(name: str) -> None:
            async with stored.of(owner, "github"):
                events.append(f"{name} begins")
                # Of another login, in the middle of it.
                async with stored.of(owner, "gitlab" if name == "first" else "bitbucket"):
                    pass
                events.append(f"{name} ends")

        await asyncio.gather(have("first"), have("second"))

    asyncio.run(run())
    one, other = events[0].split()[0], events[2].split()[0]
    assert {one, other} == {"first", "second"}
    assert events == [f"{one} begins", f"{one} ends", f"{other} begins", f"{other} ends"]
    assert database.collection("echo_renewals").count_documents({"user": owner}) == 0
