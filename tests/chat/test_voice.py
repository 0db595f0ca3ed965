"""One side of an answer: a model, or agents who take turns or speak at the same time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from echo.chat.bench import Bench
from echo.chat.edges import Edge
from echo.chat.prepared import Asking
from echo.chat.summaries import HEADING, Summing
from echo.chat.teams import Team
from echo.chat.transcript import BEGINNING, Transcript
from echo.chat.voice import Voice
from echo.errors import BadGateway, PaymentRequired
from echo.providers.chat import ChatRequest, Event, Finished, TextDelta, ToolCallDelta, Turn, Usage
from echo.tools.sources import Sources
from echo.tools.tool import RunPlace
from tests.support.streams import played
from tests.support.waiting import soon

COUNTS = {"window": 1000, "budget": 900, "system": 5, "messages": 50, "before": 60, "count": 3}
ABOUT = {"responseMessageId": "answer", "conversationId": "c", "sender": "GPT", "model": "m"}
QUESTION = Turn.of_text("user", "Why?")


class Provider:
    """Says what each model says; it waits where that is an `asyncio.Event`."""

    def __init__(self, **answers: Sequence[Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, list[str]]] = []

    async def stream(self, request: ChatRequest, _credentials: Any) -> AsyncIterator[Event]:
        self.asked.append((request.model, [turn.text for turn in request.turns]))
        async for event in played(self.answers[request.model]):
            yield event


def says(text: str) -> tuple[Event, ...]:
    return TextDelta(text), Usage(9, len(text)), Finished("stop")


class Scene:
    """A voice of the agent `a`, and a run that notes what becomes of it."""

    def __init__(self, *edges: Edge, **answers: Sequence[Any]) -> None:
        self.provider = Provider(**answers)
        self.transcript = Transcript(ABOUT)
        self.held: list[tuple[str, int]] = []
        self.told_usages: list[tuple[str, Usage]] = []
        self.refused: Exception | None = None
        self._parts = 0
        self.asking = self.asking_of("a")
        if edges:
            members = {name: self.asking_of(name) for name in answers}
            self.asking = replace(self.asking, team=Team.of("a", members, edges, hides=False))

    def asking_of(self, name: str, **more: Any) -> Asking:
        provider: Any = self.provider
        return Asking(provider, ChatRequest(name, (QUESTION,)), None, COUNTS, name, "openAI", **more)

    def voice(self) -> Voice:
        place = RunPlace("ada", "c", "answer")
        bench = Bench(
            Sources(()),
            place,
            self.count,
            lambda *_: None,
            self.before_round,
            lambda _asking: None,
            "answer",
            self.transcript,
            self.number,
            lambda asking, usage: self.told_usages.append((asking.agent_id, usage)),
        )
        return Voice(self.asking, bench)

    async def count(self, text: str) -> int:
        return len(text)

    async def before_round(self, asking: Asking, tokens: int) -> Sequence[Turn]:
        self.held.append((asking.agent_id, tokens))
        if self.refused is not None:
            raise self.refused
        return []

    def number(self, _kind: str) -> int:
        self._parts += 1
        return self._parts - 1

    def read(self) -> Voice:
        """A voice that has said all."""

        async def go() -> Voice:
            voice = self.voice()
            await voice.begin()
            return voice

        return asyncio.run(go())

    @property
    def parts(self) -> list[tuple[Any, Any, Any]]:
        return [
            (each.get("agentId"), each.get("groupId"), each.get("text")) for each in self.transcript.content()
        ]


class TestOneModel:
    def test_says_its_answer(self) -> None:
        scene = Scene(a=says("So"))
        voice = scene.read()
        assert scene.transcript.content() == [{"type": "text", "text": "So"}]
        # What its first request may come to is held before all begin, what it used is told by the run.
        assert (scene.held, voice.rounds, scene.told_usages) == ([], [], [])
        assert (voice.was_asked, voice.finish, voice.lead, voice.mark) == (True, "stop", None, {})
        assert voice.speakers[0].present.tokens == 55

    def test_beside_another_says_whose_its_parts_are(self) -> None:
        scene = Scene(a=says("So"))
        scene.asking = replace(scene.asking, group=1)
        voice = scene.read()
        assert (scene.parts, voice.mark) == ([("a", 1, "So")], {"agentId": "a", "groupId": 1})

    def test_that_fails_says_so_in_its_place(self) -> None:
        scene = Scene(a=(BadGateway("Gone."),))
        scene.asking = replace(scene.asking, group=1)
        voice = scene.voice()
        assert voice.error_part() is None
        voice.failure = BadGateway("Gone.")
        part = voice.error_part()
        assert part is not None
        assert (part["type"], part["error"], part["agentId"]) == ("error", "Gone.", "a")
        voice.failure, voice.speakers[0].stopped = None, "Too many."
        assert (voice.error_part() or {})["error"] == "Too many."

    def test_leads_while_it_works_and_ends_when_it_is_stopped(self) -> None:
        scene = Scene(a=(TextDelta("four"), asyncio.Event()))

        async def go() -> None:
            voice = scene.voice()
            voice.stop()
            reading = voice.begin()
            await soon(scene.transcript.content)
            assert voice.lead is voice.asking
            voice.stop()
            await asyncio.wait([reading])
            assert (reading.cancelled(), voice.lead) == (True, None)
            voice.close_text("cancelled")

        asyncio.run(go())
        last = scene.transcript.since(BEGINNING)[0][-1].payload
        assert (last["event"], last["data"]["status"]) == ("on_run_step_closed", "cancelled")

    def test_that_ends_after_its_tools_is_not_asked_again(self) -> None:
        call = (ToolCallDelta(0, "c", "look", "{}"), Finished("tool_calls"))
        scene = Scene(a=call)
        scene.asking = replace(scene.asking, ends_after_tools=True)
        voice = scene.read()
        assert len(scene.provider.asked) == 1
        # The round with calls is noted at once.
        assert [asking.agent_id for asking, _ in voice.rounds] == ["a"]
        assert [name for name, _ in scene.told_usages] == ["a"]


class TestATeam:
    def test_takes_turns(self) -> None:
        scene = Scene(Edge("a", "b", "direct"), a=says("Facts."), b=says("A poem."))
        voice = scene.read()
        assert scene.provider.asked == [("a", ["Why?"]), ("b", ["Why?", "Facts.", "Go on from here."])]
        kinds = [each.payload["event"] for each in scene.transcript.since(BEGINNING)[0]]
        assert kinds.count("on_agent_update") == 1
        assert [(name, text) for name, _, text in scene.parts if text] == [("a", "Facts."), ("b", "A poem.")]
        # The second one's request is held before it is asked, by what it reads.
        [(name, tokens)] = scene.held
        assert (name, tokens) == ("b", len("Why?\nFacts.\nGo on from here.") + 3 + 5)
        assert [(asking.agent_id, usage) for asking, usage in voice.rounds] == [("a", Usage(9, 6))]
        assert (voice.asking.agent_id, voice.finish) == ("b", "stop")

    def test_ends_where_the_next_one_may_not_be_paid_for(self) -> None:
        scene = Scene(Edge("a", "b", "direct"), a=says("Facts."), b=says("A poem."))
        scene.refused = PaymentRequired()
        with pytest.raises(PaymentRequired):
            scene.read()
        assert [name for name, _ in scene.provider.asked] == ["a"]

    def test_speaks_at_the_same_time(self) -> None:
        edges = (Edge("a", "b", "direct"), Edge("a", "c", "direct"))
        scene = Scene(*edges, a=says("Facts."), b=says("A poem."), c=says("A song."))
        voice = scene.read()
        assert [name for name, _ in scene.held] == ["b", "c"]
        spoken = {name: (group, text) for name, group, text in scene.parts}
        assert spoken["a"] == (None, "Facts.")
        assert {spoken["b"][1], spoken["c"][1]} == {"A poem.", "A song."}
        assert spoken["b"][0] == spoken["c"][0] is not None
        kinds = [each.payload["event"] for each in scene.transcript.since(BEGINNING)[0]]
        # Readers are told of one who goes on, not of several.
        assert "on_agent_update" not in kinds
        assert {speaker.asking.agent_id for speaker in voice.speakers} == {"b", "c"}

    def test_says_where_one_was_not_let_go_on(self) -> None:
        scene = Scene(Edge("a", "b", "direct"), a=says("Facts."), b=says("A poem."))
        voice = scene.voice()
        voice.speakers[0].stopped = "Too many."

        async def go() -> None:
            await voice.begin()

        asyncio.run(go())
        assert (voice.error_part() or {})["error"] == "Too many."


class TestASummary:
    def summed(self, *said: Any, before: str | None = None) -> tuple[Scene, Voice]:
        scene = Scene(a=says("So"), summariser=said)
        how = scene.asking_of("summariser")
        scene.asking = replace(scene.asking, summing=Summing(how, "q", 2, before is not None, before))
        return scene, scene.read()

    def test_is_made_before_the_model_is_asked(self) -> None:
        scene, voice = self.summed(*says("Words."))
        assert scene.provider.asked == [("summariser", ["Why?"]), ("a", [f"{HEADING}\n\nWords.\nWhy?"])]
        # Its own request is held and noted; so much more is read then.
        assert [name for name, _ in scene.held] == ["summariser"]
        assert voice.rounds[0][1] == Usage(9, 6)
        assert voice.asking.counts["messages"] == 50 + len("Words.")
        assert voice.asking.summing is None
        assert voice.speakers[0].present.tokens == 55 + len("Words.")

    def test_that_cannot_be_made_leaves_the_older_one_or_none(self) -> None:
        for before, turns in (("Older.", [f"{HEADING}\n\nOlder.\nWhy?"]), (None, ["Why?"])):
            scene, voice = self.summed(BadGateway(), before=before)
            assert scene.provider.asked[-1] == ("a", turns)
            assert voice.asking.counts["messages"] == 50
