"""Pages of lists that show little of each document; lists that are read by an index of one's choice."""

from datetime import timedelta

import pytest
from pymongo.errors import OperationFailure

from storage.conversations.conversations import ConversationRepository
from storage.core.database import Database
from storage.core.lists import Keys, by_index
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


class TestByIndex:
    def test_reads_by_the_index_and_only_if_it_is_missing_without(self, empty_database: Database) -> None:
        rows = empty_database.collection("rows")
        rows.insert_one({"_id": 1, "name": "Ada"})
        asked: list[Keys | None] = []

        def read(hint: Keys | None) -> list[int]:
            asked.append(hint)
            return [row["_id"] for row in rows.find({"name": "Ada"}, hint=hint)]

        by_name: Keys = [("name", 1)]
        assert by_index(by_name, read) == [1]
        rows.create_index(by_name)
        assert by_index(by_name, read) == [1]
        assert by_index(None, read) == [1]
        assert asked == [by_name, None, by_name, None]

    @pytest.mark.parametrize(("index", "code"), [([("name", 1)], 11600), (None, 2)])
    def test_any_other_failure_is_one(self, index: Keys | None, code: int) -> None:
        asked: list[Keys | None] = []

        def read(hint: Keys | None) -> object:
            asked.append(hint)
            raise OperationFailure("no", code)

        with pytest.raises(OperationFailure):
            by_index(index, read)
        assert asked == [index]
