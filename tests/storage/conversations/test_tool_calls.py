"""Runs of code: what is stored of each, and which are listed."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations import tool_calls
from storage.conversations.tool_calls import ToolCallRepository
from storage.core.database import Database
from storage.core.errors import NotFound, TooMany
from storage.core.repository import now
from tests.support.chats import new_id, put_conversation, put_message

GAVE: dict[str, Any] = {"result": "4", "attachments": [{"file_id": "f"}], "partIndex": 1, "blockIndex": 0}


@pytest.fixture
def calls(database: Database) -> ToolCallRepository:
    return ToolCallRepository(database)


def test_is_stored_as_librechat_does(calls: ToolCallRepository, database: Database, ada: str) -> None:
    given = calls.insert(ada, "c-1", "m-1", "execute_code", GAVE)
    (stored,) = database.collection("toolcalls").find()
    assert given == stored
    assert isinstance(stored.pop("_id"), ObjectId)
    assert now() - stored["createdAt"] < timedelta(minutes=5)
    assert stored.pop("createdAt") == stored.pop("updatedAt")
    assert stored == {
        "conversationId": "c-1",
        "messageId": "m-1",
        "toolId": "execute_code",
        "user": ObjectId(ada),
        **GAVE,
        "__v": 0,
    }


def test_goes_when_its_message_goes_by_itself(
    calls: ToolCallRepository, database: Database, ada: str, bob: str
) -> None:
    conversation_id, expires = put_conversation(database, ada), now() + timedelta(days=1)
    message_id = put_message(database, ada, conversation_id, expiredAt=expires)
    assert calls.insert(ada, conversation_id, message_id, "execute_code", GAVE)["expiredAt"] == expires
    # Another's message of the same id says nothing.
    assert "expiredAt" not in calls.insert(bob, conversation_id, message_id, "execute_code", GAVE)
    kept = put_message(database, ada, conversation_id, expiredAt=None)
    assert "expiredAt" not in calls.insert(ada, conversation_id, kept, "execute_code", GAVE)
    indexes = database.collection("toolcalls").index_information()
    assert indexes["expiredAt_1"]["expireAfterSeconds"] == 0


def test_those_of_a_conversation_are_listed_the_oldest_first(
    calls: ToolCallRepository, database: Database, ada: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (calls.insert(ada, "c-1", new_id(), "execute_code", GAVE) for _ in range(2))
    calls.insert(ada, "c-2", new_id(), "execute_code", GAVE)
    his = calls.insert(bob, "c-1", new_id(), "execute_code", GAVE)
    assert calls.list(ada, "c-1") == [first, second]
    assert calls.list(bob, "c-1") == [his]
    older = {"_id": ObjectId("0" * 24), "user": ObjectId(ada), "conversationId": "c-1"}
    database.collection("toolcalls").insert_one(older)
    assert calls.list(ada, "c-1") == [older, first, second]
    monkeypatch.setattr(tool_calls, "MOST_LISTED", 1)
    assert calls.list(ada, "c-1") == [older]


def test_no_conversation_has_more_than_are_listed(
    calls: ToolCallRepository, ada: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_calls, "MOST_LISTED", 2)
    for conversation_id in ("c-1", "c-1", "c-2"):
        calls.check_room(ada, conversation_id)
        calls.insert(ada, conversation_id, new_id(), "execute_code", GAVE)
    with pytest.raises(TooMany) as caught:
        calls.check_room(ada, "c-1")
    assert (caught.value.kind, caught.value.most) == ("runs of code in a conversation", 2)
    calls.check_room(ada, "c-2")
    calls.check_room(bob, "c-1")


def test_an_owner_of_another_kind_of_id_has_none(calls: ToolCallRepository) -> None:
    with pytest.raises(NotFound):
        calls.list("no id", "c-1")
    with pytest.raises(NotFound):
        calls.insert("no id", "c-1", "m-1", "execute_code", GAVE)
