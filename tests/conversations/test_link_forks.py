"""Where a conversation goes on that was copied from a link."""

from typing import Any

import pytest

from echo.conversations.link_forks import beginning
from echo.providers.catalog import Endpoint


def endpoint(name: str, *models: str, kind: str = "openai", available: bool = True) -> Endpoint:
    return Endpoint(name, kind, models, available, 0, False, False, None, None)


@pytest.mark.parametrize(
    ("endpoints", "fields"),
    [
        ([], {"endpoint": "openAI"}),
        ([endpoint("empty")], {"endpoint": "openAI"}),
        (
            [endpoint("empty"), endpoint("google", "gemini", "other"), endpoint("openAI", "gpt-4")],
            {"endpoint": "google", "model": "gemini"},
        ),
        # One that the server has a key for comes first.
        (
            [endpoint("google", "gemini", available=False), endpoint("openAI", "gpt-4")],
            {"endpoint": "openAI", "model": "gpt-4"},
        ),
        (
            [endpoint("google", "gemini", available=False)],
            {"endpoint": "google", "model": "gemini"},
        ),
        (
            [endpoint("Mine", "llama", kind="custom")],
            {"endpoint": "Mine", "endpointType": "custom", "model": "llama"},
        ),
    ],
)
def test_is_the_first_endpoint_that_has_models(endpoints: list[Endpoint], fields: dict[str, Any]) -> None:
    assert beginning(endpoints) == fields
