"""Conversations with their messages: post, edit, delete, fork; with transactions and without."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations import ConversationRepository
from storage.database import Database, Document
from storage.embedded.binary import EmbeddedUnavailable
from storage.errors import InvalidDocument, NotFound, UnknownParent
from storage.messages import MessageRepository
from storage.repository import now
from storage.threads import ThreadRepository
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
    shared_database,
)
from tests.support.single_server import single_server
from tests.support.threads import together

# Documents that MongoDB, or the driver before it, does not take.
REFUSED = ["\ud800", "x" * (17 << 20)]


@pytest.fixture(scope="module", params=["deployment", "single server"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "deployment":
        with shared_database(request.getfixturevalue("mongo_uri")) as database:
            yield database
        return
    try:
        with single_server() as uri, shared_database(uri) as database:
            yield database
    except EmbeddedUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def threads(database: Database) -> ThreadRepository:
    return ThreadRepository(database)


@pytest.fixture
def ada() -> str:
    return new_owner()


@pytest.fixture
def bob() -> str:
    return new_owner()


def stored(database: Database, owner: str, conversation_id: str) -> Document:
    """The one conversation of that id and owner."""
    query = {"conversationId": conversation_id, "user": owner}
    (document,) = database.collection("conversations").find(query)
    return document


def messages_of(database: Database, owner: str, conversation_id: str) -> list[Document]:
    query = {"conversationId": conversation_id, "user": owner}
    return list(database.collection("messages").find(query).sort([("createdAt", 1), ("_id", 1)]))


def is_empty(database: Database, owner: str) -> bool:
    names = ("conversations", "messages")
    return not any(database.collection(name).count_documents({"user": owner}) for name in names)


class TestPost:
    def test_a_new_id_begins_a_conversation(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = new_id()
        message = say(threads, ada, conversation_id)
        conversation = stored(database, ada, conversation_id)
        assert isinstance(conversation.pop("_id"), ObjectId)
        assert conversation == {
            "conversationId": conversation_id,
            "user": ada,
            "title": "New Chat",
            "messages": [message["_id"]],
            "endpoint": None,
            "isArchived": False,
            "isTemporary": False,
            "expiredAt": None,
            "tags": [],
            "files": [],
            "createdAt": message["createdAt"],
            "updatedAt": message["createdAt"],
            "_meiliIndex": False,
            "__v": 0,
        }

    @pytest.mark.parametrize(
        ("sender", "name", "is_user"), [("user", "User", True), ("assistant", "Assistant", False)]
    )
    def test_stores_what_librechat_would(
        self, database: Database, sender: str, name: str, is_user: bool
    ) -> None:
        ada, conversation_id = new_owner(), new_id()
        given = ThreadRepository(database).post(
            ada, conversation_id, text="Hi", sender=sender, token_count=7, model="gpt-4o"
        )
        (message,) = messages_of(database, ada, conversation_id)
        assert given == message
        assert now() - message["createdAt"] < timedelta(minutes=5)
        assert message == {
            "_id": message["_id"],
            "messageId": message["messageId"],
            "conversationId": conversation_id,
            "user": ada,
            "parentMessageId": NO_PARENT,
            "sender": name,
            "isCreatedByUser": is_user,
            "text": "Hi",
            "model": "gpt-4o",
            "endpoint": None,
            "tokenCount": 7,
            "unfinished": False,
            "error": False,
            "isTemporary": False,
            "expiredAt": None,
            "createdAt": message["createdAt"],
            "updatedAt": message["createdAt"],
            "_meiliIndex": False,
            "__v": 0,
        }

    def test_an_existing_conversation_goes_on(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(
            database, ada, title="Kept", model="old", isArchived=True, tags=["a"]
        )
        message = say(threads, ada, conversation_id)
        conversation = stored(database, ada, conversation_id)
        assert conversation["messages"] == [message["_id"]]
        assert conversation["updatedAt"] == message["createdAt"]
        assert conversation["createdAt"] == START
        kept = {"title": "Kept", "model": "old", "isArchived": True, "tags": ["a"]}
        assert {name: conversation[name] for name in kept} == kept

    def test_the_model_named_last_is_the_conversations(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = new_id()
        for model, expected in (("a", "a"), (None, "a"), ("b", "b")):
            say(threads, ada, conversation_id, model=model)
            assert stored(database, ada, conversation_id)["model"] == expected

    def test_endpoint_and_expiry_are_the_conversations(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        fields = {"endpoint": "openAI", "isTemporary": True, "expiredAt": now() + timedelta(days=1)}
        message = say(threads, ada, put_conversation(database, ada, **fields))
        assert {name: message[name] for name in fields} == fields

    def test_without_a_parent_it_follows_the_newest(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        first = say(threads, ada, conversation_id)
        assert first["parentMessageId"] == prefix + "h"
        assert say(threads, ada, conversation_id)["parentMessageId"] == first["messageId"]

    def test_of_equally_new_ones_it_follows_the_one_written_last(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = new_id()
        made = [put_message(database, ada, conversation_id) for _ in range(5)]
        assert say(threads, ada, conversation_id)["parentMessageId"] == made[-1]

    def test_the_parent_may_be_any_of_the_conversation_or_none(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        for parent in (prefix + "b", NO_PARENT):
            message = say(threads, ada, conversation_id, parent_message_id=parent)
            assert message["parentMessageId"] == parent

    def test_a_parent_elsewhere_is_unknown(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        _, prefix = put_tree(database, ada)
        _, foreign = put_tree(database, bob)
        begun = new_id()
        say(threads, ada, begun)
        parents = (prefix + "a", foreign + "a", new_id(), "", "$ne", "\0")
        for conversation_id, parent in itertools.product((begun, "never begun"), parents):
            with pytest.raises(UnknownParent):
                say(threads, ada, conversation_id, parent_message_id=parent)
        assert len(messages_of(database, ada, begun)) == 1
        assert database.collection("conversations").count_documents({"user": ada}) == 2

    def test_another_owners_conversation_id_begins_an_own_one(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        before = stored(database, ada, conversation_id), messages_of(database, ada, conversation_id)
        message = say(threads, bob, conversation_id)
        assert message["parentMessageId"] == NO_PARENT
        assert stored(database, bob, conversation_id)["messages"] == [message["_id"]]
        assert (stored(database, ada, conversation_id), messages_of(database, ada, conversation_id)) == before

    @pytest.mark.parametrize("text", ["", "\0", "$set", "😀" * 1000, "x" * 1_000_000])
    def test_any_text_is_stored_as_it_is(
        self, threads: ThreadRepository, database: Database, ada: str, text: str
    ) -> None:
        conversation_id = new_id()
        say(threads, ada, conversation_id, text)
        assert messages_of(database, ada, conversation_id)[0]["text"] == text

    @pytest.mark.parametrize("field", ["text", "model", "conversation_id", "parent_message_id"])
    @pytest.mark.parametrize("value", REFUSED, ids=["surrogate", "huge"])
    def test_what_mongodb_refuses_leaves_nothing_behind(
        self, database: Database, field: str, value: str
    ) -> None:
        threads, ada = ThreadRepository(database), new_owner()
        fields: dict[str, Any] = {"conversation_id": new_id(), "text": "x", field: value}
        with pytest.raises(InvalidDocument):
            threads.post(ada, sender="user", token_count=1, **fields)
        assert is_empty(database, ada)

    def test_a_count_beyond_64_bits_is_refused(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        with pytest.raises(InvalidDocument):
            say(threads, ada, new_id(), token_count=1 << 63)
        assert is_empty(database, ada)

    @pytest.mark.parametrize("attempt", range(5))
    def test_eight_first_posts_at_once_make_one_conversation(
        self, threads: ThreadRepository, database: Database, ada: str, attempt: int
    ) -> None:
        conversation_id = new_id()
        made = together(lambda number: say(threads, ada, conversation_id, str(number)))
        messages = messages_of(database, ada, conversation_id)
        assert {message["text"] for message in messages} == set("01234567")
        conversation = stored(database, ada, conversation_id)
        assert len(conversation["messages"]) == len(messages) == 8
        assert set(conversation["messages"]) == {message["_id"] for message in made}
        assert conversation["updatedAt"] == max(message["createdAt"] for message in messages)
        assert set(shape(messages)) == set("01234567")
        if database._has_transactions:
            # One after the other, each to the one before.
            parents = [message["parentMessageId"] for message in messages]
            assert parents == [NO_PARENT, *(message["messageId"] for message in messages[:-1])]

    def test_eight_owners_with_one_id_at_once_make_eight_conversations(
        self, threads: ThreadRepository, database: Database
    ) -> None:
        conversation_id, owners = new_id(), [new_owner() for _ in range(8)]
        together(lambda number: say(threads, owners[number], conversation_id))
        assert [len(stored(database, owner, conversation_id)["messages"]) for owner in owners] == [1] * 8


class TestEdit:
    def test_changes_the_text_and_the_times(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        before = messages_of(database, ada, conversation_id)
        given = threads.edit(ada, conversation_id, prefix + "b", text="new", token_count=9)
        changed = next(each for each in messages_of(database, ada, conversation_id) if each["text"] == "new")
        assert (given["text"], given["tokenCount"], given["updatedAt"]) == ("new", 9, changed["updatedAt"])
        assert changed["createdAt"] < changed["updatedAt"]
        assert stored(database, ada, conversation_id)["updatedAt"] == changed["updatedAt"]
        after = {message["messageId"]: message for message in messages_of(database, ada, conversation_id)}
        assert {**after, prefix + "b": before[1]} == {message["messageId"]: message for message in before}

    def test_of_an_answer_in_parts_the_texts_are_replaced(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        think = {"type": "think", "think": "hm"}
        parts = [think, {"type": "text", "text": "old"}, "odd", {"type": "text", "text": {"value": "old"}}]
        message_id = put_message(database, ada, conversation_id, text="", content=parts, _meiliIndex=True)
        threads.edit(ada, conversation_id, message_id, text="$new", token_count=1)
        (message,) = messages_of(database, ada, conversation_id)
        assert message["content"] == [think, "odd", {"type": "text", "text": "$new"}]
        assert (message["text"], message["_meiliIndex"]) == ("$new", False)

    @pytest.mark.parametrize("text", ["", "\0", "$text", "$$ROOT", "$$REMOVE", "a.b"])
    def test_any_text_is_only_a_text(
        self, threads: ThreadRepository, database: Database, ada: str, text: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        threads.edit(ada, conversation_id, prefix + "a", text=text, token_count=1)
        (message, *_) = messages_of(database, ada, conversation_id)
        assert message["text"] == text
        assert "content" not in message

    def test_another_owners_is_not_found(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        say(threads, bob, conversation_id)
        before = stored(database, bob, conversation_id)
        for wanted in (prefix + "a", new_id()):
            with pytest.raises(NotFound):
                threads.edit(bob, conversation_id, wanted, text="taken", token_count=1)
        with pytest.raises(NotFound):
            threads.edit(ada, new_id(), prefix + "a", text="elsewhere", token_count=1)
        assert shape(messages_of(database, ada, conversation_id)) == TREE
        assert stored(database, bob, conversation_id) == before

    @pytest.mark.parametrize("text", REFUSED, ids=["surrogate", "huge"])
    def test_what_mongodb_refuses_changes_nothing(
        self, threads: ThreadRepository, database: Database, ada: str, text: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        with pytest.raises(InvalidDocument):
            threads.edit(ada, conversation_id, prefix + "a", text=text, token_count=1)
        assert shape(messages_of(database, ada, conversation_id)) == TREE
        assert stored(database, ada, conversation_id)["updatedAt"] == START


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
        assert threads.delete_conversation(ada, conversation_id) == {
            "conversations": 1,
            "messages": len(TREE),
        }
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
                threads.delete_conversation(bob, wanted)
        assert shape(messages_of(database, ada, conversation_id)) == TREE

    def test_one_of_20_000_messages(self, threads: ThreadRepository, database: Database, ada: str) -> None:
        conversation_id = put_conversation(database, ada)
        database.collection("messages").insert_many(
            {"messageId": new_id(), "conversationId": conversation_id, "user": ada, "text": "x"}
            for _ in range(20_000)
        )
        deleted = threads.delete_conversation(ada, conversation_id)
        assert deleted == {"conversations": 1, "messages": 20_000}
        assert is_empty(database, ada)

    def test_eight_at_once_delete_it_once(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)

        def attempt(number: int) -> int:
            try:
                return threads.delete_conversation(ada, conversation_id)["conversations"]
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
                threads.delete_conversation(ada, conversation_id)
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
        conversation, made = ThreadRepository(database).fork(
            ada, conversation_id, prefix + "d", option=option, split_at_target=split
        )
        written = messages_of(database, ada, conversation["conversationId"])
        assert made == written
        assert shape(written) == expected
        assert stored(database, ada, conversation["conversationId"])["messages"] == [
            each["_id"] for each in written
        ]

    def test_the_original_stays_as_it_was(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        before = stored(database, ada, conversation_id), messages_of(database, ada, conversation_id)
        threads.fork(ada, conversation_id, prefix + "g", option="targetLevel", split_at_target=False)
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
        given, _ = threads.fork(ada, conversation_id, message_id, option="targetLevel", split_at_target=False)
        conversation = stored(database, ada, given["conversationId"])
        assert {name: conversation[name] for name in kept} == kept
        assert (conversation["isArchived"], conversation["_meiliIndex"]) == (False, False)
        assert "archivedAt" not in conversation
        assert "subagentThread" not in conversation
        assert conversation["createdAt"] == conversation["updatedAt"] > START
        assert given == ConversationRepository(database).get(ada, given["conversationId"])
        (newest, *_) = ConversationRepository(database).list_page(ada, limit=10).items
        assert newest == given

    def test_one_without_a_title_gets_librechats(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        given, _ = threads.fork(
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
                threads.fork(bob, conversation, message, option=option, split_at_target=split)
        assert database.collection("conversations").count_documents({"user": bob}) == before

    def test_eight_at_once_make_eight(self, threads: ThreadRepository, database: Database, ada: str) -> None:
        conversation_id, prefix = put_tree(database, ada)

        def fork(number: int) -> str:
            conversation, _ = threads.fork(
                ada, conversation_id, prefix + "g", option="targetLevel", split_at_target=False
            )
            return str(conversation["conversationId"])

        made = together(fork)
        assert len(set(made)) == 8
        assert all(shape(messages_of(database, ada, fork_id)) == TREE for fork_id in made)
