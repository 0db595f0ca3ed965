"""Whatever stores a message needs one connection: where the pool has no other, nobody waits for one in vain."""

from collections.abc import Iterator

import pytest

from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository
from storage.conversations.exchanges import ExchangeRepository, Origin, Said
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import Conflict, InvalidDocument, NotFound, UnknownParent
from tests.support.chats import new_id, put_conversation, put_tree, say, shape
from tests.support.database import with_database
from tests.support.stored import messages_of, stored

SAID = {"sender": "user", "token_count": 1}
ORIGIN = Origin("openAI", "gpt-4o")


@pytest.fixture
def small(server_uri: str, database: Database) -> Iterator[Database]:
    """The same database by a client with one connection, for which nobody waits longer than two seconds."""
    uri = with_database(server_uri, database.name)
    small = Database(f"{uri}{'&' if '?' in uri else '?'}maxPoolSize=1", seconds=2)
    yield small
    small.close()


@pytest.fixture
def tree(database: Database, ada: str) -> tuple[str, str]:
    return put_tree(database, ada)


class TestOneConnectionIsEnough:
    def test_under_an_id_of_its_clients(self, small: Database, ada: str, tree: tuple[str, str]) -> None:
        threads, (conversation_id, prefix) = ThreadRepository(small), tree
        for parent in (prefix + "g", None, prefix + "c"):
            threads.put(ada, conversation_id, new_id(), text="new", parent_message_id=parent, **SAID)
        threads.put(ada, conversation_id, prefix + "b", text="edited", **SAID)
        assert len(messages_of(small, ada, conversation_id)) == 12

    def test_what_is_refused(self, small: Database, ada: str, tree: tuple[str, str]) -> None:
        threads, (conversation_id, prefix) = ThreadRepository(small), tree
        other = put_conversation(small, ada)
        for wanted, parent, text, error in (
            (new_id(), None, "new", NotFound),
            (new_id(), new_id(), "new", NotFound),
            (conversation_id, new_id(), "new", UnknownParent),
            (conversation_id, None, "\ud800", InvalidDocument),
        ):
            with pytest.raises(error):
                threads.put(ada, wanted, new_id(), text=text, parent_message_id=parent, **SAID)
        with pytest.raises(Conflict):
            threads.put(ada, other, prefix + "b", text="new", **SAID)
        more = {"messageId": prefix + "b"}
        with pytest.raises(Conflict):
            threads.post(ada, conversation_id, text="new", more=more, **SAID)
        assert len(messages_of(small, ada, conversation_id)) == 9

    def test_after_the_newest_and_in_a_new_conversation(self, small: Database, ada: str) -> None:
        conversation_id = new_id()
        for text in ("first", "second"):
            say(ThreadRepository(small), ada, conversation_id, text)
        assert shape(messages_of(small, ada, conversation_id)) == {"first": None, "second": "first"}

    def test_where_the_conversation_does_not_name_the_parent(
        self, small: Database, database: Database, ada: str, tree: tuple[str, str]
    ) -> None:
        conversation_id, prefix = tree
        database.collection("conversations").update_one(
            {"conversationId": conversation_id}, {"$set": {"messages": []}}
        )
        made = ThreadRepository(small).put(
            ada, conversation_id, new_id(), text="new", parent_message_id=prefix + "g", **SAID
        )
        assert stored(small, ada, conversation_id)["messages"] == [made["_id"]]

    def test_an_exchange_and_a_chat(self, small: Database, ada: str, tree: tuple[str, str]) -> None:
        conversation_id, prefix = tree
        said = [Said("user", "Why?", 1), Said("assistant", "Because.", 1)]
        added = ExchangeRepository(small).add(ada, conversation_id, said, ORIGIN, parent=prefix + "g")
        answer = {
            "messageId": new_id(),
            "parentMessageId": added.message_id,
            "text": "",
            "isCreatedByUser": False,
        }
        chats = ChatRepository(small)
        chats.begin(ada, conversation_id, Begun(None, answer, {}))
        chats.finish(ada, conversation_id, answer["messageId"], {"text": "So."})
        found = messages_of(small, ada, conversation_id)
        assert [each["text"] for each in found][-3:] == ["Why?", "Because.", "So."]
