"""Teams without a server: who belongs to one, and what the next agent of an answer is told."""

from typing import Any, ClassVar

import pytest

from echo.chat.edges import Edge
from echo.chat.prepared import Asking
from echo.chat.teams import (
    Graph,
    Team,
    after_direct,
    after_handoff,
    own_edges,
    wanted_graphs,
    wanted_subagents,
    written_out,
)
from echo.providers.chat import ChatRequest, Text, ToolCall, ToolResult, Turn

NOBODY: Any = None
ASKING = Asking(NOBODY, ChatRequest("m", ()), None, {}, "a", "openAI")
GO_ON = "Go on from here."
Q, A = Turn.of_text("user", "Q"), Turn.of_text("assistant", "A")
LOOK, LOOKED = ToolCall("0", "look", '{"a":1}'), ToolResult("0", (Text("seen"),), name="look")
TRANSFER = ToolCall("1", "lc_transfer_to_b", "{}")
TRANSFERRED = ToolResult("1", (Text("done"),), name="lc_transfer_to_b")


def said(turns: list[Turn]) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in turns]


class TestWrittenOut:
    def test_says_who_said_what(self) -> None:
        turns = [
            Q,
            Turn("assistant", (Text("Well"), LOOK, TRANSFER)),
            Turn("tool", (LOOKED, ToolResult("2", (Text("more"),)))),
            Turn("assistant", ()),
            Turn.of_text("system", "S"),
            Turn("assistant", (LOOK,)),
        ]
        assert written_out(turns) == (
            'Human: Q\nAI: Well\nlook({"a":1})\nlc_transfer_to_b({})\nTool: seen\nmore\nSystem: S\n'
            'AI: look({"a":1})'
        )
        assert written_out([]) == ""


class TestAfterHandingOver:
    def test_the_handing_over_is_left_out(self) -> None:
        turns = [Q, Turn("assistant", (Text("Wait."), TRANSFER)), Turn("tool", (TRANSFERRED,))]
        assert after_handoff(turns, "Do it.") == [
            Q,
            Turn("assistant", (Text("Wait."),)),
            Turn.of_text("user", "Do it."),
        ]

    def test_what_was_found_is_followed_by_a_word_of_the_models(self) -> None:
        turns = [Q, Turn("assistant", (LOOK, TRANSFER)), Turn("tool", (LOOKED, TRANSFERRED))]
        found = [Q, Turn("assistant", (LOOK,)), Turn("tool", (LOOKED,))]
        noted = Turn.of_text("assistant", "The result is noted; another agent goes on.")
        assert after_handoff(turns, "Do it.") == [*found, noted, Turn.of_text("user", "Do it.")]
        # Without an order the model may answer the result at once.
        assert after_handoff(turns, None) == found

    def test_without_an_order_the_users_turn_is_the_last(self) -> None:
        assert after_handoff([Q], None) == [Q]
        assert said(after_handoff([Q, A], None)) == [("user", "Q"), ("assistant", "A"), ("user", GO_ON)]
        assert after_handoff([], None) == []
        assert said(after_handoff([], "Do it.")) == [("user", "Do it.")]


class TestAfterADirectWay:
    @pytest.mark.parametrize(
        ("prompt", "excludes", "expected"),
        [
            (None, None, ["Q", "A", GO_ON]),
            # There is no prompt to put anything into.
            (None, True, ["Q", "A", GO_ON]),
            ("Go.", None, ["Q", "A", "Go."]),
            ("Go.", True, ["Q", "Go."]),
            ("Go.", False, ["Q", "A", "Go."]),
            ("Of {results}: {results}", None, ["Q", "Of AI: A: AI: A"]),
            ("Of {results}", True, ["Q", "Of AI: A"]),
            ("Of {results}", False, ["Q", "A", "Of AI: A"]),
        ],
    )
    def test_are_the_turns_as_the_edge_says(self, prompt: Any, excludes: Any, expected: list[str]) -> None:
        edge = Edge("a", "b", "direct", prompt=prompt, excludes_results=excludes)
        turns = after_direct([Q], [A], edge)
        assert [turn.text for turn in turns] == expected
        assert turns[-1].role == "user"

    def test_are_without_what_handed_over_and_what_is_empty(self) -> None:
        edge = Edge("a", "b", "direct")
        turns = [Turn("assistant", (TRANSFER,)), Turn("tool", (TRANSFERRED,)), Turn("user", ())]
        assert after_direct([Q], turns, edge) == [Q]


class TestTeams:
    EDGES = (
        Edge("a", "b"),
        Edge("a", "c", description="To c."),
        Edge("a", "b", "direct", prompt="Direct."),
        Edge("b", "c", "direct"),
        Edge("x", "c", "direct", prompt="From x."),
    )

    def team(self, *edges: Edge, **more: Any) -> Team:
        return Team(dict.fromkeys("abc", ASKING), edges or self.EDGES, **more)

    def test_are_of_those_who_are_there(self) -> None:
        together: Any = {"awaits": ("b", "x"), "beside": ("b", "c")}
        edges = (Edge("a", "b", "direct", **together), Edge("a", "x", "direct"), Edge("x", "b"))
        members = dict.fromkeys("abc", ASKING)
        team = Team.of("a", members, edges, hides=True)
        # Nobody leads to c.
        assert team == Team(
            members,
            (Edge("a", "b", "direct", beside=("b", "c")),),
            hides=True,
            starts=("a", "c"),
            groups={"a": 1, "c": 1, "b": 2},
        )
        assert Team.of("a", {"a": ASKING}, (), hides=False) == Team({"a": ASKING}, (), starts=("a",))

    def test_lead_on_by_handing_over_or_when_one_has_ended(self) -> None:
        team = self.team()
        assert team.handoffs("a") == {"lc_transfer_to_b": self.EDGES[0], "lc_transfer_to_c": self.EDGES[1]}
        assert team.after("a") == [self.EDGES[2]]
        assert (team.handoffs("b"), team.after("c")) == ({}, [])

    def test_tell_the_words_of_the_first_way_that_has_any(self) -> None:
        team = self.team()
        assert team.told_by(self.EDGES[3]) == self.EDGES[4]
        assert team.told_by(self.EDGES[2]) == self.EDGES[2]
        # A way of handing over is another matter.
        handing = Edge("b", "c", prompt="What")
        assert self.team(handing, self.EDGES[3]).told_by(self.EDGES[3]) == self.EDGES[3]

    def test_begin_with_what_all_are_told(self) -> None:
        team = self.team(hides=True, starts=("a",), groups={"a": 1})
        told = team.told([Q])
        assert {name: each.request.turns for name, each in told.members.items()} == dict.fromkeys("abc", (Q,))
        assert told.members["a"].request.model == "m"
        assert (told.edges, told.hides, told.starts, told.groups) == (self.EDGES, True, ("a",), {"a": 1})
        assert team.members["a"].request.turns == ()


class TestTasks:
    def test_may_be_given_to_ten_others_and_to_oneself(self) -> None:
        ids = [f"agent_{number}" for number in range(12)]
        said = {"enabled": True, "agent_ids": ids}
        assert wanted_subagents({"subagents": said}) == ("self", *ids[:10])
        assert wanted_subagents({"subagents": {**said, "allowSelf": False}}) == tuple(ids[:11])
        assert wanted_subagents({"subagents": {**said, "allowSelf": None}})[0] == "self"
        twice = {"enabled": True, "agent_ids": ["b", "c", "b", "", 5]}
        assert wanted_subagents({"subagents": twice}) == ("self", "b", "c")

    @pytest.mark.parametrize("said", [None, [], "x", {}, {"enabled": False}, {"enabled": 1}])
    def test_are_given_where_the_agent_says_so(self, said: Any) -> None:
        more = said if not isinstance(said, dict) else {**said, "agent_ids": ["b"]}
        assert wanted_subagents({"subagents": more}) == ()
        assert wanted_graphs("a", {"subagents": said}) == ()

    GRAPH: ClassVar[dict[str, Any]] = {
        "type": "t",
        "name": "N",
        "description": "D",
        "agent_ids": ["", "b", "b", 5],
        "edges": [{"from": "", "to": "b", "prompt": "P"}],
        "entry_agent_id": "",
        "result_agent_id": "b",
    }

    def graphs(self, *graphs: Any) -> tuple[Graph, ...]:
        return wanted_graphs("a", {"subagents": {"enabled": True, "graphs": list(graphs)}})

    def test_of_teams_say_who_works_on_them_and_who_answers(self) -> None:
        assert self.graphs(self.GRAPH, None, {"type": 5}) == (
            Graph("t", "N", "D", ("a", "b"), (Edge("a", "b", "direct", prompt="P"),), "a", "b"),
        )
        [bare] = self.graphs({"type": "t", "agent_ids": [""], "entry_agent_id": "", "result_agent_id": ""})
        assert bare == Graph("t", "t", "", ("a",), (), "a", "a")

    @pytest.mark.parametrize("gone", ["type", "entry_agent_id", "result_agent_id", "agent_ids"])
    def test_of_teams_need_each_of_these(self, gone: str) -> None:
        assert self.graphs({name: value for name, value in self.GRAPH.items() if name != gone}) == ()

    def test_of_teams_have_twenty_agents_and_there_are_ten_of_them(self) -> None:
        ids = [f"agent_{number}" for number in range(21)]
        many = {"type": "t", "agent_ids": ids, "entry_agent_id": ids[0]}
        [found] = self.graphs({**many, "result_agent_id": ids[19]})
        assert found.members == tuple(ids[:20])
        assert self.graphs({**many, "result_agent_id": ids[20]}) == ()
        kinds = [{**self.GRAPH, "type": f"t{number}"} for number in range(11)]
        assert [each.kind for each in self.graphs(*kinds)] == [f"t{number}" for number in range(10)]

    def test_of_teams_have_edges_as_agents_have_them(self) -> None:
        edges = [
            {"from": "", "to": ["b", ""], "edgeType": "handoff", "prompt": "P"},
            None,
            {"to": "c"},
        ]
        assert own_edges({"edges": edges}, "a") == [
            {"from": "a", "to": ["b", "a"], "edgeType": "direct", "prompt": "P"},
            {"from": "a", "to": "c", "edgeType": "direct"},
        ]
        assert own_edges({"edges": "x"}, "a") == own_edges({}, "a") == []
