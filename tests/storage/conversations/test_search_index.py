"""Searches with an index find what searches without one find, whatever happened to the messages since."""

import random
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations import search_index
from storage.conversations.conversations import ConversationRepository
from storage.conversations.deletions import DeletionRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.search_index import SearchIndex
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.repository import now
from storage.core.stop import Stop
from tests.support.chats import message_document, put_conversation

WORDS = (
    "Straße",
    "strasse",
    "Ærø",
    "aero",
    "café",
    "CAFE",
    "ёлка",
    "елка",
    "日本語",
    "言語",
    "한글",
    "e\u0301te",
    "x-ray",
    "naïve",
)
SOUGHT = (*WORDS, "a", "語", "st", "fe", "ra", "글", "é", "rø", "not there", "café CAFE")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of eight messages, of which the youngest may be one."""
    for name, value in {"PORTION": 8, "WORTHWHILE": 16, "SETTLED": timedelta(0)}.items():
        monkeypatch.setattr(search_index, name, value)


@pytest.fixture
def index(database: Database, small: None) -> SearchIndex:
    return SearchIndex(database)


def put_messages(database: Database, owner: str, texts: list[str]) -> str:
    """A conversation with these messages, which came an hour ago."""
    conversation_id = put_conversation(database, owner, title="T", isArchived=False)
    moment = now() - timedelta(hours=1)
    keys = [ObjectId(int(moment.timestamp()).to_bytes(4, "big") + ObjectId().binary[4:]) for _ in texts]
    database.collection("messages").insert_many(
        {
            **message_document(owner=owner, conversation_id=conversation_id),
            "_id": key,
            "text": text,
            "createdAt": moment,
            "updatedAt": moment,
        }
        for key, text in zip(keys, texts, strict=True)
    )
    return conversation_id


def built(index: SearchIndex, owner: str) -> int:
    return sum(1 for _ in iter(lambda: index.build(owner), False))


def found(
    database: Database, owner: str, text: str, index: SearchIndex | None
) -> tuple[list[ObjectId], list[str]]:
    messages = MessageRepository(database, index=index).list_page(owner, limit=100, search=text)
    conversations = ConversationRepository(database, index=index).list_page(owner, limit=100, search=text)
    return [each["_id"] for each in messages.items], [each["conversationId"] for each in conversations.items]


def check(database: Database, owner: str, index: SearchIndex) -> None:
    for text in SOUGHT:
        assert found(database, owner, text, index) == found(database, owner, text, None), text


def test_both_find_the_same_whatever_was_written_changed_or_deleted(
    database: Database, index: SearchIndex, ada: str, bob: str
) -> None:
    dice = random.Random(7)
    texts = [" ".join(dice.choices(WORDS, k=3)) for _ in range(40)]
    first, second = (put_messages(database, ada, some) for some in (texts[:20], texts[20:]))
    put_messages(database, bob, texts)
    assert built(index, ada) == 5
    check(database, ada, index)
    messages = database.collection("messages")
    some = [each["_id"] for each in messages.find({"user": ada, "conversationId": first}).limit(4)]
    messages.update_one({"_id": some[0]}, {"$set": {"text": "Changed: 言語", "updatedAt": now()}})
    part = [{"type": "text", "text": {"value": "ÆRØ"}}, {"type": "think", "think": "ёлка"}]
    messages.update_one({"_id": some[1]}, {"$set": {"text": "", "content": part, "updatedAt": now()}})
    messages.delete_one({"_id": some[2]})
    # What LibreChat imports is older than its key.
    old = message_document(owner=ada, conversation_id=second, text="imported café")
    messages.insert_one(old)
    ThreadRepository(database).post(ada, second, text="new 日本語", sender="user", token_count=1)
    check(database, ada, index)
    put_messages(database, ada, texts[:8])
    built(index, ada)
    check(database, ada, index)
    DeletionRepository(database).delete(ada, first)
    check(database, ada, index)
    assert found(database, bob, "日本語", index) == found(database, bob, "日本語", None)


def test_it_is_asked_for_by_whoever_has_many_messages_and_searches(
    database: Database, index: SearchIndex, ada: str
) -> None:
    asked: list[str] = []
    index.wanted = asked.append
    put_messages(database, ada, ["one"] * 15)
    assert index.narrowed(ada, "one", Stop(10)) is None
    assert asked == []
    put_messages(database, ada, ["two"] * 4)
    assert index.narrowed(ada, "one", Stop(10)) is None
    assert asked == [ada]
    assert built(index, ada) == 2
    narrowed = index.narrowed(ada, "one", Stop(10))
    assert narrowed is not None
    # Those in the index that have it, and those that are in none.
    assert len(narrowed) == 15 + 3
    assert asked == [ada]


def test_a_letter_alone_needs_no_index_unless_it_is_a_syllable(
    database: Database, index: SearchIndex, ada: str
) -> None:
    put_messages(database, ada, ["日本", "plain"] * 8)
    built(index, ada)
    assert index.narrowed(ada, "p", Stop(10)) is None
    assert len(index.narrowed(ada, "本", Stop(10)) or []) == 8
    assert index.narrowed(ada, "'", Stop(10)) is None


def test_of_what_nearly_all_have_all_are_read(
    database: Database, index: SearchIndex, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_messages(database, ada, ["the same"] * 16)
    built(index, ada)
    monkeypatch.setattr(search_index, "MOST_FOUND", 15)
    assert index.narrowed(ada, "same", Stop(10)) is None
    assert index.narrowed(ada, "other", Stop(10)) == []


def test_messages_of_too_many_pieces_are_always_read(
    database: Database, index: SearchIndex, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "MOST_PIECES", 10)
    put_messages(database, ada, ["short"] * 7 + ["a long one that says more"] + ["short"] * 8)
    built(index, ada)
    assert len(index.narrowed(ada, "zzz", Stop(10)) or []) == 1
    check(database, ada, index)


def test_after_too_many_changes_it_is_made_anew(
    database: Database, index: SearchIndex, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_messages(database, ada, ["old"] * 16)
    built(index, ada)
    monkeypatch.setattr(search_index, "MOST_CHANGED", 3)
    change = {"$set": {"text": "new", "updatedAt": now()}}
    database.collection("messages").update_many({"user": ada}, change)
    put_messages(database, ada, ["new"] * 8)
    assert built(index, ada) == 4
    assert len(index.narrowed(ada, "old", Stop(10)) or []) <= 16
    check(database, ada, index)


def test_of_two_that_build_at_once_one_is_stored(database: Database, index: SearchIndex, ada: str) -> None:
    put_messages(database, ada, ["one"] * 16)
    portion = {"user": ada, "_id": {"$regex": r"\.keys$"}}
    for _ in range(2):
        assert index.build(ada)
        state = database.collection("echo_search").find_one({"_id": ada})
        assert state is not None
        # As another process had it before.
        other = SearchIndex(database)
        before = search_index.NOTHING if len(state["portions"]) == 1 else state["hi"]
        rows = database.collection("messages").find({"user": ada}).limit(8)
        assert not other._note(
            ada, ObjectId() if before != search_index.NOTHING else before, _portion(rows), {}, []
        )
    assert database.collection("echo_search_parts").count_documents(portion) == 2
    assert sorted(index.narrowed(ada, "one", Stop(10)) or []) == sorted(
        each["_id"] for each in database.collection("messages").find({"user": ada})
    )


def _portion(rows: object) -> search_index._Portion:
    return search_index._Portion(rows)  # type: ignore[arg-type]


def test_without_its_indexes_all_are_read(database: Database, index: SearchIndex, ada: str) -> None:
    put_messages(database, ada, ["one"] * 16)
    built(index, ada)
    database.collection("messages").drop_index("user_1__id_1")
    assert index.narrowed(ada, "one", Stop(10)) is None
    assert len(found(database, ada, "one", index)[0]) == 16


def test_it_goes_with_all_conversations_of_its_owner(
    database: Database, index: SearchIndex, ada: str, bob: str
) -> None:
    for owner in (ada, bob):
        put_messages(database, owner, ["one"] * 16)
        built(index, owner)
    DeletionRepository(database).delete_all(ada)
    for name in ("echo_search", "echo_search_parts"):
        left = database.collection(name)
        assert (left.count_documents({"user": ada}), left.count_documents({"user": bob}) > 0) == (0, True)
        assert left.find_one({"user": bob})["expiresAt"] <= now() + timedelta(days=7)  # type: ignore[index]


def test_another_owners_pieces_are_not_looked_at(
    database: Database, index: SearchIndex, ada: str, bob: str
) -> None:
    put_messages(database, ada, ["secret"] * 16)
    built(index, ada)
    put_messages(database, bob, ["other"] * 16)
    built(index, bob)
    hers = database.collection("echo_search").find_one({"_id": ada}) or {}
    database.collection("echo_search").update_one({"_id": bob}, {"$set": {"portions": hers["portions"]}})
    assert index.narrowed(bob, "secret", Stop(10)) == []
    assert found(database, bob, "secret", index) == ([], [])


def test_nothing_is_left_of_an_owner_who_was_erased_meanwhile(
    database: Database, index: SearchIndex, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_messages(database, ada, ["one"] * 16)
    note = SearchIndex._note

    def erased(self: SearchIndex, owner: str, *others: Any) -> bool:
        database.collection("messages").delete_many({"user": owner})
        return note(self, owner, *others)

    monkeypatch.setattr(SearchIndex, "_note", erased)
    assert not index.build(ada)
    for name in ("echo_search", "echo_search_parts"):
        assert database.collection(name).count_documents({}) == 0
