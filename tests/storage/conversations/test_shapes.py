"""What the repositories write has LibreChat's field names and BSON types.

The tables say what a database holds that LibreChat v0.8.8-rc1 wrote itself; Echo's own additions stand apart.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from storage.accounts.sessions import SessionRepository
from storage.accounts.users import UserRepository
from storage.conversations.conversations import ConversationRepository
from storage.conversations.copies import CopyRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.files import FileRepository
from storage.library.presets import PresetRepository
from tests.support.chats import new_id, new_owner, say

# What LibreChat gives every document of a collection, and what only some have.
ALWAYS: dict[str, dict[str, str]] = {
    "users": {
        "_id": "objectId",
        "name": "string",
        "username": "string",
        "email": "string",
        "emailVerified": "bool",
        "password": "string",
        "avatar": "null",
        "provider": "string",
        "role": "string",
        "plugins": "array",
        "twoFactorEnabled": "bool",
        "termsAccepted": "bool",
        "termsAcceptedAt": "date null",
        "personalization": "object",
        "backupCodes": "array",
        "refreshToken": "array",
        "favorites": "array",
        "skillStates": "object",
        "createdAt": "date",
        "updatedAt": "date",
        "__v": "int",
    },
    "sessions": {
        "_id": "objectId",
        "expiration": "date",
        "user": "objectId",
        "refreshTokenHash": "string",
        "__v": "int",
    },
    "conversations": {
        "_id": "objectId",
        "conversationId": "string",
        "user": "string",
        "title": "string",
        "endpoint": "string null",
        "messages": "array",
        "tags": "array",
        "files": "array",
        "isArchived": "bool",
        "isTemporary": "bool",
        "createdAt": "date",
        "updatedAt": "date",
        "__v": "int",
    },
    "messages": {
        "_id": "objectId",
        "messageId": "string",
        "conversationId": "string",
        "user": "string",
        "parentMessageId": "string",
        "sender": "string",
        "text": "string",
        "isCreatedByUser": "bool",
        "unfinished": "bool",
        "error": "bool",
        "isTemporary": "bool",
        "_meiliIndex": "bool",
        "createdAt": "date",
        "updatedAt": "date",
        "__v": "int",
    },
    "presets": {
        "_id": "objectId",
        "presetId": "string",
        "user": "string",
        "title": "string",
        "createdAt": "date",
        "updatedAt": "date",
        "__v": "int",
    },
    "files": {
        "_id": "objectId",
        "file_id": "string",
        "user": "objectId",
        "bytes": "int",
        "context": "string",
        "filename": "string",
        "filepath": "string",
        "object": "string",
        "source": "string",
        "type": "string",
        "usage": "int",
        "createdAt": "date",
        "updatedAt": "date",
        "__v": "int",
    },
    "assistants": {
        "_id": "objectId",
        "assistant_id": "string",
        "user": "objectId",
        "endpoint": "string",
        "conversation_starters": "array",
        "file_ids": "array",
        "actions": "array",
        "append_current_datetime": "bool",
        "createdAt": "date",
        "updatedAt": "date",
        "__v": "int",
    },
}
SOMETIMES: dict[str, dict[str, str]] = {
    "conversations": {
        "model": "string",
        "expiredAt": "date null",
        # Null again after a conversation was restored.
        "archivedAt": "date null",
        # In LibreChat's schema; written where its search is in use.
        "_meiliIndex": "bool",
    },
    "messages": {
        "endpoint": "string null",
        "model": "string null",
        "tokenCount": "int",
        "expiredAt": "date null",
        "content": "array",
    },
    "presets": {"endpoint": "string", "model": "string", "promptPrefix": "string", "temperature": "double"},
    "files": {"width": "int", "height": "int"},
}
# LibreChat keeps these at the provider and ignores them here.
OURS: dict[str, dict[str, str]] = {
    "assistants": {
        "name": "string",
        "description": "string",
        "model": "string",
        "instructions": "string",
        "tools": "array",
    },
}


def types_of(database: Database, collection: str) -> list[dict[str, str]]:
    """The BSON type of each field of each document, as the server itself sees it."""
    field = {"k": "$$field.k", "v": {"$type": "$$field.v"}}
    fields = {"$map": {"input": {"$objectToArray": "$$ROOT"}, "as": "field", "in": field}}
    return list(
        database.collection(collection).aggregate([{"$replaceRoot": {"newRoot": {"$arrayToObject": fields}}}])
    )


def assert_like_librechats(database: Database, collection: str) -> None:
    always = ALWAYS[collection]
    allowed = {**always, **SOMETIMES.get(collection, {}), **OURS.get(collection, {})}
    documents = types_of(database, collection)
    assert documents
    for document in documents:
        assert not always.keys() - document.keys()
        assert not document.keys() - allowed.keys()
        wrong = {name: kind for name, kind in document.items() if kind not in allowed[name].split()}
        assert not wrong


def kinds(values: Iterable[object]) -> set[type]:
    return {type(value) for value in values}


@pytest.fixture
def owner() -> str:
    return new_owner()


@pytest.fixture
def threads(database: Database) -> ThreadRepository:
    return ThreadRepository(database)


class TestAccounts:
    def test_users(self, database: Database) -> None:
        users = UserRepository(database)
        for number in range(2):
            users.create(name="Ada", email=f"{number}@example.com", username="ada", password_hash="x")
        assert_like_librechats(database, "users")

    def test_sessions_also_after_a_rotation(self, database: Database, owner: str) -> None:
        sessions = SessionRepository(database)
        expiry = datetime.now(UTC) + timedelta(hours=1)
        made = sessions.create(owner, refresh_token_hash="a", expires_at=expiry)
        given = sessions.create(
            owner, refresh_token_hash="a", expires_at=expiry, session_id=secrets.token_hex(12)
        )
        for session in (made, given):
            assert sessions.rotate(owner, str(session["_id"]), old_hash="a", new_hash="b") is not None
        assert_like_librechats(database, "sessions")


class TestConversationsAndMessages:
    def test_posted(self, threads: ThreadRepository, database: Database, owner: str) -> None:
        conversation_id = new_id()
        say(threads, owner, conversation_id)
        say(threads, owner, conversation_id, sender="assistant", model="gpt-4o")
        assert_like_librechats(database, "conversations")
        assert_like_librechats(database, "messages")

    def test_senders_are_librechats_display_names(
        self, threads: ThreadRepository, database: Database, owner: str
    ) -> None:
        conversation_id = new_id()
        say(threads, owner, conversation_id)
        say(threads, owner, conversation_id, sender="assistant")
        stored = database.collection("messages").find({}, {"sender": 1, "isCreatedByUser": 1})
        assert {(row["sender"], row["isCreatedByUser"]) for row in stored} == {
            ("User", True),
            ("Assistant", False),
        }

    def test_a_first_message_has_librechats_parent_of_none(
        self, threads: ThreadRepository, owner: str
    ) -> None:
        assert say(threads, owner, new_id())["parentMessageId"] == "00000000-0000-0000-0000-000000000000"

    def test_a_conversation_names_its_messages_by_object_id(
        self, threads: ThreadRepository, database: Database, owner: str
    ) -> None:
        conversation_id = new_id()
        made = [say(threads, owner, conversation_id) for _ in range(2)]
        stored = database.collection("conversations").find_one({"conversationId": conversation_id})
        assert stored is not None
        assert kinds(stored["messages"]) == {ObjectId}
        assert stored["messages"] == [message["_id"] for message in made]

    def test_changed(self, threads: ThreadRepository, database: Database, owner: str) -> None:
        conversation_id = new_id()
        first = say(threads, owner, conversation_id)
        second = say(threads, owner, conversation_id)
        threads.edit(owner, conversation_id, second["messageId"], text="Changed", token_count=2)
        threads.delete_message(owner, conversation_id, first["messageId"])
        conversations = ConversationRepository(database)
        conversations.update(owner, conversation_id, title="Renamed", archived=True)
        assert_like_librechats(database, "conversations")
        assert_like_librechats(database, "messages")
        conversations.update(owner, conversation_id, archived=False)
        assert_like_librechats(database, "conversations")

    def test_forked(self, threads: ThreadRepository, database: Database, owner: str) -> None:
        conversation_id = new_id()
        say(threads, owner, conversation_id)
        target = say(threads, owner, conversation_id, sender="assistant", model="gpt-4o")
        CopyRepository(database).fork(
            owner, conversation_id, target["messageId"], option="directPath", split_at_target=False
        )
        assert database.collection("conversations").count_documents({}) == 2
        assert_like_librechats(database, "conversations")
        assert_like_librechats(database, "messages")


class TestOthers:
    def test_presets(self, database: Database, owner: str) -> None:
        fields = {"title": "Short", "endpoint": "openAI", "model": "gpt-4o", "temperature": 0.5}
        PresetRepository(database).create(owner, fields)
        assert_like_librechats(database, "presets")

    def test_files(self, database: Database, owner: str) -> None:
        FileRepository(database).insert(
            owner,
            {
                "file_id": new_id(),
                "bytes": 400,
                "context": "message_attachment",
                "filename": "photo.png",
                "filepath": "/images/photo.png",
                "object": "file",
                "source": "local",
                "type": "image/png",
                "usage": 0,
                "width": 4,
                "height": 3,
            },
        )
        assert_like_librechats(database, "files")

    def test_assistants(self, database: Database, owner: str) -> None:
        assistants = AssistantRepository(database)
        made = assistants.create(owner, {"name": "Tutor", "model": "gpt-4o", "instructions": "Teach."})
        assistants.update(owner, made["assistant_id"], {"description": "Patient", "tools": []})
        assert_like_librechats(database, "assistants")
