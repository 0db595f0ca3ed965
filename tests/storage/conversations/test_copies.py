"""Duplicates, and copies of what another has shared. Forks stand in `threads/test_forking.py`."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from storage.conversations import copies as stored_copies
from storage.conversations import forks
from storage.conversations.copies import CopyRepository, Source
from storage.core.database import Database, Document
from storage.core.errors import InvalidDocument, NotFound
from storage.core.repository import now
from tests.support.chats import (
    START,
    TREE,
    new_id,
    new_owner,
    put_conversation,
    put_message,
    put_tree,
    shape,
)
from tests.support.patience import noted_seconds
from tests.support.stored import messages_of, stored


@pytest.fixture
def copies(database: Database) -> CopyRepository:
    return CopyRepository(database)


def outlines(database: Database, owner: str, conversation_id: str) -> list[Document]:
    query = {"user": owner, "conversationId": conversation_id}
    return list(database.collection("messages").find(query, forks.OUTLINE).sort("createdAt", 1))


class TestDuplicate:
    def test_copies_all_of_it(self, copies: CopyRepository, database: Database, ada: str) -> None:
        conversation_id, _ = put_tree(database, ada)
        before = messages_of(database, ada, conversation_id)
        made = copies.duplicate(ada, conversation_id)
        assert made["conversationId"] != conversation_id
        assert made == stored(database, ada, made["conversationId"])
        written = messages_of(database, ada, made["conversationId"])
        assert shape(written) == TREE
        assert made["messages"] == [each["_id"] for each in written]
        assert [each["createdAt"] for each in written] == [each["createdAt"] for each in before]
        assert messages_of(database, ada, conversation_id) == before
        names = {each["messageId"] for each in (*before, *written)}
        assert len(names) == 2 * len(TREE)

    @pytest.mark.parametrize(
        ("title", "given", "expected"),
        [("old", "new", "new"), ("old", None, "old"), ("old", "", "old"), (None, None, "New Chat")],
    )
    def test_has_the_title_that_is_given_or_the_originals(
        self, database: Database, title: str | None, given: str | None, expected: str
    ) -> None:
        ada = new_owner()
        conversation_id = put_conversation(database, ada, title=title)
        copies = CopyRepository(database)
        assert copies.duplicate(ada, conversation_id, title=given)["title"] == expected

    def test_what_only_the_messages_hold_is_copied(
        self, copies: CopyRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        kept = {"text": "x", "sender": "GPT", "content": [{"type": "text", "text": "y"}], "tokenCount": 3}
        put_message(database, ada, conversation_id, **kept, _meiliIndex=True)
        (message,) = messages_of(database, ada, copies.duplicate(ada, conversation_id)["conversationId"])
        assert {name: message[name] for name in kept} == kept
        assert message["_meiliIndex"] is False
        assert {forks.ORIGINAL, forks.BYTES}.isdisjoint(message)

    def test_what_belongs_to_one_conversation_only_stays_there(
        self, copies: CopyRepository, database: Database, ada: str
    ) -> None:
        own = {"archivedAt": START, "subagentThread": {"x": 1}, "agentEventActor": {"x": 1}}
        made = copies.duplicate(ada, put_conversation(database, ada, isArchived=True, agent_id="a", **own))
        assert own.keys().isdisjoint(made)
        assert (made["agent_id"], made["isArchived"], made["_meiliIndex"]) == ("a", False, False)
        assert made["createdAt"] == made["updatedAt"] > START

    def test_one_without_an_id_is_copied(self, copies: CopyRepository, database: Database, ada: str) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, messageId=None, text="x")
        made = copies.duplicate(ada, conversation_id)
        (message,) = messages_of(database, ada, made["conversationId"])
        assert message["text"] == "x"
        assert message["messageId"]

    def test_another_owners_is_not_found(
        self, copies: CopyRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        put_message(database, bob, conversation_id)
        for wanted in (conversation_id, new_id()):
            with pytest.raises(NotFound):
                copies.duplicate(bob, wanted)
        assert database.collection("conversations").count_documents({}) == 1

    def test_another_owners_messages_of_the_same_id_stay_theirs(
        self, copies: CopyRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        put_conversation(database, bob, conversationId=conversation_id)
        put_message(database, bob, conversation_id, text="his")
        made = copies.duplicate(bob, conversation_id)
        assert [each["text"] for each in messages_of(database, bob, made["conversationId"])] == ["his"]

    def test_it_counts_where_the_original_does(
        self, copies: CopyRepository, database: Database, ada: str
    ) -> None:
        tags, projects = database.collection("conversationtags"), database.collection("chatprojects")
        tags.insert_one({"user": ada, "tag": "work", "count": 1})
        key = projects.insert_one({"user": ada, "name": "P", "conversationCount": 1}).inserted_id
        conversation_id = put_conversation(database, ada, tags=["work"], chatProjectId=str(key))
        made = copies.duplicate(ada, conversation_id)
        assert (tags.find_one({}) or {})["count"] == 2
        project = projects.find_one({}) or {}
        assert (project["conversationCount"], project["lastConversationId"]) == (2, made["conversationId"])


@pytest.mark.parametrize(
    ("latest", "expected"), [(None, {"b": None, "d": "b", "g": "d"}), ("e", {"b": None, "e": "b"})]
)
def test_a_fork_that_begins_at_its_target_ends_where_a_client_says(
    copies: CopyRepository, database: Database, latest: str | None, expected: dict[str, str | None]
) -> None:
    ada = new_owner()
    conversation_id, prefix = put_tree(database, ada)
    made = copies.fork(
        ada,
        conversation_id,
        prefix + "b",
        option="directPath",
        split_at_target=True,
        latest_id=latest and prefix + latest,
    )
    assert shape(messages_of(database, ada, made["conversationId"])) == expected


def test_a_copy_has_the_time_of_what_takes_long(
    copies: CopyRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation_id, prefix = put_tree(database, ada)
    with noted_seconds(database, monkeypatch) as noted:
        copies.duplicate(ada, conversation_id)
        copies.fork(ada, conversation_id, prefix + "b", option="directPath", split_at_target=False)
    assert noted == [60.0, 60.0]


class TestTooMuchForATransaction:
    """More than that is written in an order that leaves nothing broken."""

    @pytest.fixture(autouse=True)
    def few_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stored_copies, "COPIED_AT_ONCE", 10)

    def test_is_copied_as_well(self, copies: CopyRepository, database: Database, ada: str) -> None:
        conversation_id, _ = put_tree(database, ada)
        made = copies.duplicate(ada, conversation_id)
        assert shape(messages_of(database, ada, made["conversationId"])) == TREE
        assert database.collection("conversations").count_documents({"user": ada}) == 2

    def test_nothing_is_left_of_what_cannot_be_stored(
        self, copies: CopyRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        put_message(database, bob, conversation_id)
        with pytest.raises(InvalidDocument):
            copies.duplicate(ada, conversation_id, title="\ud800")
        assert database.collection("messages").count_documents({}) == len(TREE) + 1
        assert shape(messages_of(database, ada, conversation_id)) == TREE
        assert database.collection("conversations").count_documents({}) == 1


class TestAdopt:
    FIELDS: ClassVar[Document] = {"title": "Shared", "endpoint": "openAI", "model": "m", "tags": []}

    def adopt(
        self, database: Database, owner: str, bob: str, conversation_id: str, names: str, **fields: Any
    ) -> Document:
        """A copy of those messages for `bob`, without what is none of his business."""
        chosen = [
            each
            for each in outlines(database, owner, conversation_id)
            if each["messageId"].rpartition("-")[2] in names
        ]

        def cleaned(message: Document) -> Document:
            return {name: value for name, value in message.items() if name != "secret"}

        return CopyRepository(database).adopt(
            bob, Source(owner, conversation_id), chosen, {**self.FIELDS, **fields}, cleaned
        )

    def test_only_those_messages_and_of_them_what_is_left(
        self, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        later = now() + timedelta(days=1)
        database.collection("messages").update_many(
            {}, {"$set": {"secret": 1, "endpoint": "azure", "isTemporary": True, "expiredAt": later}}
        )
        before = messages_of(database, ada, conversation_id)
        made = self.adopt(database, ada, bob, conversation_id, "abd")
        written = messages_of(database, bob, made["conversationId"])
        assert shape(written) == {"a": None, "b": "a", "d": "b"}
        for message in written:
            assert (message["user"], message["endpoint"], message["text"] in "abd") == (bob, "openAI", True)
            assert (message["isTemporary"], message["expiredAt"], message["__v"]) == (False, None, 0)
            assert {"secret", forks.ORIGINAL, forks.BYTES}.isdisjoint(message)
        assert messages_of(database, ada, conversation_id) == before

    def test_the_conversation_is_new_and_ones_own(self, database: Database, ada: str, bob: str) -> None:
        conversation_id, _ = put_tree(database, ada)
        made = self.adopt(database, ada, bob, conversation_id, "ab")
        conversation = stored(database, bob, made["conversationId"])
        assert made == conversation
        assert conversation.pop("_id")
        assert conversation.pop("createdAt") == conversation.pop("updatedAt") > START
        assert conversation == {
            **self.FIELDS,
            "user": bob,
            "conversationId": made["conversationId"],
            "messages": [each["_id"] for each in messages_of(database, bob, made["conversationId"])],
            "isArchived": False,
            "isTemporary": False,
            "expiredAt": None,
            "files": [],
            "_meiliIndex": False,
            "__v": 0,
        }
        assert made["conversationId"] != conversation_id
        assert database.collection("conversations").count_documents({"user": ada}) == 1

    def test_a_message_that_went_meanwhile_is_left_out(self, database: Database, ada: str, bob: str) -> None:
        conversation_id, prefix = put_tree(database, ada)
        chosen = outlines(database, ada, conversation_id)
        database.collection("messages").delete_one({"messageId": prefix + "h"})
        made = CopyRepository(database).adopt(bob, Source(ada, conversation_id), chosen, self.FIELDS, dict)
        written = messages_of(database, bob, made["conversationId"])
        assert "".join(each["text"] for each in written) == "abcdefgr"
        assert made["messages"] == [each["_id"] for each in written]

    def test_nothing_of_a_conversation_that_is_not_the_sources(
        self, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        other, _ = put_tree(database, ada)
        chosen = outlines(database, ada, conversation_id)
        for source in (Source(bob, conversation_id), Source(ada, other)):
            made = CopyRepository(database).adopt(bob, source, chosen, self.FIELDS, dict)
            assert messages_of(database, bob, made["conversationId"]) == []
