"""Branches of conversations."""

from typing import Any

import pytest

from echo.chat.history import History, affordable, branch_of, text_for_model
from storage.conversations.chats import ChatRepository
from storage.core.database import Database
from tests.support.chats import new_id, new_owner, put_conversation


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


class TestWhatAModelIsTold:
    def test_of_answers_side_by_side_is_the_first(self) -> None:
        def part(text: str, agent: str, group: Any = 1) -> dict[str, Any]:
            return {"type": "text", "text": text, "agentId": agent, "groupId": group}

        content = [part("third", "m____2"), part("second", "m____1"), part("first", "m")]
        assert text_for_model({"content": content}) == "first"
        assert text_for_model({"content": content[:2]}) == "second"
        # What follows one another, and what belongs to no group, all counts.
        content = [part("one", "a", None), {"type": "text", "text": "two"}, part("three", "b", "x")]
        assert text_for_model({"content": content}) == "one\ntwo\nthree"
        content = [part("a", "m", 1), part("b", "m____1", 1), part("c", "n____1", 2)]
        assert text_for_model({"content": content}) == "a\nc"

    def test_has_the_passages_before_the_question(self) -> None:
        message = {"text": "Why?", "quotes": ["One\ntwo", "", 7, "Three"]}
        assert text_for_model(message) == "> One\n> two\n\n> Three\n\nWhy?"
        assert text_for_model({"text": "Why?", "quotes": "none"}) == "Why?"
        assert text_for_model({"content": ["odd", None]}) == ""


class TestReading:
    def test_the_newest_that_have_sixteen_mebibytes_are_afforded(self) -> None:
        branch = [{"messageId": name, "size": 6 * 1024 * 1024} for name in "abcd"]
        assert affordable(branch, ["a", "b", "c", "d"]) == ["c", "d"]
        assert affordable(branch, ["a", "b"]) == ["a", "b"]
        assert affordable([{"messageId": "a", "size": 17 * 1024 * 1024}], ["a"]) == []

    def test_text_of_few_tokens_is_not_read_without_end(self, app_database: Database) -> None:
        owner = new_owner()
        conversation_id, parent = put_conversation(app_database, owner), None
        mine = {"user": owner, "conversationId": conversation_id, "tokenCount": 1}
        for number in range(4):
            name = new_id()
            tree = {"messageId": name, "parentMessageId": parent, "isCreatedByUser": number % 2 == 0}
            app_database.collection("messages").insert_one(
                {**mine, **tree, "text": str(number).ljust(6 << 20)}
            )
            parent = name
        chats = ChatRepository(app_database)
        branch = branch_of(chats.skeleton(owner, conversation_id), str(parent))
        history = History(chats, lambda _: 1, owner, conversation_id)
        messages, _ = history.read(branch, None, window=1000, system=0, reserved=0)
        assert [each["text"][0] for each in messages] == ["2", "3"]
