"""What clients are told of the endpoint of agents, and what the operator's file allows."""

from dataclasses import replace

import pytest

from echo.agents import agents_endpoint
from echo.settings import Settings, load_settings
from echo.settings.agents import AgentSettings


@pytest.fixture
def settings() -> Settings:
    loaded = load_settings({"OPENAI_API_KEY": "sk", "ANTHROPIC_API_KEY": "sk"})
    wanted = [each for each in loaded.providers if each.name in ("openAI", "anthropic")]
    return replace(loaded, providers=tuple(wanted))


def test_has_what_agents_can_do_here(settings: Settings) -> None:
    assert agents_endpoint(settings) == {
        "userProvide": False,
        "disableBuilder": False,
        "allowedProviders": ["openAI", "anthropic"],
        "capabilities": [
            "tools",
            "actions",
            "web_search",
            "artifacts",
            "context",
            "file_search",
            "memory",
            "chain",
            "subagents",
        ],
    }


def test_follows_the_operators_file(settings: Settings) -> None:
    rules = AgentSettings(show_builder=False, providers=("openAI", "Other"), capabilities=("tools", "chain"))
    told = agents_endpoint(replace(settings, agents=rules))
    assert told["disableBuilder"] is True
    assert told["allowedProviders"] == ["openAI"]
    assert told["capabilities"] == ["tools", "chain"]
