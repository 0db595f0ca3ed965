"""A database, two owners, and what an import puts there."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from echo.transfer.importer import Importer, Summary
from echo.transfer.limits import over_the_network
from storage.conversations.imports import ImportRepository
from storage.core.database import Database, Document
from tests.support.chats import new_owner, shared_database

SAMPLES = Path(__file__).with_name("samples")
LIMITS = over_the_network(50_000_000)
Import = Callable[..., Summary]


def sample(name: str) -> Any:
    """A sample export, parsed."""
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


def account(database: Database) -> str:
    """An owner whose account is there, as it must be for an import."""
    owner = new_owner()
    database.collection("users").insert_one({"_id": ObjectId(owner), "email": f"{owner}@example.com"})
    return owner


@pytest.fixture
def ada(database: Database) -> str:
    return account(database)


@pytest.fixture
def bob(database: Database) -> str:
    return account(database)


@pytest.fixture
def load(database: Database) -> Import:
    """Imports a value, or bytes as they are, for an owner."""

    def run(owner: str, value: Any, **options: Any) -> Summary:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        importer = Importer(ImportRepository(database), owner, options.get("limits", LIMITS))
        return importer.run(io.BytesIO(content))

    return run


@pytest.fixture
def stored(database: Database) -> Callable[[str], list[Document]]:
    """An owner's conversations, by title, each with its messages (the oldest first) in place of their keys."""

    def read(owner: str) -> list[Document]:
        conversations = list(database.collection("conversations").find({"user": owner}).sort("title"))
        for conversation in conversations:
            mine = {"user": owner, "conversationId": conversation["conversationId"]}
            messages = list(database.collection("messages").find(mine).sort([("createdAt", 1), ("_id", 1)]))
            assert sorted(conversation["messages"]) == sorted(message["_id"] for message in messages)
            conversation["messages"] = messages
        return conversations

    return read


def tree(messages: list[Document]) -> list[Any]:
    """The messages as (text, children), whatever their ids; fails where a parent is not there."""
    names = {message["messageId"]: message for message in messages}
    below: dict[str, list[Any]] = {name: [] for name in names}
    roots: list[Any] = []
    for message in messages:
        parent = message["parentMessageId"]
        above = roots if parent == "00000000-0000-0000-0000-000000000000" else below[parent]
        above.append((message["text"], below[message["messageId"]]))
    return roots
