"""The parameters of an agent's model: numbers where they belong, and nothing that is empty."""

from typing import Any

import pytest

from echo.agents.parameters import NUMBERS, number, tidy_parameters


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("0.5", 0.5),
        ("8", 8),
        (" 8.0 ", 8),
        ("-1", -1),
        (0, 0),
        (0.5, 0.5),
        ("", None),
        ("many", None),
        ("nan", None),
        ("inf", None),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
        (False, None),
        (None, None),
        ([1], None),
        ({}, None),
    ],
)
def test_a_number_is_one_or_nothing(given: Any, made: Any) -> None:
    assert number(given) == made
    assert type(number(given)) is type(made)


def test_numbers_are_where_librechat_makes_some() -> None:
    assert sorted(NUMBERS) == [
        "fileTokenLimit",
        "frequencyPenalty",
        "frequency_penalty",
        "maxContextTokens",
        "maxOutputTokens",
        "maxTokens",
        "max_context_tokens",
        "max_output_tokens",
        "max_tokens",
        "presencePenalty",
        "presence_penalty",
        "temperature",
        "thinkingBudget",
        "thinking_budget",
        "topK",
        "topP",
        "top_k",
        "top_p",
    ]


def test_what_is_empty_is_left_out_and_all_else_stays() -> None:
    assert tidy_parameters(
        {
            "temperature": "0",
            "topP": "",
            "maxTokens": None,
            "top_k": "x",
            "stop": "1",
            "promptPrefix": "",
            "thinking": False,
            "list": [],
            "zero": 0,
        }
    ) == {"temperature": 0, "stop": "1", "thinking": False, "list": [], "zero": 0}
