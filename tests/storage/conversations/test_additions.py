"""What a message changes in its conversation, which moment it gets, and whether it can be stored."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations.additions import Additions, later, moved_up, storable
from storage.core.database import Database
from storage.core.errors import InvalidDocument, UnknownParent
from tests.support.chats import (
    NO_PARENT,
    START,
    message_document,
    profiled,
    put_conversation,
    put_message,
)
from tests.support.stored import messages_of, stored

MILLISECOND = timedelta(milliseconds=1)


class TestMovedUp:
    def test_by_the_moment_and_by_the_model_if_one_is_named(self) -> None:
        moment = {"$max": {"updatedAt": START}}
        assert moved_up({"createdAt": START}) == moment
        assert moved_up({"createdAt": START, "model": None}) == moment
        assert moved_up({"createdAt": START, "model": "m"}) == {**moment, "$set": {"model": "m"}}


class TestLater:
    @pytest.mark.parametrize(
        ("others", "milliseconds"),
        [
            ((), 0),
            ((None, "x"), 0),
            ((-1,), 0),
            ((0,), 1),
            ((5,), 6),
            ((5, None, 7, 6), 8),
            ((999,), 1000),
            # A clock that is wrong.
            ((1000,), 0),
            ((1000, 3), 4),
        ],
    )
    def test_is_after_the_others_that_are_not_far_ahead(self, others: Any, milliseconds: int) -> None:
        dates = [START + each * MILLISECOND if isinstance(each, int) else each for each in others]
        assert later(START, *dates) == START + milliseconds * MILLISECOND


class TestStorable:
    # A document of one such text has sixteen bytes besides.
    @pytest.mark.parametrize(("size", "is_storable"), [(16776192, True), (16776193, False)])
    def test_leaves_room_for_what_is_added(self, size: int, is_storable: bool) -> None:
        document = {"text": "x" * (size - 16)}
        if is_storable:
            assert storable(document) is document
        else:
            with pytest.raises(InvalidDocument) as caught:
                storable(document)
            assert caught.value.reason == "it has more than 16 MiB"

    def test_a_text_that_is_none_is_refused(self) -> None:
        with pytest.raises(InvalidDocument):
            storable({"text": "\ud800"})


class TestAdd:
    def make(self, text: str) -> Any:
        return lambda parent, conversation: {
            **message_document(parent=parent, owner=self.owner, conversation_id=self.conversation_id),
            "text": text,
            "kept": conversation.get("endpoint"),
        }

    @pytest.fixture(autouse=True)
    def begun(self, database: Database, ada: str) -> None:
        self.owner = ada
        self.conversation_id = put_conversation(database, ada, endpoint="e", updatedAt=START)
        self.mine = {"user": ada, "conversationId": self.conversation_id}

    def test_follows_what_another_process_stored_last(self, database: Database, ada: str) -> None:
        first = Additions(database).add(self.mine, None, self.make("one"))
        assert first is not None
        second = Additions(database).add(self.mine, None, self.make("two"))
        assert second is not None
        one, two = messages_of(database, ada, self.conversation_id)
        assert (one["text"], two["text"], two["parentMessageId"]) == ("one", "two", one["messageId"])
        assert (first[0], second[0], one["kept"]) == (one, two, "e")
        # All were made at the same moment, and none is listed before the one that it follows.
        assert [one["createdAt"], two["createdAt"]] == [START + MILLISECOND, START + 2 * MILLISECOND]
        assert (one["updatedAt"], two["updatedAt"]) == (one["createdAt"], two["createdAt"])
        conversation = stored(database, ada, self.conversation_id)
        assert conversation["messages"] == [one["_id"], two["_id"]]
        assert conversation["updatedAt"] == two["createdAt"]

    def test_is_after_the_newest_though_the_conversation_is_older(self, database: Database, ada: str) -> None:
        newest = put_message(
            database, ada, self.conversation_id, createdAt=START + 300 * MILLISECOND, text="x"
        )
        added = Additions(database).add(self.mine, None, self.make("y"))
        assert added is not None
        assert added[0]["parentMessageId"] == newest
        assert added[0]["createdAt"] == START + 301 * MILLISECOND

    def test_where_there_is_no_conversation_nothing_is_stored(
        self, database: Database, ada: str, bob: str
    ) -> None:
        mine = {"user": bob, "conversationId": self.conversation_id}
        assert Additions(database).add(mine, None, self.make("one")) is None
        assert database.collection("messages").count_documents({}) == 0

    def test_a_parent_that_the_conversation_does_not_name_is_not_followed_here(
        self, database: Database, ada: str
    ) -> None:
        parent = put_message(database, ada, self.conversation_id)
        assert Additions(database).add(self.mine, parent, self.make("one")) is None
        with pytest.raises(UnknownParent):
            Additions(database).add(self.mine, "none", self.make("one"))
        assert len(messages_of(database, ada, self.conversation_id)) == 1

    def test_what_cannot_be_stored_is_not_named(self, database: Database, ada: str) -> None:
        with pytest.raises(InvalidDocument):
            Additions(database).add(self.mine, None, self.make("x" * (17 << 20)))
        assert "messages" not in stored(database, ada, self.conversation_id)

    def test_the_last_one_that_is_named_is_waited_for_if_it_is_not_the_newest(
        self, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        awaited: list[tuple[Any, ...]] = []
        additions = Additions(database)
        monkeypatch.setattr(additions.claims, "await_stored", lambda *asked: awaited.append(asked))
        # Nothing is named: nothing is waited for, whatever is there.
        newest = put_message(database, ada, self.conversation_id, createdAt=START + 300 * MILLISECOND)
        added = additions.add(self.mine, None, self.make("one"))
        assert added is not None
        assert (added[0]["parentMessageId"], awaited) == (newest, [])
        # The one that was added is named, and by its date it is the newest.
        added = additions.add(self.mine, None, self.make("two"))
        assert awaited == []
        coming = ObjectId()
        with database.line() as line:
            additions.claims.claim(line, self.mine, [coming], {"$set": {"model": "m"}})
        assert added is not None
        followed = additions.add(self.mine, None, self.make("three"))
        assert awaited == [(self.mine, [coming])]
        assert followed is not None
        assert followed[0]["parentMessageId"] == added[0]["messageId"]

    def test_what_this_process_stored_last_is_known_without_asking(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        additions = Additions(database)
        first = additions.add(self.mine, None, self.make("one"))
        assert first is not None
        additions.ends.note(self.mine, first[0])
        monkeypatch.setattr(additions, "_find_newest", None)
        second = additions.add(self.mine, None, self.make("two"))
        assert second is not None
        assert second[0]["parentMessageId"] == first[0]["messageId"]
        # As a parent by its id, too; another one is looked for.
        additions.ends.note(self.mine, second[0])
        with profiled(database, "messages") as reads:
            third = additions.add(self.mine, second[0]["messageId"], self.make("three"))
            fourth = additions.add(self.mine, first[0]["messageId"], self.make("four"))
        assert third is not None
        assert fourth is not None
        assert third[0]["parentMessageId"] == second[0]["messageId"]
        assert fourth[0]["parentMessageId"] == first[0]["messageId"]
        assert len([each for each in reads if each["op"] == "query"]) == 1

    def test_a_root_follows_nothing(self, database: Database, ada: str) -> None:
        put_message(database, ada, self.conversation_id, createdAt=START + timedelta(hours=1))
        added = Additions(database).add(self.mine, NO_PARENT, self.make("root"))
        assert added is not None
        assert added[0]["parentMessageId"] == NO_PARENT
        # Nor is it later than what it does not follow.
        assert added[0]["createdAt"] == START + MILLISECOND

    def test_a_moment_that_is_late_enough_is_kept_and_written_once(
        self, database: Database, ada: str
    ) -> None:
        database.collection("conversations").update_one(
            self.mine, {"$set": {"updatedAt": START - MILLISECOND}}
        )
        with profiled(database, "conversations") as notes:
            added = Additions(database).add(self.mine, None, self.make("one"))
        assert added is not None
        assert added[0]["createdAt"] == added[0]["updatedAt"] == START
        assert stored(database, ada, self.conversation_id)["updatedAt"] == START
        assert len(notes) == 1
