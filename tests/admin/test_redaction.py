from typing import Any

import pytest

from echo.admin.redaction import redacted


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"apiKey": "sk-1"}, {"apiKey": "********"}),
        ({"apiKey": "${OPENAI_KEY}"}, {"apiKey": "${OPENAI_KEY}"}),
        ({"apiKey": "x${OPENAI_KEY}"}, {"apiKey": "********"}),
        ({"apiKey": "user_provided"}, {"apiKey": "user_provided"}),
        ({"apiKey": ""}, {"apiKey": ""}),
        (
            {"clientSecret": {"deep": ["a", {"b": "c"}]}},
            {"clientSecret": {"deep": ["********", {"b": "********"}]}},
        ),
        ({"headers": {"X-Harmless": "a"}}, {"headers": {"X-Harmless": "********"}}),
        ({"url": "https://ada:pass@host/path?key=1"}, {"url": "https://host/path"}),
        (
            {"maxTokens": "x", "tokenCredits": 5, "keyless": True},
            {"maxTokens": "x", "tokenCredits": 5, "keyless": True},
        ),
        ({"list": [{"password": "a"}, "b"]}, {"list": [{"password": "********"}, "b"]}),
        ("plain", "plain"),
        (None, None),
    ],
)
def test_secrets_are_asterisks(value: Any, shown: Any) -> None:
    assert redacted(value) == shown
