"""What exports read: the owner's alone, in an index's order."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import chain

import pytest

from storage.conversations.exports import ExportRepository
from storage.core.database import Database, Document
from storage.core.repository import now
from tests.support.chats import (
    NO_PARENT,
    START,
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
def exports(database: Database) -> ExportRepository:
    return ExportRepository(database)


def titles(portions: Iterable[list[Document]]) -> list[str]:
    return [each["title"] for rows in portions for each in rows]


def test_another_owners_are_out_of_reach(exports: ExportRepository, database: Database) -> None:
    ada, bob = new_owner(), new_owner()
    conversation_id, _ = put_tree(database, ada)
    [[key]] = exports.conversation_keys(ada)
    outlines = exports.outlines(ada, [conversation_id])[conversation_id]
    assert list(exports.conversation_keys(bob)) == []
    assert (exports.count(ada), exports.count(bob)) == (1, 0)
    assert titles(exports.conversations(bob, [key])) == []
    assert exports.outlines(bob, [conversation_id]) == {}
    assert exports.messages(bob, [each.key for each in outlines]) == {}
    assert len(exports.messages(ada, [each.key for each in outlines])) == len(outlines) == 9


def test_conversations_come_in_the_order_asked(exports: ExportRepository, database: Database) -> None:
    owner = new_owner()
    for number in range(5):
        put_conversation(database, owner, title=str(number))
    [keys] = exports.conversation_keys(owner)
    found = exports.conversations(owner, keys[::-1])
    assert titles(found) == ["4", "3", "2", "1", "0"]
    database.collection("conversations").delete_one({"_id": keys[2]})
    assert titles(exports.conversations(owner, keys)) == ["0", "1", "3", "4"]


def test_each_that_is_there_comes_once_whatever_begins_meanwhile(
    exports: ExportRepository, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.conversations.exports.KEYS_AT_ONCE", 2)
    owner = new_owner()
    for number in range(5):
        put_conversation(database, owner, title=str(number), expiredAt=now() if number == 1 else None)
    put_conversation(database, owner, _id="a text", title="of another kind")
    portions = exports.conversation_keys(owner)
    first = next(portions), next(portions)
    put_conversation(database, owner, title="later")
    keys = [*first, *portions]
    assert [len(some) for some in keys] == [1, 2, 2]
    assert titles(exports.conversations(owner, [*chain(*keys)])) == ["of another kind", "0", "2", "3", "4"]
    assert exports.count(owner) == 6


def test_all_that_are_neither_temporary_nor_expired(exports: ExportRepository, database: Database) -> None:
    owner, moment = new_owner(), now()
    for title, fields in {
        "plain": {},
        "archived": {"isArchived": True},
        "kept for a while": {"expiredAt": moment + timedelta(days=1), "isTemporary": False},
        "temporary": {"isTemporary": True},
        "expired": {"expiredAt": moment - timedelta(seconds=1), "isTemporary": False},
        "of a subagent": {"subagentThread": {"x": 1}},
        "without an id": {"conversationId": None},
    }.items():
        put_conversation(database, owner, title=title, **fields)
    [keys] = exports.conversation_keys(owner)
    assert titles(exports.conversations(owner, keys)) == ["plain", "archived", "kept for a while"]
    assert exports.count(owner) == 3


def test_what_only_a_database_needs_is_left_out(exports: ExportRepository, database: Database) -> None:
    owner, inner = new_owner(), {"__v": 0, "_meiliIndex": True}
    conversation_id = put_conversation(database, owner, title="T", messages=[1], **inner)
    put_message(database, owner, conversation_id, text="x", **inner)
    [[key]] = exports.conversation_keys(owner)
    [[conversation]] = exports.conversations(owner, [key])
    assert conversation == {
        "_id": key,
        "title": "T",
        "conversationId": conversation_id,
        "createdAt": START,
        "updatedAt": START,
    }
    [outline] = exports.outlines(owner, [conversation_id])[conversation_id]
    message = exports.messages(owner, [outline.key])[outline.key]
    assert message["text"] == "x"
    assert {"user", "__v", "_meiliIndex"}.isdisjoint(message)


def test_outlines_are_a_tree_in_the_order_of_time(exports: ExportRepository, database: Database) -> None:
    conversation_id, prefix = put_tree(database, owner := new_owner())
    other, _ = put_tree(database, owner)
    put_message(database, owner, conversation_id, messageId=None, parentMessageId=None, minute=-1)
    outlines = exports.outlines(owner, [conversation_id])
    assert outlines.keys() == {conversation_id}
    first, second, third, *_ = outlines[conversation_id]
    assert (first.message_id, first.parent) == (str(first.key), None)
    assert (second.message_id, second.parent) == (prefix + "a", NO_PARENT)
    assert (third.message_id, third.parent) == (prefix + "b", prefix + "a")
    assert exports.outlines(owner, [conversation_id, other]).keys() == {conversation_id, other}


def test_large_conversations_come_one_by_one(exports: ExportRepository, database: Database) -> None:
    owner = new_owner()
    for number in range(3):
        put_conversation(database, owner, title=str(number), promptPrefix="x" * (1 << 20))
    portions = exports.conversations(owner, *exports.conversation_keys(owner))
    assert [titles([rows]) for rows in portions] == [["0"], ["1"], ["2"]]


def test_outlines_say_how_large_a_message_is(exports: ExportRepository, database: Database) -> None:
    conversation_id, prefix = put_tree(database, owner := new_owner())
    outlines = exports.outlines(owner, [conversation_id])[conversation_id]
    assert [each.message_id for each in outlines] == [prefix + name for name in "abcdefgrh"]
    assert all(100 < each.size < 1000 for each in outlines)


def test_it_reads_with_indexes(exports: ExportRepository, database: Database) -> None:
    owner = new_owner()
    ids = [put_tree(database, owner)[0] for _ in range(5)]
    with profiled(database, "messages") as notes:
        exports.outlines(owner, ids)
    assert notes
    for note in notes:
        assert "COLLSCAN" not in note["planSummary"]
        assert not note.get("hasSortStage")
