"""Agents as those who answer: who may be asked, and what is not the client's to choose."""

from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.agents import AgentsAndModels, own_steps, parameters_of, written_out
from echo.chat.request import Asked
from echo.chat.respondent import Respondent
from echo.errors import Unprocessable
from echo.settings.agents import AgentSettings
from storage.core.errors import NotFound

AGENT: dict[str, Any] = {
    "id": "agent_1",
    "name": "Ada's",
    "description": "Knows",
    "provider": "openAI",
    "model": "gpt-4",
    "instructions": "Be brief.",
    "model_parameters": {"temperature": 0.5},
    "tools": ["calculator"],
    "recursion_limit": 7,
    "artifacts": "shadcnui",
    "hide_sequential_outputs": True,
    "end_after_tools": True,
    "edges": [{"from": "agent_1", "to": "agent_2", "edgeType": "handoff"}],
    "agent_ids": ["agent_3"],
    "subagents": {"enabled": True, "agent_ids": ["agent_4"]},
}
EVERYTHING = ("tools", "chain", "subagents", "context")


class Scene:
    """Ada may use the agent, and has a conversation with it."""

    def __init__(self, *capabilities: str, providers: tuple[str, ...] | None = None, **changed: Any) -> None:
        self.agent = {**AGENT, **changed}
        files: Any = SimpleNamespace(of_agent=self.of_agent)
        chats: Any = SimpleNamespace(conversation=self.conversation)
        store: Any = None
        rules = AgentSettings(capabilities=capabilities or EVERYTHING, providers=providers)
        self._finding = AgentsAndModels(self.find_agent, chats, files, store, rules)

    def find_agent(self, owner: str, agent_id: str) -> Any:
        if (owner, agent_id) != ("ada", "agent_1"):
            raise NotFound
        return self.agent

    def conversation(self, owner: str, conversation_id: str) -> dict[str, Any]:
        return {"agent_id": "agent_1" if (owner, conversation_id) == ("ada", "c") else None}

    def of_agent(self, file_ids: Any) -> list[Any]:
        return [
            {"file_id": each, "filename": f"{each}.txt", "source": "text", "text": f"Text of {each}."}
            for each in file_ids
        ]

    def find(self, endpoint: str = "agents", owner: str = "ada", **asked: Any) -> Respondent:
        return self._finding.find(owner, endpoint, Asked(**asked))

    def refusal(self, **asked: Any) -> Unprocessable:
        with pytest.raises(Unprocessable) as refused:
            self.find(**asked)
        return refused.value


class TestWho:
    def test_is_a_mere_model_at_any_other_endpoint(self) -> None:
        assert Scene().find("openAI", agent_id="agent_1") == Respondent("openAI", Asked(agent_id="agent_1"))

    def test_is_the_agent_that_is_named_or_the_conversations(self) -> None:
        assert Scene().find(agent_id="agent_1").agent_id == "agent_1"
        assert Scene().find(conversation_id="c").agent_id == "agent_1"

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"conversation_id": "new"},
            {"conversation_id": "other"},
            {"agent_id": "openAI__gpt-4", "conversation_id": "c"},
        ],
    )
    def test_is_refused_where_none_is_named(self, asked: dict[str, Any]) -> None:
        refused = Scene().refusal(**asked)
        [error] = refused.errors
        assert (refused.code, refused.message) == ("no_agent", "The message names no agent.")
        assert (error.field, error.message) == ("agent_id", "must name an agent")

    def test_is_nobody_whom_the_owner_may_not_use(self) -> None:
        for owner, agent_id in (("bob", "agent_1"), ("ada", "agent_9")):
            with pytest.raises(NotFound):
                Scene().find(owner=owner, agent_id=agent_id)

    def test_is_of_an_endpoint_that_agents_may_ask(self) -> None:
        assert Scene(providers=("openAI",)).find(agent_id="agent_1").endpoint == "openAI"
        refused = Scene(providers=("google",)).refusal(agent_id="agent_1")
        assert (refused.code, refused.message) == (
            "endpoint_unavailable",
            "Agents may not ask that endpoint here.",
        )


class TestWhat:
    def test_is_the_agents_own(self) -> None:
        found = Scene().find(agent_id="agent_1", parameters={"temperature": 2})
        assert found.fixed == {
            "temperature": 0.5,
            "instructions": "Be brief.",
            "model": "gpt-4",
            "agent_id": "agent_1",
        }
        assert found.kept == {"agent_id": "agent_1", "model": None}
        assert (found.endpoint, found.shown_endpoint, found.shown_model) == ("openAI", "agents", "agent_1")
        assert (found.sender, found.description) == ("Ada's", "Knows")
        assert (found.steps, found.artifacts) == (7, "shadcnui")
        assert (found.hides_others, found.ends_after_tools) == (True, True)
        assert (found.wanted.names, found.subagents) == (("calculator",), ("self", "agent_4"))
        assert [each.target for each in found.edges] == ["agent_2", "agent_3"]

    def test_of_an_agent_that_says_little_is_little(self) -> None:
        scene = Scene()
        scene.agent = {
            "id": "agent_1",
            "provider": "openAI",
            "model": "m",
            "end_after_tools": "yes",
            "name": "",
        }
        found = scene.find(agent_id="agent_1")
        assert found.fixed == {"model": "m", "agent_id": "agent_1"}
        assert (found.sender, found.description, found.artifacts, found.steps) == (None, "", None, None)
        assert (found.hides_others, found.ends_after_tools, found.edges, found.subagents) == (
            False,
            False,
            (),
            (),
        )

    def test_leaves_out_what_agents_may_not_have_here(self) -> None:
        found = Scene("tools").find(agent_id="agent_1")
        assert (found.subagents, found.graphs) == ((), ())
        assert [each.target for each in found.edges] == ["agent_2"]
        with_texts = {"tool_resources": {"context": {"file_ids": ["a"]}}}
        found = Scene("tools", **with_texts).find(agent_id="agent_1")
        assert (found.fixed or {})["instructions"] == "Be brief."

    def test_comes_with_its_texts(self) -> None:
        texts = {
            "context": {"file_ids": ["a"]},
            "ocr": {"file_ids": ["b"]},
            "file_search": {"file_ids": ["c"]},
        }
        found = Scene(tool_resources=texts).find(agent_id="agent_1")
        assert (found.fixed or {})["instructions"] == (
            "Be brief.\n\nYou have been given these documents.\n\n# a.txt\n\nText of a.\n\n# b.txt\n\nText of b."
        )


class TestParameters:
    def test_leave_out_words_that_stand_elsewhere(self) -> None:
        stored = {
            "promptPrefix": "a",
            "system": "b",
            "instructions": "c",
            "modelLabel": "d",
            "chatGptLabel": "e",
            "model": "other",
            "top_p": 0.5,
        }
        agent = {"id": "agent_1", "model": "m", "model_parameters": stored}
        assert parameters_of(agent, "") == {"top_p": 0.5, "model": "m", "agent_id": "agent_1"}
        assert parameters_of({**agent, "model_parameters": "odd"}, " ") == {
            "model": "m",
            "agent_id": "agent_1",
        }

    @pytest.mark.parametrize(
        ("said", "steps"),
        [
            (7, 7),
            (7.9, 7),
            (1, 1),
            (0.5, None),
            (2**31 - 1, 2**31 - 1),
            (2**31, None),
            (True, None),
            ("7", None),
        ],
    )
    def test_have_a_limit_of_steps_where_that_is_one(self, said: Any, steps: int | None) -> None:
        assert own_steps({"recursion_limit": said}) == steps


class TestTexts:
    def test_are_cut_where_there_is_no_more_room(self) -> None:
        told = written_out([("a", "x" * 399_999), ("b", "yz"), ("c", "never")])
        assert told.endswith("\n\n# b\n\ny")
        assert told.count("#") == 2
        assert written_out([]) == ""
