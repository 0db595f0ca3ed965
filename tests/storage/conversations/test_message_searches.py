"""Searches of messages: by which index they are read, and how far for what many messages have."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from pymongo import monitoring

from storage.conversations import message_searches
from storage.conversations.message_searches import Asked, MessageSearches
from storage.conversations.messages import MessageRepository
from storage.conversations.narrowing import Candidates
from storage.core.database import Database, Document
from storage.core.pages import Keyset, Page
from storage.core.search import Search
from storage.core.stop import Stop
from tests.support.chats import START, message_document, new_id, profiled, shared_database
from tests.support.commands import CommandNotes, watched_by
from tests.support.database import PreparedDatabase

BY_DATE, BY_KEY = "IXSCAN { user: 1, createdAt: -1, _id: -1 }", "IXSCAN { _id: 1 }"


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def messages(database: Database) -> MessageSearches:
    return MessageSearches(database)


def asked(owner: str, text: str) -> Asked:
    query = {"user": owner, "$and": [{}]}
    return Asked(owner, query, Keyset("createdAt", True, "messages"), 10, Search(text), Stop(10))


def texts(page: Page) -> list[str]:
    return [item["text"] for item in page.items]


def plans(notes: list[Document]) -> set[str]:
    return {note["planSummary"] for note in notes}


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


class _Finds(CommandNotes):
    """Notes the commands that find."""

    def __init__(self) -> None:
        self.commands: list[Mapping[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name == "find":
            self.commands.append(event.command)


class TestIndexes:
    @pytest.mark.parametrize(
        ("one_conversation", "sort_by", "hint"),
        [
            (False, "createdAt", {"user": 1, "createdAt": -1, "_id": -1}),
            (True, "createdAt", {"conversationId": 1, "user": 1, "createdAt": 1, "_id": 1}),
            (False, "updatedAt", None),
        ],
    )
    def test_is_read_in_the_order_of_its_list_whatever_text_was_searched_before(
        self, prepared_database: PreparedDatabase, ada: str, one_conversation: bool, sort_by: str, hint: Any
    ) -> None:
        finds = _Finds()
        with watched_by(finds, prepared_database) as watched:
            made = put_many(watched, ada, 3)
            of = made if one_conversation else None
            repository = MessageRepository(watched)
            page = repository.list_page(ada, limit=5, search="1", sort_by=sort_by, conversation_id=of)
        assert texts(page) == ["1"]
        assert [each.get("hint") for each in finds.commands] == [hint]
        # Some deployments refuse it.
        assert "allowDiskUse" not in finds.commands[0]

    def test_many_that_are_named_may_be_sorted_on_the_disk(
        self, prepared_database: PreparedDatabase, ada: str
    ) -> None:
        finds = _Finds()
        with watched_by(finds, prepared_database) as watched:
            put_many(watched, ada, 2)
            keys = watched.collection("messages").distinct("_id")
            repository = MessageRepository(watched, index=Index(Candidates(keys)))
            assert texts(repository.list_page(ada, limit=5, search="1")) == ["1"]
        (command,) = finds.commands
        assert (command["hint"], command["allowDiskUse"]) == ({"_id": 1}, True)

    @pytest.mark.parametrize("one_conversation", [True, False])
    def test_needs_no_index(self, empty_database: Database, ada: str, one_conversation: bool) -> None:
        made = put_many(empty_database, ada, 12)
        of = made if one_conversation else None
        page = MessageRepository(empty_database).list_page(ada, limit=2, search="1", conversation_id=of)
        assert texts(page) == ["11", "10"]
        assert page.next_cursor


class Index:
    """Knows this of messages, and more when asked patiently."""

    def __init__(self, known: Candidates | None, patiently: Candidates | None = None) -> None:
        self.known, self.more, self.asked = known, patiently, list[bool]()

    def narrowed(self, owner: str, text: str, stop: Stop, *, patiently: bool = False) -> Candidates | None:
        self.asked.append(patiently)
        return self.more if patiently else self.known


class TestMany:
    """What many messages have is looked for in twice as many as it should take."""

    @pytest.fixture
    def keys(self, database: Database, ada: str) -> list[Any]:
        """Those of forty messages, the newest first; two of four hold one word, and one of four another."""
        conversation_id = new_id()
        rows = [
            message_document(
                owner=ada,
                conversation_id=conversation_id,
                createdAt=START - timedelta(seconds=number),
                text=f"{number} {'needle' if number % 4 < 2 else 'hay'} {'' if number % 4 else 'rare'}",
            )
            for number in range(40)
        ]
        return list(database.collection("messages").insert_many(rows).inserted_ids)

    def search(
        self,
        database: Database,
        owner: str,
        index: Index,
        limit: int = 3,
        search: str = "needle",
        **more: Any,
    ) -> tuple[list[int], str | None]:
        page = MessageRepository(database, index=index).list_page(owner, limit=limit, search=search, **more)
        return [int(text.split()[0]) for text in texts(page)], page.next_cursor

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_if_there_is_enough_nothing_else_is_read(
        self, database: Database, ada: str, keys: list[Any], newest_first: bool
    ) -> None:
        index = Index(Candidates(None, 2))
        order = {"newest_first": newest_first}
        with profiled(database, "messages") as notes:
            found, cursor = self.search(database, ada, index, **order)
        assert found == ([0, 1, 4] if newest_first else [37, 36, 33])
        assert index.asked == [False]
        assert max(note["docsExamined"] for note in notes) <= 8
        assert plans(notes) == {BY_DATE}
        # Of a later page that many after the one before it.
        found, cursor = self.search(database, ada, index, cursor=cursor, **order)
        assert found == ([5, 8, 9] if newest_first else [32, 29, 28])
        found, _ = self.search(database, ada, index, cursor=cursor, **order)
        assert found == ([12, 13, 16] if newest_first else [25, 24, 21])
        assert index.asked == [False] * 3

    def test_it_is_looked_for_in_twice_as_many(self, database: Database, ada: str, keys: list[Any]) -> None:
        # Four of the first eight have it.
        index = Index(Candidates(None, 1), Candidates([]))
        assert self.search(database, ada, index)[0] == [0, 1, 4]
        assert index.asked == [False]

    def test_of_one_conversation_no_index_is_asked(
        self, database: Database, ada: str, keys: list[Any]
    ) -> None:
        row = database.collection("messages").find_one({"_id": keys[0]}) or {}
        index = Index(Candidates([], None))
        found, _ = self.search(database, ada, index, conversation_id=row["conversationId"])
        assert (found, index.asked) == ([0, 1, 4], [])

    def test_if_there_is_not_the_named_ones_are_read(
        self, database: Database, ada: str, keys: list[Any]
    ) -> None:
        # The word of the first is no longer there for the index, as of a change that it does not see.
        index = Index(Candidates(None, 1), Candidates(keys[1:], 1))
        assert self.search(database, ada, index, search="rare")[0] == [4, 8, 12]
        assert index.asked == [False, True]

    def test_if_none_are_named_all_are(self, database: Database, ada: str, keys: list[Any]) -> None:
        for more in (Candidates(None, 1), None):
            index = Index(Candidates(None, 1), more)
            found, cursor = self.search(database, ada, index, search="rare")
            assert found == [0, 4, 8]
            assert cursor is not None
            assert index.asked == [False, True]

    @pytest.mark.parametrize("every", [2, 1, None])
    def test_of_many_that_are_named_only_these(
        self, database: Database, ada: str, keys: list[Any], every: int | None
    ) -> None:
        index = Index(Candidates(keys[1:], every))
        with profiled(database, "messages") as notes:
            assert self.search(database, ada, index)[0] == [1, 4, 5]
        # Of many some are read by their keys first.
        assert plans(notes) == ({BY_KEY, BY_DATE} if every else {BY_KEY})

    @pytest.mark.parametrize(
        "case",
        [
            # It should take four times five: twice that is five times eight.
            ([0, 1, 4, 5, 8, 9, 12, 13], 5, True),
            ([0, 1, 4, 5, 8, 9, 12], 5, False),
            # Half of the named ones have it, so it should take four times ten.
            ([*range(16)], 5, True),
            ([*range(16)], 6, False),
            ([2, 3], 1, False),
        ],
    )
    def test_unless_it_takes_as_long_to_read_them_by_their_keys(
        self, database: Database, ada: str, keys: list[Any], case: tuple[list[int], int, bool]
    ) -> None:
        named, every, by_date = case
        assert (message_searches.PASSED, message_searches.SAMPLE) == (5, 64)
        index = Index(Candidates([keys[each] for each in named], every))
        with profiled(database, "messages") as notes:
            found, _ = self.search(database, ada, index)
        assert found == [each for each in named if each % 4 < 2][:3]
        assert plans(notes) == ({BY_KEY, BY_DATE} if by_date else {BY_KEY})

    @pytest.mark.parametrize("text", ["needle", "a needle in the haystack"])
    def test_a_sample_tells_how_many_of_them_have_it(
        self, messages: MessageSearches, database: Database, ada: str, text: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(message_searches, "SAMPLE", 4)
        put_many(database, ada, 100, text=text)
        for other in ("hay", "a needle in the field"[: len(text) - 1]):
            put_many(database, ada, 1, text=other)
        rows = list(database.collection("messages").find({"user": ada}).sort("_id", -1))
        # The first two do not have it.
        messages._index = Index(Candidates([row["_id"] for row in rows], 3))
        assert messages.likely(asked(ada, text)) == Candidates([row["_id"] for row in rows], 6)
        for known in (Candidates(None, 3), Candidates([], None), None):
            messages._index = Index(known)
            assert messages.likely(asked(ada, text)) == known

    def test_one_more_than_asked_for_is_looked_for(
        self, database: Database, ada: str, keys: list[Any]
    ) -> None:
        # Twenty have it: the last page is full, and is the last.
        index = Index(Candidates(None, 2), Candidates(keys, 2))
        found, cursor = self.search(database, ada, index, 20)
        assert (len(found), cursor, index.asked) == (20, None, [False])
        found, cursor = self.search(database, ada, index, 19)
        assert (len(found), cursor is None) == (19, False)
        assert self.search(database, ada, index, 19, cursor=cursor) == ([37], None)

    def test_messages_without_a_date_are_found(self, database: Database, ada: str) -> None:
        put_many(database, ada, 9, text="1 needle", createdAt=None)
        index = Index(Candidates(None, 1), Candidates([], None))
        assert self.search(database, ada, index)[0] == [1, 1, 1]

    def test_other_orders_are_read_by_the_named_ones(
        self, database: Database, ada: str, keys: list[Any]
    ) -> None:
        index = Index(Candidates(keys[:2], 2))
        assert self.search(database, ada, index, sort_by="updatedAt")[0] in ([0, 1], [1, 0])
        assert index.asked == [False]


class TestConversationsContaining:
    # Of a long text the database finds the beginning only.
    @pytest.mark.parametrize("text", ["needle", "a needle in the haystack"])
    def test_gives_each_once_of_the_owner_only(
        self, messages: MessageSearches, database: Database, ada: str, bob: str, text: str
    ) -> None:
        first, second = (put_many(database, ada, 2, text=f"{name} {text}") for name in ("a", "b"))
        for other in ("hay", "a needle in the field"[: len(text) - 1]):
            put_many(database, ada, 1, text=other)
        put_many(database, ada, 1, text=text, conversationId=None)
        his = put_many(database, bob, 1, text=text)
        assert sorted(messages.conversations_containing(asked(ada, text))) == sorted([first, second])
        of = messages.conversations_containing(asked(ada, text), of=[second, his])
        assert of == [second]
        assert messages.conversations_containing(asked(ada, text), of=[]) == []
        keys = [
            row["_id"]
            for row in database.collection("messages").find({"conversationId": {"$in": [first, his]}})
        ]
        assert messages.conversations_containing(asked(ada, text), keys=keys) == [first]
        assert messages.conversations_containing(asked(ada, text), keys=[]) == []

    @pytest.mark.parametrize("text", ["needle", "a needle in the haystack"])
    def test_of_some_conversations_their_messages_are_read_whatever_text_was_searched_before(
        self, prepared_database: PreparedDatabase, empty_database: Database, ada: str, text: str
    ) -> None:
        finds = _Finds()
        with watched_by(finds, prepared_database) as watched:
            some, _ = (put_many(watched, ada, 300, text=f"a {text}") for _ in range(2))
            found = MessageSearches(watched).conversations_containing(asked(ada, text), of=[some])
        assert found == [some]
        hint = {"conversationId": 1, "user": 1, "createdAt": 1, "_id": 1}
        assert [each["hint"] for each in finds.commands] == [hint]
        with watched_by(finds, prepared_database) as watched:
            keys = [row["_id"] for row in watched.collection("messages").find({"conversationId": some})]
            searches = MessageSearches(watched)
            assert searches.conversations_containing(asked(ada, text), of=[some], keys=keys[:1]) == [some]
            assert searches.conversations_containing(asked(ada, text), of=[some], keys=[]) == []
        assert [each.get("hint") for each in finds.commands] == [hint, None, hint, hint]
        # Nor is there need of the index.
        some, _ = (put_many(empty_database, ada, 3, text=f"a {text}") for _ in range(2))
        bare = MessageSearches(empty_database)
        assert bare.conversations_containing(asked(ada, text), of=[some]) == [some]
