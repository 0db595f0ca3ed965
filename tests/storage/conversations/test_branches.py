"""Which messages a link shows, and where a branch ends: no database is needed."""

from datetime import timedelta

import pytest

from storage.conversations.branches import newest_below, up_to_level
from storage.core.database import Document
from tests.support.chats import START, message_document, tree_documents


def names(messages: list[Document]) -> str:
    return "".join(message["messageId"] for message in messages)


class TestUpToLevel:
    @pytest.mark.parametrize(
        ("target", "shown"),
        [("a", "ar"), ("r", "ar"), ("b", "abcrh"), ("h", "abcrh"), ("e", "abcdefrh"), ("g", "abcdefgrh")],
    )
    def test_every_message_of_the_levels_down_to_the_targets(self, target: str, shown: str) -> None:
        assert names(up_to_level(tree_documents(), target)) == shown

    def test_in_the_order_given(self) -> None:
        assert names(up_to_level(tree_documents()[::-1], "b")) == "hrcba"

    def test_nothing_for_a_target_that_is_not_there(self) -> None:
        assert up_to_level(tree_documents(), "x") == []
        assert up_to_level([], "x") == []

    @pytest.mark.parametrize("none", [None, ""])
    def test_a_message_of_no_parent_is_a_root(self, none: str | None) -> None:
        messages = [message_document("a"), message_document("b", parent="a")]
        messages[0]["parentMessageId"] = none
        assert names(up_to_level(messages, "a")) == "a"
        del messages[0]["parentMessageId"]
        assert names(up_to_level(messages, "b")) == "ab"

    def test_nothing_of_what_no_root_leads_to(self) -> None:
        orphan, child = message_document("o", parent="gone"), message_document("p", parent="o")
        assert up_to_level([*tree_documents(), orphan, child], "p") == []
        assert names(up_to_level([*tree_documents(), orphan, child], "g")) == "abcdefgrh"

    def test_a_cycle_ends(self) -> None:
        messages = [message_document("x", parent="y"), message_document("y", parent="x")]
        assert up_to_level([*tree_documents(), *messages], "x") == []


class TestNewestBelow:
    @pytest.mark.parametrize(
        ("message", "end"), [("a", "f"), ("b", "e"), ("d", "g"), ("g", "g"), ("r", "h"), ("x", "x")]
    )
    def test_of_several_answers_the_newest_each_time(self, message: str, end: str) -> None:
        assert newest_below(tree_documents(), message) == end

    def test_of_equally_new_ones_the_last(self) -> None:
        messages = [message_document("a"), *(message_document(each, parent="a") for each in "bcd")]
        assert newest_below(messages, "a") == "d"
        messages[2]["createdAt"] = START + timedelta(seconds=1)
        assert newest_below(messages, "a") == "c"

    def test_a_cycle_ends(self) -> None:
        messages = [message_document("x", parent="y"), message_document("y", parent="x")]
        assert newest_below(messages, "x") == "y"
