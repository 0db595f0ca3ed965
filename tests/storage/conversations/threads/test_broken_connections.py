"""A connection breaks while a message is named or stored: it is there once, and named once."""

from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from storage.core.errors import Uncertain
from tests.support.broken import broken_at
from tests.support.chats import new_id, put_tree, say
from tests.support.stored import messages_of, stored

CLAIM, STORE = "findAndModify", "insert"
SAID: Any = {"text": "new", "sender": "user", "token_count": 1}


@pytest.fixture
def tree(database: Database, ada: str) -> tuple[str, str]:
    """A conversation, and a message of it."""
    conversation_id, prefix = put_tree(database, ada)
    return conversation_id, prefix + "g"


def has_transactions(database: Database) -> bool:
    return "setName" in database.client.admin.command("hello")


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
def test_when_it_is_stored_it_is_sent_again_or_nobody_knows_and_it_stays_named(
    threads: ThreadRepository, database: Database, ada: str, tree: tuple[str, str], done: bool
) -> None:
    conversation_id, parent = tree
    put = partial(threads.put, ada, conversation_id, new_id(), parent_message_id=parent, **SAID)
    before = stored(database, ada, conversation_id)["messages"]
    with broken_at(STORE, done=done) as breaks:
        if has_transactions(database):
            check_is_there_once(database, put())
        else:
            # MongoDB keeps no account there.
            with pytest.raises(Uncertain):
                put()
    assert len(breaks) == 1
    *earlier, last = stored(database, ada, conversation_id)["messages"]
    assert earlier == before
    new = [each["_id"] for each in messages_of(database, ada, conversation_id) if each["text"] == "new"]
    assert new == ([last] if done or has_transactions(database) else [])


def test_both_may_break(
    threads: ThreadRepository, database: Database, ada: str, tree: tuple[str, str]
) -> None:
    conversation_id, parent = tree
    # An insert is sent once where there are no transactions.
    commands = [CLAIM, STORE] if has_transactions(database) else [CLAIM]
    with ExitStack() as stack:
        breaks = [stack.enter_context(broken_at(each, done=True)) for each in commands]
        message = threads.put(ada, conversation_id, new_id(), parent_message_id=parent, **SAID)
    assert breaks == [[each] for each in commands]
    check_is_there_once(database, message)
