"""Pages of lists that show little of each document."""

from datetime import timedelta

import pytest

from storage.conversations.conversations import ConversationRepository
from storage.core.database import Database
from tests.support.chats import START, put_conversation


@pytest.mark.parametrize("search", [None, "x", "x of a long name"])
def test_a_list_without_its_sort_key_has_pages_all_the_same(
    database: Database, ada: str, search: str | None
) -> None:
    conversations = ConversationRepository(database, listed={"title": 1})
    for number in range(3):
        at = START + timedelta(days=number)
        put_conversation(database, ada, title=f"x of a long name {number}", updatedAt=at)
    first = conversations.list_page(ada, limit=2, search=search)
    last = conversations.list_page(ada, limit=2, search=search, cursor=first.next_cursor)
    assert [each["title"][-1] for each in (*first.items, *last.items)] == ["2", "1", "0"]
    assert last.next_cursor is None
