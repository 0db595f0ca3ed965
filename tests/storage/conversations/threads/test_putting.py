"""Storing a message under an id that its client made."""

import pytest

from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import Conflict, NotFound, UnknownParent
from tests.support.chats import START, TREE, new_id, put_conversation, put_message, put_tree, shape
from tests.support.stored import is_empty, messages_of, stored


class TestPut:
    def test_a_new_one_is_posted(self, threads: ThreadRepository, database: Database, ada: str) -> None:
        conversation_id, prefix = put_tree(database, ada)
        message_id = new_id()
        given = threads.put(
            ada,
            conversation_id,
            message_id,
            text="new",
            sender="assistant",
            token_count=5,
            parent_message_id=prefix + "b",
            model="m",
            more={"error": True, "messageId": "forged"},
        )
        (message,) = [each for each in messages_of(database, ada, conversation_id) if each["text"] == "new"]
        assert given == message
        said = {
            "messageId": message_id,
            "parentMessageId": prefix + "b",
            "sender": "Assistant",
            "isCreatedByUser": False,
            "tokenCount": 5,
            "model": "m",
            "error": True,
        }
        assert {name: message[name] for name in said} == said
        assert stored(database, ada, conversation_id)["messages"][-1] == message["_id"]

    def test_under_the_id_that_it_was_given(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        given = threads.put(ada, conversation_id, "mine", text="new", sender="user", token_count=1)
        assert (given["messageId"], given["parentMessageId"]) == ("mine", prefix + "h")

    def test_one_that_is_there_gets_the_text(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        given = threads.put(ada, conversation_id, prefix + "b", text="new", sender="assistant", token_count=5)
        assert (given["text"], given["tokenCount"]) == ("new", 5)
        messages = messages_of(database, ada, conversation_id)
        assert len(messages) == len(TREE)
        (message,) = [each for each in messages if each["text"] == "new"]
        assert (message["messageId"], message["createdAt"] > START) == (prefix + "b", True)
        assert message["parentMessageId"] == prefix + "a"

    def test_of_another_conversation_of_the_owners_it_is_a_conflict(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        other = put_conversation(database, ada)
        with pytest.raises(Conflict) as caught:
            threads.put(ada, other, prefix + "b", text="new", sender="user", token_count=1)
        assert caught.value.field == "messageId"
        assert shape(messages_of(database, ada, conversation_id)) == TREE
        assert messages_of(database, ada, other) == []

    def test_of_another_owner_it_is_free(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        his = put_conversation(database, bob)
        given = threads.put(bob, his, prefix + "b", text="his", sender="user", token_count=1)
        assert (given["messageId"], given["user"]) == (prefix + "b", bob)
        assert shape(messages_of(database, ada, conversation_id)) == TREE

    def test_no_conversation_begins_with_it(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        for wanted in (conversation_id, new_id()):
            for message_id in (prefix + "b", new_id()):
                with pytest.raises(NotFound):
                    threads.put(bob, wanted, message_id, text="new", sender="user", token_count=1)
        assert is_empty(database, bob)
        assert shape(messages_of(database, ada, conversation_id)) == TREE

    def test_no_conversation_is_told_before_no_parent(self, threads: ThreadRepository, ada: str) -> None:
        said = {"text": "new", "sender": "user", "token_count": 1}
        with pytest.raises(NotFound):
            threads.put(ada, new_id(), new_id(), parent_message_id=new_id(), **said)

    def test_follows_one_that_has_no_id_of_a_clients(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, messageId=None)
        [parent] = messages_of(database, ada, conversation_id)
        said = {"text": "new", "sender": "user", "token_count": 1}
        given = threads.put(ada, conversation_id, new_id(), parent_message_id=str(parent["_id"]), **said)
        assert given["parentMessageId"] == str(parent["_id"])

    def test_a_parent_elsewhere_is_unknown(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        _, other = put_tree(database, ada)
        with pytest.raises(UnknownParent):
            threads.put(
                ada,
                conversation_id,
                new_id(),
                text="new",
                sender="user",
                token_count=1,
                parent_message_id=other + "a",
            )
        assert shape(messages_of(database, ada, conversation_id)) == TREE


def test_an_edit_gives_what_there_is_of_a_message(database: Database, ada: str) -> None:
    conversation_id, prefix = put_tree(database, ada)
    threads = ThreadRepository(database, shown={"messageId": 1, "text": 1})
    given = threads.edit(ada, conversation_id, prefix + "b", text="new", token_count=1)
    assert given.keys() == {"_id", "messageId", "text"}
