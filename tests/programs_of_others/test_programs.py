"""Programs that other people wrote run their agents through `/v1`, over every kind of provider."""

from typing import Any

import pytest

from tests.programs_of_others.conftest import Run

SAID = "sunny in Kyiv and noon."
ANSWERED = {"said": SAID, "usage": True}
CITY = {"name": "Kyiv", "people": 3}
# By program: what it says of each model.
FOUND: dict[str, dict[str, Any]] = {
    "langchain": {
        "whole": ANSWERED,
        "streamed": ANSWERED,
        "json_schema": CITY,
        "function_calling": CITY,
    },
    "agents": {"whole": ANSWERED, "streamed": ANSWERED, "output_type": CITY},
    "instructor": {
        "TOOLS": CITY,
        "TOOLS streamed": CITY,
        "JSON_SCHEMA": CITY,
        "JSON_SCHEMA streamed": CITY,
        "JSON": CITY,
        "side by side": ["get_weather", "get_time"],
    },
    "pydantic_ai": {
        "whole": ANSWERED,
        "streamed": ANSWERED,
        "by a tool": CITY,
        "by the schema": CITY,
    },
    "llm": {"streamed": SAID, "whole": SAID, "schema": CITY},
}
MODELS = [
    "openAI/gpt-4o",
    "azureOpenAI/gpt-4o",
    "anthropic/claude-sonnet-4-5",
    "google/gemini-3-pro-preview",
    "Local/llama",
]


@pytest.mark.parametrize("program", list(FOUND))
def test_completions(run: Run, program: str) -> None:
    assert run(program, "chat", *MODELS) == dict.fromkeys(MODELS, FOUND[program])


@pytest.mark.parametrize("program", ["langchain", "agents", "pydantic_ai"])
def test_responses(run: Run, program: str) -> None:
    assert run(program, "responses", *MODELS) == dict.fromkeys(MODELS, FOUND[program])


def test_messages(run: Run) -> None:
    """Pydantic AI's own model of Anthropic asks `/v1/messages`; `NativeOutput` is not tried there."""
    without = {name: said for name, said in FOUND["pydantic_ai"].items() if name != "by the schema"}
    assert run("pydantic_ai", "messages", *MODELS) == dict.fromkeys(MODELS, without)
