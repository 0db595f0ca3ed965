"""A process killed in the middle of its work: what it told is stored is stored, and what is half done heals."""

import secrets
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymongo import MongoClient

from storage.conversations import claims
from storage.conversations.deletions import DeletionRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database, Document
from storage.embedded.binary import EmbeddedUnavailable
from storage.operator.indexes import ensure_indexes
from tests.support.chats import NO_PARENT, new_owner, say
from tests.support.database import named_database
from tests.support.single_server import single_server
from tests.support.writer import WRITERS

ROOT = Path(__file__).parents[2]
KILLS = 5
FACTS_BEFORE_A_KILL = 60


@dataclass
class Deployment:
    """A database, and how another process reaches it."""

    uri: str
    database: Database
    has_transactions: bool


@pytest.fixture(scope="module", params=["deployment", "single server"])
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    if request.param == "deployment":
        yield from deployment_on(request.getfixturevalue("mongo_uri"))
        return
    try:
        with single_server() as server:
            yield from deployment_on(server)
    except EmbeddedUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds that a message is still to come does not wait long: its process is dead."""
    monkeypatch.setattr(claims, "PATIENCE_SECONDS", 0.05)


def deployment_on(server: str) -> Iterator[Deployment]:
    with named_database(server, "echo_storage") as uri:
        database = Database(uri)
        ensure_indexes(database)
        yield Deployment(uri, database, database._has_transactions)
        database.close()


def killed_writer(deployment: Deployment, owner: str) -> list[list[str]]:
    """Lets a process write until it has told some facts, kills it with SIGKILL; all that it told."""
    app_name = f"writer-{secrets.token_hex(4)}"
    command = [sys.executable, "-m", "tests.support.writer", deployment.uri, owner, app_name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(FACTS_BEFORE_A_KILL)]
        writer.kill()
        lines += writer.stdout.readlines()
    end_transactions_of(deployment.uri, app_name)
    facts = [line.split() for line in lines if line.endswith("\n")]
    assert len(facts) >= FACTS_BEFORE_A_KILL
    return facts


def end_transactions_of(uri: str, app_name: str) -> None:
    """MongoDB holds the transactions of a dead client, and their locks, for a minute; tests need not wait."""
    with MongoClient[Document](uri) as client:
        pipeline = [
            {"$currentOp": {"idleSessions": True, "allUsers": True}},
            {"$match": {"appName": app_name}},
        ]
        sessions = [op["lsid"] for op in client.admin.aggregate(pipeline) if "lsid" in op]
        if sessions:
            client.admin.command("killSessions", [{"id": session["id"]} for session in sessions])


def read_all(deployment: Deployment, owner: str) -> tuple[dict[str, Document], dict[str, list[Document]]]:
    """The owner's conversations, and the messages of each conversation id."""
    conversations = {
        each["conversationId"]: each
        for each in deployment.database.collection("conversations").find({"user": owner})
    }
    messages = defaultdict(list)
    for message in deployment.database.collection("messages").find({"user": owner}):
        messages[message["conversationId"]].append(message)
    return conversations, messages


@pytest.mark.parametrize("kill", range(KILLS))
class TestKilledProcess:
    def test_no_acknowledged_write_is_lost_and_nothing_is_half_done(
        self, deployment: Deployment, kill: int
    ) -> None:
        owner = new_owner()
        facts = killed_writer(deployment, owner)
        conversations, messages = read_all(deployment, owner)
        there = {
            (message["conversationId"], message["messageId"])
            for each in messages.values()
            for message in each
        }
        gone = {(conversation, message) for state, conversation, message in facts if state == "gone"}
        told = {(conversation, message) for state, conversation, message in facts if state == "there"}
        # The delete that was under way at the kill may have been stored before it could be told.
        missing = told - gone - there
        assert len(missing) <= 4
        assert all(is_second(message, facts) for message in missing)
        assert not gone & there
        check_trees(messages)
        for torn in check_lists(conversations, messages, deployment.has_transactions):
            say(ThreadRepository(deployment.database), owner, torn)
        assert check_lists(*read_all(deployment, owner), deployment.has_transactions) == []

    def test_the_next_process_goes_on(self, deployment: Deployment, kill: int) -> None:
        owner = new_owner()
        facts = killed_writer(deployment, owner)
        threads, messages = ThreadRepository(deployment.database), MessageRepository(deployment.database)
        for conversation_id in {conversation for _, conversation, _ in facts}:
            newest = list(messages.read_conversation(owner, conversation_id).documents())[-1]
            assert say(threads, owner, conversation_id)["parentMessageId"] == newest["messageId"]
            DeletionRepository(deployment.database).delete(owner, conversation_id)
            assert messages.list_page(owner, limit=1, conversation_id=conversation_id).items == []


def is_second(message: tuple[str, str], facts: list[list[str]]) -> bool:
    """Whether it is the second message of its conversation: the one that the writer deletes."""
    conversation = [told for state, where, told in facts if (state, where) == ("there", message[0])]
    return conversation.index(message[1]) == 1


def check_trees(messages: dict[str, list[Document]]) -> None:
    """Every parent is in its child's conversation."""
    for each in messages.values():
        ids = {message["messageId"] for message in each} | {NO_PARENT}
        assert {message["parentMessageId"] for message in each} <= ids


def check_lists(
    conversations: dict[str, Document], messages: dict[str, list[Document]], has_transactions: bool
) -> list[str]:
    """Conversations name their messages, but for those that name one that was still to come; the ids of these.

    Of each thread that was killed one at most. Without transactions a message may be there before it is named.
    """
    torn = []
    for conversation_id, conversation in conversations.items():
        named, there = set(conversation["messages"]), {each["_id"] for each in messages[conversation_id]}
        assert there <= named or not has_transactions
        if named - there:
            assert named - there == {conversation["messages"][-1]}
            torn.append(conversation_id)
    assert len(torn) <= WRITERS
    if has_transactions:
        assert set(messages) == set(conversations)
    return torn
