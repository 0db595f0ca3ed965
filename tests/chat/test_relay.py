"""One answer through several agents: who hands over, who is hidden, and with which turns each begins.

The ways that an answer may go are in `test_teams.py`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from echo.chat.edges import Edge
from echo.chat.prepared import Asking
from echo.chat.relay import Coming, Leg, Relay
from echo.chat.teams import Team
from echo.providers.chat import ChatRequest, Tool, Turn
from echo.tools.loop import Looped
from echo.tools.tool import Called, RunTool, ToolOutput

NOBODY: Any = None
QUESTION = Turn.of_text("user", "Q")
ASKING = Asking(NOBODY, ChatRequest("m", (QUESTION,)), None, {}, "a", "openAI")


def relay(*edges: Edge, hides: bool = False, groups: Mapping[str, int] | None = None) -> Relay:
    """Of agents that answer in the order of their names."""
    names = sorted({each for edge in edges for each in (edge.source, edge.target)})
    return Relay(
        Team(dict.fromkeys(names, ASKING), edges, hides=hides, starts=(names[0],), groups=groups or {})
    )


def say(leg: Leg, text: str) -> tuple[Leg, Sequence[Turn]]:
    return leg, [Turn.of_text("assistant", text)]


class TestHandingOver:
    EDGE = Edge("a", "b", description="Rhymes.", prompt="What to do", prompt_key="task")

    @staticmethod
    def use(tool: RunTool, arguments: dict[str, Any]) -> ToolOutput:
        async def call() -> ToolOutput:
            return await tool.call(Called("c", arguments))

        return asyncio.run(call())

    def joined(self, *edges: Edge) -> tuple[Leg, Looped]:
        async def look(_called: Any) -> ToolOutput:
            return ToolOutput.of_text("seen")

        own = RunTool(Tool("look", "Looks."), look)
        leg = Leg("a", ASKING, handing=edges)
        return leg, leg.joined(Looped(NOBODY, ASKING.request, None, (own,), 7))

    def test_is_done_by_a_tool_beside_the_own_ones(self) -> None:
        _, looped = self.joined(self.EDGE, Edge("a", "c"))
        assert [each.spec.name for each in looped.tools] == ["look", "lc_transfer_to_b", "lc_transfer_to_c"]
        assert looped.tools[1].spec == self.EDGE.tool
        assert (looped.request, looped.tokens) == (ASKING.request, 7)

    def test_tells_the_next_one_what_to_do_and_ends_the_loop(self) -> None:
        leg, looped = self.joined(self.EDGE)
        assert not looped.halted()
        output = self.use(looped.tools[1], {"task": "Rhyme."})
        assert output == ToolOutput.of_text("Successfully transferred to b\n\nTask: Rhyme.")
        assert leg.handed == {"b": Coming("b", self.EDGE, "Rhyme.")}
        assert looped.halted()

    @pytest.mark.parametrize("arguments", [{}, {"task": " "}, {"instructions": "Rhyme."}])
    def test_needs_no_words(self, arguments: dict[str, Any]) -> None:
        leg, looped = self.joined(self.EDGE)
        assert self.use(looped.tools[1], arguments) == ToolOutput.of_text("Successfully transferred to b")
        assert leg.handed == {"b": Coming("b", self.EDGE, None)}

    def test_is_done_once_to_each(self) -> None:
        leg, looped = self.joined(self.EDGE, Edge("a", "c"))
        self.use(looped.tools[1], {"task": "Rhyme."})
        assert self.use(looped.tools[1], {"task": "Again."}) == ToolOutput.of_text(
            "Error: The chat has been handed over to this agent already.", is_error=True
        )
        assert leg.handed["b"].instructions == "Rhyme."
        assert not self.use(looped.tools[2], {}).is_error
        assert list(leg.handed) == ["b", "c"]

    def test_is_not_offered_to_who_has_nobody(self) -> None:
        looped = Looped(NOBODY, ASKING.request, None, (), 7)
        assert Leg("a", ASKING).joined(looped) is looped


class TestWhoComes:
    def test_begins_with_the_question_alone(self) -> None:
        [leg] = relay(Edge("a", "b", "direct"), Edge("a", "c")).next()
        assert (leg.agent_id, leg.asking, leg.group) == ("a", ASKING, None)
        assert [edge.target for edge in leg.handing] == ["c"]

    @pytest.mark.parametrize("hides", [True, False])
    def test_is_hidden_before_the_last_one_where_the_team_hides(self, hides: bool) -> None:
        made = relay(Edge("a", "b", "direct"), hides=hides)
        [first] = made.next()
        made.ended([say(first, "A")])
        [last] = made.next()
        assert (first.is_hidden, last.is_hidden) == (hides, False)
        made.ended([say(last, "B")])
        assert made.next() == []

    def test_is_not_hidden_for_who_may_hand_over(self) -> None:
        [first] = relay(Edge("a", "b"), hides=True).next()
        assert not first.is_hidden

    def test_reads_what_was_said_as_the_first_way_to_it_says(self) -> None:
        told = Edge("b", "d", "direct", prompt="Sum up.")
        made = relay(Edge("a", "b", "direct"), Edge("a", "c", "direct"), told, Edge("c", "d", "direct"))
        made.ended([say(made.next()[0], "A")])
        both = made.next()
        assert [each.agent_id for each in both] == ["b", "c"]
        made.ended([say(leg, leg.agent_id.upper()) for leg in both])
        [last] = made.next()
        texts = [each.text for each in last.asking.request.turns]
        assert texts == ["Q", "A", "B", "C", "Sum up."]
        assert last.asking.request.model == "m"

    def test_reads_the_order_of_who_hands_over(self) -> None:
        edge = Edge("a", "b", prompt="What")
        made = relay(edge)
        [first] = made.next()
        first.handed["b"] = Coming("b", edge, "Do it.")
        made.ended([say(first, "A")])
        [second] = made.next()
        assert [each.text for each in second.asking.request.turns] == ["Q", "A", "Do it."]

    def test_may_come_again_if_it_is_handed_the_chat(self) -> None:
        there, back = Edge("a", "b"), Edge("b", "a")
        made = relay(there, back)
        for edge in (there, back, there):
            [leg] = made.next()
            assert leg.agent_id == edge.source
            leg.handed[edge.target] = Coming(edge.target, edge)
            made.ended([say(leg, "x")])
        [leg] = made.next()
        made.ended([say(leg, "End.")])
        assert (leg.agent_id, made.next(), made.legs) == ("b", [], 4)

    def test_who_hands_over_leads_nobody_else_on(self) -> None:
        edge = Edge("a", "c")
        made = relay(Edge("a", "b", "direct"), edge)
        [leg] = made.next()
        leg.handed["c"] = Coming("c", edge)
        made.ended([say(leg, "A")])
        assert [each.agent_id for each in made.next()] == ["c"]

    def test_comes_no_second_time_by_a_direct_way(self) -> None:
        made = relay(Edge("a", "b", "direct"), Edge("b", "a", "direct"))
        for name in "ab":
            [leg] = made.next()
            assert leg.agent_id == name
            made.ended([say(leg, "x")])
        assert made.next() == []

    def test_is_one_of_twenty_five_and_no_more(self) -> None:
        there, back = Edge("a", "b"), Edge("b", "a")
        made = relay(there, back)
        came = 0
        for _ in range(30):
            for leg in made.next():
                came += 1
                edge = there if leg.agent_id == "a" else back
                leg.handed[edge.target] = Coming(edge.target, edge)
                made.ended([say(leg, "x")])
        assert (came, made.legs) == (25, 25)

    def test_is_one_of_as_many_beside_each_other_as_are_left(self) -> None:
        made = relay(*(Edge("a", f"b{number:02}", "direct") for number in range(30)))
        made.ended([say(made.next()[0], "A")])
        legs = made.next()
        assert [each.agent_id for each in legs] == [f"b{number:02}" for number in range(24)]
        made.ended([say(leg, "B") for leg in legs])
        assert made.next() == []


class TestGroups:
    FORK = (Edge("a", "b", "direct"), Edge("a", "c", "direct"))

    def second(self, groups: Mapping[str, int]) -> list[int | None]:
        made = relay(*self.FORK, groups=groups)
        made.ended([say(made.next()[0], "A")])
        return [leg.group for leg in made.next()]

    def test_are_librechats_numbers(self) -> None:
        assert self.second({"b": 4, "c": 4}) == [4, 4]

    def test_of_those_without_one_number_are_of_their_own(self) -> None:
        # After the highest one, and as many as have begun.
        assert self.second({}) == [3, 3]
        assert self.second({"b": 4, "c": 5}) == [8, 8]
        assert self.second({"x": 7}) == [10, 10]

    def test_are_none_for_who_answers_alone(self) -> None:
        made = relay(Edge("a", "b", "direct"), groups={"b": 2})
        assert [leg.group for leg in made.next()] == [None]
