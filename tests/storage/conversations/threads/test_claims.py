"""A message that is named and not stored: it is waited for, given up, and nothing that was acknowledged suffers."""

import threading
import time
from collections.abc import Callable

import pytest
from bson import ObjectId

from storage.conversations import claims
from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository
from storage.conversations.claims import Claims
from storage.conversations.deletions import DeletionRepository
from storage.conversations.exchanges import ExchangeRepository, Origin, Said
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from storage.core.errors import Conflict, NotFound, Unavailable, UnknownParent
from storage.core.repository import now
from tests.support.chats import new_id, profiled, put_conversation, put_message, say, shape
from tests.support.stored import is_empty, messages_of, stored

Named = tuple[Document, ObjectId]
SAID = [Said("user", "Why?", 1), Said("assistant", "Because.", 1)]


@pytest.fixture
def begun(threads: ThreadRepository, ada: str) -> Document:
    """A conversation of two messages; the last of them."""
    conversation_id = new_id()
    say(threads, ada, conversation_id, "first")
    return say(threads, ada, conversation_id, "second")


@pytest.fixture
def torn(database: Database, ada: str, begun: Document) -> Named:
    """The conversation when a message was named, and its process died before it was stored."""
    mine = {"user": ada, "conversationId": begun["conversationId"]}
    key = ObjectId()
    with database.line() as line:
        assert Claims(database).claim(line, mine, [key], {"$max": {"updatedAt": now()}})
    return mine, key


def stored_later(
    database: Database, named: Named, parent: Document, seconds: float = 0.1
) -> threading.Thread:
    """The message of `torn` comes after all."""
    _, key = named
    message = {
        **parent,
        "_id": key,
        "messageId": str(key),
        "parentMessageId": parent["messageId"],
        "text": "late",
    }

    def store() -> None:
        time.sleep(seconds)
        database.collection("messages").insert_one(message)

    thread = threading.Thread(target=store)
    thread.start()
    return thread


def named_and_there(database: Database, conversation: Document) -> tuple[list[ObjectId], list[ObjectId]]:
    owner, conversation_id = conversation["user"], conversation["conversationId"]
    there = [each["_id"] for each in messages_of(database, owner, conversation_id)]
    return stored(database, owner, conversation_id)["messages"], there


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PATIENCE_SECONDS", 0.02)


@pytest.mark.usefixtures("impatient")
class TestNeverStored:
    def test_the_next_message_heals_it(
        self, threads: ThreadRepository, database: Database, torn: Named, begun: Document
    ) -> None:
        mine, key = torn
        assert key in stored(database, **owned(mine))["messages"]
        # Of another process: this one would know what it stored last.
        posted = say(ThreadRepository(database), begun["user"], begun["conversationId"])
        assert posted["parentMessageId"] == begun["messageId"]
        named, there = named_and_there(database, begun)
        assert named == there
        assert len(there) == 3

    def test_it_prevents_no_deletion_of_a_message(
        self, threads: ThreadRepository, database: Database, torn: Named, begun: Document
    ) -> None:
        threads.delete_message(begun["user"], begun["conversationId"], begun["messageId"])
        named, there = named_and_there(database, begun)
        assert named == there
        assert len(there) == 1

    def test_it_prevents_no_deletion_of_the_conversation(
        self, database: Database, torn: Named, ada: str, begun: Document
    ) -> None:
        DeletionRepository(database).delete(ada, begun["conversationId"])
        assert is_empty(database, ada)

    @pytest.mark.usefixtures("torn")
    def test_who_comes_late_takes_it_back(
        self, database: Database, begun: Document, torn: Named, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine, key = torn
        monkeypatch.setattr(claims, "DOUBT_SECONDS", 0.0)
        Claims(database).give_back(mine, [key])
        with pytest.raises(Unavailable):
            Claims(database).store(
                database.line(), mine, [{**begun, "_id": key, "messageId": new_id()}], time.monotonic() - 1
            )
        named, there = named_and_there(database, begun)
        assert named == there
        assert key not in there

    def test_who_was_slow_but_not_given_up_is_stored(
        self, database: Database, begun: Document, torn: Named, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine, key = torn
        monkeypatch.setattr(claims, "DOUBT_SECONDS", 0.0)
        Claims(database).store(
            database.line(), mine, [{**begun, "_id": key, "messageId": new_id()}], time.monotonic() - 1
        )
        named, there = named_and_there(database, begun)
        assert sorted(named) == sorted(there)
        assert key in there

    @pytest.mark.parametrize("count", [1, 2])
    def test_what_cannot_be_stored_leaves_nothing(
        self, database: Database, begun: Document, ada: str, count: int
    ) -> None:
        mine = {"user": ada, "conversationId": begun["conversationId"]}
        keys = [ObjectId() for _ in range(count)]
        there, line = Claims(database), database.line()
        there.claim(line, mine, keys, {"$max": {"updatedAt": now()}})
        made = [{**begun, "_id": key, "messageId": new_id()} for key in keys]
        made[-1]["messageId"] = begun["messageId"]
        with pytest.raises(Conflict):
            there.store(line, mine, made, time.monotonic())
        named, left = named_and_there(database, begun)
        assert named == left
        assert len(left) == 2


class TestOnItsWay:
    def test_a_message_that_it_hangs_on_goes_after_it_came(
        self, threads: ThreadRepository, database: Database, torn: Named, begun: Document
    ) -> None:
        coming = stored_later(database, torn, begun)
        threads.delete_message(begun["user"], begun["conversationId"], begun["messageId"])
        coming.join()
        left = messages_of(database, begun["user"], begun["conversationId"])
        assert shape(left) == {"first": None, "late": "first"}
        named, there = named_and_there(database, begun)
        assert sorted(named) == sorted(there)

    def test_its_conversation_goes_after_it_came(
        self, database: Database, torn: Named, ada: str, begun: Document
    ) -> None:
        coming = stored_later(database, torn, begun)
        deleted = DeletionRepository(database).delete(ada, begun["conversationId"])
        coming.join()
        assert deleted.messages == 3
        assert is_empty(database, ada)

    def test_the_next_message_follows_it(
        self, database: Database, torn: Named, ada: str, begun: Document
    ) -> None:
        coming = stored_later(database, torn, {**begun, "createdAt": now()})
        posted = say(ThreadRepository(database), ada, begun["conversationId"], "next")
        coming.join()
        left = messages_of(database, ada, begun["conversationId"])
        assert shape(left)["next"] == "late"
        assert posted == left[-1]

    def test_a_deletion_of_another_owners_does_not_wait(
        self, threads: ThreadRepository, database: Database, torn: Named, bob: str, begun: Document
    ) -> None:
        message = say(threads, bob, begun["conversationId"])
        began = time.monotonic()
        threads.delete_message(bob, begun["conversationId"], message["messageId"])
        assert time.monotonic() - began < claims.PATIENCE_SECONDS


class TestLongConversations:
    """Whatever writes a message leaves the newest five hundred named."""

    def adding(
        self, database: Database, ada: str, conversation_id: str, parent: str
    ) -> list[Callable[[], object]]:
        answer = {"messageId": new_id(), "parentMessageId": parent, "text": "", "isCreatedByUser": False}
        origin = Origin("openAI", "gpt-4o")
        return [
            lambda: say(ThreadRepository(database), ada, conversation_id),
            lambda: say(ThreadRepository(database), ada, conversation_id, parent_message_id=parent),
            lambda: ChatRepository(database).begin(ada, conversation_id, Begun(None, answer, {})),
            lambda: ExchangeRepository(database).add(ada, conversation_id, SAID, origin, parent=parent),
        ]

    def test_the_oldest_names_go(self, database: Database, ada: str) -> None:
        names = [ObjectId(f"{number:024x}") for number in range(499)]
        conversation_id = put_conversation(database, ada, messages=names)
        parent = put_message(database, ada, conversation_id, text="x")
        say(ThreadRepository(database), ada, conversation_id)
        assert stored(database, ada, conversation_id)["messages"][:499] == names
        for add in self.adding(database, ada, conversation_id, parent):
            add()
        left = messages_of(database, ada, conversation_id)
        assert len(left) == 7
        after = stored(database, ada, conversation_id)
        assert after["messages"] == [*names[5:], *(each["_id"] for each in left[1:])]
        assert after["updatedAt"] == left[-1]["createdAt"]


class TestCommands:
    """What a message costs: of the two writes only one waits for the journal."""

    def test_two_for_a_message_that_follows_ones_own(
        self, threads: ThreadRepository, database: Database, ada: str, begun: Document
    ) -> None:
        with profiled(database, "conversations") as conversations:
            say(threads, ada, begun["conversationId"])
        with profiled(database, "messages") as messages:
            say(threads, ada, begun["conversationId"])
        # An insert is not noted.
        assert ([each["op"] for each in conversations], messages) == (["command"], [])

    def test_a_read_more_after_anothers(self, database: Database, ada: str, begun: Document) -> None:
        threads = ThreadRepository(database)
        with profiled(database, "messages") as messages:
            say(threads, ada, begun["conversationId"], parent_message_id=begun["messageId"])
        assert [each["op"] for each in messages] == ["query"]

    def test_a_parent_that_went_is_unknown_to_who_wrote_it(
        self, threads: ThreadRepository, database: Database, ada: str, begun: Document
    ) -> None:
        ThreadRepository(database).delete_message(ada, begun["conversationId"], begun["messageId"])
        with pytest.raises(UnknownParent):
            say(threads, ada, begun["conversationId"], parent_message_id=begun["messageId"])
        assert say(threads, ada, begun["conversationId"])["parentMessageId"] != begun["messageId"]

    def test_a_conversation_that_went_gets_no_answer(
        self, database: Database, ada: str, begun: Document
    ) -> None:
        DeletionRepository(database).delete(ada, begun["conversationId"])
        with pytest.raises(NotFound):
            ExchangeRepository(database).add(
                ada, begun["conversationId"], SAID, Origin("openAI", "gpt-4o"), parent=begun["messageId"]
            )
        assert is_empty(database, ada)


def owned(mine: Document) -> dict[str, str]:
    return {"owner": mine["user"], "conversation_id": mine["conversationId"]}
