"""Deleting a message or a conversation: the tree stays whole, nothing is left behind."""

import pytest

from storage.conversations.conversations import ConversationRepository
from storage.conversations.deletions import Deleted, DeletionRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from tests.support.chats import (
    NO_PARENT,
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
from tests.support.stored import is_empty, messages_of, stored
from tests.support.threads import together


class TestDeleteMessage:
    @pytest.mark.parametrize(
        ("name", "moved"),
        [
            ("a", {"b": None, "c": None}),
            ("b", {"d": "a", "e": "a"}),
            ("d", {"g": "b"}),
            ("g", {}),
            ("r", {"h": None}),
        ],
    )
    def test_its_children_hang_on_its_parent(
        self, database: Database, name: str, moved: dict[str, str | None]
    ) -> None:
        ada = new_owner()
        conversation_id, prefix = put_tree(database, ada)
        gone = next(each for each in messages_of(database, ada, conversation_id) if each["text"] == name)
        ThreadRepository(database).delete_message(ada, conversation_id, prefix + name)
        expected = {**TREE, **moved}
        del expected[name]
        left = messages_of(database, ada, conversation_id)
        assert shape(left) == expected
        conversation = stored(database, ada, conversation_id)
        assert conversation["messages"] == [message["_id"] for message in left]
        assert gone["_id"] not in conversation["messages"]
        assert conversation["updatedAt"] > START

    def test_a_message_without_a_parent_makes_roots_of_its_children(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        root = put_message(database, ada, conversation_id, parentMessageId=None)
        put_message(database, ada, conversation_id, parent=root)
        threads.delete_message(ada, conversation_id, root)
        assert [each["parentMessageId"] for each in messages_of(database, ada, conversation_id)] == [
            NO_PARENT
        ]

    def test_another_owners_is_not_found(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        say(threads, bob, conversation_id)
        for owner, conversation, message in (
            (bob, conversation_id, prefix + "a"),
            (ada, conversation_id, new_id()),
            (ada, new_id(), prefix + "a"),
        ):
            with pytest.raises(NotFound):
                threads.delete_message(owner, conversation, message)
        assert shape(messages_of(database, ada, conversation_id)) == TREE
        assert len(messages_of(database, bob, conversation_id)) == 1

    def test_another_owners_children_of_the_same_id_stay(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        child = put_message(database, bob, conversation_id, parent=prefix + "b")
        threads.delete_message(ada, conversation_id, prefix + "b")
        assert MessageRepository(database).get(bob, conversation_id, child)["parentMessageId"] == prefix + "b"

    def test_a_second_time_it_is_not_found(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        threads.delete_message(ada, conversation_id, prefix + "b")
        with pytest.raises(NotFound):
            threads.delete_message(ada, conversation_id, prefix + "b")

    def test_eight_at_once_delete_it_once_at_most(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)

        def attempt(number: int) -> bool:
            try:
                threads.delete_message(ada, conversation_id, prefix + "b")
            except NotFound:
                return False
            return True

        deleted = together(attempt)
        assert any(deleted)
        if database._has_transactions:
            assert deleted.count(True) == 1
        left = shape(messages_of(database, ada, conversation_id))
        assert (left["d"], left["e"], len(left)) == ("a", "a", len(TREE) - 1)

    def test_posts_and_deletes_at_once_leave_a_whole_tree(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        if not database._has_transactions:
            pytest.skip(
                "without transactions a post can lose its parent to a delete; readers then take it for a root"
            )
        conversation_id = new_id()
        chain = [say(threads, ada, conversation_id, f"chain {number}") for number in range(16)]

        def work(number: int) -> None:
            for index in range(4):
                if number % 2:
                    say(threads, ada, conversation_id, f"{number} {index}")
                else:
                    message = chain[number * 2 + index]
                    threads.delete_message(ada, conversation_id, message["messageId"])

        together(work)
        left = messages_of(database, ada, conversation_id)
        # `shape` fails on a parent that is gone.
        assert set(shape(left)) == {f"{number} {index}" for number in (1, 3, 5, 7) for index in range(4)}
        conversation = stored(database, ada, conversation_id)
        assert sorted(conversation["messages"]) == sorted(message["_id"] for message in left)


class TestDeleteConversation:
    def test_takes_its_messages_along_and_nothing_else(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        kept, _ = put_tree(database, ada)
        say(threads, bob, conversation_id)
        deleted = DeletionRepository(database).delete(ada, conversation_id)
        assert deleted == Deleted([conversation_id], len(TREE))
        assert messages_of(database, ada, conversation_id) == []
        with pytest.raises(NotFound):
            ConversationRepository(database).get(ada, conversation_id)
        assert shape(messages_of(database, ada, kept)) == TREE
        assert len(messages_of(database, bob, conversation_id)) == 1
        assert stored(database, bob, conversation_id)

    def test_another_owners_is_not_found(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        for wanted in (conversation_id, new_id()):
            with pytest.raises(NotFound):
                DeletionRepository(database).delete(bob, wanted)
        assert shape(messages_of(database, ada, conversation_id)) == TREE

    def test_one_of_20_000_messages(self, threads: ThreadRepository, database: Database, ada: str) -> None:
        conversation_id = put_conversation(database, ada)
        database.collection("messages").insert_many(
            {"messageId": new_id(), "conversationId": conversation_id, "user": ada, "text": "x"}
            for _ in range(20_000)
        )
        deleted = DeletionRepository(database).delete(ada, conversation_id)
        assert deleted == Deleted([conversation_id], 20_000)
        assert is_empty(database, ada)

    def test_eight_at_once_delete_it_once(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)

        def attempt(number: int) -> int:
            try:
                return len(DeletionRepository(database).delete(ada, conversation_id).conversation_ids)
            except NotFound:
                return 0

        assert sum(together(attempt)) == 1
        assert is_empty(database, ada)

    def test_posts_at_once_leave_all_or_nothing(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        if not database._has_transactions:
            pytest.skip(
                "without transactions a message can come after the messages went and before the conversation"
            )
        conversation_id, _ = put_tree(database, ada)

        def work(number: int) -> None:
            if number == 0:
                DeletionRepository(database).delete(ada, conversation_id)
            else:
                say(threads, ada, conversation_id, str(number))

        together(work)
        left = messages_of(database, ada, conversation_id)
        assert set(shape(left)) <= set("1234567")
        if left:
            conversation = stored(database, ada, conversation_id)
            assert sorted(conversation["messages"]) == sorted(message["_id"] for message in left)
        else:
            assert is_empty(database, ada)
