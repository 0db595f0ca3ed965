"""What a model is asked for an agent: what the agent says, and of the request what the agent says nothing of."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.request import settle
from echo.completions.agents import AgentProvider, is_agent
from echo.errors import FieldError, Unprocessable
from echo.providers.chat import ChatRequest, ResponseFormat, Tool, Turn

TURNS = (Turn.of_text("user", "How is it?"),)


def provider(**fixed: Any) -> AgentProvider:
    parts: Any = None
    side: Any = SimpleNamespace(settled=settle(fixed, []), model="gpt-4")
    return AgentProvider(parts, side, parts, None)


def asked(**more: Any) -> ChatRequest:
    return ChatRequest("gpt-4", TURNS, **more)


class TestRequest:
    def test_is_by_the_agents_parameters_alone(self) -> None:
        agent = provider(temperature=0.25, max_tokens=99)
        made = agent.request(asked(temperature=1.5, top_p=0.5, max_tokens=5, top_k=3, reasoning_effort="low"))
        assert (made.model, made.turns, made.temperature, made.max_tokens) == ("gpt-4", TURNS, 0.25, 99)
        assert (made.top_p, made.top_k, made.reasoning_effort) == (None, None, None)

    def test_has_what_the_agent_says_nothing_of(self) -> None:
        said: dict[str, Any] = {
            "response_format": ResponseFormat("json_object"),
            "seed": 0,
            "stop": ("END",),
            "logprobs": True,
            "top_logprobs": 2,
            "logit_bias": {"1": 1},
            "prediction": {"type": "content"},
            "verbosity": "low",
        }
        made = provider().request(asked(**said, placeholders={"X": "y"}))
        assert {name: getattr(made, name) for name in said} == said
        assert made.placeholders == {"X": "y"}

    def test_leaves_the_agents_where_it_says_nothing(self) -> None:
        agent = provider(stop=["own"])
        assert agent.request(asked()).stop == ("own",)
        assert agent.request(asked(stop=("END",))).stop == ("END",)

    @pytest.mark.parametrize(
        ("own", "said", "system"),
        [
            ("Rhyme.", "Be brief.", "Rhyme.\n\nBe brief."),
            ("Rhyme.", None, "Rhyme."),
            ("", "Be brief.", "Be brief."),
            ("", "", None),
        ],
    )
    def test_has_both_instructions(self, own: str, said: str | None, system: str | None) -> None:
        assert provider(promptPrefix=own).request(asked(system=said)).system == system

    @pytest.mark.parametrize(
        "said",
        [
            {"tools": (Tool("f"),)},
            {"tool_choice": "required"},
            {"parallel_tool_calls": False},
            {"n": 2},
            {"modalities": ("audio",)},
            {"audio": {"format": "wav"}},
            {"web_search_options": {"size": "low"}},
        ],
        ids=str,
    )
    def test_is_refused_for_what_is_the_agents_own(self, said: dict[str, Any]) -> None:
        [name] = said
        with pytest.raises(Unprocessable, match=rf": An agent is not asked with {name}\.$") as refused:
            provider().request(asked(**said))
        assert refused.value.code == "unsupported_parameter"
        assert refused.value.errors == (FieldError(name, "is not for agents"),)

    def test_is_refused_for_all_of_it_at_once(self) -> None:
        with pytest.raises(Unprocessable, match=r"asked with n, tools\.$"):
            provider().request(asked(tools=(Tool("f"),), n=2))
        assert provider().request(asked(n=1, parallel_tool_calls=True)).turns == TURNS


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("agent_x", True),
        ("agents/agent_x", True),
        ("agents/gpt-4", False),
        ("openAI/agent_x", False),
        ("agents/agents/agent_x", False),
        ("my_agent_x", False),
        ("", False),
    ],
)
def test_an_agent_is_known_by_its_id(name: str, is_one: bool) -> None:
    assert is_agent(name) is is_one


def test_has_one_model() -> None:
    assert asyncio.run(provider().models()) == ("gpt-4",)
