"""Deleting a message or a conversation: the tree stays whole, nothing is left behind."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations.conversations import ConversationRepository
from storage.conversations.deletions import Deleted, DeletionRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
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
from tests.support.patience import noted_seconds
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


# What belongs to a conversation, besides its messages: the collection, and whose it is and of which conversation.
BELONGING: Mapping[str, Callable[[str, str], Document]] = {
    "sharedlinks": lambda owner, conversation_id: {"user": owner, "conversationId": conversation_id},
    "echo_responses": lambda owner, conversation_id: {"user": owner, "conversationId": conversation_id},
    "toolcalls": lambda owner, conversation_id: {"user": ObjectId(owner), "conversationId": conversation_id},
    "agent_checkpoints": lambda owner, conversation_id: {"thread_id": conversation_id},
    "agent_checkpoint_writes": lambda owner, conversation_id: {"thread_id": conversation_id},
}


def put_belonging(database: Database, owner: str, conversation_id: str) -> None:
    """One of each kind, and a grant on the link."""
    for name, fields in BELONGING.items():
        key = database.collection(name).insert_one({"_id": ObjectId(), **fields(owner, conversation_id)})
        if name == "sharedlinks":
            grant = {"resourceType": "sharedLink", "resourceId": key.inserted_id}
            database.collection("aclentries").insert_one({"_id": ObjectId(), **grant})


def belonging(database: Database, owner: str, conversation_id: str) -> dict[str, int]:
    """How many of each kind there are."""
    return {
        name: database.collection(name).count_documents(fields(owner, conversation_id))
        for name, fields in BELONGING.items()
    }


def link_of(database: Database, conversation_id: str) -> ObjectId:
    """The key of the one link to it."""
    (link,) = database.collection("sharedlinks").find({"conversationId": conversation_id})
    key: ObjectId = link["_id"]
    return key


class TestWhatBelongsToConversations:
    def test_goes_with_its_own_and_no_other(self, database: Database, ada: str, bob: str) -> None:
        gone, kept, his = (put_conversation(database, owner) for owner in (ada, ada, bob))
        for owner, conversation_id in ((ada, gone), (ada, kept), (bob, his)):
            put_belonging(database, owner, conversation_id)
        grants = database.collection("aclentries")
        of_gone, of_kept, of_his = (
            {"resourceId": link_of(database, conversation_id)} for conversation_id in (gone, kept, his)
        )
        # An agent's grants, and the same number by chance.
        grants.insert_one({"_id": ObjectId(), "resourceType": "agent", **of_gone})
        DeletionRepository(database).delete(ada, gone)
        assert set(belonging(database, ada, gone).values()) == {0}
        assert [each["resourceType"] for each in grants.find(of_gone)] == ["agent"]
        for owner, conversation_id, of_link in ((ada, kept, of_kept), (bob, his, of_his)):
            assert set(belonging(database, owner, conversation_id).values()) == {1}
            assert grants.count_documents(of_link) == 1

    def test_of_another_owner_stays_where_the_ids_are_equal(
        self, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_conversation(database, bob, conversationId=conversation_id)
        put_belonging(database, bob, conversation_id)
        link = link_of(database, conversation_id)
        DeletionRepository(database).delete(ada, conversation_id)
        left = belonging(database, bob, conversation_id)
        assert {name: left[name] for name in ("sharedlinks", "echo_responses", "toolcalls")} == {
            "sharedlinks": 1,
            "echo_responses": 1,
            "toolcalls": 1,
        }
        assert database.collection("aclentries").count_documents({"resourceId": link}) == 1

    def test_what_subagents_said_goes_too_however_deep(self, database: Database, ada: str, bob: str) -> None:
        parent = put_conversation(database, ada)
        child = put_conversation(database, ada, subagentThread={"parentConversationId": parent})
        grandchild = put_conversation(database, ada, subagentThread={"parentConversationId": child})
        put_message(database, ada, grandchild)
        his = put_conversation(database, bob, subagentThread={"parentConversationId": parent})
        deleted = DeletionRepository(database).delete(ada, parent)
        assert deleted == Deleted([parent, child, grandchild], 1)
        assert is_empty(database, ada)
        assert stored(database, bob, his)

    def test_an_owner_of_another_kind_of_id_has_no_tool_calls(self, database: Database) -> None:
        conversation_id = put_conversation(database, "an old id")
        assert DeletionRepository(database).delete("an old id", conversation_id).messages == 0

    def test_its_bookmarks_and_projects_are_counted_anew(
        self, database: Database, ada: str, bob: str
    ) -> None:
        tags, projects = database.collection("conversationtags"), database.collection("chatprojects")
        for owner in (ada, bob):
            tags.insert_one({"user": owner, "tag": "work", "count": 7})
        key = projects.insert_one({"user": ada, "name": "P", "conversationCount": 7}).inserted_id
        gone, kept = (
            put_conversation(database, ada, tags=["work"], chatProjectId=str(key)) for _ in range(2)
        )
        DeletionRepository(database).delete(ada, gone)
        project = projects.find_one({"_id": key}) or {}
        assert (project["conversationCount"], project["lastConversationId"]) == (1, kept)
        assert {each["user"]: each["count"] for each in tags.find()} == {ada: 1, bob: 7}
        tags.delete_many({})

    def test_the_index_of_searches_is_told(self, database: Database, ada: str, bob: str) -> None:
        states = database.collection("echo_search")
        for owner in (ada, bob):
            states.insert_one({"user": owner, "expiresAt": None})
        DeletionRepository(database).delete(ada, put_conversation(database, ada))
        assert {each["user"]: each.get("stale") for each in states.find()} == {ada: 1, bob: None}
        states.delete_many({})


class TestDeleteAll:
    def test_takes_all_of_the_owner_and_nothing_of_another(
        self, database: Database, ada: str, bob: str
    ) -> None:
        # More than go in one transaction.
        hers = [put_conversation(database, ada, isArchived=number % 2 == 0) for number in range(25)]
        for conversation_id in hers:
            put_message(database, ada, conversation_id)
        put_belonging(database, ada, hers[-1])
        his = put_conversation(database, bob)
        put_message(database, bob, his)
        put_belonging(database, bob, his)
        for name in ("echo_search", "echo_search_parts"):
            for owner in (ada, bob):
                database.collection(name).insert_one({"_id": f"{owner}.x", "user": owner})
        deleted = DeletionRepository(database).delete_all(ada)
        assert sorted(deleted.conversation_ids) == sorted(hers)
        assert deleted.messages == 25
        assert is_empty(database, ada)
        assert set(belonging(database, ada, hers[-1]).values()) == {0}
        assert stored(database, bob, his)
        assert len(messages_of(database, bob, his)) == 1
        assert set(belonging(database, bob, his).values()) == {1}
        for name in ("echo_search", "echo_search_parts"):
            assert database.collection(name).distinct("user") == [bob]
            database.collection(name).delete_many({})

    def test_what_is_no_conversation_is_left(self, database: Database, ada: str) -> None:
        conversation_id = put_conversation(database, ada)
        put_conversation(database, ada, conversationId=5)
        assert DeletionRepository(database).delete_all(ada) == Deleted([conversation_id], 0)
        left = database.collection("conversations").find({"user": ada})
        assert [each["conversationId"] for each in left] == [5]

    def test_what_another_has_deleted_meanwhile_is_not_counted(
        self, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if database._has_transactions:
            pytest.skip("there the other one has to wait")
        first, second = put_conversation(database, ada), put_conversation(database, ada)
        deletions = DeletionRepository(database)
        remove_traces = deletions._remove_traces

        def meanwhile(*arguments: Any) -> None:
            database.collection("conversations").delete_one({"conversationId": first})
            remove_traces(*arguments)

        monkeypatch.setattr(deletions, "_remove_traces", meanwhile)
        assert deletions.delete_all(ada) == Deleted([second], 0)

    def test_all_of_it_has_the_time_of_what_takes_long(
        self, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(2):
            conversation_id = put_conversation(database, ada)
        with noted_seconds(database, monkeypatch) as noted:
            DeletionRepository(database).delete(ada, conversation_id)
            DeletionRepository(database).delete_all(ada)
        assert noted == [60.0, 60.0]

    def test_none_is_no_error(self, database: Database, ada: str) -> None:
        assert DeletionRepository(database).delete_all(ada) == Deleted([], 0)
