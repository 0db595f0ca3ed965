"""Chats in which models use tools: LibreChat's events, what is stored, and every way in which a run ends."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from echo.chat.transcript import Frame, Transcript, pack
from echo.providers.chat import Tool
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolFailure, ToolOutput, Wanted
from tests.chat.conftest import Chat
from tests.support.providers import Received, Reply
from tests.support.providers.replies import Called as Call
from tests.support.streams import Event, Talker, kinds, librechats
from tests.support.waiting import until

MakeChat = Callable[..., Chat]
KIT = {"ephemeralAgent": {"mcp": ["kit"]}}
TWO = Reply(
    ["See. "], calls=(Call("weather", ('{"place"', ': "Kyïv"}'), "call_a"), Call("fails", id="call_b"))
)
SHOWN = {"type": "web_search", "web_search": {"organic": []}}


class Kit:
    """A kind of tools of the tests' own."""

    def __init__(self) -> None:
        self.asked: list[tuple[Wanted, RunPlace]] = []
        self.under_way = threading.Event()
        self.cancelled = threading.Event()
        self.called: list[Called] = []

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        self.asked.append((wanted, place))
        works = (self.weather, self.fails, self.hangs)
        tools = tuple(RunTool(Tool(work.__name__, f"Says {work.__name__}."), work) for work in works)
        return Offer(tools, ("The kit knows the weather.",))

    async def weather(self, called: Called) -> ToolOutput:
        self.called.append(called)
        return ToolOutput.of_text(f"rain in {called.arguments['place']}", attachments=(SHOWN,))

    async def fails(self, called: Called) -> ToolOutput:
        raise ToolFailure("no such place")

    async def hangs(self, called: Called) -> ToolOutput:
        self.under_way.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        raise AssertionError


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Kit:
    made = Kit()
    monkeypatch.setattr("echo.services.tool_sources", lambda *_: (made,))
    return made


@pytest.fixture
def talk(kit: Kit, chat: MakeChat) -> Callable[..., tuple[Talker, Any]]:
    """A user of LibreChat's contract before an Echo whose provider answers so, and which has the kit."""

    def make(*behaviours: Any, **environ: str) -> tuple[Talker, Any]:
        made = chat(*behaviours, **{"TITLE_CONVO": "false", **environ})
        return librechats(made.user), made.provider

    return make


MakeTalk = Callable[..., tuple[Talker, Any]]


def of(events: list[Event], kind: str) -> list[dict[str, Any]]:
    return [event.data["data"] for event in events if event.kind == kind]


def without_times(part: dict[str, Any]) -> dict[str, Any]:
    call = {name: value for name, value in part["tool_call"].items() if name != "runStepDurationMs"}
    return {**part, "tool_call": call}


class TestARun:
    def test_has_librechats_events_and_parts(self, talk: MakeTalk, kit: Kit) -> None:
        user, provider = talk(TWO, Reply(["It rains."], usage=(20, 3)))
        events = user.ask("How is it?", **KIT)
        assert kinds(events)[:5] == [
            "created",
            "on_context_usage",
            "on_run_step",
            "on_message_delta",
            "on_run_step_closed",
        ]
        text, first, second, last = of(events, "on_run_step")
        assert [each["index"] for each in (text, first, second, last)] == [0, 1, 2, 3]
        assert first["stepDetails"] == {
            "type": "tool_calls",
            "tool_calls": [{"id": "call_a", "name": "weather", "args": "", "type": "tool_call"}],
        }
        pieces = [
            call["args"]
            for each in of(events, "on_run_step_delta")
            if each["id"] == first["id"]
            for call in each["delta"]["tool_calls"]
        ]
        assert "".join(pieces) == '{"place": "Kyïv"}'
        done = {each["result"]["id"]: each["result"] for each in of(events, "on_run_step_completed")}
        assert done[first["id"]] == {
            "id": first["id"],
            "index": 1,
            "type": "tool_call",
            "tool_call": {
                "id": "call_a",
                "name": "weather",
                "args": '{"place": "Kyïv"}',
                "type": "tool_call",
                "output": "rain in Kyïv",
                "progress": 1,
            },
        }
        closed = {each["id"]: each["status"] for each in of(events, "on_run_step_closed")}
        assert closed == {
            text["id"]: "completed",
            first["id"]: "completed",
            second["id"]: "failed",
            last["id"]: "completed",
        }
        usages = [
            (each["input_tokens"], each["output_tokens"], each["seq"])
            for each in of(events, "on_token_usage")
        ]
        assert usages == [(11, 7, 1), (20, 3, 2)]
        answer = events[-1].data["responseMessage"]
        assert [answer["content"][0], *map(without_times, answer["content"][1:3]), answer["content"][3]] == [
            {"type": "text", "text": "See. ", "tool_call_ids": ["call_a", "call_b"]},
            {
                "type": "tool_call",
                "tool_call": {**done[first["id"]]["tool_call"], "runStepStatus": "completed"},
            },
            {
                "type": "tool_call",
                "tool_call": {
                    "id": "call_b",
                    "name": "fails",
                    "args": "{}",
                    "type": "tool_call",
                    "output": "Error: no such place",
                    "progress": 1,
                    "runStepStatus": "failed",
                },
            },
            {"type": "text", "text": "It rains."},
        ]
        shown = {
            **SHOWN,
            "toolCallId": "call_a",
            "messageId": answer["messageId"],
            "conversationId": answer["conversationId"],
        }
        assert [event.data for event in events if event.name == "attachment"] == [shown]
        assert answer["attachments"] == [shown]
        assert answer["metadata"]["usage"] == {"input": 31, "output": 10, "cacheWrite": 0, "cacheRead": 0}
        [stored] = [each for each in user.messages(answer["conversationId"]) if not each["isCreatedByUser"]]
        assert (stored["content"], stored["attachments"]) == (answer["content"], [shown])
        # Another process, which reads the pieces of the journal, makes the same of them.
        other = Transcript({})
        for event in events:
            other.load(pack([Frame(event.name, event.data)]))
        assert other.content() == answer["content"]
        # What was asked of the kit, and what the model was told of it.
        [(wanted, place)] = kit.asked
        assert wanted == Wanted(names=("sys__all__sys_mcp_kit",))
        assert (place.answer_id, place.conversation_id) == (answer["messageId"], answer["conversationId"])
        assert place.placeholders["LIBRECHAT_USER_ID"] == place.owner
        assert kit.called[0].step_id == first["id"]
        system, question = provider.requests[0].json["messages"]
        assert (system["content"], question["content"]) == ("The kit knows the weather.", "How is it?")
        usage = of(events, "on_context_usage")[0]["breakdown"]
        assert (usage["toolCount"], usage["toolSchemaTokens"] > 20) == (3, True)

    def test_gives_the_model_its_calls_back_later(self, talk: MakeTalk) -> None:
        """With tools as calls and results, without them as the texts alone."""
        user, provider = talk(TWO, Reply(["It rains."]))
        conversation_id = user.ask("How is it?", **KIT)[-1].data["conversation"]["conversationId"]
        user.ask("And then?", conversationId=conversation_id, **KIT)
        system, *said = provider.requests[-1].json["messages"]
        assert system["role"] == "system"
        assert [(each["role"], each.get("content")) for each in said] == [
            ("user", "How is it?"),
            ("assistant", "See. "),
            ("tool", "rain in Kyïv"),
            ("tool", "Error: no such place"),
            ("assistant", "It rains."),
            ("user", "And then?"),
        ]
        assert [each["id"] for each in said[1]["tool_calls"]] == ["call_a", "call_b"]
        user.ask("Really?", conversationId=conversation_id)
        assert [each["content"] for each in provider.requests[-1].json["messages"]][:2] == [
            "How is it?",
            "See. \nIt rains.",
        ]

    def test_ends_at_the_limit_of_steps_and_says_so(self, talk: MakeTalk, tmp_path: Any) -> None:
        config = tmp_path / "librechat.yaml"
        config.write_text("version: 1.3.4\nendpoints:\n  agents:\n    recursionLimit: 3\n")
        calls = [Reply([], calls=(Call("weather", (f'{{"place": {place}}}',)),)) for place in range(5)]
        user, provider = talk(*calls, CONFIG_PATH=str(config))
        answer = user.ask("How is it?", **KIT)[-1].data["responseMessage"]
        assert answer["content"][-1] == {
            "type": "error",
            "error": "The limit of 3 steps is reached, and the model had not ended.",
        }
        assert (len(provider.requests), answer["unfinished"]) == (2, False)


def test_a_login_that_a_tool_asks_for_is_told_and_not_stored(talk: MakeTalk, kit: Kit) -> None:
    call = {"id": "l", "name": "oauth_mcp_kit", "args": "", "type": "tool_call"}
    step = {
        "id": "step_login",
        "type": "tool_calls",
        "stepDetails": {"type": "tool_calls", "tool_calls": [call]},
    }
    delta = {"type": "tool_calls", "tool_calls": [{**call}], "auth": "https://a.example", "expires_at": 1}

    async def offer(_wanted: Wanted, place: RunPlace) -> Offer:
        place.tell("message", {"event": "on_run_step", "data": step})
        place.tell("message", {"event": "on_run_step_delta", "data": {"id": "step_login", "delta": delta}})
        place.tell("attachment", {"type": "memory", "memory": {"key": "a"}})
        return Offer()

    kit.offer = offer  # type: ignore[method-assign]
    user, _ = talk(Reply(["Hello."]))
    events = user.ask("Hi", **KIT)
    login, text = of(events, "on_run_step")
    answer = events[-1].data["responseMessage"]
    assert (login["index"], login["runId"], text["index"]) == (0, answer["messageId"], 0)
    assert of(events, "on_run_step_delta")[0]["delta"]["auth"] == "https://a.example"
    assert answer["content"] == [{"type": "text", "text": "Hello."}]
    assert [each["memory"] for each in answer["attachments"]] == [{"key": "a"}]


class TestThatEndsEarly:
    CALL = Reply(["Wait. "], calls=(Call("hangs", id="call_h"),))

    def test_by_its_reader_cancels_the_tool(self, talk: MakeTalk, kit: Kit) -> None:
        user, provider = talk(self.CALL, Reply(["Well."]))
        started = user.start("How is it?", **KIT)["streamId"]
        until(kit.under_way.is_set)
        # Who comes in the middle of a call is told that it goes on.
        state = next(user.follow(started, resume="true")).data["resumeState"]
        assert [step["type"] for step in state["runSteps"]] == ["message_creation", "tool_calls"]
        assert state["aggregatedContent"][1] == {
            "type": "tool_call",
            "tool_call": {"id": "call_h", "name": "hangs", "args": "{}", "type": "tool_call"},
        }
        assert user.abort(started).status_code == 200
        assert kit.cancelled.is_set()
        last = list(user.follow(started))[-1].data
        assert last["aborted"] is True
        [_, call] = last["responseMessage"]["content"]
        assert (call["tool_call"]["runStepStatus"], "output" in call["tool_call"]) == ("cancelled", False)
        # The model is told so when it is asked on.
        user.ask("Well?", conversationId=started, **KIT)
        told = [each["content"] for each in provider.requests[-1].json["messages"] if each["role"] == "tool"]
        assert told == ["The call was ended before it came to a result."]

    def test_is_kept_on_the_way(self, talk: MakeTalk, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a process that dies in the middle of a call leaves is an unfinished answer with that call."""
        monkeypatch.setattr("echo.chat.journal.SAVE_SECONDS", 0.0)
        user, _ = talk(self.CALL)
        started = user.start("How is it?", **KIT)["streamId"]

        def stored() -> list[dict[str, Any]]:
            return [each for each in user.messages(started) if len(each.get("content") or ()) == 2]

        until(stored)
        [answer] = stored()
        assert answer["unfinished"] is True
        assert answer["content"][1]["tool_call"]["name"] == "hangs"
        user.abort(started)

    def test_by_a_provider_that_fails_after_a_tool(self, talk: MakeTalk) -> None:
        def answer(received: Received) -> Any:
            is_first = received.json["messages"][-1]["role"] == "user"
            return TWO if is_first else Reply(["It "], error="server")

        user, _ = talk(answer)
        started = user.start("How is it?", **KIT)["streamId"]
        assert list(user.follow(started))[-1].kind == "error"
        [stored] = [each for each in user.messages(started) if not each["isCreatedByUser"]]
        assert [part["type"] for part in stored["content"]] == ["text", "tool_call", "tool_call", "text"]
        assert stored["unfinished"] is True


def test_every_request_of_a_run_is_charged(talk: MakeTalk, app_database: Any) -> None:
    user, _ = talk(TWO, Reply(["It rains."], usage=(20, 3)))
    conversation_id = user.ask("How is it?", **KIT)[-1].data["conversation"]["conversationId"]
    rows = app_database.collection("transactions").find({"conversationId": conversation_id}).sort("_id")
    assert [(row["tokenType"], row["rawAmount"]) for row in rows] == [
        ("prompt", -11),
        ("completion", -7),
        ("prompt", -20),
        ("completion", -3),
    ]


class TestWhatIsSaidMeanwhile:
    """Is put before the model between two of its requests."""

    def test_becomes_a_part_of_the_answer(self, talk: MakeTalk, kit: Kit) -> None:
        gate = threading.Event()
        user, provider = talk(
            Reply(["See. "], calls=TWO.calls, between=(gate,)), Reply(["It rains."]), Reply(["Yes."])
        )
        started = user.start("How is it?", **KIT)["streamId"]
        answer = user.steer(started, "And in Rome?", clientSteerId="s1")
        assert answer.json()["status"] == "queued"
        gate.set()
        events = list(user.follow(started))
        [applied] = of(events, "on_steer_applied")
        final = events[-1].data
        part = applied["part"]
        assert (applied["index"], part["steer"], part["clientSteerId"]) == (3, "And in Rome?", "s1")
        assert [each["type"] for each in final["responseMessage"]["content"]] == [
            "text",
            "tool_call",
            "tool_call",
            "steer",
            "text",
        ]
        assert final["responseMessage"]["content"][3] == part
        assert of(events, "on_run_step")[-1]["index"] == 4
        assert "pendingSteers" not in final
        assert provider.requests[1].json["messages"][-1] == {"role": "user", "content": "And in Rome?"}
        # Later on it is the user's again, and not the model's.
        user.ask("Sure?", conversationId=started, **KIT)
        said = [(each["role"], each["content"]) for each in provider.requests[-1].json["messages"]]
        assert said[-4:] == [
            ("tool", "Error: no such place"),
            ("user", "And in Rome?"),
            ("assistant", "It rains."),
            ("user", "Sure?"),
        ]

    def test_is_taken_once_however_often_it_is_sent(self, talk: MakeTalk, kit: Kit) -> None:
        second = Reply([], calls=(Call("hangs", id="call_h"),))
        gate = threading.Event()
        user, _ = talk(Reply(["See. "], calls=TWO.calls, between=(gate,)), second)
        started = user.start("How is it?", **KIT)["streamId"]
        user.steer(started, "And in Rome?", clientSteerId="s1")
        gate.set()
        until(kit.under_way.is_set)
        again = user.steer(started, "And in Rome?", clientSteerId="s1").json()
        assert (again["replayed"], again["settled"]) == (True, True)
        late = user.steer(started, "Or Oslo?", clientSteerId="s2").json()
        assert late["position"] == 1
        pending = user.abort(started).json()["pendingSteers"]
        assert [each["text"] for each in pending] == ["Or Oslo?"]
