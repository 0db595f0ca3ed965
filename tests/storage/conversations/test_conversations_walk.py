"""A search for what is in many messages goes from conversation to conversation, in the order of the list."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations import conversations as module
from storage.conversations.conversations import ConversationRepository
from storage.conversations.narrowing import Candidates
from storage.core.database import Database, Document
from storage.core.errors import TookTooLong
from storage.core.pages import Page
from storage.core.stop import Stop
from tests.support.chats import START, new_id, put_conversation, put_message


class Index:
    """Knows this of messages; and what it was asked."""

    def __init__(self, keys: Sequence[Any] | None) -> None:
        self.keys, self.asked = keys, list[tuple[str, str, Stop]]()

    def narrowed(self, owner: str, text: str, stop: Stop) -> Candidates:
        self.asked.append((owner, text, stop))
        return Candidates(self.keys)


def put(database: Database, owner: str, count: int, holding: Sequence[int]) -> list[str]:
    """Conversations, the newest first, some of which hold the word in a message."""
    made = []
    for number in range(count):
        made.append(put_conversation(database, owner, updatedAt=START - timedelta(minutes=number), title="T"))
        text = "a needle" if number in holding else "hay"
        put_message(database, owner, made[-1], text=text)
    return made


class Walking:
    """The lists that were read for a page: how many at once, and whether they were searched."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "FIRST_WALKED", 2)
        monkeypatch.setattr(module, "MOST_WALKED", 5)
        self.index = Index(None)
        self.repository = ConversationRepository(database, index=self.index)
        self.read: list[tuple[int, bool, Any]] = []
        page = self.repository._page

        def noted(query: Document, shown: Any, keyset: Any, *, limit: int, sought: Any, stop: Stop) -> Page:
            self.read.append((limit, sought is not None, shown))
            self.stop = stop
            return page(query, shown, keyset, limit=limit, sought=sought, stop=stop)

        monkeypatch.setattr(self.repository, "_page", noted)

    @property
    def steps(self) -> list[int]:
        """How many conversations were looked through at once."""
        return [limit for limit, is_sought, _ in self.read if not is_sought]

    def ids(self, page: Page) -> list[str]:
        return [each["conversationId"] for each in page.items]


@pytest.fixture
def walking(database: Database, monkeypatch: pytest.MonkeyPatch) -> Walking:
    return Walking(database, monkeypatch)


def test_the_limits() -> None:
    assert (module.FIRST_WALKED, module.MOST_WALKED) == (32, 512)


def test_looks_through_more_each_time_and_ends_with_the_list(
    database: Database, walking: Walking, ada: str, bob: str
) -> None:
    made = put(database, ada, 13, holding=[0, 8, 12])
    put(database, bob, 3, holding=[0, 1, 2])
    page = walking.repository.list_page(ada, limit=9, search="needle")
    assert walking.ids(page) == [made[0], made[8], made[12]]
    assert page.next_cursor is None
    assert walking.steps == [2, 4, 5, 5]
    assert [shown for _, is_sought, shown in walking.read if not is_sought] == [{"conversationId": 1}] * 4
    assert {limit for limit, is_sought, _ in walking.read if is_sought} == {9}


def test_ends_with_one_more_than_was_asked_for(database: Database, walking: Walking, ada: str) -> None:
    made = put(database, ada, 20, holding=[0, 3, 4, 15])
    page = walking.repository.list_page(ada, limit=2, search="needle")
    assert walking.ids(page) == [made[0], made[3]]
    assert walking.steps == [2, 4]
    rest = walking.repository.list_page(ada, limit=2, search="needle", cursor=page.next_cursor)
    assert walking.ids(rest) == [made[4], made[15]]
    assert rest.next_cursor is None


def test_ends_with_as_many_as_were_asked_for_where_some_hold_more(
    database: Database, walking: Walking, ada: str
) -> None:
    made = put(database, ada, 3, holding=[0, 1])
    page = walking.repository.list_page(ada, limit=2, search="needle")
    assert (walking.ids(page), page.next_cursor) == (made[:2], None)
    # One is found, and there are more of them.
    page = walking.repository.list_page(ada, limit=1, search="needle")
    assert walking.ids(page) == made[:1]
    assert page.next_cursor is not None


def test_finds_titles_and_gives_what_a_list_shows(database: Database, walking: Walking, ada: str) -> None:
    put(database, ada, 3, holding=[])
    wanted = put_conversation(
        database, ada, title="The Needle", updatedAt=START - timedelta(days=1), files=[1]
    )
    (item,) = walking.repository.list_page(ada, limit=5, search="needle").items
    assert (item["conversationId"], item["title"]) == (wanted, "The Needle")
    assert "files" not in item


def test_has_the_list_and_the_time_that_were_asked_for(
    database: Database, walking: Walking, ada: str
) -> None:
    made = put(database, ada, 4, holding=[0, 1, 2])
    database.collection("conversations").update_one(
        {"conversationId": made[1]}, {"$set": {"isArchived": True}}
    )
    stop = Stop(60)
    page = walking.repository.list_page(ada, limit=5, search="needle", stop=stop, newest_first=False)
    assert walking.ids(page) == [made[2], made[0]]
    assert walking.index.asked == [(ada, "needle", stop)]
    assert walking.stop is stop
    stop.tell()
    with pytest.raises(TookTooLong):
        walking.repository.list_page(ada, limit=5, search="needle", stop=stop)


def test_documents_without_an_id_are_in_nobodys_way(database: Database, walking: Walking, ada: str) -> None:
    made = put(database, ada, 2, holding=[0, 1])
    put_conversation(database, ada, conversationId=None, updatedAt=START + timedelta(days=1), title="T")
    put_message(database, ada, new_id(), text="a needle")
    page = walking.repository.list_page(ada, limit=5, search="needle")
    assert walking.ids(page) == made


class TestTitles:
    """An index of titles, too."""

    def search(self, database: Database, owner: str, messages: Any, titles: Any) -> list[str]:
        stop = Stop(60)
        self.titles = Index(titles)
        repository = ConversationRepository(database, index=Index(messages), titles=self.titles)
        items = repository.list_page(owner, limit=9, search="needle", stop=stop).items
        assert self.titles.asked == [(owner, "needle", stop)]
        return [each["conversationId"] for each in items]

    def test_what_both_name_is_read_and_nothing_else(self, database: Database, ada: str) -> None:
        first, second, third = (
            put_conversation(database, ada, title=title) for title in ("needle", "needle", "T")
        )
        put_message(database, ada, third, text="needle")
        keys = {each["conversationId"]: each["_id"] for each in database.collection("conversations").find()}
        spoken = [each["_id"] for each in database.collection("messages").find()]
        assert self.search(database, ada, spoken, [keys[first]]) == [third, first]
        # Where it does not know, all titles are.
        assert self.search(database, ada, spoken, None) == [third, second, first]
        assert self.search(database, ada, [], [keys[first], ObjectId()]) == [first]
