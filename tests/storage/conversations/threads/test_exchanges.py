"""Exchanges: several messages and their conversation, all or nothing."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from storage.conversations.deletions import DeletionRepository
from storage.conversations.exchanges import ExchangeRepository, Origin, Said, Stored
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from storage.core.errors import InvalidDocument, NotFound, UnknownParent
from storage.core.repository import now
from tests.support.chats import (
    NO_PARENT,
    START,
    new_id,
    new_owner,
    put_conversation,
    put_message,
    say,
    shape,
)
from tests.support.stored import is_empty, messages_of, stored

ORIGIN = Origin("openAI", "gpt-4o")
EXCHANGE = [Said("user", "Why?", 2), Said("assistant", "Because.", 3)]


@pytest.fixture
def exchanges(database: Database) -> ExchangeRepository:
    return ExchangeRepository(database)


@pytest.fixture
def ada() -> str:
    return new_owner()


class TestBegin:
    def test_makes_a_conversation_with_each_message_the_parent_of_the_next(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        conversation_id = exchanges.begin(
            ada, [*EXCHANGE, *EXCHANGE[:1]], ORIGIN, prompt_prefix="Be brief."
        ).conversation_id
        messages = messages_of(database, ada, conversation_id)
        assert [message["parentMessageId"] for message in messages] == [
            NO_PARENT,
            *(message["messageId"] for message in messages[:-1]),
        ]
        conversation = stored(database, ada, conversation_id)
        assert conversation["messages"] == [message["_id"] for message in messages]
        assert (conversation["endpoint"], conversation["model"]) == ("openAI", "gpt-4o")
        assert conversation["promptPrefix"] == "Be brief."
        assert conversation["title"] == "New Chat"
        assert "endpointType" not in conversation

    def test_stores_messages_as_librechat_would(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        question, answer = messages_of(database, ada, exchanges.begin(ada, EXCHANGE, ORIGIN).conversation_id)
        assert (question["sender"], question["isCreatedByUser"], question["model"]) == ("User", True, None)
        assert (answer["isCreatedByUser"], answer["model"], answer["endpoint"]) == (False, "gpt-4o", "openAI")
        assert (question["tokenCount"], answer["tokenCount"]) == (2, 3)

    def test_names_the_type_of_a_custom_endpoint(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        conversation_id = exchanges.begin(ada, EXCHANGE, Origin("Mistral", "small", "custom")).conversation_id
        assert stored(database, ada, conversation_id)["endpointType"] == "custom"

    def test_stores_nothing_when_a_part_cannot_be_stored(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        too_large: Any = "x" * (17 * 1024 * 1024)
        with pytest.raises(InvalidDocument):
            exchanges.begin(ada, [EXCHANGE[0], Said("assistant", too_large, 1)], ORIGIN)
        if database._has_transactions:
            assert is_empty(database, ada)

    def test_stores_no_message_when_the_conversation_cannot_be_stored(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        with pytest.raises(InvalidDocument):
            exchanges.begin(ada, EXCHANGE, ORIGIN, prompt_prefix="\ud800")
        assert is_empty(database, ada) is database._has_transactions


class TestAdd:
    def test_stores_no_message_when_the_conversation_cannot_be_changed(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        # Its list of messages is none, so nothing can be added to it.
        conversation_id = put_conversation(database, ada, messages="none")
        with pytest.raises(InvalidDocument):
            exchanges.add(ada, conversation_id, EXCHANGE, ORIGIN, parent=None)
        left = [each["text"] for each in messages_of(database, ada, conversation_id)]
        assert left == ([] if database._has_transactions else ["Why?", "Because."])

    def test_goes_on_after_the_parent(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        conversation_id = exchanges.begin(ada, EXCHANGE, ORIGIN).conversation_id
        last = messages_of(database, ada, conversation_id)[-1]["messageId"]
        more = [Said("user", "And?", 1), Said("assistant", "So.", 1)]
        exchanges.add(ada, conversation_id, more, Origin("anthropic", "claude"), parent=last)
        messages = messages_of(database, ada, conversation_id)
        assert shape(messages) == {"Why?": None, "Because.": "Why?", "And?": "Because.", "So.": "And?"}
        conversation = stored(database, ada, conversation_id)
        assert (conversation["endpoint"], conversation["model"]) == ("anthropic", "claude")
        assert len(conversation["messages"]) == 4
        assert conversation["updatedAt"] == messages[-1]["createdAt"]

    def test_begins_an_empty_conversation(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        exchanges.add(ada, conversation_id, EXCHANGE, ORIGIN, parent=None)
        assert shape(messages_of(database, ada, conversation_id)) == {"Why?": None, "Because.": "Why?"}

    def test_does_not_bring_back_what_was_deleted(
        self, exchanges: ExchangeRepository, database: Database, threads: ThreadRepository, ada: str
    ) -> None:
        conversation_id = exchanges.begin(ada, EXCHANGE, ORIGIN).conversation_id
        last = messages_of(database, ada, conversation_id)[-1]["messageId"]
        threads.delete_message(ada, conversation_id, last)
        with pytest.raises(UnknownParent):
            exchanges.add(ada, conversation_id, EXCHANGE, ORIGIN, parent=last)
        DeletionRepository(database).delete(ada, conversation_id)
        with pytest.raises(NotFound):
            exchanges.add(ada, conversation_id, EXCHANGE, ORIGIN, parent=last)
        assert is_empty(database, ada)

    def test_another_owners_is_not_found(
        self, exchanges: ExchangeRepository, threads: ThreadRepository, database: Database, ada: str
    ) -> None:
        conversation_id, bob = new_id(), new_owner()
        say(threads, ada, conversation_id)
        with pytest.raises(NotFound):
            exchanges.add(bob, conversation_id, EXCHANGE, ORIGIN, parent=None)
        assert is_empty(database, bob)


class TestWhatIsStored:
    CONTENT: ClassVar[list[Document]] = [{"type": "text", "text": "Because."}]

    def test_parts_and_how_long_the_conversation_is_kept(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        life = {"isTemporary": True, "expiredAt": now() + timedelta(days=1)}
        # In one write, and where a parent is not named, in a transaction.
        for named in (True, False):
            conversation_id = put_conversation(database, ada, endpoint="other", **life)
            parent = None if named else put_message(database, ada, conversation_id, text="x")
            said = [EXCHANGE[0], Said("assistant", "Because.", 3, self.CONTENT)]
            given = exchanges.add(ada, conversation_id, said, ORIGIN, parent=parent)
            question, answer = messages_of(database, ada, conversation_id)[-2:]
            assert given == Stored(conversation_id, answer["messageId"])
            assert (answer["content"], "content" in question) == (self.CONTENT, False)
            assert question["parentMessageId"] == (parent or NO_PARENT)
            for message in (question, answer):
                assert {name: message[name] for name in life} == life
                assert (message["endpoint"], message["user"]) == ("openAI", ada)
            keys = [question["_id"], answer["_id"]]
            assert stored(database, ada, conversation_id)["messages"] == keys

    def test_where_it_is(self, exchanges: ExchangeRepository, database: Database, ada: str) -> None:
        given = exchanges.begin(ada, EXCHANGE, ORIGIN)
        *_, last = messages_of(database, ada, given.conversation_id)
        assert given == Stored(given.conversation_id, last["messageId"])
        conversation = stored(database, ada, given.conversation_id)
        assert conversation["createdAt"] <= conversation["updatedAt"] == last["createdAt"]
        assert "promptPrefix" not in conversation


class TestAmend:
    def test_an_answer_says_something_else(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        stored_at = exchanges.begin(ada, EXCHANGE, ORIGIN)
        where = stored_at.conversation_id, stored_at.message_id
        database.collection("messages").update_many({}, {"$set": {"_meiliIndex": True, "updatedAt": START}})
        content = [{"type": "text", "text": "So."}]
        exchanges.amend(ada, *where, Said("assistant", "So.", 7, content))
        question, answer = messages_of(database, ada, where[0])
        assert (answer["text"], answer["tokenCount"], answer["content"]) == ("So.", 7, content)
        assert (answer["_meiliIndex"], answer["updatedAt"] > START) == (False, True)
        assert (question["text"], question["updatedAt"]) == ("Why?", START)
        exchanges.amend(ada, *where, Said("assistant", "Oh.", 1))
        *_, answer = messages_of(database, ada, where[0])
        assert (answer["text"], "content" in answer) == ("Oh.", False)

    def test_another_owners_or_a_question_is_not_found(
        self, exchanges: ExchangeRepository, database: Database, ada: str
    ) -> None:
        stored_at = exchanges.begin(ada, EXCHANGE, ORIGIN)
        conversation_id, message_id = stored_at.conversation_id, stored_at.message_id
        before = messages_of(database, ada, conversation_id)
        for owner, conversation, message in (
            (new_owner(), conversation_id, message_id),
            (ada, new_id(), message_id),
            (ada, conversation_id, new_id()),
            (ada, conversation_id, before[0]["messageId"]),
        ):
            with pytest.raises(NotFound):
                exchanges.amend(owner, conversation, message, Said("assistant", "x", 1))
        assert messages_of(database, ada, conversation_id) == before


class TestPromptPrefix:
    @pytest.mark.parametrize("prefix", ["", None, 5, ["x"]])
    def test_is_a_text_or_none(self, database: Database, prefix: Any) -> None:
        owner = new_owner()
        conversation_id = put_conversation(database, owner, promptPrefix=prefix)
        assert ExchangeRepository(database).prompt_prefix(owner, conversation_id) is None

    def test_is_the_owners(self, exchanges: ExchangeRepository, ada: str) -> None:
        with_one = exchanges.begin(ada, EXCHANGE, ORIGIN, prompt_prefix="Be brief.").conversation_id
        without = exchanges.begin(ada, EXCHANGE, ORIGIN).conversation_id
        assert (exchanges.prompt_prefix(ada, with_one), exchanges.prompt_prefix(ada, without)) == (
            "Be brief.",
            None,
        )
        for owner, conversation_id in ((new_owner(), with_one), (ada, new_id())):
            with pytest.raises(NotFound):
                exchanges.prompt_prefix(owner, conversation_id)
