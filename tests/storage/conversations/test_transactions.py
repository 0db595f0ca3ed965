"""What belongs together is written in one transaction: the commands of each, in their order."""

from collections.abc import Callable, Iterator

import pytest
from bson import ObjectId
from pymongo import monitoring

from storage.conversations import forks
from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository
from storage.conversations.copies import CopyRepository, Source
from storage.conversations.deletions import DeletionRepository
from storage.conversations.exchanges import ExchangeRepository, Origin, Said
from storage.conversations.projects import ProjectRepository
from storage.conversations.revisions import RevisionRepository
from storage.conversations.tags import TagRepository
from storage.conversations.threads import ThreadRepository
from storage.core.commands import collection_of
from storage.core.database import Database, Document
from tests.support.chats import new_id, new_owner, put_conversation, put_message
from tests.support.commands import CommandNotes, watched_by
from tests.support.database import PreparedDatabase

SAID = [{"type": "text", "text": "one", "agentId": "a"}]


class Noting(CommandNotes):
    """Notes what is done to which collection within transactions."""

    def __init__(self) -> None:
        self.inside: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        name = event.command_name
        collection = collection_of(name, event.command)
        if "autocommit" in event.command and collection != "none":
            self.inside.append(f"{name} {collection}")


@pytest.fixture
def noting() -> Noting:
    return Noting()


@pytest.fixture
def watched(prepared_database: PreparedDatabase, noting: Noting) -> Iterator[Database]:
    """A database whose commands are noted."""
    with watched_by(noting, prepared_database) as database:
        if not database._has_transactions:
            pytest.skip("a single server has no transactions")
        yield database
    prepared_database.clear()


class Hers:
    """A conversation with two messages, one of which it names, of a project, with a bookmark and a link."""

    def __init__(self, database: Database) -> None:
        self.database, self.owner = database, new_owner()
        self.projects, self.tags = ProjectRepository(database, 9), TagRepository(database, 9)
        self.project_id = str(self.projects.create(self.owner, name="P")["_id"])
        named, link = ObjectId(), ObjectId()
        self.conversation_id = put_conversation(
            database, self.owner, chatProjectId=self.project_id, tags=["t"], messages=[named]
        )
        self.mine = self.owner, self.conversation_id
        self.message_id = put_message(database, *self.mine, _id=named, text="x", content=SAID)
        self.unnamed_id = put_message(database, *self.mine)
        for tag in "tu":
            self.tags.create(self.owner, tag)
        links = database.collection("sharedlinks")
        links.insert_one({"_id": link, "user": self.owner, "conversationId": self.conversation_id})

    def outlines(self) -> list[Document]:
        """Of the messages, as forks have them."""
        query = {"user": self.owner, "conversationId": self.conversation_id}
        return list(self.database.collection("messages").find(query, forks.OUTLINE))


Operation = Callable[[Hers], object]
ASKED = [Said("user", "x", 1)]
ORIGIN = Origin("openAI", "m")
OPERATIONS: dict[str, tuple[Operation, list[str]]] = {
    "branch": (
        lambda hers: RevisionRepository(hers.database).branch(hers.owner, hers.message_id, "a"),
        ["find messages", "insert messages", "findAndModify conversations"],
    ),
    "edit part": (
        lambda hers: RevisionRepository(hers.database).edit_part(
            *hers.mine, hers.message_id, 0, text="y", count_tokens=len
        ),
        ["find messages", "findAndModify messages", "findAndModify conversations"],
    ),
    "first message": (
        lambda hers: ThreadRepository(hers.database).post(
            hers.owner, new_id(), text="x", sender="user", token_count=1
        ),
        ["find conversations", "find messages", "insert messages", "update conversations"],
    ),
    "answer to one that is not named": (
        lambda hers: ThreadRepository(hers.database).post(
            *hers.mine, text="x", sender="user", token_count=1, parent_message_id=hers.unnamed_id
        ),
        ["find conversations", "find messages", "find messages", "insert messages", "update conversations"],
    ),
    "edit": (
        lambda hers: ThreadRepository(hers.database).edit(
            *hers.mine, hers.message_id, text="y", token_count=1
        ),
        ["findAndModify messages", "findAndModify conversations"],
    ),
    "delete message": (
        lambda hers: ThreadRepository(hers.database).delete_message(*hers.mine, hers.unnamed_id),
        [
            *("find messages", "findAndModify conversations", "find messages"),
            *("update messages", "delete messages"),
        ],
    ),
    "delete": (
        lambda hers: DeletionRepository(hers.database).delete(*hers.mine),
        [
            *("find conversations", "find messages", "delete messages"),
            *("find sharedlinks", "delete aclentries", "delete sharedlinks", "delete echo_responses"),
            *("delete agent_checkpoints", "delete agent_checkpoint_writes", "delete toolcalls"),
            "delete conversations",
        ],
    ),
    "duplicate": (
        lambda hers: CopyRepository(hers.database).duplicate(*hers.mine),
        [
            *("find conversations", "find messages", "find messages"),
            *("insert messages", "insert conversations"),
        ],
    ),
    "adopt": (
        lambda hers: CopyRepository(hers.database).adopt(
            hers.owner, Source(*hers.mine), hers.outlines(), {}, dict
        ),
        ["find messages", "insert messages", "insert conversations"],
    ),
    "delete project": (
        lambda hers: hers.projects.delete(hers.owner, hers.project_id),
        ["find chatprojects", "update conversations", "delete chatprojects"],
    ),
    "assign": (
        lambda hers: hers.projects.assign(*hers.mine, hers.project_id),
        ["find chatprojects", "findAndModify conversations", "find conversations"],
    ),
    "rename and move tag": (
        lambda hers: hers.tags.update(hers.owner, "t", new_tag="n", position=2),
        [
            *("find conversationtags", "find conversationtags"),
            *("update conversations", "update conversations"),
            *("update conversationtags", "findAndModify conversationtags"),
        ],
    ),
    "delete tag": (
        lambda hers: hers.tags.delete(hers.owner, "t"),
        [
            *("find conversationtags", "update conversations"),
            *("delete conversationtags", "update conversationtags"),
        ],
    ),
    "new chat": (
        lambda hers: ChatRepository(hers.database).begin(
            hers.owner,
            new_id(),
            Begun({"messageId": "q"}, {"messageId": "a"}, {}, new=True, project_id=hers.project_id),
        ),
        ["insert messages", "find chatprojects", "update conversations"],
    ),
    "answer that goes on": (
        lambda hers: ChatRepository(hers.database).begin(
            *hers.mine, Begun(None, {"messageId": hers.message_id}, {}, continues=True)
        ),
        ["find conversations", "find messages", "update messages", "update conversations"],
    ),
    "new exchange": (
        lambda hers: ExchangeRepository(hers.database).begin(hers.owner, ASKED, ORIGIN),
        ["insert messages", "update conversations"],
    ),
    "exchange after one that is not named": (
        lambda hers: ExchangeRepository(hers.database).add(*hers.mine, ASKED, ORIGIN, parent=hers.unnamed_id),
        ["find conversations", "find messages", "find messages", "insert messages", "update conversations"],
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_command_of_it(watched: Database, noting: Noting, name: str) -> None:
    act, commands = OPERATIONS[name]
    hers = Hers(watched)
    noting.inside.clear()
    act(hers)
    assert noting.inside == commands
