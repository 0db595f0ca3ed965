"""The data of the benchmark: made up, always the same, in LibreChat's shapes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from bson import ObjectId

from echo.accounts.passwords import hash_password
from storage.accounts.users import new_user
from storage.conversations.messages import NO_PARENT
from storage.core.database import Database, Document
from storage.operator.indexes import ensure_indexes

PASSWORD = "bench horse 1 battery"
CONVERSATIONS, MESSAGES, OTHERS = 500, 20, 9
FEW, MANY = 1_000, 100_000
BATCH = 5_000
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
# Each of these words is in about one message of two hundred: what a search finds is some, not all.
RARE = "lighthouse"
WORDS = (
    *(
        "the",
        "contract",
        "says",
        "what",
        "server",
        "does",
        "and",
        "every",
        "answer",
        "is",
        "held",
        "against",
        "it",
    ),
    *(
        "before",
        "leaves",
        "so",
        "that",
        "client",
        "may",
        "rely",
        "on",
        "was",
        "promised",
        "while",
        "database",
    ),
    *(
        "keeps",
        "all",
        "messages",
        "of",
        "conversation",
        "in",
        "order",
        "they",
        "were",
        "written",
        "by",
        "both",
    ),
)


@dataclass(frozen=True)
class Seeded:
    """The users by what they are for: the one that is measured, and those with few and many conversations."""

    user: Document
    few: Document
    many: Document


def seed(database: Database) -> Seeded:
    """Fill an empty database: 100 000 messages of ten users, and two users with conversations only."""
    ensure_indexes(database)
    dice = random.Random(3)
    password_hash = hash_password(PASSWORD)
    names = ["user", *(f"other{number}" for number in range(OTHERS)), "few", "many"]
    users = {name: make_user(name, password_hash) for name in names}
    database.collection("users").insert_many(users.values())
    for name in names[:-2]:
        fill(database, str(users[name]["_id"]), dice)
    for name, count in (("few", FEW), ("many", MANY)):
        owner = str(users[name]["_id"])
        insert(database, "conversations", (conversation(owner, number, []) for number in range(count)))
    return Seeded(users["user"], users["few"], users["many"])


def make_user(name: str, password_hash: str) -> Document:
    """A user whose password is `PASSWORD`."""
    return new_user(name=name, email=f"{name}@example.com", username=name, password_hash=password_hash)


def fill(database: Database, owner: str, dice: random.Random) -> None:
    """Give a user 500 conversations of 20 messages."""
    for number in range(CONVERSATIONS):
        written = list(messages(owner, number, dice))
        database.collection("messages").insert_many(written)
        head = conversation(owner, number, [message["_id"] for message in written])
        database.collection("conversations").insert_one(head)


def insert(database: Database, collection: str, documents: Iterator[Document]) -> None:
    """Insert in batches."""
    while batch := list(islice(documents, BATCH)):
        database.collection(collection).insert_many(batch)


def conversation(owner: str, number: int, message_ids: list[ObjectId]) -> Document:
    """A conversation as LibreChat has it after an exchange with a model."""
    moment = BEGINNING + timedelta(minutes=number)
    return {
        "conversationId": conversation_id(owner, number),
        "user": owner,
        "title": f"Conversation {number} about {WORDS[number % len(WORDS)]}",
        "endpoint": "openAI",
        "model": "gpt-4o-mini",
        "messages": message_ids,
        "isArchived": False,
        "isTemporary": False,
        "expiredAt": None,
        "tags": [],
        "files": [],
        "resendFiles": True,
        "createdAt": moment,
        "updatedAt": moment,
        "_meiliIndex": True,
        "__v": 0,
    }


def conversation_id(owner: str, number: int) -> str:
    """An id of the form that LibreChat gives."""
    return f"{owner[:8]}-{owner[8:12]}-4{owner[12:15]}-8{owner[15:18]}-{number:012d}"


def messages(owner: str, number: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    """A conversation's messages: questions and answers in turn, about 1 100 characters each."""
    parent, identifier = NO_PARENT, conversation_id(owner, number)
    for position in range(MESSAGES):
        moment = BEGINNING + timedelta(minutes=number, seconds=position)
        words = dice.choices(WORDS, k=200)
        if dice.random() < 1 / 200:
            words[100] = RARE
        is_question = position % 2 == 0
        message_id = f"{identifier[:-4]}{position:04d}{number:04d}"
        yield {
            "_id": ObjectId(),
            "messageId": message_id,
            "conversationId": identifier,
            "user": owner,
            "parentMessageId": parent,
            "sender": "User" if is_question else "GPT-4o mini",
            "isCreatedByUser": is_question,
            "text": " ".join(words),
            "endpoint": "openAI",
            "model": None if is_question else "gpt-4o-mini",
            "tokenCount": 220,
            "unfinished": False,
            "error": False,
            "isTemporary": False,
            "expiredAt": None,
            "_meiliIndex": True,
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        parent = message_id
