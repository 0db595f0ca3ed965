"""What a stored message says, whichever version of LibreChat wrote it."""

from typing import Any

import pytest

from echo.conversations.message_text import is_from_user, message_text, plain_text


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"text": "Hi", "content": [{"type": "text", "text": "other"}]}, "Hi"),
        ({"text": "", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "a\nb"),
        ({"content": [{"type": "text", "text": {"value": "a", "annotations": []}}]}, "a"),
        # What is no text, or says nothing, is no line.
        (
            {
                "content": [
                    {"type": "think", "text": "no"},
                    "odd",
                    {"type": "text"},
                    {"type": "text", "text": ""},
                    {"type": "text", "text": 5},
                    {"type": "text", "text": "a"},
                ]
            },
            "a",
        ),
        ({"text": 5}, ""),
        ({"content": "a"}, ""),
        ({"content": {"type": "text"}}, ""),
        ({}, ""),
    ],
)
def test_is_its_text_or_that_of_its_parts(message: dict[str, Any], said: str) -> None:
    assert message_text(message) == said


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", ""),
        ({"value": "a"}, "a"),
        ({"value": 5}, None),
        ({}, None),
        (None, None),
        (["a"], None),
    ],
)
def test_a_part_may_wrap_it_once_more(value: Any, text: str | None) -> None:
    assert plain_text(value) == text


@pytest.mark.parametrize(
    ("message", "is_theirs"),
    [
        ({"isCreatedByUser": True, "sender": "GPT-4"}, True),
        ({"isCreatedByUser": False, "sender": "User"}, False),
        ({"sender": "User"}, True),
        ({"sender": "user", "isCreatedByUser": 1}, True),
        ({"sender": "assistant", "isCreatedByUser": None}, False),
        ({}, False),
    ],
)
def test_a_person_wrote_it_where_it_says_so(message: dict[str, Any], is_theirs: bool) -> None:
    assert is_from_user(message) is is_theirs
