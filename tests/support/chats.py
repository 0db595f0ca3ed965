"""Conversations as tests need them: written by the repositories, or put in as another program would."""

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from storage.core.pages import Page
from storage.operator.indexes import ensure_indexes
from tests.support.database import named_database

NO_PARENT = "00000000-0000-0000-0000-000000000000"
START = datetime(2026, 1, 1, tzinfo=UTC)

# Nine messages that the fork rules tell apart; in the order of their times.
#   a - b - d - g
#     |   `- e
#     `- c - f
#   r - h
TREE: Mapping[str, str | None] = {
    "a": None,
    "b": "a",
    "c": "a",
    "d": "b",
    "e": "b",
    "f": "c",
    "g": "d",
    "r": None,
    "h": "r",
}


# Indexes of LibreChat's that a query of ours could take by mistake.
LIBRECHAT_INDEXES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "conversations": (
        ("conversationId",),
        ("user",),
        ("createdAt", "updatedAt"),
        ("user", "_id"),
        ("user", "isArchived", "-archivedAt", "-createdAt", "-_id"),
        ("user", "pinned", "-updatedAt", "-_id"),
        ("user", "isTemporary", "expiredAt"),
    ),
    "messages": (
        ("messageId",),
        ("conversationId",),
        ("user",),
        ("createdAt",),
        ("conversationId", "user", "createdAt"),
    ),
}


@contextmanager
def shared_database(mongo_uri: str) -> Iterator[Database]:
    """One prepared database for many tests, each with owners of its own; LibreChat has been there before."""
    with named_database(mongo_uri, "echo_storage") as uri:
        database = Database(uri)
        for name, indexes in LIBRECHAT_INDEXES.items():
            for keys in indexes:
                directed = [(key.lstrip("-"), -1 if key.startswith("-") else 1) for key in keys]
                database.collection(name).create_index(directed)
        ensure_indexes(database)
        yield database
        database.close()


def new_owner() -> str:
    """An owner with nothing yet."""
    return secrets.token_hex(12)


def new_id() -> str:
    """The id of a conversation that nobody has."""
    return str(uuid.uuid4())


def say(
    threads: ThreadRepository, owner: str, conversation_id: str, text: str = "Hello", **more: Any
) -> Document:
    """Post a message of the user's."""
    return threads.post(owner, conversation_id, text=text, **{"sender": "user", "token_count": 1, **more})


def put_conversation(database: Database, owner: str, **fields: Any) -> str:
    """Put in a conversation with few fields, as an old version of LibreChat has it; its id."""
    document = {"conversationId": new_id(), "user": owner, "createdAt": START, "updatedAt": START, **fields}
    database.collection("conversations").insert_one(document)
    return str(document["conversationId"])


def put_message(database: Database, owner: str, conversation_id: str, **fields: Any) -> str:
    """Put in a message with few fields, as an old version of LibreChat has it; its id."""
    document = message_document(owner=owner, conversation_id=conversation_id, **fields)
    database.collection("messages").insert_one(document)
    return str(document["messageId"])


def message_document(
    message_id: str | None = None,
    *,
    owner: str = "",
    conversation_id: str = "",
    parent: str | None = None,
    minute: int = 0,
    **fields: Any,
) -> Document:
    """A message as MongoDB holds it."""
    moment = START + timedelta(minutes=minute)
    return {
        "_id": ObjectId(),
        "messageId": message_id or new_id(),
        "conversationId": conversation_id,
        "user": owner,
        "parentMessageId": parent or NO_PARENT,
        "createdAt": moment,
        "updatedAt": moment,
        **fields,
    }


def tree_documents(owner: str = "", conversation_id: str = "", prefix: str = "") -> list[Document]:
    """The messages of `TREE`, one a minute; each says its own name."""
    return [
        message_document(
            prefix + name,
            owner=owner,
            conversation_id=conversation_id,
            parent=prefix + parent if parent else None,
            minute=minute,
            text=name,
        )
        for minute, (name, parent) in enumerate(TREE.items())
    ]


def put_tree(database: Database, owner: str) -> tuple[str, str]:
    """Put in a conversation with the messages of `TREE`; its id, and the prefix of their ids."""
    conversation_id, prefix = new_id(), secrets.token_hex(4) + "-"
    messages = tree_documents(owner, conversation_id, prefix)
    database.collection("messages").insert_many(messages)
    put_conversation(
        database, owner, conversationId=conversation_id, messages=[message["_id"] for message in messages]
    )
    return conversation_id, prefix


def shape(messages: list[Document]) -> dict[str, str | None]:
    """Each text with the text of its parent, None for a root: a tree without its ids."""
    texts = {message["messageId"]: message["text"] for message in messages}
    return {
        message["text"]: None
        if message["parentMessageId"] == NO_PARENT
        else texts[message["parentMessageId"]]
        for message in messages
    }


def every_page(read: Callable[[str | None], Page]) -> Iterator[list[Document]]:
    """The pages of a list, one after the other."""
    cursor = None
    while True:
        page = read(cursor)
        yield page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


@contextmanager
def profiled(database: Database, collection: str) -> Iterator[list[Document]]:
    """What MongoDB notes of each query and update of the block: its plan, what it read, what it sent."""
    raw = database.collection(collection).database
    notes: list[Document] = []
    raw.command("profile", 2)
    try:
        yield notes
    finally:
        raw.command("profile", 0)
        query = {"ns": f"{raw.name}.{collection}", "op": {"$in": ["query", "command", "getmore", "update"]}}
        notes += raw["system.profile"].find(query)
        raw.drop_collection("system.profile")
