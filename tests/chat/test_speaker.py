"""What a model says, as those who read are told it, and what is noted of its requests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.prepared import Asking
from echo.chat.speaker import Speaker
from echo.chat.transcript import BEGINNING, Transcript
from echo.errors import BadGateway
from echo.providers.chat import (
    ChatRequest,
    Event,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCall,
    Turn,
    Usage,
)
from echo.tools.loop import Looped
from echo.tools.loop_events import CallBegun, CallDone, CallPiece, RoundBegun, RoundEnded, Stopped
from echo.tools.tool import ToolOutput, Wanted

COUNTS = {"window": 100, "budget": 90, "system": 5, "messages": 7, "before": 12, "count": 2}
ABOUT = {"responseMessageId": "answer", "conversationId": "c", "sender": "GPT", "model": "m"}
SHOWN = {"agentId": "a", "groupId": 1}


class Scene:
    """A speaker, and a run that notes what becomes of it."""

    def __init__(self, *events: Event | Exception, hidden: bool = False, **asking: Any) -> None:
        self.events = events
        self.noted: list[tuple[Asking, Usage]] = []
        self.attached: list[tuple[str, Any]] = []
        self.held: list[int] = []
        self.transcript = Transcript(ABOUT)
        self._parts = 3
        provider: Any = self
        self.asking = Asking(
            provider, ChatRequest("m", (Turn.of_text("user", "Why?"),)), None, COUNTS, "a", "openAI", **asking
        )
        bench: Any = SimpleNamespace(
            transcript=self.transcript,
            answer_id="answer",
            number_part=self._number,
            attach=lambda *attachment: self.attached.append(attachment),
            count=self._count,
            before_round=self._before_round,
        )
        self.speaker = Speaker(
            self.asking, bench, lambda *used: self.noted.append(used), SHOWN, hidden=hidden
        )

    def _number(self, kind: str) -> int:
        self._parts += 1
        return self._parts - 1

    @staticmethod
    async def _count(text: str) -> int:
        return len(text)

    async def _before_round(self, asking: Asking, tokens: int) -> Sequence[Turn]:
        assert asking is self.asking
        self.held.append(tokens)
        return [Turn.of_text("user", "Wait")]

    async def stream(self, *_: Any) -> AsyncIterator[Event]:
        self.worked = self.speaker.is_working
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event

    def speak(self) -> Sequence[Turn]:
        looped = Looped(self.asking.provider, self.asking.request, None, tokens=77)
        return asyncio.run(self.speaker.speak(looped, self.asking))

    def take(self, *events: Any) -> None:
        for event in events:
            self.speaker._take(event)

    def told(self) -> list[Any]:
        found = (each.payload for each in self.transcript.since(BEGINNING)[0])
        return [(each["event"], each["data"]) for each in found]

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told()]


def deltas(scene: Scene) -> list[tuple[str, str]]:
    parts = [part for kind, data in scene.told() if "delta" in kind for part in data["delta"]["content"]]
    return [(part["type"], part.get("text") or part.get("think")) for part in parts]


class TestText:
    def test_is_a_part_of_the_answer_that_says_whose_it_is(self) -> None:
        scene = Scene()
        scene.take(TextDelta("So "), TextDelta(""), RefusalDelta("no."))
        (kind, opened), (_, delta) = scene.told()
        assert (kind, opened["index"], opened["runId"]) == ("on_run_step", 3, "answer")
        assert (opened["agentId"], opened["groupId"]) == ("a", 1)
        assert opened["stepDetails"]["message_creation"]["content_type"] == "text"
        assert opened["id"].startswith("step_")
        assert (delta["id"], deltas(scene)) == (opened["id"], [("text", "So no.")])
        assert scene.speaker.has_spoken

    def test_and_reasoning_are_parts_of_their_own(self) -> None:
        scene = Scene()
        scene.take(ReasoningDelta("Hm."), TextDelta("So"))
        scene.speaker.close_text("cancelled")
        scene.speaker.close_text("completed")
        assert scene.kinds == [
            "on_run_step",
            "on_reasoning_delta",
            "on_run_step_closed",
            "on_run_step",
            "on_message_delta",
            "on_run_step_closed",
        ]
        closed = [(data["index"], data["status"]) for kind, data in scene.told() if kind.endswith("closed")]
        assert closed == [(3, "completed"), (4, "cancelled")]
        assert scene.speaker.present.said == ["Hm.", "So"]

    def test_of_one_who_is_hidden_is_counted_and_not_told(self) -> None:
        scene = Scene(hidden=True)
        scene.take(TextDelta("So"), ReasoningDelta("Hm."))
        assert (scene.told(), scene.speaker.has_spoken) == ([], True)
        assert scene.speaker.present.said == ["So", "Hm."]

    def test_of_nothing_is_nothing(self) -> None:
        scene = Scene()
        scene.take(TextDelta(""))
        assert (scene.told(), scene.speaker.has_spoken) == ([], False)


class TestCalls:
    BEGUN = (TextDelta("Wait."), CallBegun("s", "c1", "look"), CallPiece("s", '{"a":'), CallPiece("s", "1}"))

    def test_are_parts_with_their_arguments_and_results(self) -> None:
        scene = Scene()
        output = ToolOutput.of_text("seen")
        attached = {"type": "file"}
        output = ToolOutput(output.content, attachments=(attached,))
        scene.take(*self.BEGUN, CallDone("s", ToolCall("c1", "look", '{"a":1}'), output))
        assert scene.kinds == [
            "on_run_step",
            "on_message_delta",
            "on_run_step_closed",
            "on_run_step",
            "on_run_step_delta",
            "on_run_step_completed",
            "on_run_step_closed",
        ]
        *_, opened, _, completed, closed = (data for _, data in scene.told())
        assert (opened["id"], opened["index"], opened["agentId"]) == ("s", 4, "a")
        assert opened["stepDetails"]["tool_calls"] == [
            {"id": "c1", "name": "look", "args": "", "type": "tool_call"}
        ]
        call = completed["result"]["tool_call"]
        assert (call["id"], call["args"], call["output"]) == ("c1", '{"a":1}', "seen")
        assert (closed["id"], closed["status"]) == ("s", "completed")
        assert scene.attached == [("c1", attached)]
        assert scene.speaker.present.said == ["Wait.", '{"a":', "1}"]
        scene.speaker.cancel_calls()
        assert len(scene.told()) == 7

    def test_that_fail_say_so(self) -> None:
        scene = Scene()
        output = ToolOutput.of_text("no", is_error=True)
        scene.take(*self.BEGUN, CallDone("s", ToolCall("c1", "look", "{}"), output))
        assert scene.told()[-1][1]["status"] == "failed"

    def test_that_come_to_nothing_are_cancelled(self) -> None:
        scene = Scene()
        scene.take(*self.BEGUN, CallBegun("t", "c2", "look"))
        scene.speaker.cancel_calls()
        closed = [(data["id"], data["status"]) for kind, data in scene.told()[-2:]]
        assert sorted(closed) == [("s", "cancelled"), ("t", "cancelled")]

    def test_are_something_said(self) -> None:
        scene = Scene()
        scene.take(CallBegun("s", "c1", "look"))
        assert scene.speaker.has_spoken


class TestRounds:
    def test_are_noted_once_with_what_they_used(self) -> None:
        scene = Scene()
        scene.take(
            RoundBegun(1), TextDelta("So"), Finished("tool_calls"), RoundEnded(1, Usage(9, 3), "stop", 1)
        )
        scene.speaker.end_round()
        assert scene.noted == [(scene.asking, Usage(9, 3))]

    def test_the_last_one_is_left_to_the_run(self) -> None:
        scene = Scene()
        scene.take(RoundBegun(1), Finished("stop"), RoundEnded(1, Usage(9, 3), "stop", 0))
        assert scene.noted == []
        assert (scene.speaker.finish, scene.speaker.present.usage) == ("stop", Usage(9, 3))
        scene.speaker.end_round()
        assert scene.noted == [(scene.asking, Usage(9, 3))]

    def test_that_nobody_knows_the_figures_of_are_not_noted(self) -> None:
        scene = Scene()
        scene.take(RoundBegun(1), TextDelta("So"))
        scene.speaker.end_round()
        assert scene.noted == []

    def test_begin_with_nothing_said(self) -> None:
        scene = Scene()
        scene.take(TextDelta("So"), Usage(9, 3), Finished("stop"), RoundBegun(2))
        speaker = scene.speaker
        assert (speaker.finish, speaker.has_spoken, speaker.present.said) == (None, False, [])
        assert speaker.present.is_asking

    def test_that_reach_a_bound_say_which(self) -> None:
        scene = Scene()
        scene.take(Stopped("steps", "Too many."))
        assert scene.speaker.stopped == "Too many."


class TestSpeaking:
    def test_takes_what_comes_to_its_end(self) -> None:
        scene = Scene(TextDelta("So "), ReasoningDelta("hm"), Usage(9, 3), Finished("stop"))
        added = scene.speak()
        assert [(turn.role, turn.text) for turn in added] == [("assistant", "So ")]
        assert deltas(scene) == [("text", "So "), ("think", "hm")]
        speaker = scene.speaker
        assert (scene.worked, speaker.is_working) == (True, False)
        assert (speaker.finish, speaker.present.tokens) == ("stop", 77)
        assert (scene.noted, speaker.present.usage) == ([], Usage(9, 3))

    def test_raises_what_asking_raises(self) -> None:
        scene = Scene(TextDelta("So "), BadGateway())
        with pytest.raises(BadGateway):
            scene.speak()
        assert not scene.speaker.is_working
        assert deltas(scene) == [("text", "So ")]

    def test_tells_the_context_once_its_tools_are_known(self) -> None:
        scene = Scene(Finished("stop"), wanted=Wanted(names=("look",)))
        scene.speak()
        [(kind, data)] = scene.told()
        assert (kind, data["runId"], data["agentId"]) == ("on_context_usage", "answer", "a")
        assert data["breakdown"]["maxContextTokens"] == 100
        bare = Scene(Finished("stop"))
        bare.speak()
        assert bare.told() == []

    def test_holds_what_the_next_request_may_come_to(self) -> None:
        scene = Scene()
        assert [turn.text for turn in asyncio.run(scene.speaker.before_round(88))] == ["Wait"]
        assert (scene.held, scene.speaker.present.tokens) == ([88], 88)
        assert asyncio.run(scene.speaker.count("four")) == 4


class TestSummaries:
    def test_are_made_where_the_operator_wants_them(self) -> None:
        scene = Scene()
        assert asyncio.run(scene.speaker.summarise((), 5)) is None

        def nothing(turns: Any, *, used: int, window: int) -> None:
            assert (turns, used, window) == ((), 5, 100)

        scene = Scene(summarising=SimpleNamespace(of=nothing))
        scene.take(TextDelta("So"))
        assert asyncio.run(scene.speaker.summarise((), 5)) is None
        assert scene.kinds[-1] == "on_message_delta"
