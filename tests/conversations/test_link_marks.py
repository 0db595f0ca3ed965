"""Which conversations have a link, remembered for lists."""

from collections.abc import Sequence

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


def test_is_asked_again_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_marks, "SHOWN_SECONDS", 0.0)
    links = Links()
    marks = LinkMarks(links)
    marks.among("ada", ["a"])
    links.of["ada"] = set()
    assert marks.among("ada", ["a"]) == set()


def test_no_more_owners_and_pages_are_known_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_marks, "MAX_OWNERS", 1)
    monkeypatch.setattr(link_marks, "MAX_PAGES", 2)
    links = Links()
    marks = LinkMarks(links)
    for owner in ("ada", "bob", "ada"):
        marks.among(owner, ["a"])
    assert links.asked == 3
    for page in (["b"], ["c"], ["a"]):
        marks.among("ada", page)
    assert links.asked == 6
