"""Branches of conversations."""

import pytest

from echo.chat.history import branch_of


def ids(*messages: tuple[str, str | None], end: str) -> list[str]:
    documents = [{"messageId": name, "parentMessageId": parent} for name, parent in messages]
    return [message["messageId"] for message in branch_of(documents, end)]


class TestBranch:
    def test_is_a_message_with_its_ancestors(self) -> None:
        assert ids(("a", None), ("b", "a"), ("c", "a"), ("d", "b"), end="d") == ["a", "b", "d"]
        assert ids(("a", None), ("b", "a"), ("c", "a"), end="c") == ["a", "c"]

    def test_begins_where_a_parent_is_missing(self) -> None:
        assert ids(("b", "gone"), ("c", "b"), end="c") == ["b", "c"]

    def test_of_nothing_is_nothing(self) -> None:
        assert ids(end="a") == []

    @pytest.mark.parametrize("parent", ["a", "b"])
    def test_ends_in_a_damaged_tree(self, parent: str) -> None:
        assert ids(("a", parent), ("b", "a"), end="b")[-1] == "b"
