"""Editing a message."""

import pytest

from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import InvalidDocument, NotFound
from tests.support.chats import (
    START,
    TREE,
    new_id,
    put_conversation,
    put_message,
    put_tree,
    say,
    shape,
)
from tests.support.stored import REFUSED, messages_of, stored


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
