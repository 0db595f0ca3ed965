"""A connection breaks while a message is named or stored: it is there once, and named once."""

from contextlib import ExitStack
from typing import Any

import pytest

from storage.conversations.exchanges import ExchangeRepository, Origin, Said
from storage.conversations.threads import ThreadRepository
from storage.core import lines
from storage.core.database import Database, Document
from storage.core.errors import Unavailable, Uncertain
from storage.core.lines import insert_missing
from tests.support.broken import broken_at
from tests.support.chats import new_id, put_tree, say
from tests.support.stored import is_empty, messages_of, stored

CLAIM, STORE = "findAndModify", "insert"
SAID: Any = {"text": "new", "sender": "user", "token_count": 1}


@pytest.fixture
def tree(database: Database, ada: str) -> tuple[str, str]:
    """A conversation, and a message of it."""
    conversation_id, prefix = put_tree(database, ada)
    return conversation_id, prefix + "g"


def check_is_there_once(database: Database, message: Document) -> None:
    owner, conversation_id = message["user"], message["conversationId"]
    new = [each for each in messages_of(database, owner, conversation_id) if each["text"] == "new"]
    assert new == [message]
    conversation = stored(database, owner, conversation_id)
    assert conversation["messages"].count(message["_id"]) == 1
    assert conversation["messages"][-1] == message["_id"]
    assert conversation["updatedAt"] == message["createdAt"] == message["updatedAt"]


@pytest.mark.parametrize("done", [True, False])
class TestWhenItIsNamed:
    def test_under_an_id_of_its_clients(
        self, threads: ThreadRepository, database: Database, ada: str, tree: tuple[str, str], done: bool
    ) -> None:
        conversation_id, parent = tree
        with broken_at(CLAIM, done=done) as breaks:
            message = threads.put(ada, conversation_id, new_id(), parent_message_id=parent, **SAID)
        assert len(breaks) == 1
        assert message["parentMessageId"] == parent
        check_is_there_once(database, message)

    def test_after_the_newest(
        self, threads: ThreadRepository, database: Database, ada: str, done: bool
    ) -> None:
        conversation_id = new_id()
        before = say(threads, ada, conversation_id, "before")
        with broken_at(CLAIM, done=done) as breaks:
            message = say(threads, ada, conversation_id, "new")
        assert len(breaks) == 1
        assert message["parentMessageId"] == before["messageId"]
        check_is_there_once(database, message)


@pytest.mark.parametrize("done", [True, False])
class TestWhenItIsStored:
    def test_it_is_there_once(
        self, threads: ThreadRepository, database: Database, ada: str, tree: tuple[str, str], done: bool
    ) -> None:
        conversation_id, parent = tree
        with broken_at(STORE, done=done) as breaks:
            message = threads.put(ada, conversation_id, new_id(), parent_message_id=parent, **SAID)
        assert len(breaks) == 1
        check_is_there_once(database, message)

    def test_an_exchange_is_there_once(
        self, database: Database, ada: str, tree: tuple[str, str], done: bool
    ) -> None:
        conversation_id, parent = tree
        said = [Said("user", "Why?", 1), Said("assistant", "Because.", 1)]
        with broken_at(STORE, done=done) as breaks:
            ExchangeRepository(database).add(
                ada, conversation_id, said, Origin("openAI", "gpt-4o"), parent=parent
            )
        assert len(breaks) == 1
        there = messages_of(database, ada, conversation_id)
        assert [each["text"] for each in there][-2:] == ["Why?", "Because."]
        assert len(there) == 11
        names = stored(database, ada, conversation_id)["messages"]
        assert names[-2:] == [each["_id"] for each in there][-2:]
        assert len(names) == 11

    def test_not_where_it_was_deleted_meanwhile_with_its_conversation(
        self,
        database: Database,
        ada: str,
        tree: tuple[str, str],
        done: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        conversation_id, parent = tree
        threads = ThreadRepository(database)

        def deleted_first(*inserted: Any) -> None:
            mine = {"user": ada, "conversationId": conversation_id}
            for name in ("messages", "conversations"):
                database.collection(name).delete_many(mine)
            insert_missing(*inserted)

        monkeypatch.setattr(lines, "insert_missing", deleted_first)
        with broken_at(STORE, done=done), pytest.raises(Unavailable):
            threads.put(ada, conversation_id, new_id(), parent_message_id=parent, **SAID)
        assert is_empty(database, ada)


def test_where_nobody_knows_it_stays_named(
    threads: ThreadRepository, database: Database, ada: str, tree: tuple[str, str]
) -> None:
    conversation_id, parent = tree
    before = stored(database, ada, conversation_id)["messages"]
    with broken_at(STORE, done=True, times=3) as breaks, pytest.raises(Uncertain):
        threads.put(ada, conversation_id, new_id(), parent_message_id=parent, **SAID)
    # A single server does not let the driver send it again.
    assert 2 <= len(breaks) <= 3
    *earlier, last = stored(database, ada, conversation_id)["messages"]
    assert earlier == before
    new = [each["_id"] for each in messages_of(database, ada, conversation_id) if each["text"] == "new"]
    assert new == [last]


def test_both_may_break(
    threads: ThreadRepository, database: Database, ada: str, tree: tuple[str, str]
) -> None:
    conversation_id, parent = tree
    with ExitStack() as stack:
        breaks = [stack.enter_context(broken_at(each, done=True)) for each in (CLAIM, STORE)]
        message = threads.put(ada, conversation_id, new_id(), parent_message_id=parent, **SAID)
    assert breaks == [[CLAIM], [STORE]]
    check_is_there_once(database, message)
