"""Forking: which messages are copied, and how."""

import itertools

import pytest

from storage.conversations.conversations import ConversationRepository
from storage.conversations.copies import CopyRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import InvalidDocument, NotFound
from tests.support.chats import (
    START,
    TREE,
    new_id,
    new_owner,
    put_conversation,
    put_message,
    put_tree,
    say,
    shape,
)
from tests.support.stored import messages_of, stored
from tests.support.threads import together


class TestFork:
    @pytest.mark.parametrize(
        ("option", "split", "expected"),
        [
            ("directPath", False, {"a": None, "b": "a", "d": "b"}),
            ("includeBranches", False, {"a": None, "b": "a", "c": "a", "d": "b", "e": "b"}),
            ("targetLevel", False, {name: parent for name, parent in TREE.items() if name != "g"}),
            ("directPath", True, {"d": None, "g": "d"}),
            ("includeBranches", True, {"d": None, "g": "d"}),
            ("targetLevel", True, {"d": None, "e": None, "f": None, "g": "d"}),
        ],
    )
    def test_copies_what_the_option_says(
        self, database: Database, option: str, split: bool, expected: dict[str, str | None]
    ) -> None:
        ada = new_owner()
        conversation_id, prefix = put_tree(database, ada)
        conversation = CopyRepository(database).fork(
            ada, conversation_id, prefix + "d", option=option, split_at_target=split
        )
        written = messages_of(database, ada, conversation["conversationId"])
        assert shape(written) == expected
        assert stored(database, ada, conversation["conversationId"])["messages"] == [
            each["_id"] for each in written
        ]

    def test_the_original_stays_as_it_was(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        before = stored(database, ada, conversation_id), messages_of(database, ada, conversation_id)
        CopyRepository(database).fork(
            ada, conversation_id, prefix + "g", option="targetLevel", split_at_target=False
        )
        assert (stored(database, ada, conversation_id), messages_of(database, ada, conversation_id)) == before

    def test_title_and_settings_are_kept(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        kept = {
            "title": "T",
            "endpoint": "openAI",
            "model": "gpt-4o",
            "promptPrefix": "Be brief",
            "tags": ["a"],
        }
        state = {"isArchived": True, "archivedAt": START, "subagentThread": {"x": 1}, "_meiliIndex": True}
        conversation_id = put_conversation(database, ada, **kept, **state)
        message_id = put_message(database, ada, conversation_id, text="x")
        given = CopyRepository(database).fork(
            ada, conversation_id, message_id, option="targetLevel", split_at_target=False
        )
        conversation = stored(database, ada, given["conversationId"])
        assert {name: conversation[name] for name in kept} == kept
        assert (conversation["isArchived"], conversation["_meiliIndex"]) == (False, False)
        assert "archivedAt" not in conversation
        assert "subagentThread" not in conversation
        assert conversation["createdAt"] == conversation["updatedAt"] > START
        assert given == conversation
        (newest, *_) = ConversationRepository(database).list_page(ada, limit=10).items
        assert newest["_id"] == given["_id"]

    def test_nothing_is_left_of_one_that_cannot_be_stored(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        # There is room for the conversation, and none for the list of its messages.
        settings = {"promptPrefix": "x" * ((16 << 20) - 400)}
        conversation_id = put_conversation(database, ada, **settings)
        names = [put_message(database, ada, conversation_id, text=str(number)) for number in range(60)]
        with pytest.raises(InvalidDocument):
            CopyRepository(database).fork(
                ada, conversation_id, names[-1], option="targetLevel", split_at_target=False
            )
        assert database.collection("messages").count_documents({"user": ada}) == 60
        assert database.collection("conversations").count_documents({"user": ada}) == 1

    def test_one_without_a_title_gets_librechats(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        given = CopyRepository(database).fork(
            ada, conversation_id, prefix + "a", option="directPath", split_at_target=False
        )
        assert given["title"] == "New Chat"

    @pytest.mark.parametrize("option", ["directPath", "includeBranches", "targetLevel"])
    def test_another_owners_is_not_found(
        self, threads: ThreadRepository, database: Database, ada: str, option: str
    ) -> None:
        bob = new_owner()
        conversation_id, prefix = put_tree(database, ada)
        say(threads, bob, conversation_id)
        own = new_id()
        say(threads, bob, own)
        before = database.collection("conversations").count_documents({"user": bob})
        for conversation, message, split in itertools.product(
            (conversation_id, own, new_id()), (prefix + "a", new_id()), (True, False)
        ):
            with pytest.raises(NotFound):
                CopyRepository(database).fork(
                    bob, conversation, message, option=option, split_at_target=split
                )
        assert database.collection("conversations").count_documents({"user": bob}) == before

    def test_eight_at_once_make_eight(self, threads: ThreadRepository, database: Database, ada: str) -> None:
        conversation_id, prefix = put_tree(database, ada)

        def fork(number: int) -> str:
            conversation = CopyRepository(database).fork(
                ada, conversation_id, prefix + "g", option="targetLevel", split_at_target=False
            )
            return str(conversation["conversationId"])

        made = together(fork)
        assert len(set(made)) == 8
        assert all(shape(messages_of(database, ada, fork_id)) == TREE for fork_id in made)
