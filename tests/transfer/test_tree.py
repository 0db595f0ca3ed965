"""Trees are made good whatever their shape."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echo.transfer.model import ImportedConversation, ImportedMessage
from echo.transfer.tree import Forest, arranged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def message(
    name: str, parent: str | None = None, at: datetime | None = None, **fields: Any
) -> ImportedMessage:
    return ImportedMessage(name, parent, True, "User", name, created_at=at, **fields)


def conversation(*messages: ImportedMessage, **fields: Any) -> ImportedConversation:
    return ImportedConversation("test", "c", "title", messages, **fields)


def parents(found: list[ImportedMessage]) -> dict[str, str | None]:
    return {each.source_id: each.parent for each in found}


class TestForest:
    def test_names_come_before_their_children_in_order(self) -> None:
        forest = Forest({"b": "a", "a": None, "d": "b", "c": "a"})
        assert list(forest.preorder()) == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]

    def test_an_unknown_parent_makes_a_root(self) -> None:
        assert Forest({"a": "gone"}).roots == ["a"]

    @pytest.mark.parametrize(
        "cycle", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "c", "b": "a", "c": "b"}], ids=len
    )
    def test_a_cycle_is_cut_once_and_keeps_what_hangs_on_it(self, cycle: dict[str, str | None]) -> None:
        forest = Forest({"below": "a", **cycle, "root": None})
        assert sorted(name for name, _ in forest.preorder()) == sorted([*cycle, "below", "root"])
        assert len(forest.roots) == 2
        assert "below" not in forest.roots

    def test_a_large_one_takes_no_time(self) -> None:
        forest = Forest({str(number): str((number + 1) % 50_000) for number in range(50_000)})
        assert sum(1 for _ in forest.preorder()) == 50_000


class TestArranged:
    def test_what_hangs_on_a_node_that_is_passed_over_hangs_on_the_next_above(self) -> None:
        found = arranged(conversation(message("a"), message("b", "x"), passed_over={"x": "y", "y": "a"}), NOW)
        assert parents(found) == {"a": None, "b": "a"}

    def test_nodes_that_are_passed_over_in_a_circle_are_nobodys(self) -> None:
        found = arranged(conversation(message("b", "x"), passed_over={"x": "y", "y": "x"}), NOW)
        assert parents(found) == {"b": None}

    def test_the_first_of_two_with_one_id_counts(self) -> None:
        first, second = message("a"), ImportedMessage("a", None, True, "User", "second")
        assert [each.text for each in arranged(conversation(first, second), NOW)] == ["a"]

    def test_dates_stay(self) -> None:
        earlier, later = NOW - timedelta(days=2), NOW - timedelta(days=1)
        found = arranged(conversation(message("a", None, earlier), message("b", "a", later)), NOW)
        assert [each.created_at for each in found] == [earlier, later]

    def test_an_answer_is_newer_than_its_question(self) -> None:
        earlier = NOW - timedelta(days=2)
        found = arranged(conversation(message("a", None, NOW), message("b", "a", earlier)), NOW)
        assert [each.created_at for each in found] == [NOW, NOW + MILLISECOND]

    def test_missing_dates_are_the_parents_or_the_conversations(self) -> None:
        begun = NOW - timedelta(days=9)
        found = arranged(conversation(message("a"), message("b", "a"), created_at=begun), NOW)
        assert [each.created_at for each in found] == [begun, begun + MILLISECOND]
        assert arranged(conversation(message("a")), NOW)[0].created_at == NOW

    def test_the_oldest_come_first_and_equals_in_their_order(self) -> None:
        found = arranged(
            conversation(
                message("c", None, NOW + MILLISECOND), message("b", None, NOW), message("a", None, NOW)
            ),
            NOW,
        )
        assert [each.source_id for each in found] == ["b", "a", "c"]
