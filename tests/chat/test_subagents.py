"""Agents that another agent gives a task to: what they are told, what comes back, and what is noted of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from echo.chat.bench import Kit
from echo.chat.edges import Edge
from echo.chat.prepared import Asking
from echo.chat.subagents import Delegation, all_of, readied
from echo.chat.teams import Subagent, Team
from echo.errors import BadGateway
from echo.providers.chat import (
    ChatRequest,
    Event,
    Finished,
    Text,
    TextDelta,
    Tool,
    ToolCallDelta,
    Turn,
    Usage,
)
from echo.tools.sources import Sources
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolFailure, ToolOutput, Wanted

COUNTS = {"window": 1000, "budget": 900, "system": 5, "messages": 50, "before": 60, "count": 3}
# Three for a request, beside its texts and the five of its instructions.
TOKENS = len("Find it.") + 3 + 5


class Provider:
    """Says its answers, one after the other."""

    def __init__(self, *answers: Sequence[Event | Exception]) -> None:
        self.answers = [*answers]
        self.asked: list[ChatRequest] = []

    async def stream(self, request: ChatRequest, _credentials: Any) -> AsyncIterator[Event]:
        self.asked.append(request)
        for event in self.answers.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event


class Tools:
    """One tool, whose result has something for people."""

    @staticmethod
    async def offer(wanted: Wanted, _place: RunPlace) -> Offer:
        async def look(_called: Called) -> ToolOutput:
            return ToolOutput((Text("seen"),), attachments=({"type": "file"},))

        return Offer((RunTool(Tool("look", "Looks.", {}), look),) if wanted.names else ())


class Scene:
    """An agent that gives tasks to the subagent `b`, and what becomes of them."""

    def __init__(self, *answers: Sequence[Event | Exception], result: str | None = None) -> None:
        self.provider = Provider(*answers)
        self.told: list[Any] = []
        self.attached: list[Any] = []
        self.held: list[tuple[str, int]] = []
        self.ended: list[str] = []
        self.noted: list[tuple[str, Usage]] = []
        self.refused: Exception | None = None
        self.subagent = Subagent("b", "Agent b", "does b", self.asking("b"), result)
        place = RunPlace("ada", "c", "answer", tell=lambda *event: self.told.append(event))
        self.kit = Kit(
            Sources((Tools(),)),
            place,
            self.count,
            lambda *attached: self.attached.append(attached),
            self.before_round,
            lambda asking: self.ended.append(asking.agent_id),
        )

    def asking(self, name: str, **more: Any) -> Asking:
        provider: Any = self.provider
        request = ChatRequest(f"model of {name}", (Turn.of_text("user", "The chat"),), system=f"Be {name}.")
        return Asking(provider, request, None, COUNTS, name, "openAI", **more)

    async def count(self, text: str) -> int:
        return len(text)

    async def before_round(self, asking: Asking, tokens: int) -> Sequence[Turn]:
        self.held.append((asking.agent_id, tokens))
        if self.refused is not None:
            raise self.refused
        return []

    def note(self, asking: Asking, usage: Usage) -> None:
        self.noted.append((asking.agent_id, usage))

    @property
    def delegation(self) -> Delegation:
        return Delegation({"b": self.subagent}, self.kit, self.note)

    def give(self, **arguments: Any) -> ToolOutput:
        told = {"description": "Find it.", "subagent_type": "b", **arguments}
        return asyncio.run(self.delegation.tool.call(Called("call", told, "step")))

    @property
    def phases(self) -> list[str]:
        return [payload["data"]["phase"] for _, payload in self.told]


SAID = (TextDelta("It is "), TextDelta("there."), Usage(20, 4), Finished("stop"))
CALLED = (TextDelta("Wait."), ToolCallDelta(0, "c", "look", "{}"), Usage(10, 2), Finished("tool_calls"))


class TestTheTool:
    def test_lists_who_may_be_given_a_task(self) -> None:
        tool = Scene().delegation.tool
        assert (tool.spec.name, tool.seconds) == ("subagent", 1800.0)
        assert tool.spec.description.endswith('The agents:\n- "b" (Agent b): does b')
        parameters = tool.spec.parameters
        assert parameters["properties"]["subagent_type"]["enum"] == ["b"]
        assert (parameters["type"], parameters["required"]) == ("object", ["description", "subagent_type"])

    def test_is_there_for_who_has_subagents(self) -> None:
        scene = Scene()
        with_one = scene.asking("a", subagents={"b": scene.subagent}, wanted=Wanted(names=("look",)))
        for asking, names in ((with_one, ["look", "subagent"]), (scene.asking("a"), [])):
            looped, _ = asyncio.run(readied(asking, None, scene.kit, scene.note))
            assert [tool.spec.name for tool in looped.tools] == names

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({"subagent_type": "c"}, "There is no such subagent_type."),
            ({"subagent_type": ["b"]}, "There is no such subagent_type."),
            ({"description": " "}, "The description of the task is missing."),
            ({"description": 5}, "The description of the task is missing."),
        ],
    )
    def test_refuses_what_is_no_task(self, arguments: dict[str, Any], sentence: str) -> None:
        scene = Scene()
        with pytest.raises(ToolFailure) as refused:
            scene.give(**arguments)
        assert (str(refused.value), scene.told, scene.held) == (sentence, [], [])


class TestATask:
    def test_is_all_that_an_agent_is_told(self) -> None:
        scene = Scene(SAID)
        assert scene.give() == ToolOutput.of_text("It is there.")
        [request] = scene.provider.asked
        assert [turn.text for turn in request.turns] == ["Find it."]
        assert (request.model, request.system) == ("model of b", "Be b.")
        assert (scene.held, scene.noted, scene.ended) == ([("b", TOKENS)], [("b", Usage(20, 4))], ["b"])

    def test_is_told_to_who_reads(self) -> None:
        scene = Scene(SAID)
        scene.give()
        (name, begun), (_, ended) = scene.told
        data = dict(begun["data"])
        run_id, _ = data.pop("subagentRunId"), data.pop("timestamp")
        assert (name, begun["event"]) == ("message", "on_subagent_update")
        assert data == {
            "runId": "answer",
            "subagentType": "b",
            "subagentAgentId": "b",
            "parentToolCallId": "call",
            "phase": "start",
            "label": "Agent b",
        }
        assert (ended["data"]["phase"], ended["data"]["subagentRunId"]) == ("stop", run_id)

    def test_gives_the_last_words_and_shows_what_its_tools_have(self) -> None:
        scene = Scene(CALLED, SAID)
        scene.subagent = replace(scene.subagent, asking=scene.asking("b", wanted=Wanted(names=("look",))))
        assert scene.give() == ToolOutput.of_text("It is there.")
        assert scene.attached == [("call", {"type": "file"})]
        assert scene.noted == [("b", Usage(10, 2)), ("b", Usage(20, 4))]
        # What it has read and written, and the four letters of the result.
        assert scene.held[1:] == [("b", 16)]

    def test_that_fails_says_why_and_costs_what_came(self) -> None:
        scene = Scene((TextDelta("four"), BadGateway("Gone.")))
        with pytest.raises(ToolFailure, match=r"^Gone\.$"):
            scene.give()
        assert (scene.phases, scene.noted, scene.ended) == (
            ["start", "error"],
            [("b", Usage(TOKENS, 4))],
            ["b"],
        )

    def test_that_may_not_be_paid_for_is_not_worked_on(self) -> None:
        scene = Scene(SAID)
        scene.refused = BadGateway("No credits.")
        with pytest.raises(ToolFailure):
            scene.give()
        assert (scene.provider.asked, scene.noted) == ([], [])


class TestATeam:
    def scene(self, result: str) -> Scene:
        scene = Scene(
            (TextDelta("Facts."), Usage(1, 1), Finished("stop")),
            (TextDelta("A poem."), Usage(2, 2), Finished("stop")),
            result=result,
        )
        members = {name: scene.asking(name) for name in ("b", "c")}
        team = Team.of("b", members, (Edge("b", "c", "direct"),), hides=False)
        scene.subagent = replace(scene.subagent, asking=replace(members["b"], team=team))
        return scene

    @pytest.mark.parametrize(("result", "said"), [("c", "A poem."), ("b", "Facts.")])
    def test_gives_the_answer_of_the_one_whose_it_is(self, result: str, said: str) -> None:
        scene = self.scene(result)
        assert scene.give() == ToolOutput.of_text(said)
        first, second = scene.provider.asked
        assert (first.model, second.model) == ("model of b", "model of c")
        assert [turn.text for turn in first.turns] == ["Find it."]
        assert (scene.noted, scene.ended) == ([("b", Usage(1, 1)), ("c", Usage(2, 2))], ["b", "c"])

    def test_without_that_one_has_come_to_nothing(self) -> None:
        with pytest.raises(ToolFailure, match=r"^The team has come to no result\.$"):
            self.scene("d").give()


def test_the_first_that_fails_ends_the_others() -> None:
    ended: list[str] = []

    async def wait() -> Sequence[Turn]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("other")
        return []

    async def fail() -> Sequence[Turn]:
        raise BadGateway

    async def give(text: str) -> Sequence[Turn]:
        return [Turn.of_text("user", text)]

    with pytest.raises(BadGateway):
        asyncio.run(all_of([wait(), fail()]))
    assert ended == ["other"]
    found = asyncio.run(all_of(give(text) for text in "ab"))
    assert [turns[0].text for turns in found] == ["a", "b"]
