"""The rules of a fork, over trees in memory; `threads/test_forking.py` forks in the database."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from storage.conversations.forks import DIRECT_PATH, INCLUDE_BRANCHES, TARGET_LEVEL, copies, select
from storage.core.database import Document
from storage.core.errors import NotFound
from tests.support.chats import NO_PARENT, START, TREE, message_document, shape, tree_documents

OPTIONS = (DIRECT_PATH, INCLUDE_BRANCHES, TARGET_LEVEL)


def names(messages: list[Document]) -> str:
    return "".join(message["messageId"] for message in messages)


def roots(messages: list[Document]) -> str:
    return names([message for message in messages if message["parentMessageId"] == NO_PARENT])


class TestSelect:
    @pytest.mark.parametrize(
        ("option", "target", "expected"),
        [
            (DIRECT_PATH, "a", "a"),
            (DIRECT_PATH, "d", "abd"),
            (DIRECT_PATH, "g", "abdg"),
            (DIRECT_PATH, "h", "rh"),
            (INCLUDE_BRANCHES, "a", "a"),
            (INCLUDE_BRANCHES, "b", "abc"),
            (INCLUDE_BRANCHES, "d", "abcde"),
            (INCLUDE_BRANCHES, "g", "abcdeg"),
            (INCLUDE_BRANCHES, "f", "abcf"),
            (TARGET_LEVEL, "a", "ar"),
            (TARGET_LEVEL, "b", "abcrh"),
            (TARGET_LEVEL, "f", "abcdefrh"),
            (TARGET_LEVEL, "g", "abcdefgrh"),
        ],
    )
    def test_takes_what_librechats_option_means(self, option: str, target: str, expected: str) -> None:
        assert names(select(tree_documents(), target, option=option)) == expected

    @pytest.mark.parametrize(
        ("option", "target", "expected", "expected_roots"),
        [
            # The newest message below b, and below d, is g; c has f, and h only itself.
            (DIRECT_PATH, "b", "bdg", "b"),
            (DIRECT_PATH, "c", "cf", "c"),
            (DIRECT_PATH, "h", "h", "h"),
            (INCLUDE_BRANCHES, "b", "bdeg", "b"),
            (INCLUDE_BRANCHES, "d", "dg", "d"),
            (TARGET_LEVEL, "d", "defg", "def"),
            (TARGET_LEVEL, "c", "bcdefh", "bch"),
            (TARGET_LEVEL, "b", "bcdefgh", "bch"),
            (TARGET_LEVEL, "h", "bch", "bch"),
            (TARGET_LEVEL, "r", "abcrh", "ar"),
        ],
    )
    def test_split_begins_at_the_targets_level(
        self, option: str, target: str, expected: str, expected_roots: str
    ) -> None:
        chosen = select(tree_documents(), target, option=option, split_at_target=True)
        assert names(chosen) == expected
        assert roots(chosen) == expected_roots

    def test_target_level_is_the_default(self) -> None:
        assert names(select(tree_documents(), "b")) == "abcrh"

    @pytest.mark.parametrize("split", [True, False])
    @pytest.mark.parametrize("option", OPTIONS)
    def test_an_unknown_target_is_not_found(self, option: str, split: bool) -> None:
        for messages in (tree_documents(), []):
            with pytest.raises(NotFound):
                select(messages, "x", option=option, split_at_target=split)

    def test_of_equally_new_messages_the_last_is_the_newest(self) -> None:
        messages = [
            message_document(name, parent=parent) for name, parent in (("1", ""), ("2", "1"), ("3", "1"))
        ]
        assert names(select(messages, "1", option=DIRECT_PATH, split_at_target=True)) == "13"

    @pytest.mark.parametrize("option", OPTIONS)
    def test_a_message_whose_parent_is_gone_is_a_root(self, option: str) -> None:
        messages = [message_document("1", parent="gone"), message_document("2", parent="1", minute=1)]
        assert names(select(messages, "2", option=option)) == "12"

    @pytest.mark.parametrize("split", [True, False])
    @pytest.mark.parametrize("option", OPTIONS)
    def test_a_cycle_ends(self, option: str, split: bool) -> None:
        cycle = [
            message_document("x", parent="y", text="x"),
            message_document("y", parent="x", text="y"),
            message_document("z", parent="z", text="z"),
        ]
        for target in "xyz":
            chosen = select(cycle, target, option=option, split_at_target=split)
            # One of the two is made the root.
            if option == TARGET_LEVEL:
                expected = {"x": None, "y": None if split else "x", "z": None}
            elif split or target == "z":
                expected = {target: None}
            else:
                expected = {"x": None, "y": "x"}
            assert shape(copies(chosen, "ada", "fork")) == expected

    @pytest.mark.parametrize("option", OPTIONS)
    def test_a_chain_of_20_000_is_copied_whole(self, option: str) -> None:
        chain = [
            message_document(str(number), parent=str(number - 1) if number else None, text=str(number))
            for number in range(20_000)
        ]
        made = copies(select(chain, "19999", option=option), "ada", "fork")
        assert shape(made) == {str(number): str(number - 1) if number else None for number in range(20_000)}


class TestCopies:
    def test_the_tree_is_the_same_under_new_ids(self) -> None:
        original = tree_documents("ada", "original")
        made = copies(original, "ada", "fork")
        assert shape(made) == TREE
        for field in ("_id", "messageId"):
            assert not {copy[field] for copy in made} & {message[field] for message in original}
            assert set(Counter(copy[field] for copy in made).values()) == {1}
        assert {copy["conversationId"] for copy in made} == {"fork"}
        assert {copy["user"] for copy in made} == {"ada"}

    def test_the_original_stays_as_it_was(self) -> None:
        original = tree_documents()
        before = [dict(message) for message in original]
        copies(original, "ada", "fork")
        assert original == before

    def test_contents_and_times_stay(self) -> None:
        fields: dict[str, Any] = {
            "sender": "GPT-4o",
            "isCreatedByUser": False,
            "text": "",
            "content": [{"type": "think", "think": "hm"}, {"type": "text", "text": "So."}],
            "feedback": {"rating": "thumbsUp"},
            "files": [{"file_id": "1"}],
            "tokenCount": 5,
            "expiredAt": START + timedelta(days=30),
            "updatedAt": START + timedelta(days=1),
        }
        (copy,) = copies([message_document("1", **fields)], "ada", "fork")
        assert {name: copy[name] for name in fields} == fields
        assert copy["createdAt"] == START

    def test_the_order_of_times_stays(self) -> None:
        messages = tree_documents()
        assert [copy["text"] for copy in copies(messages[::-1], "ada", "fork")] == list(TREE)

    def test_an_answer_is_newer_than_its_question(self) -> None:
        messages = [
            message_document("3", parent="2", minute=0, text="3"),
            message_document("2", parent="1", minute=9, text="2"),
            message_document("1", minute=9, text="1"),
        ]
        made = copies(messages, "ada", "fork")
        moment = START + timedelta(minutes=9)
        assert [(copy["text"], copy["createdAt"] - moment) for copy in made] == [
            (str(number + 1), timedelta(milliseconds=number)) for number in range(3)
        ]
        assert all(copy["updatedAt"] >= copy["createdAt"] for copy in made)

    def test_a_message_without_dates_gets_the_time_of_the_copy(self) -> None:
        (copy,) = copies([message_document("1", createdAt=None, updatedAt=None)], "ada", "fork")
        assert copy["createdAt"] == copy["updatedAt"] > START

    def test_a_root_stays_one_beside_a_message_without_an_id(self) -> None:
        nameless = message_document(messageId=None, text="nameless")
        root = message_document("1", parentMessageId=None, minute=1, text="root")
        assert shape(copies([nameless, root], "ada", "fork")) == {"nameless": None, "root": None}

    def test_the_search_of_librechat_is_to_read_them(self) -> None:
        (copy,) = copies([message_document("1", _meiliIndex=True)], "ada", "fork")
        assert copy["_meiliIndex"] is False
