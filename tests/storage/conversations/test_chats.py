"""A question and its answer in the database, from the beginning to the end."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from bson import ObjectId

from storage.conversations import chats as stored_chats
from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository, Progress
from storage.conversations.deletions import DeletionRepository
from storage.conversations.messages import NO_PARENT, MessageRepository
from storage.core.database import Database
from storage.core.errors import InvalidDocument, NotFound
from storage.core.repository import now
from tests.support.chats import START, new_id, put_conversation, put_message
from tests.support.stored import messages_of, stored


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
        message = database.collection("messages").find_one({"messageId": answer_id})
        assert message is not None
        assert (message["text"], message["unfinished"]) == ("half", True)

    def test_stores_no_message_when_the_conversation_cannot_be_changed(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        # Its list of messages is none, so nothing can be added to it.
        conversation_id = put_conversation(database, ada, messages="none")
        with pytest.raises(InvalidDocument):
            chats.begin(ada, conversation_id, begun(new=False))
        left = database.collection("messages").count_documents({"user": ada})
        assert left == (0 if database._has_transactions else 2)


class TestWhatBegins:
    """Each field, in a new conversation and in one that is there."""

    LIBRECHATS: ClassVar[dict[str, Any]] = {"error": False, "_meiliIndex": False, "__v": 0}

    def test_in_a_new_conversation(self, chats: ChatRepository, database: Database, ada: str) -> None:
        conversation_id, both = new_id(), begun()
        chats.begin(ada, conversation_id, both)
        question, answer = messages_of(database, ada, conversation_id)
        moment = question["createdAt"]
        assert timedelta(0) <= now() - moment < timedelta(minutes=5)
        life = {"isTemporary": False, "expiredAt": None, "createdAt": moment, "updatedAt": moment}
        mine = {"user": ada, "conversationId": conversation_id}
        assert question == {
            "_id": question["_id"], **both.question, **mine, **life, **self.LIBRECHATS, "unfinished": False,
        }  # fmt: skip
        assert answer == {
            "_id": answer["_id"], **both.answer, **mine, **life, **self.LIBRECHATS, "unfinished": True,
        }  # fmt: skip
        conversation = stored(database, ada, conversation_id)
        assert conversation.pop("createdAt") == conversation.pop("updatedAt") >= moment
        assert conversation == {
            "_id": conversation["_id"],
            **mine,
            "endpoint": "openAI",
            "model": "m",
            "temperature": 0.5,
            "title": "New Chat",
            "isArchived": False,
            "isTemporary": False,
            "expiredAt": None,
            "tags": [],
            "files": [],
            "messages": [question["_id"], answer["_id"]],
            "_meiliIndex": False,
            "__v": 0,
        }

    @pytest.mark.parametrize("named", [True, False])
    def test_in_one_that_is_there(
        self, chats: ChatRepository, database: Database, ada: str, named: bool
    ) -> None:
        expires = now() + timedelta(days=1)
        kept = {"title": "Kept", "temperature": 1, "topP": 1, "files": ["old"], "isArchived": True}
        life = {"isTemporary": True, "expiredAt": expires}
        # A list that is none cannot be added to in one write: without a list there is one.
        conversation_id = put_conversation(
            database, ada, **kept, **life, **({"messages": []} if named else {}), _meiliIndex=True
        )
        chats.begin(ada, conversation_id, begun(new=False, file_ids=["f", "old"]))
        question, answer = messages_of(database, ada, conversation_id)
        for message in (question, answer):
            assert {name: message[name] for name in life} == life
            assert (message["user"], message["createdAt"] > START) == (ada, True)
        conversation = stored(database, ada, conversation_id)
        assert conversation["messages"] == [question["_id"], answer["_id"]]
        assert conversation["updatedAt"] == answer["createdAt"]
        assert (conversation["createdAt"], conversation["_meiliIndex"]) == (START, False)
        changed = {**kept, "temperature": 0.5, "files": ["old", "f"], "model": "m", "endpoint": "openAI"}
        assert {name: conversation[name] for name in changed} == changed

    def test_a_temporary_one_goes_with_its_messages(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id, expires = new_id(), now() + timedelta(days=1)
        chats.begin(ada, conversation_id, begun(expires_at=expires))
        documents = [stored(database, ada, conversation_id), *messages_of(database, ada, conversation_id)]
        assert [(each["isTemporary"], each["expiredAt"]) for each in documents] == [(True, expires)] * 3

    def test_one_of_a_project_is_counted_there(
        self, chats: ChatRepository, database: Database, ada: str, bob: str
    ) -> None:
        projects = database.collection("chatprojects")
        hers, his = (
            str(projects.insert_one({"user": owner, "name": "P"}).inserted_id) for owner in (ada, bob)
        )
        for project_id, expected in ((hers, hers), (his, None), ("no id", None), ("f" * 24, None)):
            conversation_id = new_id()
            chats.begin(ada, conversation_id, begun(project_id=project_id))
            assert stored(database, ada, conversation_id).get("chatProjectId") == expected
            if expected:
                project = projects.find_one({"_id": ObjectId(hers)}) or {}
                assert project["conversationCount"] == 1
                assert project["lastConversationId"] == conversation_id
        assert "conversationCount" not in (projects.find_one({"_id": ObjectId(his)}) or {})

    def test_an_answer_that_goes_on_is_opened_again(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        over = {"unfinished": False, "error": True, "_meiliIndex": True, "text": "half"}
        answer_id, other = (put_message(database, ada, conversation_id, **over) for _ in range(2))
        again = begun(new=False, question=None, continues=True, answer={"messageId": answer_id})
        chats.begin(ada, conversation_id, again)
        opened, left = (
            database.collection("messages").find_one({"messageId": each}) or {} for each in (answer_id, other)
        )
        assert {name: opened[name] for name in over} == {
            "unfinished": True,
            "error": False,
            "_meiliIndex": False,
            "text": "half",
        }
        assert opened["updatedAt"] > START
        assert {name: left[name] for name in over} == over
        conversation = stored(database, ada, conversation_id)
        assert (conversation["messages"], conversation["updatedAt"] > START) == ([], True)

    def test_a_question_asked_again_has_one_answer_more(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada, messages=[])
        both = begun(new=False, question=None)
        chats.begin(ada, conversation_id, both)
        (message,) = messages_of(database, ada, conversation_id)
        assert message["messageId"] == both.answer["messageId"]


class TestReadingOne:
    def test_a_conversation_with_its_settings_and_how_many_it_names(
        self, chats: ChatRepository, database: Database, ada: str, bob: str
    ) -> None:
        kept = {"title": "T", "temperature": 1, "isTemporary": False, "expiredAt": None, "promptPrefix": "P"}
        conversation_id = put_conversation(database, ada, **kept, messages=[1, 2, 3], tags=["a"], user=ada)
        given = chats.conversation(ada, conversation_id)
        del given["_id"]
        assert given == {**kept, "conversationId": conversation_id, "named": 3}
        for value in (None, "none"):
            database.collection("conversations").update_one({}, {"$set": {"messages": value}})
            assert chats.conversation(ada, conversation_id)["named"] == 0
        for owner, wanted in ((bob, conversation_id), (ada, new_id())):
            with pytest.raises(NotFound):
                chats.conversation(owner, wanted)

    def test_an_answer_with_what_no_model_is_sent(
        self, chats: ChatRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        said = {"text": "x", "content": [{"type": "text", "other": 1}], "attachments": [{"any": 1}]}
        answer_id = put_message(database, ada, conversation_id, **said, sender="GPT")
        given = chats.answer(ada, conversation_id, answer_id)
        del given["_id"]
        assert given == said
        for owner, where, wanted in (
            (bob, conversation_id, answer_id),
            (ada, new_id(), answer_id),
            (ada, conversation_id, new_id()),
        ):
            with pytest.raises(NotFound):
                chats.answer(owner, where, wanted)

    def test_what_messages_say_of_one_conversation_only(
        self, chats: ChatRepository, database: Database, ada: str
    ) -> None:
        conversation_id, other = (put_conversation(database, ada) for _ in range(2))
        first, second = (put_message(database, ada, conversation_id, text=text) for text in "ab")
        elsewhere = put_message(database, ada, other, text="c")
        assert chats.contents(ada, conversation_id, []) == {}
        found = chats.contents(ada, conversation_id, [first, second, elsewhere])
        assert {name: row["text"] for name, row in found.items()} == {first: "a", second: "b"}
        assert chats.contents(ada, conversation_id, [first]).keys() == {first}


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
        message = database.collection("messages").find_one({"messageId": answer_id})
        assert message is not None
        assert (message["unfinished"], message["tokenCount"], message["user"]) == (False, 1, ada)

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

    @pytest.mark.parametrize("title", [None, ""])
    def test_are_given_where_there_is_none(
        self, chats: ChatRepository, database: Database, ada: str, title: str | None
    ) -> None:
        conversation_id = put_conversation(database, ada, title=title, _meiliIndex=True)
        assert chats.give_title(ada, conversation_id, "One")
        conversation = stored(database, ada, conversation_id)
        assert (conversation["title"], conversation["_meiliIndex"]) == ("One", False)
        # That is no change of the conversation: it keeps its place in the list.
        assert conversation["updatedAt"] == START
