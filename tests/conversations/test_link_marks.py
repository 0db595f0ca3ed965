"""Which conversations have a link, remembered for lists."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from echo.conversations import link_marks
from echo.conversations.link_marks import LinkMarks


class Links:
    """What is asked: who has which links; how often it was asked."""

    def __init__(self) -> None:
        self.of = {"ada": {"a"}, "bob": {"b"}}
        self.asked = 0

    def __call__(self, owner: str, conversation_ids: Sequence[str]) -> set[str]:
        self.asked += 1
        return self.of[owner] & set(conversation_ids)


def test_a_page_is_asked_for_once() -> None:
    links = Links()
    marks = LinkMarks(links)
    assert [marks.among("ada", ["a", "b"]) for _ in range(3)] == [{"a"}] * 3
    assert marks.among("ada", []) == set()
    assert links.asked == 1


def test_another_page_and_another_owner_are_asked_for_themselves() -> None:
    marks = LinkMarks(Links())
    assert marks.among("ada", ["a", "b"]) == {"a"}
    assert marks.among("ada", ["b"]) == set()
    assert marks.among("bob", ["a", "b"]) == {"b"}


def test_what_is_forgotten_is_asked_again_and_nobody_elses() -> None:
    links = Links()
    marks = LinkMarks(links)
    for owner in ("ada", "bob"):
        marks.among(owner, ["a", "b"])
    links.of = {"ada": set(), "bob": set()}
    marks.forget("ada")
    assert (marks.among("ada", ["a", "b"]), marks.among("bob", ["a", "b"])) == (set(), {"b"})


def test_an_answer_that_was_under_way_is_not_kept() -> None:
    links = Links()

    def ask(owner: str, conversation_ids: Sequence[str]) -> set[str]:
        before = links(owner, conversation_ids)
        marks.forget(owner)
        return before

    marks = LinkMarks(ask)
    assert marks.among("ada", ["a"]) == {"a"}
    links.of["ada"] = set()
    assert marks.among("ada", ["a"]) == set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time as a test has it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(link_marks, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_is_asked_again_after_three_seconds(clock: SimpleNamespace) -> None:
    links = Links()
    marks = LinkMarks(links)
    found = []
    for clock.now in (1000.0, 1002.9, 1003.0):
        found.append(marks.among("ada", ["a"]))
        links.of["ada"] = set()
    assert found == [{"a"}, {"a"}, set()]


def test_a_page_is_asked_for_once_on_a_machine_that_has_just_started(clock: SimpleNamespace) -> None:
    links = Links()
    marks = LinkMarks(links)
    clock.now = 0.5
    assert [marks.among("ada", ["a"]) for _ in range(2)] == [{"a"}] * 2
    assert links.asked == 1


def test_the_time_of_a_page_begins_with_the_owners_first_one(clock: SimpleNamespace) -> None:
    links = Links()
    marks = LinkMarks(links)
    for clock.now, page in ((1000.0, "a"), (1002.0, "b"), (1002.9, "b")):
        marks.among("ada", [page])
    assert links.asked == 2
    clock.now = 1003.0
    marks.among("ada", ["b"])
    assert links.asked == 3


def test_of_who_is_not_known_nothing_is_forgotten() -> None:
    links = Links()
    marks = LinkMarks(links)
    marks.among("ada", ["a"])
    marks.forget("bob")
    assert (marks.among("ada", ["a"]), links.asked) == ({"a"}, 1)


def test_twenty_pages_of_an_owner_are_known() -> None:
    links = Links()
    marks = LinkMarks(links)
    pages = [[f"page {number}"] for number in range(20)]
    for _ in range(2):
        for page in pages[:19]:
            marks.among("ada", page)
    assert links.asked == 19
    # The twentieth is kept, and whatever is asked next begins anew.
    marks.among("ada", pages[19])
    marks.among("ada", pages[19])
    marks.among("ada", pages[19])
    assert links.asked == 21


def test_the_owner_who_asked_longest_ago_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    assert link_marks.MAX_OWNERS == 1000
    monkeypatch.setattr(link_marks, "MAX_OWNERS", 2)
    links = Links()
    links.of["eve"] = set()
    marks = LinkMarks(links)
    marks.among("ada", ["a"])
    clock.now = 1001.0
    marks.among("bob", ["a"])
    clock.now = 1003.0
    # Her time begins anew: she is no longer the first.
    marks.among("ada", ["a"])
    marks.among("eve", ["a"])
    assert links.asked == 4
    marks.among("ada", ["a"])
    assert links.asked == 4
    marks.among("bob", ["a"])
    assert links.asked == 5


def test_no_more_pages_are_known_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_marks, "MAX_PAGES", 2)
    links = Links()
    marks = LinkMarks(links)
    for page in (["a"], ["b"], ["c"], ["a"]):
        marks.among("ada", page)
    assert links.asked == 4
