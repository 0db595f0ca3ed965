"""What links read of each document: a link names up to 20 000 messages, and few operations need those."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import monitoring

from storage.conversations.forks import OUTLINE
from storage.conversations.shares import ShareRepository
from storage.core.database import Database, Document
from tests.support.chats import put_tree
from tests.support.commands import CommandNotes, watched_by
from tests.support.database import PreparedDatabase


class Noting(CommandNotes):
    """Notes what is read of which collection, in which order and how much."""

    def __init__(self) -> None:
        self.reads: list[tuple[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        command = event.command
        if "find" in command:
            self.reads.append((command["find"], command.get("projection")))
        if "findAndModify" in command:
            self.reads.append((command["findAndModify"], command.get("fields")))


class Hers:
    """A conversation with a link, seen through a database whose commands are noted."""

    def __init__(self, watched: Database, owner: str) -> None:
        self.shares, self.owner = ShareRepository(watched, most=9), owner
        self.conversation_id, prefix = put_tree(watched, owner)
        self.target_id = prefix + "b"
        self.link = self.prepare(None, with_files=False)
        self.shares.insert(owner, self.link)

    def prepare(self, target_id: str | None, *, with_files: bool) -> Document:
        return self.shares.prepare(
            self.owner, self.conversation_id, target_id=target_id, with_files=with_files
        )

    def renew(self, *, with_files: bool) -> Document:
        return self.shares.renew(self.owner, self.link["shareId"], target_id=None, with_files=with_files)


@pytest.fixture
def noting() -> Noting:
    return Noting()


@pytest.fixture
def hers(prepared_database: PreparedDatabase, noting: Noting, ada: str) -> Iterator[Hers]:
    with watched_by(noting, prepared_database) as watched:
        yield Hers(watched, ada)
    prepared_database.clear()


OUTLINES = ("messages", OUTLINE)
FILES = ("messages", {"files.file_id": 1, "attachments.file_id": 1, "content.files.file_id": 1})
WITHOUT_MESSAGES = ("sharedlinks", {"messages": 0})
BEFORE = [("conversations", {"title": 1, "expiredAt": 1}), ("sharedlinks", {"_id": 1})]
KNOWN = ("sharedlinks", {"conversationId": 1, "targetMessageId": 1})
OPERATIONS: dict[str, tuple[Callable[[Hers], object], list[tuple[str, Any]]]] = {
    "prepare": (lambda hers: hers.prepare(hers.target_id, with_files=False), [*BEFORE, OUTLINES]),
    "prepare with files": (
        lambda hers: hers.prepare(hers.target_id, with_files=True),
        [*BEFORE, OUTLINES, FILES],
    ),
    "insert": (
        lambda hers: hers.shares.insert(hers.owner, hers.prepare(hers.target_id, with_files=False)),
        [*BEFORE, OUTLINES, ("sharedlinks", {"createdAt": 1})],
    ),
    "renew": (lambda hers: hers.renew(with_files=True), [KNOWN, OUTLINES, FILES, WITHOUT_MESSAGES]),
    "get": (lambda hers: hers.shares.get(hers.owner, hers.link["shareId"]), [WITHOUT_MESSAGES]),
    "of a conversation": (
        lambda hers: hers.shares.of_conversation(hers.owner, hers.conversation_id),
        [WITHOUT_MESSAGES],
    ),
    "shared": (
        lambda hers: hers.shares.shared(hers.owner, [hers.conversation_id]),
        [("sharedlinks", {"conversationId": 1})],
    ),
    "list": (
        lambda hers: hers.shares.list_page(hers.owner, limit=2),
        [("sharedlinks", {"shareId": 1, "title": 1, "createdAt": 1, "conversationId": 1})],
    ),
    "outlines": (lambda hers: hers.shares.outlines(hers.link), [OUTLINES]),
    "files": (
        lambda hers: hers.shares.files_of({**hers.link, "snapshotFiles": True}),
        [FILES],
    ),
    "find": (lambda hers: hers.shares.find(hers.link["shareId"]), [("sharedlinks", None)]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_more_than_it_needs(hers: Hers, noting: Noting, name: str) -> None:
    act, reads = OPERATIONS[name]
    noting.reads.clear()
    act(hers)
    assert noting.reads == reads
