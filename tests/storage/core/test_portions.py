"""Lists whose documents are larger than memory should hold at once."""

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from storage.conversations.conversations import ConversationRepository
from storage.conversations.messages import MessageRepository
from storage.core import portions
from storage.core.database import Database, Document
from storage.core.portions import Query, Reading, by_bytes, portioned, read_all, weight
from storage.library.assistants import AssistantRepository
from storage.library.presets import PresetRepository
from tests.support.chats import START, new_id, new_owner, profiled, put_conversation, shared_database

KIB, MIB = 1024, 1024 * 1024


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def messages(database: Database) -> MessageRepository:
    return MessageRepository(database)


def put_large(database: Database, owner: str, sizes: list[int]) -> str:
    """A conversation of messages with so many bytes of text, each begun by its number; its id."""
    conversation_id = put_conversation(database, owner)
    for number, size in enumerate(sizes):
        document = {
            "user": owner,
            "conversationId": conversation_id,
            "messageId": new_id(),
            "text": str(number).ljust(size, "."),
            "createdAt": START + timedelta(seconds=number),
        }
        database.collection("messages").insert_one(document)
    return conversation_id


def numbers(documents: list[Document]) -> list[int]:
    return [int(each["text"].rstrip(".")) for each in documents]


class TestByBytes:
    @pytest.mark.parametrize(
        ("sizes", "expected"),
        [
            ([], []),
            ([4, 3, 3], [["0", "1", "2"]]),
            ([4, 3, 4], [["0", "1"], ["2"]]),
            ([11, 1, 11, 1], [["0"], ["1"], ["2"], ["3"]]),
            ([1, 1, 1, 1, 1], [["0", "1", "2", "3"], ["4"]]),
        ],
    )
    def test_bytes_and_number_end_a_portion(self, sizes: list[int], expected: list[list[str]]) -> None:
        keyed = [(str(number), size) for number, size in enumerate(sizes)]
        assert list(by_bytes(keyed, 10, 4)) == expected


class TestWeight:
    def test_is_of_texts_at_any_depth_and_a_sum_for_the_rest(self) -> None:
        assert weight({}) == 200
        assert weight({"a": "xyz", "b": 10**9, "c": None}) == 203
        assert weight({"a": "é€"}) == 205
        assert weight({"a": {"b": "xy"}, "c": ["z", {"d": "é"}]}) == 4 * 200 + 5


class TestPortioned:
    def test_what_is_in_memory_is_answered_by_its_bytes_too(self) -> None:
        rows: list[Document] = [
            {"text": each * size} for each, size in (("a", MIB), ("b", 10), ("c", 2 * MIB))
        ]
        reading = portioned(rows)
        assert (reading.is_whole, reading.held) == (False, 2 * MIB + 200)
        assert [[each["text"][0] for each in some] for some in reading.portions] == [["a"], ["b"], ["c"]]
        small = portioned(rows[1:2])
        assert (small.is_whole, small.held, list(small.documents())) == (True, MIB, rows[1:2])
        assert portioned([{"text": "a" * 600_000}] * 2).held == MIB


class TestReading:
    def test_has_ten_seconds_for_each_question(self, messages: MessageRepository, database: Database) -> None:
        ada = new_owner()
        conversation_id = put_large(database, ada, [700 * KIB, 700 * KIB])
        with profiled(database, "messages") as notes:
            assert len(list(messages.read_conversation(ada, conversation_id).documents())) == 2
        limits = [note["command"]["maxTimeMS"] for note in notes if "find" in note["command"]]
        assert limits == [10_000] * 4

    def test_what_is_small_is_one_portion(self, messages: MessageRepository, database: Database) -> None:
        ada = new_owner()
        reading = messages.read_conversation(ada, put_large(database, ada, [400 * KIB, 400 * KIB]))
        assert (reading.is_whole, reading.held) == (True, MIB)
        assert [numbers(rows) for rows in reading.portions] == [[0, 1]]

    def test_what_is_small_is_not_weighed(
        self, messages: MessageRepository, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = new_owner()
        small, large = put_large(database, ada, [10] * 150), put_large(database, ada, [3 * MIB] * 2)
        monkeypatch.setattr(portions, "weight", lambda document: pytest.fail("weighed"))
        assert len(list(messages.read_conversation(ada, small).documents())) == 150
        assert len(messages.list_page(ada, limit=100, conversation_id=small).items) == 100
        with pytest.raises(pytest.fail.Exception):
            messages.list_page(ada, limit=100, conversation_id=large)

    def test_many_small_ones_are_one_portion(self, messages: MessageRepository, database: Database) -> None:
        ada = new_owner()
        reading = messages.read_conversation(ada, put_large(database, ada, [10] * 250))
        assert reading.is_whole
        assert numbers(list(reading.documents())) == list(range(250))

    def test_more_than_comes_at_once_is_read_to_its_end(
        self, messages: MessageRepository, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(portions, "AT_ONCE", 5)
        ada = new_owner()
        for count in (4, 5, 6):
            reading = messages.read_conversation(ada, put_large(database, ada, [10] * count))
            assert reading.is_whole
            assert numbers(list(reading.documents())) == list(range(count))
        large = messages.read_conversation(ada, put_large(database, ada, [10] * 5 + [MIB]))
        assert not large.is_whole
        assert numbers(list(large.documents())) == [0, 1, 2, 3, 4, 5]

    def test_more_than_a_mebibyte_comes_in_portions_of_one(
        self, messages: MessageRepository, database: Database
    ) -> None:
        ada = new_owner()
        sizes = [400 * KIB, 400 * KIB, 400 * KIB, 3 * MIB, 100]
        reading = messages.read_conversation(ada, put_large(database, ada, sizes))
        assert not reading.is_whole
        assert 3 * MIB < reading.held < 3 * MIB + KIB
        assert [numbers(rows) for rows in reading.portions] == [[0, 1], [2], [3], [4]]

    def test_what_is_deleted_meanwhile_is_left_out(
        self, messages: MessageRepository, database: Database
    ) -> None:
        ada = new_owner()
        conversation_id = put_large(database, ada, [MIB, MIB, MIB])
        portions = iter(messages.read_conversation(ada, conversation_id).portions)
        assert numbers(next(portions)) == [0]
        database.collection("messages").delete_one({"user": ada, "text": {"$regex": "^1"}})
        assert [numbers(rows) for rows in portions] == [[], [2]]

    def test_a_small_one_is_arranged_too(self, database: Database) -> None:
        ada, presets = new_owner(), PresetRepository(database)
        for number, order in enumerate((3, 1, 2)):
            presets.create(ada, {"title": str(number), "endpoint": "openAI", "order": order})
        reading = presets.list(ada)
        assert (reading.is_whole, reading.held) == (True, MIB)
        assert [each["title"] for each in reading.documents()] == ["1", "2", "0"]

    def test_an_arranged_list_keeps_its_order(self, database: Database) -> None:
        ada, presets = new_owner(), PresetRepository(database)
        for number, order in enumerate((3, 1, 2)):
            presets.create(
                ada,
                {"title": str(number), "endpoint": "openAI", "order": order, "promptPrefix": "x" * 500 * KIB},
            )
        reading = presets.list(ada)
        assert not reading.is_whole
        assert [each["title"] for each in reading.documents()] == ["1", "2", "0"]

    def test_another_owners_are_not_read(self, database: Database) -> None:
        ada, bob = new_owner(), new_owner()
        put_large(database, ada, [MIB, MIB])
        rows = read_all(database.collection("messages"), Query({"user": bob}, {}, [("_id", 1)]))
        assert list(rows.documents()) == []

    def test_twice_as_much_takes_no_more_memory(
        self, messages: MessageRepository, database: Database
    ) -> None:
        ada = new_owner()
        once, twice = (put_large(database, ada, [MIB] * count) for count in (24, 48))
        peaks = [peak(lambda name=name: messages.read_conversation(ada, name)) for name in (once, twice)]  # type: ignore[misc]
        assert peaks[1] < 1.3 * peaks[0]


def peak(read: Callable[[], Reading]) -> int:
    """The most memory that reading takes, in bytes."""
    tracemalloc.start()
    try:
        assert all(list(rows) for rows in read().portions)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestPages:
    def test_of_messages_end_early_and_lose_nothing(
        self, messages: MessageRepository, database: Database
    ) -> None:
        ada = new_owner()
        put_large(database, ada, [MIB] * 6 + [5 * MIB, 10])
        found, cursor = [], None
        while True:
            page = messages.list_page(ada, limit=100, cursor=cursor)
            found.append(numbers(page.items))
            if (cursor := page.next_cursor) is None:
                break
        assert found == [[7], [6], [5, 4, 3], [2, 1, 0]]

    def test_of_conversations_end_early_and_lose_nothing(self, database: Database) -> None:
        ada, conversations = new_owner(), ConversationRepository(database)
        for number in range(5):
            at = START + timedelta(seconds=number)
            put_conversation(database, ada, title=str(number).ljust(int(1.5 * MIB), "."), updatedAt=at)
        first = conversations.list_page(ada, limit=10)
        second = conversations.list_page(ada, limit=10, cursor=first.next_cursor)
        third = conversations.list_page(ada, limit=10, cursor=second.next_cursor)
        titles = [[each["title"][0] for each in page.items] for page in (first, second, third)]
        assert titles == [["4", "3"], ["2", "1"], ["0"]]
        assert third.next_cursor is None

    def test_of_assistants_end_early_and_lose_nothing(self, database: Database) -> None:
        ada, assistants = new_owner(), AssistantRepository(database)
        made = [
            assistants.create(ada, {"name": "x", "model": "y", "instructions": "." * (3 * MIB)})
            for _ in range(3)
        ]
        found, after, more = [], None, True
        while more:
            items, more = assistants.list_page(ada, limit=10, after=after, newest_first=False)
            after = items[-1]["assistant_id"]
            found.append([each["assistant_id"] for each in items])
        assert found == [[each["assistant_id"]] for each in made]
