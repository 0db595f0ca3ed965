"""What changes beside a message, and how two writers of one conversation get on."""

from typing import Any

import pytest
from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.conversations import threads as module
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from storage.core.errors import Conflict
from tests.support.chats import NO_PARENT, START, new_id, put_conversation, put_message, say
from tests.support.stored import messages_of, stored


@pytest.fixture
def threads(database: Database) -> ThreadRepository:
    return ThreadRepository(database)


class TestProject:
    """Of which conversation it was changed last, and how many it has."""

    @pytest.fixture
    def conversation_id(self, database: Database, ada: str) -> str:
        self.key = ObjectId()
        projects = database.collection("chatprojects")
        projects.insert_one({"_id": self.key, "user": ada, "name": "P", "conversationCount": 7})
        return put_conversation(database, ada, chatProjectId=str(self.key), messages=[])

    def check(self, database: Database, ada: str, conversation_id: str) -> None:
        project = database.collection("chatprojects").find_one({"_id": self.key}) or {}
        assert (project["conversationCount"], project["lastConversationId"]) == (1, conversation_id)
        changed = stored(database, ada, conversation_id)["updatedAt"]
        assert project["lastConversationAt"] == changed > START

    def test_is_told_of_a_new_message(
        self, threads: ThreadRepository, database: Database, ada: str, conversation_id: str
    ) -> None:
        say(threads, ada, conversation_id)
        self.check(database, ada, conversation_id)

    def test_is_told_of_one_that_follows_what_is_not_named(
        self, threads: ThreadRepository, database: Database, ada: str, conversation_id: str
    ) -> None:
        parent = put_message(database, ada, conversation_id)
        say(threads, ada, conversation_id, parent_message_id=parent)
        self.check(database, ada, conversation_id)

    def test_is_told_of_a_text_that_was_changed(
        self, threads: ThreadRepository, database: Database, ada: str, conversation_id: str
    ) -> None:
        message_id = put_message(database, ada, conversation_id)
        threads.edit(ada, conversation_id, message_id, text="new", token_count=1)
        self.check(database, ada, conversation_id)

    def test_is_told_of_a_message_that_was_deleted(
        self, threads: ThreadRepository, database: Database, ada: str, conversation_id: str
    ) -> None:
        message_id = put_message(database, ada, conversation_id)
        threads.delete_message(ada, conversation_id, message_id)
        self.check(database, ada, conversation_id)


class TestSearches:
    def test_are_told_of_a_message_that_was_deleted(
        self, threads: ThreadRepository, database: Database, ada: str, bob: str
    ) -> None:
        states = database.collection("echo_search")
        for owner in (ada, bob):
            states.insert_one({"user": owner, "expiresAt": None})
        message = say(threads, ada, new_id())
        assert states.count_documents({"stale": {"$exists": True}}) == 0
        threads.delete_message(ada, message["conversationId"], message["messageId"])
        assert {each["user"]: each.get("stale") for each in states.find()} == {ada: 1, bob: None}


class TestWithoutAConversation:
    """Messages whose conversation is not there, as after a crash."""

    def test_one_is_begun_and_follows_what_is_named_or_the_newest(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = new_id()
        first = put_message(database, ada, conversation_id)
        put_message(database, ada, conversation_id, minute=1)
        message = say(threads, ada, conversation_id, parent_message_id=first)
        assert message["parentMessageId"] == first
        assert stored(database, ada, conversation_id)["messages"] == [message["_id"]]

    def test_a_root_may_be_wanted(self, threads: ThreadRepository, database: Database, ada: str) -> None:
        conversation_id = new_id()
        put_message(database, ada, conversation_id)
        message = say(threads, ada, conversation_id, parent_message_id=NO_PARENT)
        assert message["parentMessageId"] == NO_PARENT

    def test_they_can_be_changed_and_deleted(
        self, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id = new_id()
        message_id = put_message(database, ada, conversation_id)
        assert threads.edit(ada, conversation_id, message_id, text="new", token_count=1)["text"] == "new"
        threads.delete_message(ada, conversation_id, message_id)
        assert messages_of(database, ada, conversation_id) == []
        assert database.collection("conversations").count_documents({"user": ada}) == 0


class TestNames:
    """Of what a conversation names the last sixty-four are looked at."""

    @pytest.fixture
    def named(self, database: Database, ada: str) -> list[ObjectId]:
        """The first one is of a message that is not there."""
        names = [ObjectId() for _ in range(65)]
        self.conversation_id = put_conversation(database, ada, messages=names)
        self.ids = [put_message(database, ada, self.conversation_id, _id=key) for key in names[1:]]
        self.unnamed = put_message(database, ada, self.conversation_id)
        return names

    def test_by_who_writes_after_one_that_is_not_named(
        self, threads: ThreadRepository, database: Database, ada: str, named: list[ObjectId]
    ) -> None:
        message = say(threads, ada, self.conversation_id, parent_message_id=self.unnamed)
        # One more would have been waited for, and given up.
        assert stored(database, ada, self.conversation_id)["messages"] == [*named, message["_id"]]

    def test_by_who_deletes_a_message(
        self, threads: ThreadRepository, database: Database, ada: str, named: list[ObjectId]
    ) -> None:
        threads.delete_message(ada, self.conversation_id, self.ids[-1])
        assert stored(database, ada, self.conversation_id)["messages"] == named[:-1]


class TestTwoAtOnce:
    """The first message of a conversation that another writer has begun meanwhile."""

    def settling(
        self, threads: ThreadRepository, monkeypatch: pytest.MonkeyPatch, conflicts: int
    ) -> list[int]:
        """The attempts, of which the first so many lose."""
        attempts: list[int] = []
        claims = threads._additions.claims
        settled = claims.settled

        def settle(work: Any) -> Any:
            attempts.append(1)
            if len(attempts) <= conflicts:
                raise Conflict("conversationId")
            return settled(work)

        monkeypatch.setattr(claims, "settled", settle)
        return attempts

    def test_is_tried_eleven_times(
        self, threads: ThreadRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert module.ATTEMPTS == 10
        attempts = self.settling(threads, monkeypatch, 10)
        message = say(threads, ada, new_id())
        assert len(attempts) == 11
        assert messages_of(database, ada, message["conversationId"]) == [message]

    def test_is_a_conflict_then(
        self, threads: ThreadRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = self.settling(threads, monkeypatch, 11)
        with pytest.raises(Conflict):
            say(threads, ada, new_id())
        assert len(attempts) == 11
        assert database.collection("messages").count_documents({"user": ada}) == 0

    @pytest.mark.parametrize("session", [None, "a session"])
    def test_without_a_transaction_it_joins_the_others_conversation(
        self, threads: ThreadRepository, ada: str, monkeypatch: pytest.MonkeyPatch, session: Any
    ) -> None:
        asked: list[tuple[Any, ...]] = []

        def update_one(mine: Document, update: Document, **options: Any) -> None:
            asked.append((mine, update, options))
            if len(asked) == 1:
                raise DuplicateKeyError("another was quicker", 11000)

        monkeypatch.setattr(threads, "_conversations", type("", (), {"update_one": staticmethod(update_one)}))
        key, mine = ObjectId(), {"user": ada, "conversationId": "c"}
        message = {"_id": key, "createdAt": START, **mine, "model": "m", "endpoint": "openAI"}
        if session:
            # It is lost with that, and begins again.
            with pytest.raises(DuplicateKeyError):
                threads._join(mine, message, session)
            assert len(asked) == 1
        else:
            threads._join(mine, message, None)
            (_, update, first), (again, same, second) = asked
            assert (again, same) == (mine, update)
            assert (first, second) == ({"upsert": True, "session": None}, {"upsert": True})
        _, update, options = asked[0]
        assert options == {"upsert": True, "session": session}
        assert update["$push"] == {"messages": {"$each": [key], "$slice": -500}}
        assert update["$max"] == {"updatedAt": START}
        assert update["$set"] == {"model": "m"}
        begun = update["$setOnInsert"]
        assert (begun["title"], begun["endpoint"]) == ("New Chat", "openAI")
