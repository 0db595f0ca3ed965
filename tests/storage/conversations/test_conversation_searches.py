"""Searches of conversations: of what many messages have from one to the next, in the order of the list."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations import conversation_searches as module
from storage.conversations import message_searches
from storage.conversations.conversations import ConversationRepository
from storage.conversations.message_searches import MessageSearches
from storage.conversations.narrowing import Candidates
from storage.core.database import Database, Document
from storage.core.errors import TookTooLong
from storage.core.pages import Page
from storage.core.portions import weight
from storage.core.stop import Stop
from tests.support.chats import START, new_id, put_conversation, put_message


class Index:
    """Knows this of messages, and more when asked patiently; and what it was asked."""

    def __init__(
        self, keys: Sequence[Any] | None, patiently: Sequence[Any] | None = None, *, are_many: bool = False
    ) -> None:
        self.known = Candidates(keys, 2 if are_many or keys is None else None)
        self.more = Candidates(patiently, None if patiently else 2)
        self.asked, self.patiently = list[tuple[str, str, Stop]](), 0

    def narrowed(self, owner: str, text: str, stop: Stop, *, patiently: bool = False) -> Candidates:
        self.asked.append((owner, text, stop))
        self.patiently += patiently
        return self.more if patiently else self.known


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
        monkeypatch.setattr(module, "FIRST_WITH_KEYS", 3)
        monkeypatch.setattr(module, "MOST_WALKED", 5)
        self.index = Index(None)
        self.repository = ConversationRepository(database, index=self.index)
        self.searches = self.repository._searches
        self.read: list[tuple[int, bool, Any]] = []
        page = self.searches._page

        def noted(query: Document, shown: Any, keyset: Any, *, limit: int, sought: Any, stop: Stop) -> Page:
            self.read.append((limit, sought is not None, shown))
            self.stop = stop
            return page(query, shown, keyset, limit=limit, sought=sought, stop=stop)

        monkeypatch.setattr(self.searches, "_page", noted)

    def know(self, *keys: Any, **more: Any) -> None:
        """What the index is to know."""
        self.index = Index(*keys, **more)
        self.searches._messages = MessageSearches(self.searches._database, self.index)

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
    assert (module.FIRST_WALKED, module.FIRST_WITH_KEYS, module.MOST_WALKED) == (32, 128, 512)
    assert (module.TRIED, module.LONGEST_WALK) == (200, 1024)


def test_looks_through_more_each_time_and_ends_with_the_list(
    database: Database, walking: Walking, ada: str, bob: str
) -> None:
    made = put(database, ada, 13, holding=[8, 12])
    put(database, bob, 3, holding=[0, 1, 2])
    page = walking.repository.list_page(ada, limit=9, search="needle")
    assert walking.ids(page) == [made[8], made[12]]
    assert page.next_cursor is None
    assert walking.steps == [2, 4, 5, 5]
    assert [shown for _, is_sought, shown in walking.read if not is_sought] == [{"conversationId": 1}] * 4
    assert {limit for limit, is_sought, _ in walking.read if is_sought} == {9}


def test_looks_through_as_many_next_as_it_should_take(database: Database, walking: Walking, ada: str) -> None:
    made = put(database, ada, 20, holding=[0, 1, 2, 5, 8])
    page = walking.repository.list_page(ada, limit=4, search="needle")
    assert walking.ids(page) == [made[0], made[1], made[2], made[5]]
    # Two of two: three more are in three. Three of five: two more are in three. Four of eight: one is in two.
    assert walking.steps == [2, 3, 3, 2]


def test_ends_with_one_more_than_was_asked_for(database: Database, walking: Walking, ada: str) -> None:
    made = put(database, ada, 20, holding=[0, 3, 4, 15])
    page = walking.repository.list_page(ada, limit=2, search="needle")
    assert walking.ids(page) == [made[0], made[3]]
    assert walking.steps == [2, 5]
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


def test_ends_with_as_much_as_a_page_may_have(
    database: Database, walking: Walking, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = put(database, ada, 9, holding=[0, 1, 2, 3, 4, 5])
    whole = walking.repository.list_page(ada, limit=1, search="needle").items[0]
    monkeypatch.setattr(module, "PAGE_BYTES", 3 * weight(whole))
    first = walking.repository.list_page(ada, limit=8, search="needle")
    assert walking.ids(first) == made[:3]
    last = walking.repository.list_page(ada, limit=8, search="needle", cursor=first.next_cursor)
    assert (walking.ids(last), last.next_cursor) == (made[3:6], None)


def test_what_is_changed_meanwhile_does_not_begin_the_list_anew(
    database: Database, walking: Walking, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = put(database, ada, 6, holding=[0, 1, 5])
    containing = MessageSearches.conversations_containing

    def changing(self: MessageSearches, asked: Any, **more: Any) -> list[str]:
        if made[5] in more["of"]:
            new = {"$set": {"updatedAt": START + timedelta(days=1)}}
            database.collection("conversations").update_one({"conversationId": made[5]}, new)
        return containing(self, asked, **more)

    monkeypatch.setattr(MessageSearches, "conversations_containing", changing)
    page = walking.repository.list_page(ada, limit=3, search="needle")
    assert (walking.ids(page), page.next_cursor) == (made[:2], None)


class TestLongWalks:
    """A walk that would be long is given up."""

    @pytest.fixture(autouse=True)
    def short(self, walking: Walking, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "TRIED", 4)
        monkeypatch.setattr(module, "LONGEST_WALK", 9)
        monkeypatch.setattr(message_searches, "PASSED", 100)

    def keys(self, database: Database, *conversation_ids: str) -> list[Any]:
        rows = database.collection("messages").find({"conversationId": {"$in": conversation_ids}})
        return [row["_id"] for row in rows]

    def test_then_the_messages_are_read_that_are_named_patiently(
        self, database: Database, walking: Walking, ada: str
    ) -> None:
        made = put(database, ada, 20, holding=[1, 15, 18])
        walking.know(None, self.keys(database, made[1], made[15], made[18], made[19]))
        page = walking.repository.list_page(ada, limit=2, search="needle")
        assert (walking.ids(page), walking.index.patiently) == ([made[1], made[15]], 1)
        # One of two, then none of five: of seven, one has it, and fourteen more were to be looked through.
        assert walking.steps == [2, 5]
        page = walking.repository.list_page(ada, limit=2, search="needle", cursor=page.next_cursor)
        assert (walking.ids(page), page.next_cursor) == ([made[18]], None)

    def test_if_not_even_then_it_goes_on_to_the_end(
        self, database: Database, walking: Walking, ada: str
    ) -> None:
        made = put(database, ada, 20, holding=[1, 15, 18])
        page = walking.repository.list_page(ada, limit=2, search="needle")
        assert (walking.ids(page), walking.index.patiently) == ([made[1], made[15]], 1)
        assert walking.steps[:4] == [2, 5, 2, 5]

    def test_what_is_near_is_found_before(self, database: Database, walking: Walking, ada: str) -> None:
        # Of four, two have it: three walked for each of two more are not too long.
        made = put(database, ada, 20, holding=[0, 3, 5, 8])
        page = walking.repository.list_page(ada, limit=3, search="needle")
        assert (walking.ids(page), walking.index.patiently) == ([made[0], made[3], made[5]], 0)

    def test_what_was_not_near_at_first_may_be_so_all_the_same(
        self, database: Database, walking: Walking, ada: str
    ) -> None:
        # Of two, none; but then of each.
        made = put(database, ada, 20, holding=[2, 3, 4, 5, 6, 7])
        page = walking.repository.list_page(ada, limit=5, search="needle")
        assert (walking.ids(page), walking.index.patiently) == (made[2:7], 0)

    def test_it_is_the_whole_walk_that_would_be_long(
        self, database: Database, walking: Walking, ada: str
    ) -> None:
        # Of seven, two have it: seven more would be fourteen.
        made = put(database, ada, 20, holding=[0, 2, 18])
        walking.know(None, self.keys(database, made[0], made[2], made[18]))
        page = walking.repository.list_page(ada, limit=3, search="needle")
        assert (walking.ids(page), walking.index.patiently) == ([made[0], made[2], made[18]], 1)
        assert walking.steps == [2, 5]

    def test_of_many_that_are_named_these_are_read_on_the_way_or_at_once(
        self, database: Database, walking: Walking, ada: str
    ) -> None:
        made = put(database, ada, 20, holding=[0, 1, 2, 15])
        walking.know(self.keys(database, made[0], made[2], made[15]), are_many=True)
        page = walking.repository.list_page(ada, limit=1, search="needle")
        # In the second is the word, too, but the index does not know of it.
        assert (walking.ids(page), walking.steps) == ([made[0]], [3])
        walking.read.clear()
        page = walking.repository.list_page(ada, limit=5, search="needle")
        assert (walking.ids(page), page.next_cursor) == ([made[0], made[2], made[15]], None)
        assert walking.index.patiently == 0
        assert walking.steps == [3, 5]

    def test_many_are_read_at_once_if_that_is_sooner(
        self, database: Database, walking: Walking, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(message_searches, "PASSED", 5)
        made = put(database, ada, 6, holding=[0, 1, 2])
        walking.know(self.keys(database, made[0], made[2]), are_many=True)
        page = walking.repository.list_page(ada, limit=2, search="needle")
        assert (walking.ids(page), walking.steps) == ([made[0], made[2]], [])

    def test_few_that_are_named_are_read_at_once(
        self, database: Database, walking: Walking, ada: str
    ) -> None:
        made = put(database, ada, 6, holding=[0, 1, 2])
        walking.know(self.keys(database, made[0], made[2]))
        page = walking.repository.list_page(ada, limit=1, search="needle")
        assert (walking.ids(page), walking.steps) == ([made[0]], [])


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

    @pytest.mark.parametrize("spoken", [True, False])
    def test_what_has_no_id_is_found_by_its_title(self, database: Database, ada: str, spoken: bool) -> None:
        bare = put_conversation(database, ada, title="a needle", conversationId=None)
        other = put_conversation(database, ada, title="T")
        put_message(database, ada, other, text="needle")
        put_message(database, ada, bare, text="needle", conversationId=None)
        titles = [each["_id"] for each in database.collection("conversations").find()]
        keys = [each["_id"] for each in database.collection("messages").find()] if spoken else []
        assert self.search(database, ada, keys, titles) == [*([other] if spoken else []), None]

    def test_of_a_long_text_the_end_is_compared_too(self, database: Database, ada: str) -> None:
        text = "a needle in the haystack"
        wanted, other = (put_conversation(database, ada, title=title) for title in (text, f"{text[:-1]}."))
        keys = {each["conversationId"]: each["_id"] for each in database.collection("conversations").find()}
        repository = ConversationRepository(
            database, index=Index([]), titles=Index([keys[wanted], keys[other]])
        )
        page = repository.list_page(ada, limit=9, search=text)
        assert [each["conversationId"] for each in page.items] == [wanted]

    def test_titles_need_no_index_by_ids(self, empty_database: Database, ada: str) -> None:
        wanted = put_conversation(empty_database, ada, title="needle")
        keys = [each["_id"] for each in empty_database.collection("conversations").find()]
        assert self.search(empty_database, ada, [], keys) == [wanted]
