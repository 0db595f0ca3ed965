"""Reading stored messages."""

import pytest

from echo.message_text import newest_branch


def ids(*messages: tuple[str, str | None]) -> list[str]:
    documents = [{"messageId": name, "parentMessageId": parent} for name, parent in messages]
    return [message["messageId"] for message in newest_branch(documents)]


class TestNewestBranch:
    def test_is_the_newest_with_its_ancestors(self) -> None:
        assert ids(("a", None), ("b", "a"), ("c", "a"), ("d", "b")) == ["a", "b", "d"]
        assert ids(("a", None), ("b", "a"), ("c", "a")) == ["a", "c"]

    def test_begins_where_a_parent_is_missing(self) -> None:
        assert ids(("b", "gone"), ("c", "b")) == ["b", "c"]

    def test_of_nothing_is_nothing(self) -> None:
        assert ids() == []

    @pytest.mark.parametrize("parent", ["a", "b"])
    def test_ends_in_a_damaged_tree(self, parent: str) -> None:
        assert ids(("a", parent), ("b", "a"))[-1] == "b"
