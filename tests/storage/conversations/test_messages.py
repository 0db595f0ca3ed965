"""Messages: lists that page, filter and search; one conversation's; a single one."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from storage.conversations.messages import MessageRepository
from storage.core.database import Database, Document
from storage.core.errors import BrokenCursor, InvalidDocument, NotFound
from storage.core.pages import Page
from storage.core.repository import now
from tests.support.chats import (
    START,
    every_page,
    message_document,
    new_id,
    new_owner,
    profiled,
    put_conversation,
    put_message,
    put_tree,
    shared_database,
)


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def messages(database: Database) -> MessageRepository:
    return MessageRepository(database)


def texts(page: Page) -> list[str]:
    return [item["text"] for item in page.items]


def put_many(database: Database, owner: str, count: int, **fields: Any) -> str:
    """Messages of one conversation, a second apart, the oldest first; its id."""
    conversation_id = new_id()
    database.collection("messages").insert_many(
        message_document(
            owner=owner,
            conversation_id=conversation_id,
            **{"createdAt": START + timedelta(seconds=number), "text": str(number), **fields},
        )
        for number in range(count)
    )
    return conversation_id


def check_plans(notes: list[Document], pages: int, rows: int) -> None:
    """Each page was read from an index in its order, with hardly more than it shows."""
    assert len(notes) == pages
    for note in notes:
        assert "COLLSCAN" not in note["planSummary"]
        assert "hasSortStage" not in note
        assert note["docsExamined"] <= rows + 2
        assert note["keysExamined"] <= rows + 4


class TestListPage:
    def test_another_owners_are_not_listed(
        self, messages: MessageRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id = put_many(database, ada, 1)
        assert messages.list_page(bob, limit=10) == Page([], None)
        assert messages.list_page(bob, limit=10, conversation_id=conversation_id) == Page([], None)
        assert messages.list_page(bob, limit=10, search="0") == Page([], None)

    def test_newest_first_over_all_conversations_or_in_one(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        first, second = put_many(database, ada, 3), put_many(database, ada, 1, createdAt=now(), text="new")
        assert texts(messages.list_page(ada, limit=10)) == ["new", "2", "1", "0"]
        assert texts(messages.list_page(ada, limit=10, conversation_id=first)) == ["2", "1", "0"]
        assert texts(messages.list_page(ada, limit=10, conversation_id=second)) == ["new"]
        assert texts(messages.list_page(ada, limit=10, conversation_id=new_id())) == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
    @pytest.mark.parametrize("one_conversation", [True, False])
    @pytest.mark.parametrize("search", [None, "x"])
    def test_pages_neither_repeat_nor_drop_in_ties(
        self, database: Database, one_conversation: bool, search: str | None, limit: int
    ) -> None:
        messages, ada = MessageRepository(database), new_owner()
        conversation_id = new_id()
        made = [
            put_message(
                database,
                ada,
                conversation_id,
                text="x",
                createdAt=START + timedelta(milliseconds=number // 4),
            )
            for number in range(8)
        ]
        wanted = {"conversation_id": conversation_id} if one_conversation else {}
        found = list(
            every_page(
                lambda cursor: messages.list_page(ada, limit=limit, cursor=cursor, search=search, **wanted)
            )
        )
        assert [item["messageId"] for item in itertools.chain(*found)] == made[::-1]
        assert {len(page) for page in found[:-1]} <= {limit}

    def test_a_cursor_belongs_to_one_list(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_many(database, ada, 3)
        cursor = messages.list_page(ada, limit=1).next_cursor
        changes: tuple[dict[str, Any], ...] = ({"conversation_id": conversation_id}, {"search": "1"})
        for change in changes:
            with pytest.raises(BrokenCursor):
                messages.list_page(ada, limit=1, cursor=cursor, **change)

    def test_temporary_chats_show_only_where_they_are_named(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        later = now() + timedelta(days=1)
        put_many(database, ada, 1, text="kept for a while, as all", expiredAt=later, isTemporary=False)
        temporary = put_many(database, ada, 1, text="temporary", expiredAt=later, isTemporary=True)
        put_many(database, ada, 1, text="temporary, old", expiredAt=later)
        put_many(database, ada, 1, text="temporary, without a date", expiredAt=None, isTemporary=True)
        past = now() - timedelta(seconds=1)
        put_many(database, ada, 1, text="expired", expiredAt=past, isTemporary=False)
        assert texts(messages.list_page(ada, limit=10)) == ["kept for a while, as all"]
        put_many(database, ada, 1, text="plain", expiredAt=None, isTemporary=False, createdAt=now())
        assert texts(messages.list_page(ada, limit=10)) == ["plain", "kept for a while, as all"]
        assert texts(messages.list_page(ada, limit=10, conversation_id=temporary)) == ["temporary"]

    def test_shows_what_the_contract_needs_and_no_more(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        shown = {
            "sender": "GPT-4o",
            "isCreatedByUser": False,
            "text": "",
            "model": "gpt-4o",
            "tokenCount": 3,
            "feedback": {"rating": "thumbsUp"},
        }
        content = [{"type": "tool_call", "tool_call": {"output": "long"}}, {"type": "text", "text": "So."}]
        conversation_id = put_conversation(database, ada)
        message_id = put_message(
            database,
            ada,
            conversation_id,
            **{**shown, "feedback": {"rating": "thumbsUp", "text": "nice"}},
            content=content,
            metadata={"usage": {"input": 1}},
            files=[{"file_id": "x"}],
        )
        (item,) = messages.list_page(ada, limit=1).items
        item.pop("_id")
        assert item == {
            "messageId": message_id,
            "conversationId": conversation_id,
            "parentMessageId": "00000000-0000-0000-0000-000000000000",
            "createdAt": START.replace(tzinfo=None),
            "updatedAt": START.replace(tzinfo=None),
            **shown,
            "content": [{"type": "tool_call"}, {"type": "text", "text": "So."}],
        }

    @pytest.mark.parametrize("missing", [None, ""])
    def test_one_without_an_id_goes_by_that_of_its_document(
        self, messages: MessageRepository, database: Database, ada: str, missing: str | None
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, messageId=missing)
        (item,) = messages.list_page(ada, limit=1).items
        assert item["messageId"] == str(item["_id"])
        assert messages.get(ada, conversation_id, item["messageId"])["_id"] == item["_id"]

    @pytest.mark.parametrize("one_conversation", [True, False])
    def test_reads_no_more_than_it_shows(
        self, messages: MessageRepository, database: Database, ada: str, one_conversation: bool
    ) -> None:
        conversation_id = put_many(database, ada, 500)
        put_many(database, ada, 100)
        put_many(database, new_owner(), 100)
        wanted = {"conversation_id": conversation_id} if one_conversation else {}
        with profiled(database, "messages") as notes:
            pages = every_page(lambda cursor: messages.list_page(ada, limit=20, cursor=cursor, **wanted))
            assert len(list(itertools.islice(pages, 10))) == 10
        check_plans(notes, 10, 21)

    @pytest.mark.parametrize("one_conversation", [True, False])
    def test_a_search_reads_no_more_than_the_owners(
        self, messages: MessageRepository, database: Database, ada: str, one_conversation: bool
    ) -> None:
        conversation_id = put_many(database, ada, 200)
        put_many(database, new_owner(), 500)
        wanted = {"conversation_id": conversation_id} if one_conversation else {}
        with profiled(database, "messages") as notes:
            page = messages.list_page(ada, limit=10, search="99", **wanted)
        assert texts(page) == ["199", "99"]
        for note in notes:
            assert "COLLSCAN" not in note["planSummary"]
            assert note["docsExamined"] <= 200


class TestSearch:
    @pytest.mark.parametrize(
        ("text", "search"),
        [
            ("The Quick brown", "UICK B"),
            ("Быстрая Лиса", "лис"),
            ("日本語のテスト", "語の"),
            ("مرحبا بالعالم", "حبا"),
            ("50% (off) [now] a.c* ^$ \\d {1} |x", "% (OFF) [NOW] A.C* ^$ \\D {1} |X"),
            ("nul\0byte", "\0"),
        ],
    )
    def test_finds_parts_of_texts_in_any_script_and_case(
        self, messages: MessageRepository, database: Database, ada: str, text: str, search: str
    ) -> None:
        conversation_id = put_many(database, ada, 1, text=text)
        put_many(database, ada, 1, text="abc 50 off d 1")
        put_message(
            database, ada, conversation_id, text="", content=[{"type": "text", "text": text}], minute=-1
        )
        assert texts(messages.list_page(ada, limit=10, search=search)) == [text, ""]
        assert texts(messages.list_page(ada, limit=10, search=search, conversation_id=new_id())) == []

    def test_thoughts_and_tools_are_not_searched(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        parts = [{"type": "think", "think": "needle"}, {"type": "tool_call", "tool_call": {"args": "needle"}}]
        put_many(database, ada, 1, content=parts)
        assert messages.list_page(ada, limit=10, search="needle").items == []

    def test_a_lone_surrogate_is_refused(self, messages: MessageRepository, ada: str) -> None:
        with pytest.raises(InvalidDocument):
            messages.list_page(ada, limit=10, search="\udfff")


class TestListConversation:
    def test_all_of_them_the_oldest_first(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        put_tree(database, ada)
        found = list(messages.read_conversation(ada, conversation_id).documents())
        assert "".join(message["text"] for message in found) == "abcdefgrh"

    def test_ties_are_in_the_order_of_writing(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_many(database, ada, 30, createdAt=START)
        found = list(messages.read_conversation(ada, conversation_id).documents())
        assert [message["text"] for message in found] == [str(number) for number in range(30)]

    def test_another_owners_is_not_found(
        self, messages: MessageRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        for wanted in (conversation_id, new_id()):
            with pytest.raises(NotFound):
                messages.read_conversation(bob, wanted)

    def test_an_empty_one_is_empty(self, messages: MessageRepository, database: Database, ada: str) -> None:
        assert list(messages.read_conversation(ada, put_conversation(database, ada)).documents()) == []

    def test_is_read_in_the_order_of_an_index(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_many(database, ada, 50)
        put_many(database, ada, 500)
        with profiled(database, "messages") as notes:
            assert len(list(messages.read_conversation(ada, conversation_id).documents())) == 50
        check_plans(notes, 1, 50)


class TestGet:
    def test_another_owners_is_not_found(
        self, messages: MessageRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        for wanted in (prefix + "a", new_id()):
            with pytest.raises(NotFound):
                messages.get(bob, conversation_id, wanted)

    def test_both_ids_must_fit(self, messages: MessageRepository, database: Database, ada: str) -> None:
        conversation_id, prefix = put_tree(database, ada)
        other, _ = put_tree(database, ada)
        assert messages.get(ada, conversation_id, prefix + "a")["text"] == "a"
        with pytest.raises(NotFound):
            messages.get(ada, other, prefix + "a")

    @pytest.mark.parametrize("message_id", ["", "\0", "$ne", "x" * 3000, "😀"])
    def test_any_text_is_only_an_id(
        self, messages: MessageRepository, database: Database, ada: str, message_id: str
    ) -> None:
        conversation_id, _ = put_tree(database, ada)
        with pytest.raises(NotFound):
            messages.get(ada, conversation_id, message_id)


class TestOfId:
    def test_is_found_in_whatever_conversation_of_the_owners(
        self, messages: MessageRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        message = messages.of_id(ada, prefix + "b")
        assert (message["text"], message["conversationId"]) == ("b", conversation_id)
        assert "user" not in message
        for owner, wanted in ((bob, prefix + "b"), (ada, new_id())):
            with pytest.raises(NotFound):
                messages.of_id(owner, wanted)


class TestFind:
    def test_gives_the_one_message_or_none(
        self, messages: MessageRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        other, _ = put_tree(database, ada)
        (message,) = messages.find(ada, conversation_id, prefix + "b")
        assert (message["text"], message["messageId"]) == ("b", prefix + "b")
        assert "user" not in message
        assert messages.find(bob, conversation_id, prefix + "b") == []
        assert messages.find(ada, other, prefix + "b") == []
        assert messages.find(ada, conversation_id, new_id()) == []

    @pytest.mark.parametrize("missing", [None, ""])
    def test_finds_one_without_an_id_by_that_of_its_document(
        self, messages: MessageRepository, database: Database, ada: str, missing: str | None
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, messageId=missing)
        (listed,) = messages.list_page(ada, limit=1).items
        (message,) = messages.find(ada, conversation_id, str(listed["_id"]))
        assert message["messageId"] == str(listed["_id"])


class TestGiveFeedback:
    def test_stores_what_is_named_and_nothing_else(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        feedback = {"rating": "thumbsDown", "tag": "inaccurate", "text": "No.", "user": "mallory"}
        changed = messages.give_feedback(ada, conversation_id, prefix + "b", feedback)
        assert (changed["messageId"], changed["feedback"]) == (prefix + "b", {"rating": "thumbsDown"})
        assert "user" not in changed
        stored = database.collection("messages").find_one({"messageId": prefix + "b"})
        assert stored is not None
        assert stored["feedback"] == {"rating": "thumbsDown", "tag": "inaccurate", "text": "No."}
        assert database.collection("messages").count_documents({"user": ada, "feedback": {"$ne": None}}) == 1

    def test_a_new_one_replaces_the_old_and_none_takes_it_away(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        stored = database.collection("messages")
        messages.give_feedback(ada, conversation_id, prefix + "b", {"rating": "thumbsDown", "tag": "x"})
        messages.give_feedback(ada, conversation_id, prefix + "b", {"rating": "thumbsUp"})
        assert stored.find_one({"messageId": prefix + "b"}, {"feedback": 1, "_id": 0}) == {
            "feedback": {"rating": "thumbsUp"}
        }
        changed = messages.give_feedback(ada, conversation_id, prefix + "b", None)
        assert (changed["text"], "feedback" in changed) == ("b", False)
        assert stored.find_one({"messageId": prefix + "b"}, {"feedback": 1, "_id": 0}) == {}

    def test_of_another_owner_or_conversation_is_not_found(
        self, messages: MessageRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, prefix = put_tree(database, ada)
        other, _ = put_tree(database, ada)
        for owner, conversation, message in (
            (bob, conversation_id, prefix + "b"),
            (ada, other, prefix + "b"),
            (ada, conversation_id, new_id()),
        ):
            with pytest.raises(NotFound):
                messages.give_feedback(owner, conversation, message, {"rating": "thumbsUp"})
        assert database.collection("messages").count_documents({"user": ada, "feedback": {"$ne": None}}) == 0


class TestShown:
    """What there is of each message is said when the repository is made."""

    def test_every_reader_and_writer_gives_that(self, database: Database, ada: str) -> None:
        messages = MessageRepository(database, shown={"messageId": 1, "sender": 1})
        conversation_id = put_conversation(database, ada)
        message_id = put_message(database, ada, conversation_id, sender="GPT", text="x")
        wanted = {"messageId": message_id, "sender": "GPT"}
        (read,) = messages.read_conversation(ada, conversation_id).documents()
        for given in (
            read,
            messages.get(ada, conversation_id, message_id),
            messages.of_id(ada, message_id),
            *messages.find(ada, conversation_id, message_id),
            messages.give_feedback(ada, conversation_id, message_id, {"rating": "thumbsUp"}),
        ):
            del given["_id"]
            assert given == wanted


class TestOrder:
    def test_by_endpoint_or_the_last_change_in_both_directions(
        self, messages: MessageRepository, database: Database, ada: str
    ) -> None:
        for text, endpoint, minute in (("b", "google", 1), ("c", "openAI", 0), ("a", "anthropic", 2)):
            put_many(
                database, ada, 1, text=text, endpoint=endpoint, updatedAt=START + timedelta(minutes=minute)
            )

        def found(**order: Any) -> str:
            pages = every_page(lambda cursor: messages.list_page(ada, limit=1, cursor=cursor, **order))
            return "".join(message["text"] for message in itertools.chain(*pages))

        assert found(sort_by="endpoint", newest_first=False) == "abc"
        assert found(sort_by="endpoint") == "cba"
        assert found(sort_by="updatedAt", newest_first=False) == "cba"
        assert found(sort_by="updatedAt") == "abc"


class TestIndexes:
    def test_one_owner_has_one_message_of_an_id(self, database: Database) -> None:
        indexes = database.collection("messages").index_information()
        assert indexes["messageId_1_user_1_tenantId_1"]["unique"] is True
        assert indexes["expiredAt_1"]["expireAfterSeconds"] == 0
