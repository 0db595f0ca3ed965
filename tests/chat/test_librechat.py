"""What LibreChat's clients do with chats beyond Echo's own contract: two models, edited answers, steering, quotes."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chat.conftest import Chat
from tests.chat.test_runs import WORDS, begun, held
from tests.support.providers import RENDER, Answer, Received, Reply, event_stream, json_answer
from tests.support.streams import Event, Talker, kinds, librechats, spoken
from tests.support.waiting import until

MakeChat = Callable[..., Chat]
TWO = {"model": "gpt-4o-mini", "addedConvo": {"endpoint": "openAI", "model": "gpt-4"}}
FIRST, SECOND = "openAI__gpt-4o-mini___GPT-4o", "openAI__gpt-4___GPT-4____1"


def by_model(received: Received) -> Reply:
    """An answer that says who gives it."""
    return Reply((f"I am {received.json['model']}.",))


def by_model_or_fail(received: Received) -> Reply | Answer:
    """The same, but one of them has no answer."""
    if received.json["model"] == "gpt-4":
        return json_answer({"error": {"message": "no"}}, 400)
    return by_model(received)


def held_by_model(release: threading.Event) -> Callable[[Received], Reply | Answer]:
    """The same, said by halves."""

    def answer(received: Received) -> Reply | Answer:
        if not received.json.get("stream"):
            return Reply(("A title",))
        pieces = RENDER["openai"](Reply(("I am ", f"{received.json['model']}.")), received).pieces
        return event_stream(*pieces[:2], release, *pieces[2:])

    return answer


@pytest.fixture
def talk(chat: MakeChat) -> Callable[..., tuple[Talker, Any]]:
    """A user of LibreChat's contract before an Echo whose provider answers so."""

    def make(*behaviours: Any) -> tuple[Talker, Any]:
        made = chat(*behaviours, TITLE_CONVO="false")
        return librechats(made.user), made.provider

    return make


MakeTalk = Callable[..., tuple[Talker, Any]]


def final(events: list[Event]) -> dict[str, Any]:
    assert events[-1].kind == "final", events[-1]
    return events[-1].data


def of(events: list[Event], kind: str) -> list[dict[str, Any]]:
    return [event.data["data"] for event in events if event.kind == kind]


class TestTwoModels:
    def test_answer_side_by_side(self, talk: MakeTalk) -> None:
        user, provider = talk(by_model)
        events = user.ask("Who?", **TWO)
        parts = sorted(final(events)["responseMessage"]["content"], key=lambda part: part["agentId"])
        assert parts == [
            {"type": "text", "text": "I am gpt-4.", "agentId": SECOND, "groupId": 1},
            {"type": "text", "text": "I am gpt-4o-mini.", "agentId": FIRST, "groupId": 1},
        ]
        assert [each["agentId"] for each in of(events, "on_context_usage")] == [FIRST, SECOND]
        steps = of(events, "on_run_step")
        assert {(step["agentId"], step["groupId"]) for step in steps} == {(FIRST, 1), (SECOND, 1)}
        assert [step["index"] for step in steps] == [0, 1]
        usage = of(events, "on_token_usage")
        assert [(each["seq"], each["model"]) for each in usage] == [(1, "gpt-4o-mini"), (2, "gpt-4")]
        assert sorted(each.json["model"] for each in provider.chats) == ["gpt-4", "gpt-4o-mini"]

    def test_are_stored_in_one_answer_with_the_usage_of_both(self, talk: MakeTalk) -> None:
        user, _ = talk(by_model)
        said = final(user.ask("Who?", **TWO))
        assert said["requestMessage"]["addedConvo"] is True
        answer = said["responseMessage"]
        assert (answer["model"], answer["tokenCount"]) == ("gpt-4o-mini", 14)
        assert answer["metadata"]["usage"] == {"input": 22, "output": 14, "cacheWrite": 0, "cacheRead": 0}
        stored = user.messages(said["conversation"]["conversationId"])
        assert stored[0]["addedConvo"] is True
        assert stored[1]["content"] == answer["content"]

    def test_say_what_they_cost_where_clients_show_it(self, chat: MakeChat, tmp_path: Path) -> None:
        """In US dollars: eleven tokens read and seven written by each, by LibreChat's prices of both."""
        config = tmp_path / "librechat.yaml"
        config.write_text("version: 1.3.5\ninterface: {contextCost: true}\n", encoding="utf-8")
        made = chat(by_model, TITLE_CONVO="false", CONFIG_PATH=str(config))
        events = librechats(made.user).ask("Who?", **TWO)
        costs = [each["cost"] for each in of(events, "on_token_usage")]
        assert costs == pytest.approx([11 * 0.15e-6 + 7 * 0.6e-6, 11 * 30e-6 + 7 * 60e-6])
        usage = final(events)["responseMessage"]["metadata"]["usage"]
        assert usage["cost"] == pytest.approx(sum(costs))

    def test_the_next_turn_goes_on_from_the_first(self, talk: MakeTalk) -> None:
        user, provider = talk(by_model)
        conversation_id = final(user.ask("Who?", **TWO))["conversation"]["conversationId"]
        user.ask("And?", conversationId=conversation_id)
        said = [each["content"] for each in provider.chats[-1].json["messages"]]
        assert said == ["Who?", "I am gpt-4o-mini.", "And?"]

    def test_one_answer_stays_when_the_other_fails(self, talk: MakeTalk) -> None:
        user, _ = talk(by_model_or_fail)
        said = final(user.ask("Who?", **TWO))
        answered, failed = said["responseMessage"]["content"]
        assert (answered["text"], answered["agentId"]) == ("I am gpt-4o-mini.", FIRST)
        assert (failed["type"], failed["agentId"], failed["groupId"]) == ("error", SECOND, 1)
        assert failed["error"]
        assert said["responseMessage"]["unfinished"] is False

    def test_who_comes_back_is_told_whose_words_are_whose(self, talk: MakeTalk) -> None:
        release = threading.Event()
        user, _ = talk(held_by_model(release))
        stream_id = user.start("Who?", **TWO)["streamId"]

        def state() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = user.get(f"/api/agents/chat/status/{stream_id}").json()[
                "aggregatedContent"
            ]
            return found

        until(lambda: len(state()) == 2)
        assert {part["agentId"] for part in state()} == {FIRST, SECOND}
        stream = user.follow(stream_id, resume="true")
        first = next(stream)
        steps = first.data["resumeState"]["runSteps"]
        assert {step["agentId"] for step in steps} == {FIRST, SECOND}
        release.set()
        events = [first, *stream]
        assert len(final(events)["responseMessage"]["content"]) == 2

    def test_both_are_ended(self, talk: MakeTalk) -> None:
        user, provider = talk(held_by_model(threading.Event()))
        stream_id = user.start("Who?", **TWO)["streamId"]
        until(lambda: len(provider.chats) == 2)
        assert user.abort(stream_id).status_code == 200
        until(lambda: all(each.left for each in provider.chats))
        assert user.messages(stream_id)[-1]["unfinished"] is True

    def test_a_second_one_without_a_name_is_none(self, talk: MakeTalk) -> None:
        user, provider = talk(by_model)
        said = final(user.ask("Who?", model="gpt-4", addedConvo={"endpoint": "openAI", "model": None}))
        assert said["responseMessage"]["content"] == [{"type": "text", "text": "I am gpt-4."}]
        assert len(provider.chats) == 1

    def test_a_second_one_that_is_not_there_is_refused(self, talk: MakeTalk) -> None:
        user, _ = talk(by_model)
        for added, code in (
            ({"endpoint": "openAI", "model": "gpt-0"}, "unknown_model"),
            ({"endpoint": "nobody", "model": "gpt-4"}, "endpoint_unavailable"),
        ):
            body = {"text": "Who?", "addedConvo": added}
            answer = user.request("POST", "/api/agents/chat/openAI", json=body)
            assert (answer.status_code, answer.json()["code"]) == (422, code)


class TestEditedAnswer:
    def edit(self, user: Talker, said: dict[str, Any], **body: Any) -> dict[str, Any]:
        """Ask to go on with the answer as its reader has changed it."""
        changed = {"index": 0, "type": "text", "text": "A contract is"}
        return user.start(
            "What?",
            conversationId=said["conversation"]["conversationId"],
            isRegenerate=True,
            overrideParentMessageId=said["requestMessage"]["messageId"],
            responseMessageId=said["responseMessage"]["messageId"],
            **{"editedContent": changed, **body},
        )

    def test_goes_on_in_a_copy(self, talk: MakeTalk) -> None:
        user, provider = talk(Reply(("Nothing.",)), Reply((" a promise.",)))
        said = final(user.ask("What?"))
        events = list(user.follow(self.edit(user, said)["streamId"]))
        answer = final(events)["responseMessage"]
        assert answer["content"] == [{"type": "text", "text": "A contract is a promise."}]
        assert spoken(events) == " a promise."
        # The client counts on from the parts that it has.
        assert [step["index"] for step in of(events, "on_run_step")] == [0]
        told = [each["content"] for each in provider.chats[-1].json["messages"]]
        assert told[:2] == ["What?", "A contract is"]
        assert told[2].startswith("Continue")
        stored = user.messages(said["conversation"]["conversationId"])
        assert [each.get("content", [{}])[0].get("text") for each in stored[1:]] == [
            "Nothing.",
            "A contract is a promise.",
        ]
        assert {each["parentMessageId"] for each in stored[1:]} == {said["requestMessage"]["messageId"]}

    def test_who_comes_back_is_told_what_was_added(self, talk: MakeTalk) -> None:
        release = threading.Event()
        user, _ = talk(Reply(("Nothing.",)), held(release))
        said = final(user.ask("What?"))
        stream_id = self.edit(user, said)["streamId"]
        begun(user.follow(stream_id))
        stream = user.follow(stream_id, resume="true")
        first = next(stream)
        [part] = first.data["resumeState"]["aggregatedContent"]
        release.set()
        assert part["text"] + spoken(stream) == "".join(WORDS)

    def test_an_answer_that_is_not_there_is_not_found(self, talk: MakeTalk) -> None:
        user, _ = talk(Reply())
        said = final(user.ask("What?"))
        body = {
            "conversationId": said["conversation"]["conversationId"],
            "isRegenerate": True,
            "overrideParentMessageId": said["requestMessage"]["messageId"],
            "responseMessageId": "nothing",
            "editedContent": {"index": 0, "type": "text", "text": "x"},
        }
        assert user.request("POST", "/api/agents/chat/openAI", json=body).status_code == 404

    def test_a_part_that_is_not_there_changes_nothing(self, talk: MakeTalk) -> None:
        user, _ = talk(Reply(("Nothing",)), Reply((" more.",)))
        said = final(user.ask("What?"))
        started = self.edit(user, said, editedContent={"index": 7, "type": "think", "think": "x"})
        answer = final(list(user.follow(started["streamId"])))["responseMessage"]
        assert answer["content"] == [{"type": "text", "text": "Nothing more."}]


class TestContinuedAnswer:
    def test_its_parts_are_counted_on_from_what_is_there(self, talk: MakeTalk) -> None:
        user, _ = talk(Reply(("A promise",), reasoning=("Law?",)), Reply((" kept.",)))
        said = final(user.ask("What?"))
        answer_id = said["responseMessage"]["messageId"]
        events = user.ask(
            "",
            conversationId=said["conversation"]["conversationId"],
            isContinued=True,
            responseMessageId=answer_id,
        )
        assert [step["index"] for step in of(events, "on_run_step")] == [1]
        assert final(events)["responseMessage"]["content"] == [
            {"type": "think", "think": "Law?"},
            {"type": "text", "text": "A promise kept."},
        ]


class TestQuotes:
    def test_a_model_is_told_what_a_question_refers_to(self, talk: MakeTalk) -> None:
        user, provider = talk(Reply())
        said = final(user.ask("Why?", quotes=["A promise\nthat is kept"]))
        assert said["requestMessage"]["text"] == "Why?"
        user.ask("And?", conversationId=said["conversation"]["conversationId"])
        told = [each["content"] for each in provider.chats[-1].json["messages"]]
        assert told == ["> A promise\n> that is kept\n\nWhy?", "Hello wörld.", "And?"]


class TestSteering:
    def test_what_was_said_comes_with_the_end(self, talk: MakeTalk) -> None:
        release = threading.Event()
        user, _ = talk(held(release))
        stream_id = user.start()["streamId"]
        assert user.steer(stream_id, "Shorter", clientSteerId="local-1").status_code == 202
        release.set()
        events = list(user.follow(stream_id, generationProtocolVersion="2"))
        said = final(events)
        assert said["generationProtocolVersion"] == 2
        [left] = said["pendingSteers"]
        assert (left["text"], left["clientSteerId"]) == ("Shorter", "local-1")
        # The client asks before it believes the end.
        status = user.get(f"/api/agents/chat/status/{stream_id}", generationProtocolVersion="2").json()
        assert (status["active"], status["unrecoveredSteers"]) == (False, [left])
        assert user.steer(stream_id, "Too late").status_code == 404

    def test_who_comes_back_is_told_what_waits(self, talk: MakeTalk) -> None:
        user, _ = talk(held())
        stream_id = user.start()["streamId"]
        steer_id = user.steer(stream_id, "Shorter").json()["steerId"]
        state = next(user.follow(stream_id, resume="true")).data["resumeState"]
        assert [each["steerId"] for each in state["pendingSteers"]] == [steer_id]
        user.abort(stream_id)

    def test_what_was_said_to_a_run_that_failed_is_not_lost(self, talk: MakeTalk) -> None:
        release = threading.Event()

        def breaks(received: Received) -> Reply | Answer:
            pieces = RENDER["openai"](Reply(WORDS, error="overloaded"), received).pieces
            return event_stream(*pieces[:3], release, *pieces[3:])

        user, _ = talk(breaks)
        stream_id = user.start()["streamId"]
        steer_id = user.steer(stream_id, "Shorter").json()["steerId"]
        release.set()
        assert kinds(user.follow(stream_id))[-1] == "error"
        status = user.get(f"/api/agents/chat/status/{stream_id}", generationProtocolVersion="2").json()
        assert [each["steerId"] for each in status["unrecoveredSteers"]] == [steer_id]

    def test_is_sent_as_the_next_turn(self, talk: MakeTalk) -> None:
        release = threading.Event()
        user, provider = talk(held(release), Reply(("Short.",)))
        began = user.start("Tell me")
        stream_id = began["streamId"]
        user.steer(stream_id, "Shorter")
        release.set()
        said = final(list(user.follow(stream_id)))
        [left] = said["pendingSteers"]
        events = user.ask(
            left["text"],
            conversationId=stream_id,
            parentMessageId=said["responseMessage"]["messageId"],
            recoverySteerId=left["steerId"],
            clientRequestId="turn-1",
            expectedPredecessorCreatedAt=began["generationCreatedAt"],
            generationProtocolVersion=2,
        )
        assert final(events)["requestMessage"]["text"] == "Shorter"
        assert [each["content"] for each in provider.chats[-1].json["messages"]][-1] == "Shorter"
        status = user.get(f"/api/agents/chat/status/{stream_id}", generationProtocolVersion="2").json()
        assert status == {"active": False, "generationProtocolVersion": 2}
