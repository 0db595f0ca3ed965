"""Posting a message: its place in the tree, its conversation, two at once."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import InvalidDocument, UnknownParent
from storage.core.repository import now
from tests.support.chats import (
    NO_PARENT,
    START,
    new_id,
    new_owner,
    put_conversation,
    put_message,
    put_tree,
    say,
    shape,
)
from tests.support.stored import REFUSED, is_empty, messages_of, stored
from tests.support.threads import together


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
