"""The ways between agents: what documents name, who begins, who waits for whom."""

from typing import Any

import pytest

from echo.chat import edges as module
from echo.chat.edges import Edge, among, chain_of, edges_of, ends_between, groups_of, reaches, starts_of
from echo.providers.chat import Tool


def direct(source: str, target: str, **more: Any) -> Edge:
    return Edge(source, target, "direct", **more)


class TestReading:
    @pytest.mark.parametrize(
        ("edge", "found"),
        [
            ({"from": "a", "to": "b"}, [Edge("a", "b")]),
            ({"from": ["a", "b"], "to": "c"}, [Edge("a", "c"), Edge("b", "c")]),
            # Without a type, one who leads to several leads to all of them.
            ({"from": "a", "to": ["b", "c"]}, [direct("a", each, beside=("b", "c")) for each in "bc"]),
            (
                {"from": ["a"], "to": ["b", "c", "b"], "edgeType": "handoff"},
                [Edge("a", "b"), Edge("a", "c")],
            ),
            ({"from": ["a", "b"], "to": ["c", "d"]}, [Edge(one, other) for one in "ab" for other in "cd"]),
            (
                {"from": ["a", "b"], "to": "c", "edgeType": "direct"},
                [direct(each, "c", awaits=("a", "b")) for each in "ab"],
            ),
            ({"from": "a", "to": "b", "edgeType": "direct"}, [direct("a", "b")]),
            ({"from": "a", "to": "b", "edgeType": "other"}, [Edge("a", "b")]),
            (
                {
                    "from": "a",
                    "to": "b",
                    "description": "d",
                    "prompt": "p",
                    "promptKey": "k",
                    "excludeResults": False,
                },
                [Edge("a", "b", "handoff", "d", "p", "k", False)],
            ),
            # Old documents may hold anything.
            ({"from": "a", "to": "b", "description": " ", "prompt": 5, "promptKey": ""}, [Edge("a", "b")]),
            ({"from": "a", "to": "b", "excludeResults": 1}, [Edge("a", "b")]),
            ({"from": "", "to": "b"}, []),
            ({"from": [None, 5, "a"], "to": {"b": 1}}, []),
            ("a", []),
        ],
    )
    def test_takes_what_librechat_means(self, edge: Any, found: list[Edge]) -> None:
        assert list(edges_of({"edges": [edge, edge]})) == found

    def test_has_an_end(self) -> None:
        listed = [{"from": "a", "to": str(number)} for number in range(101)]
        assert [each.target for each in edges_of({"edges": listed})] == [str(n) for n in range(100)]
        assert edges_of({"edges": {"from": "a"}}) == edges_of({}) == ()

    def test_of_an_older_chain_tells_each_what_was_said(self) -> None:
        first, second = chain_of("a", {"agent_ids": ["b", 5, "c"]})
        assert (first.source, first.target, second.source, second.target) == ("a", "b", "b", "c")
        assert (first.kind, first.excludes_results, first.prompt_key) == ("direct", True, "instructions")
        assert "\n\n{results}\n\n" in str(first.prompt)
        assert chain_of("a", {"agent_ids": "b"}) == chain_of("a", {}) == ()
        assert len(chain_of("a", {"agent_ids": [str(number) for number in range(30)]})) == 20


class TestHandingOver:
    def test_is_done_by_a_tool(self) -> None:
        assert Edge("a", "b").tool == Tool(
            "lc_transfer_to_b",
            "Hands the chat over to the agent 'b'.",
            {"type": "object", "properties": {}, "required": []},
        )
        asking = Edge("a", "b", description="d", prompt="What to do", prompt_key="task")
        assert asking.tool == Tool(
            "lc_transfer_to_b",
            "d",
            {
                "type": "object",
                "properties": {"task": {"type": "string", "description": "What to do"}},
                "required": [],
            },
        )
        assert (Edge("a", "b").is_handoff, direct("a", "b").is_handoff) == (True, False)

    def test_tells_what_was_asked_for(self) -> None:
        asking = Edge("a", "b", prompt="p", prompt_key="task")
        assert asking.instructions({"task": "Do it.", "instructions": "no"}) == "Do it."
        for said in ({"task": " "}, {"task": 5}, {}):
            assert asking.instructions(said) is None
        assert Edge("a", "b").instructions({"instructions": "Do it."}) is None


class TestAmong:
    def test_leaves_out_who_is_not_there(self) -> None:
        ways = (
            direct("a", "d", awaits=("a", "b", "c"), beside=("d", "e", "f")),
            direct("a", "e", awaits=("a", "c"), beside=("e", "f")),
            Edge("a", "c"),
            Edge("c", "a"),
        )
        members = dict.fromkeys("abde")
        assert among(ways, members) == (
            direct("a", "d", awaits=("a", "b"), beside=("d", "e")),
            direct("a", "e"),
        )
        assert ends_between(ways) == ["a", "d", "e", "c"]


class TestStarts:
    @pytest.mark.parametrize(
        ("ways", "begin"),
        [
            ([], ("a", "b", "c")),
            ([Edge("a", "b")], ("a", "c")),
            ([Edge("a", "b"), Edge("b", "c")], ("a",)),
            # Who comes after another does not begin.
            ([direct("b", "a")], ("b", "c")),
            ([Edge("b", "a")], ("a", "b", "c")),
            ([direct("gone", "a")], ("a", "b", "c")),
            # Everybody is led to.
            ([direct("a", "b"), direct("b", "c"), direct("c", "a")], ("a",)),
        ],
    )
    def test_are_those_to_whom_nobody_leads(self, ways: list[Edge], begin: tuple[str, ...]) -> None:
        assert starts_of(ways, "a", dict.fromkeys("abc")) == begin


class TestGroups:
    def test_number_those_who_answer_beside_each_other(self) -> None:
        fan = [direct("a", each, beside=("b", "c")) for each in "bc"]
        onward = [direct("c", each, beside=("d", "e", "b")) for each in "deb"]
        assert groups_of([Edge("a", "b")], ["a"]) == {}
        assert groups_of([], ["a", "b"]) == {"a": 1, "b": 1}
        assert groups_of(fan, ["a"]) == {"b": 1, "c": 1}
        assert groups_of([*fan, *onward], ["a", "x"]) == {"a": 1, "x": 1, "b": 2, "c": 2, "d": 3, "e": 3}
        assert groups_of([Edge("a", "b"), Edge("b", "a")], ["a"]) == {}

    def test_count_one_step_once_whoever_waits(self) -> None:
        both = [direct(each, end, awaits=("a", "b"), beside=("c", "d")) for each in "ab" for end in "cd"]
        assert groups_of(both, ["a", "b"]) == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_reaching_is_by_ways_that_follow() -> None:
    ways = [direct("a", "b"), direct("b", "c"), direct("c", "b"), Edge("c", "d")]
    assert reaches(ways, "a", "c")
    assert not reaches(ways, "a", "d")
    assert not reaches(ways, "c", "a")
    assert module.MOST_EDGES == 100
