"""Who else makes an answer with an agent, and what each of them is asked."""

from types import SimpleNamespace
from typing import Any

from echo.chat.edges import Edge
from echo.chat.members import For, Members
from echo.chat.prepared import Asking
from echo.chat.request import settle
from echo.chat.respondent import Respondent
from echo.chat.sides import Side
from echo.chat.teams import Graph
from echo.providers.chat import ChatRequest, Turn
from echo.settings import ProviderSettings
from echo.settings.agents import AgentSettings
from echo.tools.tool import NOTHING, Wanted

COUNTS = {"window": 1, "budget": 2, "system": 3, "messages": 50, "before": 60, "count": 3}
TURNS = (Turn.of_text("user", "Why?"),)
ASKED: Any = None


class Scene:
    """Agents, each with who it names; the first one is `a`."""

    def __init__(self) -> None:
        self.agents: dict[str, Side] = {}
        self.team_members: tuple[str, ...] = ()
        self.edges: tuple[Edge, ...] = ()
        self.asked: list[tuple[Any, ...]] = []
        sides: Any = self
        self.members = Members(sides, AgentSettings(steps=20, most_steps=30), len, 0.5)
        self.variables: Any = SimpleNamespace(
            headers=lambda settings, **ids: {"H": settings.name, **ids},
            placeholders=lambda **ids: {"P": "x", **ids},
        )

    def agent(self, name: str, *subagents: str, **more: Any) -> Side:
        settings = {"result_chars": None, "system": "Be.", "wanted": NOTHING, **more}
        provider: Any = f"provider of {name}"
        endpoint = ProviderSettings(
            name=f"endpoint of {name}",
            type="google",
            models=(),
            tool_result_chars=settings.pop("result_chars"),
        )
        chosen: Any = SimpleNamespace(
            provider=provider, credentials=f"key of {name}", name=endpoint.name, settings=endpoint
        )
        about = {"promptPrefix": settings.pop("system"), "maxContextTokens": 1000, "temperature": 1}
        wanted = settings.pop("wanted")
        respondent = Respondent(
            endpoint.name, ASKED, agent_id=name, description=f"does {name}", subagents=subagents, **settings
        )
        side = Side(chosen, settle(about, []), f"model of {name}", respondent, f"Agent {name}", name, wanted)
        self.agents[name] = side
        return side

    def member(self, owner: str, first: Side, agent_id: str, variables: Any, memories: Any) -> Side | None:
        self.asked.append((owner, first.agent_id, agent_id, memories))
        return self.agents.get(agent_id)

    def team(self, owner: str, first: Side, variables: Any, memories: Any) -> Any:
        self.asked.append((owner, first.agent_id, memories))
        return [self.agents[each] for each in self.team_members], self.edges

    def joined(self) -> Asking:
        first: Any = None
        summarising: Any = "summarising"
        asking = Asking(
            first,
            ChatRequest("m", TURNS, system="First."),
            None,
            COUNTS,
            "a",
            "openAI",
            group=7,
            summarising=summarising,
        )
        ids = {"messageId": "answer"}
        return self.members.joined(self.agents["a"], asking, For("ada", self.variables, ids, "Likes tea."))


class TestAMember:
    def test_is_asked_the_same_in_its_own_way(self) -> None:
        scene = Scene()
        scene.agent("a", edges=(Edge("a", "b"),))
        scene.agent("b", result_chars=99, steps=25, wanted=Wanted(names=("look",)), ends_after_tools=True)
        scene.team_members, scene.edges = ("b",), (Edge("a", "b"),)
        team = scene.joined().team
        assert team is not None
        member = team.members["b"]
        assert (member.provider, member.credentials, member.endpoint) == (
            "provider of b",
            "key of b",
            "endpoint of b",
        )
        request = member.request
        assert (request.model, request.turns, request.system, request.temperature) == (
            "model of b",
            TURNS,
            "Be.",
            1,
        )
        assert request.placeholders == {"H": "endpoint of b", "messageId": "answer"}
        assert member.counts == {**COUNTS, "window": 1000, "budget": 500, "system": 3}
        assert (member.agent_id, member.provider_name, member.group) == ("b", "google", 7)
        assert (member.limits.steps, member.limits.result_chars) == (25, 99)
        assert (member.wanted.names, member.placeholders) == (("look",), {"P": "x", "messageId": "answer"})
        assert (member.ends_after_tools, member.summarising, member.summing) == (True, "summarising", None)

    def test_without_tools_or_instructions_has_none(self) -> None:
        scene = Scene()
        scene.agent("a", edges=(Edge("a", "b"),))
        scene.agent("b", system=None)
        scene.team_members, scene.edges = ("b",), (Edge("a", "b"),)
        team = scene.joined().team
        assert team is not None
        member = team.members["b"]
        assert (member.placeholders, member.counts["system"], member.ends_after_tools) == ({}, 0, False)
        assert (member.limits.steps, member.limits.result_chars) == (20, 1200)


class TestATeam:
    def test_is_the_first_agent_and_those_who_may_be_asked(self) -> None:
        scene = Scene()
        scene.agent("a", edges=(Edge("a", "b"),), hides_others=True)
        scene.agent("b", "self")
        scene.team_members, scene.edges = ("b",), (Edge("a", "b"), Edge("b", "gone"))
        joined = scene.joined()
        assert joined.team is not None
        assert ([*joined.team.members], joined.team.edges) == (["a", "b"], (Edge("a", "b"),))
        assert (joined.team.hides, joined.team.starts) == (True, ("a",))
        assert joined.team.members["a"].team is None
        assert [*joined.team.members["b"].subagents] == ["self"]
        assert scene.asked == [("ada", "a", "Likes tea.")]

    def test_is_none_of_one_alone(self) -> None:
        scene = Scene()
        scene.agent("a", edges=(Edge("a", "gone"),))
        assert scene.joined().team is None
        scene = Scene()
        scene.agent("a")
        assert (scene.joined().team, scene.asked) == (None, [])


class TestSubagents:
    def test_are_those_that_may_be_asked(self) -> None:
        scene = Scene()
        scene.agent("a", "self", "b", "gone")
        scene.agent("b", "a", "b")
        joined = scene.joined()
        found = joined.subagents
        assert {kind: (each.kind, each.name, each.description) for kind, each in found.items()} == {
            "self": ("self", "Agent a", "does a"),
            "b": ("b", "Agent b", "does b"),
        }
        assert found["self"].asking.request.system == "First."
        assert found["b"].asking.request.model == "model of b"
        # Who has given a task gets none of it back, and nobody is asked for himself.
        assert found["b"].asking.subagents == {}
        assert scene.asked == [("ada", "a", "b", None), ("ada", "a", "gone", None)]

    def test_give_tasks_on_five_times(self) -> None:
        scene = Scene()
        names = "abcdefgh"
        for name, following in zip(names, names[1:] + "a", strict=True):
            scene.agent(name, following)
        asking, depth = scene.joined(), 0
        while asking.subagents:
            [subagent] = asking.subagents.values()
            asking, depth = subagent.asking, depth + 1
        assert depth == 5

    def test_are_a_hundred_in_all(self) -> None:
        scene = Scene()
        scene.agent("a", *(f"b{number}" for number in range(101)))
        for number in range(101):
            scene.agent(f"b{number}")
        assert len(scene.joined().subagents) == 100
        assert len(scene.asked) == 100


class TestAGraph:
    @staticmethod
    def graph(*members: str, kind: str = "team") -> Graph:
        return Graph(kind, "The team", "works", members, (Edge("b", "a", "direct"),), "b", "a")

    def test_gets_tasks_as_one(self) -> None:
        scene = Scene()
        scene.agent("a", graphs=(self.graph("a", "b"),))
        scene.agent("b", "self")
        [subagent] = scene.joined().subagents.values()
        assert (subagent.kind, subagent.name, subagent.description, subagent.result) == (
            "team",
            "The team",
            "works",
            "a",
        )
        assert subagent.asking.agent_id == "b"
        team = subagent.asking.team
        assert ([*team.members], team.hides, team.starts) == (["a", "b"], False, ("b",))
        assert team.members["a"].request.system == "First."
        assert subagent.asking.subagents == {}

    def test_is_not_there_where_one_is_missing(self) -> None:
        scene = Scene()
        scene.agent("a", graphs=(self.graph("a", "b", "gone"),))
        scene.agent("b")
        assert scene.joined().subagents == {}

    def test_does_not_take_the_place_of_an_agent(self) -> None:
        scene = Scene()
        scene.agent("a", "b", graphs=(self.graph("a", "b", kind="b"),))
        scene.agent("b")
        [subagent] = scene.joined().subagents.values()
        assert (subagent.name, subagent.asking.team) == ("Agent b", None)
