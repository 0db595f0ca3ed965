"""What is remembered is so for three seconds, of so many at most, and not beyond a change."""

from types import SimpleNamespace

import pytest

from echo.access import remembered
from echo.access.remembered import Remembered


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(remembered, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def fail() -> str:
    raise LookupError("asked again")


def test_for_three_seconds_nobody_is_asked_again(clock: Clock) -> None:
    values = Remembered[str](10)
    assert values.known("ada") is None
    assert values.get("ada", lambda: "first") == "first"
    clock.now += 2.9
    assert (values.known("ada"), values.get("ada", fail)) == ("first", "first")
    clock.now += 0.1
    assert values.known("ada") is None
    assert values.get("ada", lambda: "second") == "second"
    assert values.get("ada", fail) == "second"


def test_a_value_is_one_keys_alone(clock: Clock) -> None:
    values = Remembered[str](10)
    values.get(("ada", "agents"), lambda: "hers")
    assert values.known(("bob", "agents")) is None
    assert values.get(("bob", "agents"), lambda: "his") == "his"
    assert values.known(("ada", "agents")) == "hers"


def test_what_is_raised_is_not_remembered(clock: Clock) -> None:
    values = Remembered[str](10)
    with pytest.raises(LookupError):
        values.get("ada", fail)
    assert values.get("ada", lambda: "found") == "found"


def test_of_more_than_there_is_room_for_those_that_were_found_last_stay(clock: Clock) -> None:
    values = Remembered[int](2)
    for number in (1, 2):
        values.get(number, lambda number=number: number)
    clock.now += 3
    # Found anew, and so the last.
    values.get(1, lambda: 1)
    values.get(3, lambda: 3)
    clock.now -= 3
    assert [values.known(number) for number in (1, 2, 3)] == [1, None, 3]


def test_a_change_makes_all_of_it_forgotten_what_is_being_found_too(clock: Clock) -> None:
    values = Remembered[str](10)
    values.get("bob", lambda: "old")

    def changed_meanwhile() -> str:
        values.forget()
        return "old"

    assert values.get("ada", changed_meanwhile) == "old"
    assert (values.known("ada"), values.known("bob")) == (None, None)
    assert values.get("ada", lambda: "new") == "new"
