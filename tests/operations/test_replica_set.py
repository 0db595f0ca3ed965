"""Three members: which reads may leave the primary, and what becomes of Echo when it dies."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from echo.app import assemble
from storage.conversations.conversations import ConversationRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import TookTooLong
from storage.core.stop import Stop
from tests.conftest import PASSWORD, make_settings
from tests.support.chats import new_id, new_owner, say
from tests.support.providers import Reply, openai_server
from tests.support.replica_set import ReplicaSet, replica_set
from tests.support.server import register
from tests.support.streams import Talker, listening
from tests.support.waiting import until


@pytest.fixture(scope="module")
def running() -> Iterator[ReplicaSet]:
    with replica_set() as members:
        yield members


@pytest.fixture
def three(running: ReplicaSet) -> ReplicaSet:
    """Three members of which none is dead, nor behind."""
    for port, process in running.processes.items():
        if process.poll() is not None:
            running.start_member(port)
    running.wait_until_whole()
    return running


@pytest.fixture
def database(three: ReplicaSet) -> Iterator[Database]:
    """A database whose URI wants reads to go to the secondaries; a write waits for the primary alone."""
    database = Database(three.uri("reads", readPreference="secondary", w="1"), seconds=10)
    yield database
    database.close()


class TestReadingElsewhere:
    def test_only_searches_leave_the_primary_and_they_miss_nothing_that_was_acknowledged(
        self, three: ReplicaSet, database: Database
    ) -> None:
        owner, conversation_id = new_owner(), new_id()
        messages, conversations = MessageRepository(database), ConversationRepository(database)
        with three.held(*three.secondaries()):
            # A transaction, and then a message that follows.
            said = [say(ThreadRepository(database), owner, conversation_id, "Grüße") for _ in range(2)]
            assert len(messages.list_page(owner, limit=5).items) == 2
            assert len(conversations.list_page(owner, limit=5).items) == 1
            for repository in (messages, conversations):
                with pytest.raises(TookTooLong):
                    repository.list_page(owner, limit=5, search="grusse", stop=Stop(0.3))
        found = messages.list_page(owner, limit=5, search="gruße", stop=Stop(10)).items
        assert {each["messageId"] for each in found} == {each["messageId"] for each in said}

    def test_a_search_that_nobody_waits_for_ends_on_the_secondary(
        self, three: ReplicaSet, database: Database
    ) -> None:
        owner, stop, ended = new_owner(), Stop(60), []
        say(ThreadRepository(database), owner, new_id())

        def search() -> None:
            with pytest.raises(TookTooLong) as raised:
                MessageRepository(database).list_page(owner, limit=5, search="Hello", stop=stop)
            ended.append(raised.type)

        secondaries = three.secondaries()
        with three.held(*secondaries):
            say(ThreadRepository(database), owner, new_id())
            thread = threading.Thread(target=search)
            thread.start()
            until(lambda: any(three.finds(port, "messages") for port in secondaries))
            stop.tell()
            thread.join(20)
        assert ended == [TookTooLong]


def test_when_the_primary_dies_nothing_acknowledged_is_lost_and_answers_go_on(
    three: ReplicaSet, tmp_path: Path
) -> None:
    reply = Reply(("Be", "fore ", "and after."), between=(1.5, 1.5))
    with openai_server(reply) as provider:
        settings = make_settings(
            three.uri("dies", readPreference="secondaryPreferred"),
            tmp_path,
            OPENAI_API_KEY="sk-tests-only",
            OPENAI_REVERSE_PROXY=provider.url,
            OPENAI_MODELS="gpt-4o",
        )
        with listening(assemble(settings)) as url:
            user = signed_up(url)
            chat = user.start()
            stored, statuses = write_while(user, lambda: three.kill(three.primary()))
            answer = list(user.follow(chat["streamId"]))
            assert answer[-1].data["responseMessage"]["content"][0]["text"] == "Before and after."
            assert set(statuses) <= {201, 503}
            [conversation_id] = {each["conversationId"] for each in stored}
            kept = user.get(f"/api/messages/{conversation_id}").json()
            assert [each["messageId"] for each in stored] == [each["messageId"] for each in kept]


def signed_up(url: str) -> Talker:
    register(url, "ada")
    anyone = Talker(url, {})
    token = anyone.request(
        "POST", "/api/auth/login", json={"email": "ada@example.com", "password": PASSWORD}
    ).json()["token"]
    return Talker(url, {"Authorization": f"Bearer {token}"})


def write_while(user: Talker, event: Any) -> tuple[list[dict[str, Any]], list[int]]:
    """Messages, one after the other, until ten have been acknowledged since the event began; and all statuses."""
    path, stored, statuses, since = f"/api/messages/{new_id()}", [], [], 0
    happening = threading.Thread(target=event)
    while since < 10:
        if len(stored) == 10:
            happening.start()
        answer = user.request("POST", path, json={"text": f"{len(statuses)}", "sender": "user"})
        statuses.append(answer.status_code)
        if answer.status_code == 201:
            stored.append(answer.json())
            since += happening.ident is not None and not happening.is_alive()
    return stored, statuses
