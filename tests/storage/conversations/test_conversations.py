"""Conversations: lists that page, filter and search; rename, archive, restore."""

import itertools
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from storage.conversations.conversations import ConversationRepository
from storage.core.database import Database, Document
from storage.core.errors import BrokenCursor, InvalidDocument, NotFound
from storage.core.pages import Page
from storage.core.repository import now
from storage.core.search import MAX_CHARACTERS, MAX_PATTERN
from tests.support.chats import (
    START,
    every_page,
    new_id,
    new_owner,
    profiled,
    put_conversation,
    put_message,
    shared_database,
)
from tests.support.threads import together


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def conversations(database: Database) -> ConversationRepository:
    return ConversationRepository(database)


def ids(page: Page) -> list[str]:
    return [item["conversationId"] for item in page.items]


def stored(database: Database, conversation_id: str) -> Document:
    document = database.collection("conversations").find_one({"conversationId": conversation_id})
    assert document is not None
    return document


def put_many(database: Database, owner: str, count: int, **fields: Any) -> list[str]:
    """Conversations a minute apart, the oldest first; every fifth archived, every third without `isArchived`."""
    documents = [
        {
            "conversationId": new_id(),
            "user": owner,
            "title": f"Chat {number}",
            "createdAt": START,
            "updatedAt": START + timedelta(minutes=number),
            "messages": [],
            **({} if number % 3 == 0 and number % 5 else {"isArchived": number % 5 == 0}),
            **fields,
        }
        for number in range(count)
    ]
    database.collection("conversations").insert_many(documents)
    return [document["conversationId"] for document in documents]


class TestListPage:
    def test_another_owners_are_not_listed(
        self, conversations: ConversationRepository, database: Database, ada: str, bob: str
    ) -> None:
        put_conversation(database, ada)
        assert conversations.list_page(bob, limit=10) == Page([], None)

    def test_by_the_last_change_in_both_directions(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        made = [put_conversation(database, ada, updatedAt=START + timedelta(days=day)) for day in (2, 1, 3)]
        newest_first = [made[2], made[0], made[1]]
        assert ids(conversations.list_page(ada, limit=10)) == newest_first
        assert ids(conversations.list_page(ada, limit=10, newest_first=False)) == newest_first[::-1]

    @pytest.mark.parametrize(
        ("archived", "expected"), [(False, {"old", "null", "active"}), (True, {"archived"})]
    )
    def test_what_is_not_archived_includes_documents_without_the_field(
        self,
        conversations: ConversationRepository,
        database: Database,
        ada: str,
        archived: bool,
        expected: set[str],
    ) -> None:
        for name, fields in (
            ("old", {}),
            ("null", {"isArchived": None}),
            ("active", {"isArchived": False}),
            ("archived", {"isArchived": True}),
        ):
            put_conversation(database, ada, title=name, **fields)
        page = conversations.list_page(ada, limit=10, archived=archived)
        assert {item["title"] for item in page.items} == expected

    def test_what_librechat_hides_is_hidden(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        later, earlier = now() + timedelta(days=1), now() - timedelta(seconds=1)
        for title, fields in {
            "plain": {"expiredAt": None, "isTemporary": False},
            "kept for a while, as all": {"expiredAt": later, "isTemporary": False},
            "temporary": {"expiredAt": later, "isTemporary": True},
            "temporary, old": {"expiredAt": later},
            "temporary, without a date": {"expiredAt": None, "isTemporary": True},
            "expired": {"expiredAt": earlier, "isTemporary": False},
            "of a subagent": {"subagentThread": {"parentConversationId": "x"}},
        }.items():
            put_conversation(database, ada, title=title, **fields)
        page = conversations.list_page(ada, limit=10)
        assert {item["title"] for item in page.items} == {"plain", "kept for a while, as all"}

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
    @pytest.mark.parametrize("newest_first", [True, False])
    @pytest.mark.parametrize("search", [None, "chat"])
    def test_pages_neither_repeat_nor_drop_in_ties(
        self,
        database: Database,
        ada: str,
        newest_first: bool,
        search: str | None,
        limit: int,
    ) -> None:
        conversations = ConversationRepository(database)
        # The archived flag differs: false and missing lie apart in the index, and must merge into one order.
        made = [
            put_conversation(
                database,
                ada,
                title="Chat",
                updatedAt=START + timedelta(milliseconds=number // 4),
                **({"isArchived": False} if number % 2 else {}),
            )
            for number in range(8)
        ]
        found = [
            [item["conversationId"] for item in items]
            for items in every_page(
                lambda cursor: conversations.list_page(
                    ada, limit=limit, cursor=cursor, newest_first=newest_first, search=search
                )
            )
        ]
        assert list(itertools.chain(*found)) == (made[::-1] if newest_first else made)
        assert {len(page) for page in found[:-1]} <= {limit}

    def test_a_page_goes_on_where_it_ended_whatever_changed_meanwhile(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        made = put_many(database, ada, 6, isArchived=False)[::-1]
        first = conversations.list_page(ada, limit=2)
        conversations.update(ada, made[4], title="on top now")
        database.collection("conversations").delete_one({"conversationId": made[1]})
        put_conversation(database, ada, updatedAt=now())
        second = conversations.list_page(ada, limit=10, cursor=first.next_cursor)
        assert ids(first) + ids(second) == [*made[:4], made[5]]

    def test_a_cursor_belongs_to_one_list(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        put_many(database, ada, 3, isArchived=False)
        cursor = conversations.list_page(ada, limit=1).next_cursor
        changes: tuple[dict[str, Any], ...] = (
            {"archived": True},
            {"newest_first": False},
            {"search": "Chat"},
        )
        for change in changes:
            with pytest.raises(BrokenCursor):
                conversations.list_page(ada, limit=1, cursor=cursor, **change)

    @pytest.mark.parametrize("archived", [False, True])
    @pytest.mark.parametrize("newest_first", [True, False])
    def test_reads_no_more_than_it_shows(
        self,
        conversations: ConversationRepository,
        database: Database,
        ada: str,
        newest_first: bool,
        archived: bool,
    ) -> None:
        put_many(database, ada, 500)
        put_many(database, new_owner(), 100)
        with profiled(database, "conversations") as notes:
            pages = list(
                itertools.islice(
                    every_page(
                        lambda cursor: conversations.list_page(
                            ada, limit=10, cursor=cursor, newest_first=newest_first, archived=archived
                        )
                    ),
                    8,
                )
            )
        assert len(pages) == len(notes) == 8
        for note in notes:
            assert "COLLSCAN" not in note["planSummary"]
            assert "hasSortStage" not in note, (
                note["planSummary"],
                note["keysExamined"],
                note["docsExamined"],
                note.get("nreturned"),
                note["command"]["filter"],
            )
            # A few more keys than rows: two points of the index are merged, and a cursor seeks to its own row.
            assert note["docsExamined"] <= 10 + 4
            assert note["keysExamined"] <= 10 + 8

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_a_search_reads_no_more_than_the_owners(
        self, conversations: ConversationRepository, database: Database, ada: str, newest_first: bool
    ) -> None:
        made = put_many(database, ada, 300)
        put_many(database, new_owner(), 300)
        for conversation_id in made[::7]:
            put_message(database, ada, conversation_id, text="needle")
        with profiled(database, "conversations") as notes:
            pages = list(
                every_page(
                    lambda cursor: conversations.list_page(
                        ada, limit=10, cursor=cursor, newest_first=newest_first, search="needle"
                    )
                )
            )
        assert len(list(itertools.chain(*pages))) == len([n for n in range(0, 300, 7) if n % 5])
        for note in notes:
            assert "COLLSCAN" not in note["planSummary"]
            assert note["docsExamined"] <= 300

    def test_does_not_read_the_array_of_message_ids(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        put_many(database, ada, 5, isArchived=False, messages=["x" * 24] * 10_000)
        with profiled(database, "conversations") as notes:
            page = conversations.list_page(ada, limit=5)
        assert len(page.items) == 5
        assert all("messages" not in item for item in page.items)
        assert [note["responseLength"] < 5000 for note in notes] == [True]


class TestSearch:
    @pytest.mark.parametrize(
        ("text", "search"),
        [
            ("Hello World", "lo wor"),
            ("Быстрая Лиса", "ЛИС"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("日本語のテスト", "本語"),
            ("हिन्दी में", "न्दी"),
            ("مرحبا بالعالم", "بالعا"),
            ("Crème Brûlée", "CRÈME BRÛ"),
            ("Party 🎉🎊", "🎉"),
            ("nul\0byte", "L\0B"),
            ("two\nlines", "o\nl"),
        ],
    )
    def test_finds_parts_of_titles_and_texts_in_any_script_and_case(
        self, conversations: ConversationRepository, database: Database, ada: str, text: str, search: str
    ) -> None:
        titled = put_conversation(database, ada, title=text)
        spoken = put_conversation(database, ada, title="Chat")
        put_message(database, ada, spoken, text=text)
        put_conversation(database, ada, title="Another")
        assert set(ids(conversations.list_page(ada, limit=10, search=search))) == {titled, spoken}

    @pytest.mark.parametrize(
        "search", [*"\\.^$*+?{}[]|()#-&~ \t/'\"<>", ".*", "[a-z]", "(?i)x", "a{9}", "\\d", "$where"]
    )
    def test_metacharacters_stand_for_themselves(
        self, conversations: ConversationRepository, database: Database, ada: str, search: str
    ) -> None:
        put_conversation(database, ada, title="abcx123")
        wanted = put_conversation(database, ada, title=f"ab{search}cd")
        spoken = put_conversation(database, ada, title="Chat")
        put_message(database, ada, spoken, text=f"12{search}34")
        assert set(ids(conversations.list_page(ada, limit=10, search=search))) == {wanted, spoken}

    @pytest.mark.parametrize(
        "content",
        [
            [{"type": "think", "think": "hm"}, {"type": "text", "text": "the Needle"}],
            [{"type": "text", "text": {"value": "the Needle"}}],
        ],
    )
    def test_finds_answers_kept_in_parts(
        self, conversations: ConversationRepository, database: Database, ada: str, content: list[Any]
    ) -> None:
        conversation_id = put_conversation(database, ada)
        put_message(database, ada, conversation_id, text="", content=content)
        assert ids(conversations.list_page(ada, limit=10, search="needle")) == [conversation_id]

    def test_another_owners_words_are_not_found(
        self, conversations: ConversationRepository, database: Database, ada: str, bob: str
    ) -> None:
        shared = new_id()
        put_conversation(database, ada, conversationId=shared, title="Needle")
        put_message(database, ada, shared, text="needle")
        put_conversation(database, bob, conversationId=shared, title="Chat")
        assert conversations.list_page(bob, limit=10, search="needle") == Page([], None)

    def test_archived_ones_only_where_asked_for(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        archived = put_conversation(database, ada, title="needle", isArchived=True)
        assert ids(conversations.list_page(ada, limit=10, search="needle")) == []
        assert ids(conversations.list_page(ada, limit=10, search="needle", archived=True)) == [archived]

    @pytest.mark.parametrize("character", ["a", "k", "Σ", "\u017f", "語", "🎉", ".", "\0"])
    def test_of_a_very_long_text_the_beginning_counts(
        self, conversations: ConversationRepository, database: Database, ada: str, character: str
    ) -> None:
        wanted = put_conversation(database, ada, title=character * MAX_CHARACTERS + "the end")
        put_conversation(database, ada, title=character * (MAX_CHARACTERS - 1))
        search = character * (MAX_CHARACTERS * 20)
        assert ids(conversations.list_page(ada, limit=10, search=search)) == [wanted]

    @pytest.mark.parametrize("search", ["the hidden needle", "THE HIDDEN NEEDLE in it"])
    def test_of_a_long_text_all_of_it_counts_in_titles_and_in_messages(
        self, conversations: ConversationRepository, database: Database, ada: str, search: str
    ) -> None:
        # More than the database is asked for.
        assert len(search) > MAX_PATTERN
        titled = put_conversation(database, ada, title=f"See {search.lower()}")
        spoken = put_conversation(database, ada, title="Chat")
        put_message(database, ada, spoken, text=f"Seen {search.lower()}")
        for title, text in ((f"{search[:-1]}x", "Chat"), ("Chat", f"{search[:-1]}x")):
            put_message(database, ada, put_conversation(database, ada, title=title), text=text)
        assert set(ids(conversations.list_page(ada, limit=10, search=search))) == {titled, spoken}

    def test_a_lone_surrogate_is_refused(self, conversations: ConversationRepository, ada: str) -> None:
        with pytest.raises(InvalidDocument):
            conversations.list_page(ada, limit=10, search="\ud800")


class TestGet:
    def test_another_owners_is_not_found(
        self, conversations: ConversationRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        for wanted in (conversation_id, new_id()):
            with pytest.raises(NotFound):
                conversations.get(bob, wanted)

    def test_of_two_with_one_id_each_owner_gets_their_own(
        self, conversations: ConversationRepository, database: Database, ada: str, bob: str
    ) -> None:
        shared = put_conversation(database, ada, title="ada's")
        put_conversation(database, bob, conversationId=shared, title="bob's")
        assert conversations.get(ada, shared)["title"] == "ada's"
        assert conversations.get(bob, shared)["title"] == "bob's"

    def test_gives_the_fields_of_the_contract(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        fields = {"title": "T", "endpoint": "openAI", "model": "gpt-4o", "isArchived": False, "tags": ["a"]}
        conversation_id = put_conversation(database, ada, **fields, messages=[], promptPrefix="secret")
        document = conversations.get(ada, conversation_id)
        document.pop("_id")
        moments = {"createdAt": START, "updatedAt": START}
        assert document == {"conversationId": conversation_id, "user": ada, **fields, **moments}

    @pytest.mark.parametrize("conversation_id", ["", "\0", "$ne", "a.b", "x" * 3000, "😀"])
    def test_any_text_is_only_an_id(
        self, conversations: ConversationRepository, ada: str, conversation_id: str
    ) -> None:
        with pytest.raises(NotFound):
            conversations.get(ada, conversation_id)


class TestUpdate:
    def test_another_owners_is_not_found(
        self, conversations: ConversationRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="ada's")
        changes: tuple[dict[str, Any], ...] = ({"title": "taken"}, {"archived": True}, {})
        for wanted, change in itertools.product((conversation_id, new_id()), changes):
            with pytest.raises(NotFound):
                conversations.update(bob, wanted, **change)
        assert stored(database, conversation_id)["title"] == "ada's"
        assert database.collection("conversations").count_documents({"user": bob}) == 0

    def test_a_title_counts_as_a_change(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="old", isArchived=False, _meiliIndex=True)
        document = conversations.update(ada, conversation_id, title="new")
        assert document["title"] == "new"
        assert document["updatedAt"] > START
        assert document["isArchived"] is False
        assert stored(database, conversation_id)["_meiliIndex"] is False

    def test_archiving_and_restoring_keep_the_place_in_the_list(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="kept")
        assert conversations.update(ada, conversation_id, archived=True)["isArchived"] is True
        assert stored(database, conversation_id)["archivedAt"] > START
        document = conversations.update(ada, conversation_id, archived=False)
        assert (document["isArchived"], document["title"]) == (False, "kept")
        assert document["updatedAt"] == START
        assert stored(database, conversation_id)["archivedAt"] is None

    def test_naming_nothing_changes_nothing(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="T")
        before = stored(database, conversation_id)
        assert conversations.update(ada, conversation_id)["title"] == "T"
        assert stored(database, conversation_id) == before

    @pytest.mark.parametrize("title", ["$set", "a.b", "", "\0", {"$ne": 1}])
    def test_any_title_is_only_a_value(
        self, conversations: ConversationRepository, database: Database, ada: str, title: Any
    ) -> None:
        conversation_id = put_conversation(database, ada)
        assert conversations.update(ada, conversation_id, title=title)["title"] == title

    @pytest.mark.parametrize("title", ["\ud800", "x" * (17 << 20)])
    def test_what_mongodb_refuses_is_an_invalid_document(
        self, conversations: ConversationRepository, database: Database, ada: str, title: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="T")
        with pytest.raises(InvalidDocument):
            conversations.update(ada, conversation_id, title=title)
        assert stored(database, conversation_id)["title"] == "T"

    def test_eight_at_once_change_only_what_they_name(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="T")
        changes: list[dict[str, Any]] = [{"title": "new"}, {"archived": True}] * 4
        together(lambda number: conversations.update(ada, conversation_id, **changes[number]))
        document = conversations.get(ada, conversation_id)
        assert (document["title"], document["isArchived"]) == ("new", True)

    def test_pinning_keeps_the_place_in_the_list(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="kept")
        document = conversations.update(ada, conversation_id, pinned=True)
        assert (document["title"], document["updatedAt"]) == ("kept", START)
        assert stored(database, conversation_id)["pinned"] is True
        conversations.update(ada, conversation_id, pinned=False)
        after = stored(database, conversation_id)
        assert after["pinned"] is False
        assert "isArchived" not in after


class TestReplaceTitle:
    def test_gives_it_in_place_of_the_one_that_was(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="old", _meiliIndex=True)
        document = conversations.replace_title(ada, conversation_id, "old", "new")
        assert document["title"] == "new"
        assert document["updatedAt"] > START
        assert stored(database, conversation_id)["_meiliIndex"] is False

    def test_another_title_stays(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="mine")
        document = conversations.replace_title(ada, conversation_id, "old", "new")
        assert (document["title"], document["updatedAt"]) == ("mine", START)
        assert conversations.replace_title(ada, conversation_id, None, "new")["title"] == "mine"
        assert stored(database, conversation_id)["title"] == "mine"

    def test_none_stands_for_no_title(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        conversation_id = put_conversation(database, ada)
        assert conversations.replace_title(ada, conversation_id, None, "new")["title"] == "new"

    def test_another_owners_is_not_found(
        self, conversations: ConversationRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id = put_conversation(database, ada, title="old")
        for wanted in (conversation_id, new_id()):
            with pytest.raises(NotFound):
                conversations.replace_title(bob, wanted, "old", "new")
        assert stored(database, conversation_id)["title"] == "old"


class TestTitles:
    def test_are_of_those_named_that_have_one(
        self, conversations: ConversationRepository, database: Database, ada: str, bob: str
    ) -> None:
        titled, untitled, empty, other, his = (
            put_conversation(database, owner, **fields)
            for owner, fields in (
                (ada, {"title": "T"}),
                (ada, {}),
                (ada, {"title": ""}),
                (ada, {"title": "other"}),
                (bob, {"title": "his"}),
            )
        )
        asked = [titled, untitled, empty, his, new_id()]
        assert conversations.titles(ada, iter(asked)) == {titled: "T"}
        assert conversations.titles(ada, [other, titled]) == {titled: "T", other: "other"}
        assert conversations.titles(ada, []) == {}


class TestArchiveAll:
    def test_archives_what_the_list_shows_and_nothing_else(
        self, conversations: ConversationRepository, database: Database, ada: str, bob: str
    ) -> None:
        later = now() + timedelta(days=1)
        shown = [put_conversation(database, ada), put_conversation(database, ada, isArchived=False)]
        hidden = [
            put_conversation(database, ada, isTemporary=True, expiredAt=later),
            put_conversation(database, ada, subagentThread={"parentConversationId": "x"}),
            put_conversation(database, bob),
        ]
        put_conversation(database, ada, isArchived=True)
        assert conversations.archive_all(ada) == 2
        assert conversations.list_page(ada, limit=10).items == []
        for conversation_id in shown:
            document = stored(database, conversation_id)
            assert (document["isArchived"], document["updatedAt"]) == (True, START)
            assert document["archivedAt"] > START
        assert not any("isArchived" in stored(database, each) for each in hidden)
        assert conversations.archive_all(ada) == 0

    def test_their_projects_are_counted_anew(
        self, conversations: ConversationRepository, database: Database, ada: str
    ) -> None:
        projects = database.collection("chatprojects")
        key = projects.insert_one({"user": ada, "name": "P", "conversationCount": 1}).inserted_id
        put_conversation(database, ada, chatProjectId=str(key))
        conversations.archive_all(ada)
        assert (projects.find_one({"_id": key}) or {})["conversationCount"] == 0


class TestShown:
    """What there is of each conversation is said when the repository is made."""

    def test_every_reader_and_writer_gives_that(self, database: Database, ada: str) -> None:
        conversations = ConversationRepository(database, listed={"title": 1}, shown={"endpoint": 1})
        conversation_id = put_conversation(database, ada, title="T", endpoint="openAI")
        (item,) = conversations.list_page(ada, limit=1).items
        assert item.keys() == {"_id", "title", "updatedAt"}
        (item,) = conversations.list_page(ada, limit=1, search="t").items
        assert item.keys() == {"_id", "title", "updatedAt"}
        for given in (
            conversations.get(ada, conversation_id),
            conversations.update(ada, conversation_id, pinned=True),
            conversations.replace_title(ada, conversation_id, "T", "U"),
        ):
            assert given.keys() == {"_id", "endpoint"}


class TestFilters:
    """Each has its index: no page is sorted in memory, and none reads more than it shows and a little."""

    PROJECT = "6b043dfd061cc954c9774883"

    def put(self, database: Database, owner: str) -> None:
        documents = [
            {
                "conversationId": new_id(),
                "user": owner,
                "isArchived": number % 4 == 0,
                "updatedAt": START + timedelta(minutes=number),
                "archivedAt": START + timedelta(minutes=-number) if number % 4 == 0 else None,
                **({"pinned": True} if number % 5 == 0 else {}),
                **({"chatProjectId": self.PROJECT} if number % 10 == 1 else {}),
                "tags": ["work"] if number % 10 == 2 else ["fun", "work"] if number % 10 == 3 else [],
            }
            for number in range(200)
        ]
        database.collection("conversations").insert_many(documents)

    @pytest.mark.parametrize(
        ("asked", "query"),
        [
            ({"pinned": True}, {"pinned": True, "isArchived": False}),
            ({"project_id": PROJECT}, {"chatProjectId": PROJECT}),
            ({"tags": ["work"]}, {"tags": "work", "isArchived": False}),
            ({"tags": ["fun", "work"]}, {"tags": {"$in": ["work", "fun"]}, "isArchived": False}),
            ({"archived": True, "sort_by": "archivedAt"}, {"isArchived": True}),
        ],
    )
    @pytest.mark.parametrize("newest_first", [True, False])
    def test_are_read_by_an_index(
        self,
        conversations: ConversationRepository,
        database: Database,
        asked: dict[str, Any],
        query: dict[str, Any],
        newest_first: bool,
    ) -> None:
        owner = new_owner()
        self.put(database, owner)
        self.put(database, new_owner())
        with profiled(database, "conversations") as notes:
            pages = every_page(
                lambda cursor: conversations.list_page(
                    owner, limit=5, cursor=cursor, newest_first=newest_first, **asked
                )
            )
            found = [row["_id"] for page in pages for row in page]
        key, direction = asked.get("sort_by", "updatedAt"), -1 if newest_first else 1
        wanted = database.collection("conversations").find({"user": owner, **query})
        assert found == [row["_id"] for row in wanted.sort([(key, direction), ("_id", direction)])]
        assert len(found) >= 15
        assert not [note for note in notes if "hasSortStage" in note]
        assert all(note["docsExamined"] <= 20 for note in notes)

    def test_unassigned_is_what_is_in_no_project(
        self, conversations: ConversationRepository, database: Database
    ) -> None:
        owner = new_owner()
        put_conversation(database, owner, chatProjectId=self.PROJECT)
        free = [put_conversation(database, owner), put_conversation(database, owner, chatProjectId=None)]
        assert sorted(ids(conversations.list_page(owner, limit=5, project_id="unassigned"))) == sorted(free)


class TestIndexes:
    def test_are_librechats_or_ours_by_its_rule_for_names(self, database: Database) -> None:
        for index in database.collection("conversations").list_indexes():
            keys = "_".join(f"{name}_{direction}" for name, direction in index["key"].items())
            assert index["name"] in (keys, "_id_")
            assert re.fullmatch(r"[\w]+", index["name"].replace("-", "_").replace(".", "_"))

    def test_one_owner_has_one_conversation_of_an_id(self, database: Database) -> None:
        indexes = database.collection("conversations").index_information()
        assert indexes["conversationId_1_user_1_tenantId_1"]["unique"] is True
        assert indexes["expiredAt_1"]["expireAfterSeconds"] == 0
