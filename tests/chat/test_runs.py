"""Runs: they outlive their readers, are read from the beginning or on, and end when asked to."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from echo.chat.assembly import ChatParts, build_chat
from echo.chat.journal import Journal
from echo.chat.run import Run
from echo.handling.caller import Caller
from echo.services import Services
from echo.settings import Settings
from echo.tools.sources import Sources
from handlers.conversations import delete_conversation
from storage.core.database import Database
from tests.chat.conftest import Chat
from tests.conftest import MakeUser, UserClient
from tests.support.providers import RENDER, Answer, Received, Reply, event_stream, json_answer
from tests.support.streams import NO_PARENT, Event, Talker, kinds, new_id, spoken
from tests.support.waiting import PATIENCE, until

MakeChat = Callable[..., Chat]
WORDS = tuple(f"w{number} " for number in range(40))


def slow(pause: float = 0.05) -> Reply:
    """An answer that takes its time."""
    return Reply(WORDS, between=(pause,))


def held(*releases: threading.Event) -> Callable[[Received], Reply | Answer]:
    """An answer in parts of equal length, each but the first one said when it is released; without any, one half."""
    gates = releases or (threading.Event(),)

    def answer(received: Received) -> Reply | Answer:
        if not received.json.get("stream"):
            return Reply(("A title",))
        pieces = RENDER["openai"](Reply(WORDS), received).pieces
        length = len(pieces) // (len(gates) + 1)
        parts = [(gate, *pieces[length * at : length * (at + 1)]) for at, gate in enumerate(gates, 1)]
        rest = pieces[length * (len(gates) + 1) :]
        return event_stream(*pieces[:length], *(piece for part in parts for piece in part), *rest)

    return answer


def begun(stream: Iterator[Event]) -> list[Event]:
    """The events of a stream up to the first words: how many there are is left to the network."""
    events = [next(stream)]
    while not spoken(events):
        events.append(next(stream))
    return events


def read_some(talker: Talker, stream_id: str) -> list[Event]:
    """The first events of a stream, with some words; then the reader leaves."""
    stream = talker.follow(stream_id)
    events = begun(stream)
    stream.close()  # type: ignore[attr-defined]
    return events


def has_spoken(talker: Talker, stream_id: str) -> bool:
    """Whether the state of a run has words of the answer."""
    return bool(talker.get(f"/api/agents/chat/status/{stream_id}").json().get("aggregatedContent"))


class TestReaders:
    def test_that_come_late_read_from_the_beginning(self, chat: MakeChat) -> None:
        release = threading.Event()
        user = chat(held(release)).user
        stream_id = user.start()["streamId"]
        until(lambda: has_spoken(user, stream_id))
        stream = user.follow(stream_id)
        events = begun(stream)
        release.set()
        events += stream
        assert (kinds(events)[0], kinds(events)[-1]) == ("created", "final")
        assert spoken(events) == "".join(WORDS)

    def test_that_leave_do_not_end_the_run(self, chat: MakeChat) -> None:
        release = threading.Event()
        user = chat(held(release)).user
        stream_id = user.start()["streamId"]
        read_some(user, stream_id)
        release.set()
        until(lambda: user.get("/api/agents/chat/active").json()["activeJobIds"] == [])
        assert user.messages(stream_id)[-1]["text"] == "".join(WORDS)

    def test_that_come_back_get_the_state_and_what_is_new(self, chat: MakeChat) -> None:
        release = threading.Event()
        user = chat(held(release)).user
        stream_id = user.start("Tell me")["streamId"]
        first = read_some(user, stream_id)
        stream = user.follow(stream_id, resume="true")
        events = [next(stream)]
        release.set()
        events += stream
        state = events[0].data["resumeState"]
        assert events[0].data["sync"] is True
        assert events[0].data["pendingEvents"] == []
        assert state["userMessage"]["text"] == "Tell me"
        assert state["conversationId"] == stream_id
        assert state["runSteps"][0]["id"] == first[2].data["data"]["id"]
        assert {"responseMessageId", "sender", "model", "contextUsage"} <= state.keys()
        so_far = state["aggregatedContent"][0]["text"]
        assert so_far.startswith(spoken(first))
        assert so_far + spoken(events) == "".join(WORDS)
        assert kinds(events)[-1] == "final"

    def test_can_be_several(self, chat: MakeChat) -> None:
        user = chat(slow(0.02)).user
        stream_id = user.start()["streamId"]
        read: list[str] = []
        threads = [
            threading.Thread(
                target=lambda: read.append(spoken(Talker(user.url, user.headers).follow(stream_id)))
            )
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert read == ["".join(WORDS)] * 5

    def test_find_a_run_for_some_time_after_its_end(self, chat: MakeChat) -> None:
        user = chat(Reply()).user
        stream_id = user.ask()[-1].data["conversation"]["conversationId"]
        assert kinds(user.follow(stream_id))[-1] == "final"
        assert kinds(user.follow(stream_id, resume="true")) == ["sync", "final"]

    def test_find_no_run_of_a_conversation_that_was_deleted(self, chat: MakeChat) -> None:
        user = chat(Reply()).user
        stream_id = user.ask()[-1].data["conversation"]["conversationId"]
        assert user.request("DELETE", f"/api/convos/{stream_id}").status_code == 200
        until(lambda: user.get(f"/api/agents/chat/stream/{stream_id}").status_code == 404)

    def test_choose_a_run_by_its_time(self, chat: MakeChat) -> None:
        user = chat(Reply(("first",)), Reply(("title",)), Reply(("second",))).user
        first = user.start()
        list(user.follow(first["streamId"]))
        second = user.start(conversationId=first["conversationId"])
        assert spoken(user.follow(first["streamId"])) == "second"
        for started, said in ((first, "first"), (second, "second")):
            params = {"generationCreatedAt": started["generationCreatedAt"]}
            assert spoken(user.follow(first["streamId"], **params)) == said
        other = user.get(f"/api/agents/chat/stream/{first['streamId']}", generationCreatedAt=12345)
        assert other.status_code == 404

    def test_find_every_end_though_writing_down_one_run_is_at_fault(
        self, chat: MakeChat, app_database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        progress = Journal._progress

        def faulty(run: Run, now: float) -> Any:
            assert run.prepared.question["text"] != "odd"
            return progress(run, now)

        monkeypatch.setattr(Journal, "_progress", staticmethod(faulty))
        user = chat(slow(0.02), slow(0.02)).user
        started = [user.start(text)["conversationId"] for text in ("even", "odd")]
        ended = {"conversationId": {"$in": started}, "status": "complete"}
        until(lambda: app_database.collection("echo_runs").count_documents(ended) == 2)

    def test_hold_no_threads(self, chat: MakeChat) -> None:
        release = threading.Event()
        talk = chat(Reply(("a", "b"), between=(release,)), LIMIT_CONCURRENT_MESSAGES="false")
        streams = [talk.user.follow(talk.user.start()["streamId"]) for _ in range(50)]
        reading: list[Event] = []

        def read(stream: Iterator[Event]) -> None:
            reading.append(next(stream))
            list(stream)

        waiting = [threading.Thread(target=read, args=(stream,)) for stream in streams]
        before = serving_threads()
        for thread in waiting:
            thread.start()
        until(lambda: len(reading) == len(talk.provider.chats) == 50)
        assert talk.user.get("/api/user").status_code == 200
        # Pools start their threads when they are first needed: a few may be new.
        assert serving_threads() < before + len(streams) / 2
        release.set()
        for thread in waiting:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def serving_threads() -> int:
    """The threads of all servers of this process."""
    return sum(thread.name.startswith("echo-") for thread in threading.enumerate())


class TestAborting:
    def test_keeps_what_came_and_says_so(self, chat: MakeChat) -> None:
        talk = chat(held())
        stream_id = talk.user.start()["streamId"]
        stream = talk.user.follow(stream_id)
        events = begun(stream)
        answer = talk.user.abort(stream_id)
        assert answer.json() == {"success": True, "aborted": stream_id, "generationProtocolVersion": 1}
        stored = talk.user.messages(stream_id)
        events += stream
        final = events[-1].data
        assert final["aborted"] is True
        assert final["responseMessage"]["unfinished"] is True
        said = final["responseMessage"]["text"]
        assert said == final["responseMessage"]["content"][0]["text"] == spoken(events)
        assert 0 < len(said) < len("".join(WORDS))
        assert stored[-1]["text"] == said
        until(lambda: talk.provider.chats[0].left)

    def test_a_second_time_finds_nothing(self, chat: MakeChat) -> None:
        user = chat(held()).user
        stream_id = user.start()["streamId"]
        assert user.abort(stream_id).status_code == 200
        again = user.abort(stream_id)
        assert (again.status_code, again.json()["code"]) == (404, "not_found")

    @pytest.mark.parametrize("name", ["conversationId", "abortKey"])
    def test_takes_other_names_of_it(self, chat: MakeChat, name: str) -> None:
        user = chat(held()).user
        stream_id = user.start()["streamId"]
        value = f"{stream_id}:more" if name == "abortKey" else stream_id
        assert user.request("POST", "/api/agents/chat/abort", json={name: value}).json()["success"]

    def test_without_a_name_ends_the_newest(self, chat: MakeChat) -> None:
        user = chat(held()).user
        user.start()
        newest = user.start()["streamId"]
        answer = user.request("POST", "/api/agents/chat/abort", json={})
        assert answer.json()["aborted"] == newest

    def test_leaves_a_title_that_nobody_waits_for(self, chat: MakeChat) -> None:
        release = threading.Event()
        user = chat(held(), Reply(("A ", "title"), between=(release,))).user
        stream_id = user.start()["streamId"]
        user.abort(stream_id)
        assert list(user.follow(stream_id))[-1].data["title"] == "New Chat"
        release.set()
        assert user.get(f"/api/convos/gen_title/{stream_id}").json() == {"title": "A title"}

    def test_before_the_first_word_keeps_an_empty_answer(self, chat: MakeChat) -> None:
        release = threading.Event()
        user = chat(lambda _: Reply(between=(release,))).user
        stream_id = user.start()["streamId"]
        assert user.abort(stream_id).status_code == 200
        release.set()
        assert user.messages(stream_id)[0]["text"] == "Hello"
        assert user.get(f"/api/agents/chat/status/{stream_id}").json()["active"] is False


class TestDeletingAConversation:
    def test_ends_its_run_and_no_other(self, chat: MakeChat) -> None:
        talk = chat(slow(), slow(), Reply(("A title",)))
        stream_id = talk.user.start("One")["streamId"]
        until(lambda: talk.provider.chats)
        other = talk.user.start("Two")["streamId"]
        assert talk.user.request("DELETE", f"/api/convos/{stream_id}").status_code == 200
        until(lambda: talk.provider.chats[0].left)
        until(lambda: talk.user.get("/api/agents/chat/active").json()["activeJobIds"] == [other])
        assert spoken(talk.user.follow(other)) == "".join(WORDS)
        assert not talk.provider.chats[1].left

    def test_makes_room_for_another_answer(self, chat: MakeChat) -> None:
        user = chat(slow()).user
        running = [user.start()["streamId"] for _ in range(2)]
        assert user.request("DELETE", f"/api/convos/{running[0]}").status_code == 200
        again = {"json": {"text": "x"}}
        until(lambda: user.request("POST", "/api/agents/chat/openAI", **again).status_code == 200)

    def test_before_the_first_word(self, chat: MakeChat) -> None:
        release = threading.Event()
        talk = chat(lambda _: Reply(between=(release,)))
        stream_id = talk.user.start()["streamId"]
        stream = talk.user.follow(stream_id)
        next(stream)
        until(lambda: talk.provider.chats)
        assert talk.user.request("DELETE", f"/api/convos/{stream_id}").status_code == 200
        assert list(stream)[-1].data["code"] == "not_found"
        until(lambda: talk.provider.chats[0].left)
        release.set()

    def test_of_another_user_ends_nothing(self, chat: MakeChat, make_user: MakeUser) -> None:
        talk = chat(slow(0.02))
        stream_id = talk.user.start()["streamId"]
        bob = Talker(talk.url, make_user("bob").headers)
        assert bob.request("DELETE", f"/api/convos/{stream_id}").status_code == 404
        assert spoken(talk.user.follow(stream_id)) == "".join(WORDS)

    def test_is_done_though_the_database_is_gone_when_runs_are_looked_for(
        self, ada: UserClient, services: Services, settings: Settings
    ) -> None:
        away = Database("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50")
        parts = ChatParts(
            services.providers.registry,
            services.providers.moderation,
            services.accounts.keys.credentials,
            services.providers.titles,
            services.library.file_store,
            services.background,
            services.count_tokens,
            lambda *violation: None,
            services.library.memories.text,
            services.agents.for_chat,
            services.access.check,
            services.models.of,
            services.credits,
            Sources(()),
            services.library.memories,
            lambda _owner: settings,
        )
        half = replace(services, chat=build_chat(settings, away, parts))
        conversation_id = str(
            services.conversations.threads.post(ada.id, new_id(), text="x", sender="user", token_count=1)[
                "conversationId"
            ]
        )
        caller = Caller(ada.id, ada.session_id, ada.email, "ada", "local", "USER")
        assert delete_conversation(half, caller, conversation_id=conversation_id)["conversations"] == 1
        away.close()


class TestState:
    def test_tells_what_was_said_so_far(self, chat: MakeChat) -> None:
        user = chat(held()).user
        stream_id = user.start()["streamId"]
        read_some(user, stream_id)
        state = user.get(f"/api/agents/chat/status/{stream_id}").json()
        assert (state["active"], state["status"], state["streamId"]) == (True, "running", stream_id)
        assert "".join(WORDS).startswith(state["aggregatedContent"][0]["text"])
        assert state["resumeState"]["conversationId"] == stream_id
        assert user.get("/api/agents/chat/active").json() == {"activeJobIds": [stream_id]}

    def test_is_inactive_without_a_run(self, chat: MakeChat) -> None:
        user = chat(Reply()).user
        stream_id = user.ask()[-1].data["conversation"]["conversationId"]
        answer = user.get(f"/api/agents/chat/status/{stream_id}")
        assert answer.json() == {"active": False, "generationProtocolVersion": 1}

    def test_of_an_unknown_conversation_is_not_found(self, chat: MakeChat) -> None:
        assert chat(Reply()).user.get(f"/api/agents/chat/status/{new_id()}").status_code == 404


class TestOthers:
    def test_find_nothing(self, chat: MakeChat, make_user: MakeUser) -> None:
        talk = chat(held())
        stream_id = talk.user.start("private thought")["streamId"]
        bob = Talker(talk.url, make_user("bob").headers)
        answers = [
            bob.get(f"/api/agents/chat/stream/{stream_id}"),
            bob.get(f"/api/agents/chat/stream/{stream_id}", resume="true"),
            bob.get(f"/api/agents/chat/status/{stream_id}"),
            bob.abort(stream_id),
            bob.get(f"/api/convos/gen_title/{stream_id}"),
            bob.request("POST", "/api/agents/chat/openAI", json={"text": "x", "conversationId": stream_id}),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert bob.get("/api/agents/chat/active").json() == {"activeJobIds": []}
        assert talk.user.get("/api/agents/chat/active").json() == {"activeJobIds": [stream_id]}

    def test_without_a_token_are_refused(self, chat: MakeChat) -> None:
        url = chat(Reply()).url
        assert (
            requests.post(f"{url}/api/agents/chat/openAI", json={"text": "x"}, timeout=10).status_code == 401
        )
        assert requests.get(f"{url}/api/agents/chat/stream/x", timeout=10).status_code == 401


class TestLimits:
    def test_two_answers_at_the_same_time(self, chat: MakeChat) -> None:
        user = chat(held()).user
        running = [user.start()["streamId"] for _ in range(2)]
        third = user.request("POST", "/api/agents/chat/openAI", json={"text": "x"})
        assert (third.status_code, third.json()["code"]) == (429, "too_many_runs")
        assert user.get("/api/agents/chat/active").json()["activeJobIds"] == running
        user.abort(running[0])
        user.start()

    def test_an_answer_that_is_refused_is_not_written_down_as_one_that_goes_on(
        self, chat: MakeChat, app_database: Database
    ) -> None:
        user = chat(held()).user
        owner = user.get("/api/user").json()["id"]
        running = {user.start()["streamId"] for _ in range(2)}
        assert user.request("POST", "/api/agents/chat/openAI", json={"text": "x"}).status_code == 429
        runs = app_database.collection("echo_runs").find({"user": owner})
        assert {(run["conversationId"], run["status"]) for run in runs} == {
            (stream_id, "running") for stream_id in running
        }

    def test_a_request_sent_twice_starts_one_run(self, chat: MakeChat) -> None:
        release = threading.Event()
        talk = chat(held(release))
        request_id = new_id()
        first = talk.user.start(clientRequestId=request_id)
        second = talk.user.start(clientRequestId=request_id)
        assert second == {**first, "status": "resumed"}
        release.set()
        list(talk.user.follow(first["streamId"]))
        assert len(talk.user.messages(first["conversationId"])) == 2

    def test_a_request_sent_twice_at_once_starts_one_run(self, chat: MakeChat) -> None:
        user = chat(held()).user
        request_id, answers = new_id(), []
        threads = [
            threading.Thread(
                target=lambda: answers.append(
                    Talker(user.url, user.headers).start(clientRequestId=request_id)
                )
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len({answer["streamId"] for answer in answers}) == 1
        assert sorted(answer["status"] for answer in answers) == ["resumed", "resumed", "resumed", "started"]


class TestFailures:
    def test_of_the_provider_are_an_event_and_a_message(self, chat: MakeChat) -> None:
        user = chat(Reply((), error="server_error")).user
        stream_id = user.start()["streamId"]
        events = list(user.follow(stream_id))
        assert (events[-1].name, events[-1].kind) == ("error", "error")
        assert events[-1].data["code"] == "provider_failed"
        stored = user.messages(stream_id)[-1]
        assert (stored["sender"], stored["text"]) == ("assistant", events[-1].data["error"])
        assert "own words" not in str(events)

    def test_of_its_limit_tell_when_to_ask_again(self, chat: MakeChat) -> None:
        limited = json_answer({"error": {"code": "rate_limit_exceeded"}}, 429, Retry_After="77")
        last = chat(limited).user.ask()[-1]
        assert (last.name, last.data["code"], last.data["retryAfter"]) == ("error", "provider_limited", 77)

    @pytest.mark.parametrize("how", [{"error": "server_error"}, {"cut": True}])
    def test_half_way_leave_the_part_that_came(
        self, chat: MakeChat, app_database: Database, how: dict[str, Any]
    ) -> None:
        user = chat(Reply(("half ", "an answer"), **how)).user
        stream_id = user.start()["streamId"]
        events = list(user.follow(stream_id))
        assert events[-1].name == "error"
        assert user.messages(stream_id)[-1]["text"] == "half an answer"
        stored = app_database.collection("messages").find_one(
            {"conversationId": stream_id, "isCreatedByUser": False}
        )
        assert stored is not None
        assert (stored["unfinished"], stored["error"]) == (True, False)

    def test_leave_a_conversation_that_goes_on(self, chat: MakeChat) -> None:
        talk = chat(Reply(("half",), cut=True), Reply(("whole",)))
        stream_id = talk.user.start("One")["streamId"]
        list(talk.user.follow(stream_id))
        assert spoken(talk.user.ask("Two", conversationId=stream_id)) == "whole"
        sent = talk.provider.chats[1].json["messages"]
        assert [each["content"] for each in sent] == ["One", "half", "Two"]

    def test_a_conversation_deleted_meanwhile_stays_so(self, chat: MakeChat, app_database: Database) -> None:
        user = chat(held()).user
        stream_id = user.start()["streamId"]
        stream = user.follow(stream_id)
        next(stream)
        assert user.request("DELETE", f"/api/convos/{stream_id}").status_code == 200
        events = list(stream)
        assert events[-1].data["code"] == "not_found"
        assert spoken(events) != "".join(WORDS)
        query = {"conversationId": stream_id}
        assert app_database.collection("messages").count_documents(query) == 0
        assert app_database.collection("conversations").count_documents(query) == 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("endpoint", "body", "code"),
        [
            ("Unknown", {"text": "x"}, "endpoint_unavailable"),
            ("google", {"text": "x"}, "endpoint_unavailable"),
            ("openAI", {}, "empty_message"),
            ("openAI", {"text": " \n"}, "empty_message"),
            ("openAI", {"text": "x", "model": "gpt-none"}, "unknown_model"),
            ("openAI", {"text": "x", "parentMessageId": "nothing"}, "unknown_parent"),
            ("openAI", {"text": "x", "files": [{"file_id": "nothing"}]}, "unknown_file"),
            ("openAI", {"isRegenerate": True}, "unknown_parent"),
        ],
    )
    def test_store_nothing(
        self, chat: MakeChat, app_database: Database, endpoint: str, body: dict[str, Any], code: str
    ) -> None:
        user = chat(Reply()).user
        owner = user.get("/api/user").json()["id"]
        answer = user.request("POST", f"/api/agents/chat/{endpoint}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        for name in ("conversations", "messages", "echo_runs"):
            assert app_database.collection(name).count_documents({"user": owner}) == 0

    @pytest.mark.parametrize(
        "body",
        [
            {"text": 5},
            {"text": "x", "temperature": 3},
            {"text": "x", "max_tokens": 0},
            {"text": "x", "stop": "word"},
            {"text": "x", "files": [{}]},
            [],
        ],
    )
    def test_of_what_does_not_fit(self, chat: MakeChat, body: Any) -> None:
        answer = chat(Reply()).user.request("POST", "/api/agents/chat/openAI", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")

    def test_of_an_unknown_conversation(self, chat: MakeChat) -> None:
        body = {"text": "x", "conversationId": new_id(), "parentMessageId": NO_PARENT}
        assert chat(Reply()).user.request("POST", "/api/agents/chat/openAI", json=body).status_code == 404
