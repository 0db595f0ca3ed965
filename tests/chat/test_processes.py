"""Runs and their readers in different processes, on one MongoDB; and what remains of a run whose process is gone."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.testclient import TestClient

from echo.chat import presence
from echo.chat.hub import THREADS
from echo.services import Services
from storage.core.database import Database
from storage.runs import runs
from tests.chat.conftest import Chat, Serve
from tests.chat.test_runs import WORDS, begun, has_spoken, held, read_some, slow
from tests.conftest import MakeUser, UserClient, make_settings
from tests.support.providers import ProviderServer, Reply, openai_server
from tests.support.server import RunningServer, start_server
from tests.support.streams import WHOLE_ANSWER, Talker, kinds, librechats, spoken
from tests.support.waiting import until


@dataclass
class Pair:
    """One user at two servers with one database, and their provider."""

    here: Talker
    there: Talker
    provider: ProviderServer


def test_a_process_with_very_much_to_write_still_says_that_it_is_there(
    ada: UserClient,
    running: TestClient,
    services: Services,
    app_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.1)
    busy, hub, workers = threading.Event(), services.chat.hub, app_database.collection("echo_run_workers")
    stream_id = ada.post("/api/agents/chat/Fake", json={"text": "Hello"}).json()["streamId"]
    assert running.portal
    for _ in range(THREADS):
        running.portal.start_task_soon(hub.in_thread, busy.wait)
    try:
        for _ in range(2):
            before = workers.find_one({"_id": hub.presence.worker})
            until(lambda before=before: workers.find_one({"_id": hub.presence.worker}) != before)
    finally:
        busy.set()
        ada.post("/api/agents/chat/abort", json={"streamId": stream_id})


@pytest.fixture
def pair(serve: Serve, provided: Callable[..., ProviderServer], make_user: MakeUser) -> Callable[..., Pair]:
    def make(*behaviours: Any) -> Pair:
        provider, headers = provided(*behaviours), make_user("ada").headers
        return Pair(Talker(serve(provider), headers), Talker(serve(provider), headers), provider)

    return make


class TestAnotherProcess:
    def test_reads_the_stream_from_the_beginning_to_the_end(self, pair: Callable[..., Pair]) -> None:
        release = threading.Event()
        both = pair(held(release))
        stream_id = both.here.start()["streamId"]
        until(lambda: has_spoken(both.there, stream_id))
        stream = both.there.follow(stream_id)
        events = begun(stream)
        release.set()
        events += stream
        assert kinds(events) == WHOLE_ANSWER
        assert spoken(events) == "".join(WORDS)
        assert events[-1].data == list(both.here.follow(stream_id))[-1].data

    def test_reads_it_as_it_comes(self, pair: Callable[..., Pair]) -> None:
        release = threading.Event()
        both = pair(held(release))
        stream_id = both.here.start()["streamId"]
        stream = both.there.follow(stream_id)
        events = begun(stream)
        assert both.here.get(f"/api/agents/chat/status/{stream_id}").json()["active"] is True
        release.set()
        assert spoken([*events, *stream]) == "".join(WORDS)

    def test_reads_on_where_someone_left(self, pair: Callable[..., Pair]) -> None:
        release = threading.Event()
        both = pair(held(release))
        stream_id = both.here.start()["streamId"]
        read_some(both.here, stream_id)
        until(lambda: has_spoken(both.there, stream_id))
        stream = both.there.follow(stream_id, resume="true")
        events = [next(stream)]
        so_far = events[0].data["resumeState"]["aggregatedContent"][0]["text"]
        assert so_far
        release.set()
        events += stream
        assert so_far + spoken(events) == "".join(WORDS)
        assert kinds(events)[-1] == "final"

    def test_reads_to_the_end_though_a_piece_is_lost(
        self, pair: Callable[..., Pair], app_database: Database
    ) -> None:
        # As when the database's server dies: what was written a moment before is gone.
        gates = [threading.Event() for _ in range(3)]
        both = pair(held(*gates))
        stream_id = both.here.start()["streamId"]
        pieces = app_database.collection("echo_run_pieces")
        run = app_database.collection("echo_runs").find_one({"conversationId": stream_id})
        assert run is not None
        for number in range(2):
            until(lambda number=number: pieces.find_one({"_id": f"{run['_id']}:{number}"}))
            gates[number].set()
        until(lambda: pieces.delete_one({"_id": f"{run['_id']}:2"}).deleted_count)
        stream = both.there.follow(stream_id)
        events = begun(stream)
        gates[2].set()
        assert spoken([*events, *stream]) == "".join(WORDS)
        events = list(both.there.follow(stream_id))
        assert kinds(events) == WHOLE_ANSWER

    def test_ends_it(self, pair: Callable[..., Pair]) -> None:
        both = pair(held())
        stream_id = both.here.start()["streamId"]
        stream = both.here.follow(stream_id)
        next(stream)
        answer = both.there.abort(stream_id)
        assert answer.json()["aborted"] == stream_id
        assert both.there.messages(stream_id)[-1]["text"] != "".join(WORDS)
        assert list(stream)[-1].data["aborted"] is True
        assert both.there.abort(stream_id).status_code == 404
        until(lambda: both.provider.chats[0].left)

    def test_says_something_to_it(self, pair: Callable[..., Pair]) -> None:
        release = threading.Event()
        both = pair(held(release))
        here, there = librechats(both.here), librechats(both.there)
        stream_id = here.start()["streamId"]
        first = there.steer(stream_id, "Shorter").json()
        second = here.steer(stream_id, "Much shorter").json()
        assert (first["position"], second["position"]) == (1, 2)
        stream = there.follow(stream_id, generationProtocolVersion="2")
        events = begun(stream)
        release.set()
        events += stream
        assert [each["text"] for each in events[-1].data["pendingSteers"]] == ["Shorter", "Much shorter"]
        # As soon as a reader has the end, the run is over everywhere.
        for talker in (here, there):
            status = talker.get(f"/api/agents/chat/status/{stream_id}", generationProtocolVersion="2").json()
            assert status["active"] is False
            assert len(status["unrecoveredSteers"]) == 2

    def test_ends_it_and_gets_what_was_said_to_it(self, pair: Callable[..., Pair]) -> None:
        both = pair(held())
        here, there = librechats(both.here), librechats(both.there)
        stream_id = here.start()["streamId"]
        here.steer(stream_id, "Shorter")
        answer = there.abort(stream_id).json()
        assert [each["text"] for each in answer["pendingSteers"]] == ["Shorter"]

    def test_ends_it_by_deleting_its_conversation(self, pair: Callable[..., Pair]) -> None:
        both = pair(slow(), slow(), Reply(("A title",)))
        stream_id = both.here.start("One")["streamId"]
        until(lambda: both.provider.chats)
        other = both.here.start("Two")["streamId"]
        streams = [talker.follow(stream_id) for talker in (both.here, both.there)]
        for stream in streams:
            next(stream)
        assert both.there.request("DELETE", f"/api/convos/{stream_id}").status_code == 200
        until(lambda: both.provider.chats[0].left)
        for stream in streams:
            *events, last = stream
            assert (last.name, last.data["code"]) == ("error", "not_found")
            assert spoken(events) != "".join(WORDS)
        assert spoken(both.there.follow(other)) == "".join(WORDS)

    def test_knows_its_state(self, pair: Callable[..., Pair]) -> None:
        both = pair(held())
        stream_id = both.here.start()["streamId"]
        state = until(
            lambda: (
                (found := both.there.get(f"/api/agents/chat/status/{stream_id}").json()).get(
                    "aggregatedContent"
                )
                and found
            )
        )
        assert "".join(WORDS).startswith(state["aggregatedContent"][0]["text"])
        assert both.there.get("/api/agents/chat/active").json() == {"activeJobIds": [stream_id]}
        both.here.abort(stream_id)
        until(lambda: both.there.get("/api/agents/chat/active").json() == {"activeJobIds": []})

    def test_waits_for_its_title(self, pair: Callable[..., Pair]) -> None:
        both = pair(slow(), Reply(("A title",)))
        stream_id = both.here.start()["streamId"]
        assert both.there.get(f"/api/convos/gen_title/{stream_id}").json() == {"title": "A title"}

    def test_sees_the_end_of_one_that_cannot_be_written_down(
        self, pair: Callable[..., Pair], app_database: Database
    ) -> None:
        # An answer goes on beyond what a document of MongoDB's has room for.
        both = pair(Reply(), Reply(("\N{GRINNING FACE}" * 100_000,) * 17))
        stream_id = both.here.ask(isTemporary=True)[-1].data["conversation"]["conversationId"]
        answer_id = both.here.messages(stream_id)[-1]["messageId"]
        content = [{"type": "text", "text": "x" * 10 * 1024 * 1024}]
        app_database.collection("messages").update_one(
            {"messageId": answer_id}, {"$set": {"content": content}}
        )
        again = {"conversationId": stream_id, "responseMessageId": answer_id, "isContinued": True}
        both.here.start(**again)
        until(lambda: both.here.get("/api/agents/chat/active").json() == {"activeJobIds": []})
        until(lambda: both.there.get("/api/agents/chat/active").json() == {"activeJobIds": []})
        assert both.there.get(f"/api/agents/chat/status/{stream_id}").json()["active"] is False

    def test_counts_its_runs(self, pair: Callable[..., Pair]) -> None:
        both = pair(held())
        for talker in (both.here, both.there):
            talker.start()
        refused = both.there.request("POST", "/api/agents/chat/openAI", json={"text": "x"})
        assert refused.json()["code"] == "too_many_runs"


@dataclass
class Killable:
    """A real server, and its user."""

    server: RunningServer
    user: Talker


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Killable]:
    with ExitStack() as stack:
        provider = stack.enter_context(openai_server(held(), Reply()))
        server = start_server(
            tmp_path,
            workers=1,
            environ={
                "OPENAI_API_KEY": "sk-test",
                "OPENAI_REVERSE_PROXY": provider.url,
                "OPENAI_MODELS": "gpt-4o-mini",
                "ENDPOINTS": "openAI",
                "TITLE_CONVO": "false",
            },
        )
        stack.callback(server.kill)
        token = server.sign_up("ada")
        yield Killable(server, Talker(server.url, {"Authorization": f"Bearer {token}"}))


class TestAProcessThatIsKilled:
    def test_leaves_what_was_said_some_seconds_before(self, killable: Killable) -> None:
        user, server = killable.user, killable.server
        stream_id = user.start("Tell me")["streamId"]
        stream = user.follow(stream_id)
        events = begun(stream)
        until(lambda: user.messages(stream_id)[-1]["text"])
        [worker] = server.workers()
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(requests.RequestException):
            events += stream
        until(lambda: worker not in server.workers() and server.healthy())
        again = Talker(server.url, user.headers)
        question, answer = again.messages(stream_id)
        assert question["text"] == "Tell me"
        assert "".join(WORDS).startswith(answer["text"])
        assert answer["text"]
        state = until(
            lambda: (
                (found := again.get(f"/api/agents/chat/status/{stream_id}").json())["active"] is False
                and found
            )
        )
        assert state == {"active": False, "generationProtocolVersion": 1}
        assert again.get("/api/agents/chat/active").json() == {"activeJobIds": []}
        gone = list(again.follow(stream_id))
        assert (gone[-1].name, gone[-1].data["code"]) == ("error", "interrupted")
        # LibreChat's client then reads what is stored.
        assert again.get(f"/chat/api/agents/chat/stream/{stream_id}", resume="true").status_code == 404
        assert spoken(gone)
        assert kinds(again.ask("Go on", conversationId=stream_id))[-1] == "final"


class TestAProcessThatStops:
    def test_keeps_what_came_and_does_not_wait_for_readers(self, killable: Killable) -> None:
        user, server = killable.user, killable.server
        stream_id = user.start("Tell me")["streamId"]
        stream = user.follow(stream_id)
        events = begun(stream)
        [worker] = server.workers()
        os.kill(worker, signal.SIGTERM)
        # A server that waits for its readers cuts them off in the end, which is an error here.
        events += stream
        until(lambda: worker not in server.workers())
        assert "final" not in kinds(events)
        until(lambda: server.workers() and server.healthy())
        again = Talker(server.url, user.headers)
        assert again.messages(stream_id)[-1]["text"].startswith(spoken(events))
        assert again.get(f"/api/agents/chat/status/{stream_id}").json()["active"] is False
        assert list(again.follow(stream_id))[-1].data["code"] == "interrupted"


class TestTheCollections:
    def test_keep_a_run_for_as_long_as_it_may_take(self, application_uri: str, tmp_path: Path) -> None:
        day = make_settings(application_uri, tmp_path, ECHO_PROVIDER_STREAM_SECONDS="86400")
        assert runs.LONGEST.total_seconds() > day.provider_limits.stream_seconds

    def test_are_emptied_by_the_database(self, application: Any, application_uri: str) -> None:
        database = Database(application_uri)
        for name in ("echo_runs", "echo_run_pieces", "echo_run_workers"):
            indexes = database.collection(name).list_indexes()
            assert any("expireAfterSeconds" in index for index in indexes), name
        database.close()


class TestTheSession:
    def test_a_stream_ends_with_it_and_the_run_goes_on(self, chat: Callable[..., Chat]) -> None:
        many = 3000
        talk = chat(Reply(("word ",) * many, between=(0.02,)))
        stream_id = talk.user.start()["streamId"]
        other = Talker(talk.url, dict(talk.user.headers))
        events = talk.user.follow(stream_id)
        heard = [next(events)]
        assert other.request("POST", "/api/auth/logout").status_code == 200
        heard += events
        assert not any("final" in event.data for event in heard)
        assert len(spoken(heard).split()) < many
        # It belongs to no session: whoever logs in again finds it.
        assert not talk.provider.chats[0].left
