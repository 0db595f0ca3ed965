"""A question and its answer in the database, from the beginning to the end."""

from typing import Any

import pytest

from storage.conversations import chats as stored_chats
from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository, Progress
from storage.conversations.deletions import DeletionRepository
from storage.conversations.messages import NO_PARENT, MessageRepository
from storage.core.database import Database
from storage.core.errors import InvalidDocument, NotFound
from tests.support.chats import new_id, put_conversation, put_message


@pytest.fixture
def chats(database: Database) -> ChatRepository:
    return ChatRepository(database)


def begun(*, new: bool = True, **changes: Any) -> Begun:
    question_id = new_id()
    question = {
        "messageId": question_id,
        "parentMessageId": NO_PARENT,
        "sender": "User",
        "text": "What?",
        "isCreatedByUser": True,
    }
    answer = {
        "messageId": new_id(),
        "parentMessageId": question_id,
        "sender": "GPT",
        "text": "",
        "content": [],
        "isCreatedByUser": False,
        "unfinished": True,
    }
    settings = {"endpoint": "openAI", "model": "m", "temperature": 0.5, "user": "mallory", "_id": "x"}
    return Begun(**{"question": question, "answer": answer, "settings": settings, "new": new, **changes})


class TestBeginning:
    def test_stores_question_answer_and_conversation(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id, both = new_id(), begun(file_ids=["f"])
        chats.begin(ada, conversation_id, both)
        messages = list(database.collection("messages").find({"conversationId": conversation_id}))
        assert [message["text"] for message in messages] == ["What?", ""]
        assert {message["user"] for message in messages} == {ada}
        conversation = database.collection("conversations").find_one({"conversationId": conversation_id})
        assert conversation is not None
        assert conversation["messages"] == [message["_id"] for message in messages]
        assert (conversation["user"], conversation["temperature"]) == (ada, 0.5)
        assert (conversation["title"], conversation["files"]) == ("New Chat", ["f"])
        assert conversation["_meiliIndex"] is False

    def test_in_a_conversation_that_is_gone_stores_nothing(
        self, chats: ChatRepository, database: Database, ada: str, bob: str
    ) -> None:
        theirs = put_conversation(database, bob)
        for conversation_id in (new_id(), theirs):
            with pytest.raises(NotFound):
                chats.begin(ada, conversation_id, begun(new=False))
        assert database.collection("messages").count_documents({"user": ada}) == 0

    def test_goes_on_with_an_answer_that_is_there_only(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        gone = begun(new=False, question=None, continues=True)
        with pytest.raises(NotFound):
            chats.begin(ada, conversation_id, gone)
        answer_id = put_message(database, ada, conversation_id, text="half", isCreatedByUser=False)
        again = begun(new=False, question=None, continues=True, answer={"messageId": answer_id})
        chats.begin(ada, conversation_id, again)
        stored = database.collection("messages").find_one({"messageId": answer_id})
        assert stored is not None
        assert (stored["text"], stored["unfinished"]) == ("half", True)

    def test_stores_no_message_when_the_conversation_cannot_be_changed(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        # Its list of messages is none, so nothing can be added to it.
        conversation_id = put_conversation(database, ada, messages="none")
        with pytest.raises(InvalidDocument):
            chats.begin(ada, conversation_id, begun(new=False))
        left = database.collection("messages").count_documents({"user": ada})
        assert left == (0 if database._has_transactions else 2)


class TestAnAnswer:
    def test_is_stored_on_the_way_and_at_the_end(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id, both = new_id(), begun()
        chats.begin(ada, conversation_id, both)
        answer_id = str(both.answer["messageId"])
        half = {"content": [{"type": "text", "text": "ha"}], "user": "mallory"}
        chats.save_all([Progress(ada, conversation_id, answer_id, half)])
        messages = MessageRepository(database)
        assert messages.get(ada, conversation_id, answer_id)["content"] == half["content"]
        whole = {"content": [{"type": "text", "text": "half"}], "unfinished": False, "tokenCount": 1}
        conversation = chats.finish(ada, conversation_id, answer_id, whole)
        assert conversation["conversationId"] == conversation_id
        stored = database.collection("messages").find_one({"messageId": answer_id})
        assert stored is not None
        assert (stored["unfinished"], stored["tokenCount"], stored["user"]) == (False, 1, ada)

    def test_that_was_deleted_does_not_come_back(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id, both = new_id(), begun()
        chats.begin(ada, conversation_id, both)
        DeletionRepository(database).delete(ada, conversation_id)
        answer_id = str(both.answer["messageId"])
        chats.save_all([Progress(ada, conversation_id, answer_id, {"text": "x"})])
        with pytest.raises(NotFound):
            chats.finish(ada, conversation_id, answer_id, {"text": "x"})
        for name in ("messages", "conversations"):
            assert database.collection(name).count_documents({"conversationId": conversation_id}) == 0

    def test_of_another_is_not_changed(
        self, chats: ChatRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, both = new_id(), begun()
        chats.begin(ada, conversation_id, both)
        answer_id = str(both.answer["messageId"])
        chats.save_all([Progress(bob, conversation_id, answer_id, {"text": "x"})])
        with pytest.raises(NotFound):
            chats.finish(bob, conversation_id, answer_id, {"text": "x"})
        assert not chats.give_title(bob, conversation_id, "x")
        assert chats.contents(bob, conversation_id, [answer_id]) == {}
        assert chats.skeleton(bob, conversation_id) == []
        assert MessageRepository(database).get(ada, conversation_id, answer_id)["text"] == ""


class TestReading:
    def test_finds_messages_that_librechat_stored_without_an_id(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, text="first")
        put_message(database, ada, conversation_id, message_id="x", text="second", minute=1)
        odd = database.collection("messages")
        odd.update_one({"messageId": "x"}, {"$set": {"messageId": None}})
        ids = [each["messageId"] for each in chats.skeleton(ada, conversation_id)]
        for wanted in (ids, ids[1:]):
            found = chats.contents(ada, conversation_id, wanted)
            assert found[ids[1]]["text"] == "second"

    def test_gives_a_few_small_messages_whole(
        self, chats: ChatRepository, ada: str, bob: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation_id = new_id()
        chats.begin(ada, conversation_id, begun())
        assert chats.conversation(ada, conversation_id)["named"] == 2
        bare = chats.skeleton(ada, conversation_id)
        assert chats.skeleton(bob, conversation_id, 2) == []
        # A conversation may have more messages than it names.
        for name, limit, texts in (
            ("FEW", 2, ["What?", ""]),
            ("MOST_WHOLE_BYTES", 10, [None, None]),
            ("MOST_WHOLE_BYTES", 100_000, ["What?", ""]),
            ("FEW", 1, [None, None]),
        ):
            monkeypatch.setattr(stored_chats, name, limit)
            rows = chats.skeleton(ada, conversation_id, 1)
            assert [{name: row[name] for name in bare[0]} for row in rows] == bare
            assert [row.get("text") for row in rows] == texts


class TestTitles:
    def test_are_given_once(self, chats: ChatRepository, database: Database, ada: str) -> None:
        conversation_id = put_conversation(database, ada, title="New Chat")
        assert chats.give_title(ada, conversation_id, "One")
        assert not chats.give_title(ada, conversation_id, "Two")
        assert chats.conversation(ada, conversation_id)["title"] == "One"
