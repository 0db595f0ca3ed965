"""The models that one question is asked: who they are, what holds for each, and what each is told."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.edges import Edge
from echo.chat.endpoints import Chosen
from echo.chat.request import Added, Asked, Settled, settle
from echo.chat.respondent import Respondent
from echo.chat.sides import Side, Sides
from echo.errors import Unprocessable
from echo.settings import ProviderSettings
from echo.settings.agents import AgentSettings
from echo.tools.tool import Wanted
from storage.core.errors import NotFound

NOBODY: Any = None


class Scene:
    """Respondents, endpoints and settings as a test has them; `asked` notes what each was asked for."""

    def __init__(self, *capabilities: str) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.agents: dict[str, Respondent] = {}
        self.settled: dict[str, Any] = {}
        everything: Any = self
        rules = AgentSettings(capabilities=capabilities or ("artifacts", "web_search", "memory"))
        endpoints: Any = SimpleNamespace(choose=self.choose, model=self.model)
        settling: Any = SimpleNamespace(settle=self.settle)
        self.sides = Sides(endpoints, settling, everything, rules)

    def find(self, owner: str, endpoint: str, asked: Asked) -> Respondent:
        self.asked.append(("found", owner, endpoint, asked))
        if endpoint != "agents":
            return Respondent(endpoint, asked)
        if asked.agent_id not in self.agents:
            raise NotFound
        return replace(self.agents[asked.agent_id], asked=asked)

    def choose(self, owner: str, name: str) -> Chosen:
        self.asked.append(("chosen", owner, name))
        if name == "closed":
            raise Unprocessable
        prices = {"usual": {"context": 777}}
        return Chosen(
            name, ProviderSettings(name=name, type="custom", models=(), prices=prices), NOBODY, None
        )

    @staticmethod
    def model(chosen: Chosen, wanted: str | None) -> str:
        assert chosen.name
        return wanted or "usual"

    def settle(self, owner: str, endpoint: str, asked: Asked, held: Any, fixed: Any) -> Settled:
        self.asked.append(("settled", owner, endpoint, asked, held, fixed))
        return replace(settle({**self.settled, **asked.parameters}, []), artifacts=self.settled.get("mode"))

    def agent(self, name: str, *to: str, endpoint: str = "openAI", **more: Any) -> Respondent:
        edges = tuple(Edge(name, each) for each in to)
        about = {
            "fixed": {"model": f"of {name}"},
            "shown_endpoint": "agents",
            "agent_id": name,
            "edges": edges,
        }
        self.agents[name] = Respondent(endpoint, Asked(), **{**about, **more})
        return self.agents[name]

    def first(self, *to: str, **more: Any) -> Side:
        respondent = self.agent("agent_0", *to, **more)
        [side] = self.sides.settle("ada", [(respondent, self.choose("ada", "openAI"))], {}, Variables())
        self.asked.clear()
        return side


class Variables:
    """Fills in nothing, and notes for which zone it was asked."""

    def __new__(cls) -> Any:
        return SimpleNamespace(prompt=lambda text, zone: text and f"{text} ({zone})")


class TestFinding:
    def test_is_of_the_endpoint_that_the_request_names(self) -> None:
        scene, asked = Scene(), Asked(text="Why?", preset_id="p")
        [(respondent, chosen)] = scene.sides.find("ada", "Mine", asked)
        assert (respondent.endpoint, chosen.name) == ("Mine", "Mine")
        assert scene.asked == [("found", "ada", "Mine", asked), ("chosen", "ada", "Mine")]

    def test_is_of_a_second_one_with_parameters_of_its_own(self) -> None:
        scene = Scene()
        scene.agent("agent_1", endpoint="Other")
        added = Added("agents", "agent_1", {"top_p": 1})
        asked = Asked(
            text="Why?", preset_id="p", parameters={"temperature": 1}, added=added, agent_id="agent_9"
        )
        found = scene.sides.find("ada", "Mine", asked)
        assert [chosen.name for _, chosen in found] == ["Mine", "Other"]
        [_, (_, _, _, first), (_, _, endpoint, second), *_] = [None, *scene.asked]
        assert (first.preset_id, first.parameters, first.agent_id, first.added) == (
            "p",
            {"temperature": 1},
            "agent_9",
            None,
        )
        assert (endpoint, second) == (
            "agents",
            Asked(text="Why?", parameters={"top_p": 1}, agent_id="agent_1"),
        )

    def test_an_endpoint_is_chosen_for_its_user(self) -> None:
        scene = Scene()
        assert scene.sides.endpoint("ada", "Mine").name == "Mine"
        assert scene.asked == [("chosen", "ada", "Mine")]


class TestSettling:
    @staticmethod
    def settle(scene: Scene, *respondents: Respondent, memories: str | None = None) -> list[Side]:
        found = [(each, scene.choose("ada", each.endpoint)) for each in respondents]
        scene.asked.clear()
        return [*scene.sides.settle("ada", found, {"top_p": 1}, Variables(), memories)]

    def test_takes_the_conversations_settings_for_the_first_one_only(self) -> None:
        scene = Scene()
        asked = Asked(parameters={"model": "m"})
        first, second = self.settle(scene, Respondent("Mine", asked), Respondent("Other", asked))
        assert [each[2:] for each in scene.asked] == [
            ("Mine", asked, {"top_p": 1}, None),
            ("Other", asked, {}, None),
        ]
        assert {each[1] for each in scene.asked} == {"ada"}
        assert (first.agent_id, second.agent_id) == ("Mine__m___Mine", "Other__m___Other____1")
        assert (first.model, first.sender, first.chosen.name) == ("m", "Mine", "Mine")

    def test_goes_by_what_is_fixed_for_an_agent(self) -> None:
        scene = Scene()
        [side] = self.settle(
            scene, scene.agent("agent_1", sender="Ada's", shown_model="agent_1", icon_url="a.png")
        )
        assert scene.asked[0][2:] == ("agents", Asked(), {"top_p": 1}, {"model": "of agent_1"})
        assert (side.agent_id, side.sender) == ("agent_1", "Ada's")
        assert (side.shown_endpoint, side.shown_model, side.icon_url) == ("agents", "agent_1", "a.png")

    def test_of_a_mere_model_shows_that(self) -> None:
        scene = Scene()
        scene.settled = {"iconURL": "i.png", "modelLabel": "Label"}
        [side] = self.settle(scene, Respondent("Mine", Asked()))
        assert (side.shown_endpoint, side.shown_model, side.icon_url) == ("Mine", "usual", "i.png")
        assert (side.sender, side.agent_id) == ("Label", "Mine__usual___Label")

    def test_knows_how_much_the_model_takes(self) -> None:
        scene = Scene()
        [side] = self.settle(scene, Respondent("Mine", Asked()))
        # A part of the 777 that the operator says is left free.
        assert side.window == 738
        scene.settled = {"maxContextTokens": 55}
        assert self.settle(scene, Respondent("Mine", Asked()))[0].window == 55

    def test_gives_a_mere_model_what_request_and_spec_switch_on(self) -> None:
        scene = Scene("web_search")
        asked = Asked(switched=("web_search", "memory"))
        assert self.settle(scene, Respondent("Mine", asked))[0].wanted == Wanted(names=("web_search",))
        own = Wanted(names=("calculator",), agent_id="agent_1")
        agent = replace(scene.agent("agent_1", wanted=own), asked=asked)
        assert self.settle(scene, agent)[0].wanted == own


class TestWhatAModelIsTold:
    @staticmethod
    def told(scene: Scene, respondent: Respondent, memories: str | None = None) -> list[str] | None:
        [side] = TestSettling.settle(scene, respondent, memories=memories)
        return side.settled.system and [part[:22] for part in side.settled.system.split("\n\n")]  # type: ignore[return-value]

    def test_is_its_instructions_artifacts_and_memories(self) -> None:
        scene = Scene()
        scene.settled = {"promptPrefix": "Be."}
        asked = Asked(timezone="Europe/Oslo", artifacts="default")
        told = self.told(scene, Respondent("Mine", asked), "Likes tea.")
        assert told is not None
        assert (told[0], told[1], told[-1]) == ("Be. (Europe/Oslo)", "You can make artifacts", "Likes tea.")

    def test_is_nothing_where_there_is_nothing(self) -> None:
        assert self.told(Scene(), Respondent("Mine", Asked())) is None
        assert self.told(Scene(), Respondent("Mine", Asked()), "Likes tea.") == ["Likes tea."]

    def test_is_nothing_of_artifacts_where_there_are_to_be_none(self) -> None:
        asked = Asked(artifacts="default")
        assert self.told(Scene("memory"), Respondent("Mine", asked)) is None
        scene = Scene()
        # An agent makes them where it says so itself.
        assert self.told(scene, replace(scene.agent("agent_1"), asked=asked)) is None
        agent = scene.agent("agent_2", artifacts="default")
        assert (self.told(scene, agent) or [""])[0] == "You can make artifacts"
        scene.settled = {"mode": "default"}
        assert (self.told(scene, Respondent("Mine", Asked())) or [""])[0] == "You can make artifacts"


class TestTeam:
    @staticmethod
    def team(scene: Scene, first: Side) -> tuple[list[str], list[tuple[str, str]]]:
        members, edges = scene.sides.team("ada", first, Variables(), "Likes tea.")
        assert {each.settled.system for each in members} <= {"Likes tea."}
        return [each.agent_id for each in members], [(each.source, each.target) for each in edges]

    def test_is_all_that_are_named_each_once(self) -> None:
        scene = Scene()
        first = scene.first("agent_1", "agent_2")
        scene.agent("agent_1", "agent_2", "agent_3")
        scene.agent("agent_2", "agent_0")
        scene.agent("agent_3")
        assert self.team(scene, first) == (
            ["agent_1", "agent_2", "agent_3"],
            [
                ("agent_0", "agent_1"),
                ("agent_0", "agent_2"),
                ("agent_1", "agent_2"),
                ("agent_1", "agent_3"),
                ("agent_2", "agent_0"),
            ],
        )
        asked = [each for step, *each in scene.asked if step == "found"]
        assert [(owner, endpoint, each.agent_id) for owner, endpoint, each in asked] == [
            ("ada", "agents", name) for name in ("agent_1", "agent_2", "agent_3")
        ]

    def test_is_without_those_that_cannot_be_asked(self) -> None:
        scene = Scene()
        first = scene.first("gone", "closed", "agent_1")
        scene.agent("closed", "agent_2", endpoint="closed")
        scene.agent("agent_1")
        assert self.team(scene, first)[0] == ["agent_1"]

    def test_is_of_twenty_at_most(self) -> None:
        scene = Scene()
        names = [f"agent_{number}" for number in range(1, 23)]
        first = scene.first(*names)
        for name in names:
            scene.agent(name)
        assert self.team(scene, first)[0] == names[:20]

    def test_has_parameters_and_memories_but_not_the_conversation(self) -> None:
        scene = Scene()
        first = scene.first("agent_1")
        first = replace(
            first,
            respondent=replace(
                first.respondent, asked=Asked(text="Why?", conversation_id="c", parameters={"top_p": 1})
            ),
        )
        scene.agent("agent_1", fixed={"model": "m", "instructions": "Be."})
        member = scene.sides.member("ada", first, "agent_1", Variables(), "Likes tea.")
        assert member is not None
        assert member.respondent.asked == Asked(text="Why?", agent_id="agent_1")
        assert (member.model, member.settled.system) == ("m", "Be. (None)\n\nLikes tea.")
        assert scene.sides.member("ada", first, "gone", Variables(), None) is None


@pytest.mark.parametrize("owner", ["ada", "bob"])
def test_endpoints_are_those_of_who_asks(owner: str) -> None:
    scene = Scene()
    scene.sides.find(owner, "Mine", Asked())
    assert {each[1] for each in scene.asked} == {owner}
