"""Values out of what a provider sent, whatever it may be."""

from typing import Any

import pytest

from echo.providers.arguments import as_object
from echo.providers.chat import Usage
from echo.providers.failures import ProviderFailure
from echo.providers.reading import (
    Joiner,
    count,
    dig,
    finish_reason,
    read_object,
    text_at,
    usage,
    whole_text_at,
)

HIGH, LOW = "\ud83d", "\ude00"


def test_an_event_is_an_object() -> None:
    assert read_object(b'{"a": [1]}') == {"a": [1]}
    # Half of a character, and half of its bytes.
    assert read_object(b'{"a": "\\ud83d"}') == {"a": HIGH}
    assert read_object(b'{"a": "\xc3"}') == {"a": "\ufffd"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[1]", "no_object"),
        (b"7", "no_object"),
        (b"", "no_json"),
        (b'{"a": NaN}', "no_json"),
        (b'{"a": -Infinity}', "no_json"),
        (b'{"a": "\\ud83d", "b": Infinity}', "no_json"),
        (b"[" * 100_000, "no_json"),
    ],
)
def test_an_event_that_is_none(data: bytes, reason: str) -> None:
    with pytest.raises(ProviderFailure) as raised:
        read_object(data)
    assert (raised.value.kind, raised.value.transient) == (reason, False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((), {"a": [{"b": "x"}, "y"]}),
        (("a", 0, "b"), "x"),
        (("a", 1), "y"),
        (("a", 2), None),
        (("a", "b"), None),
        ((0,), None),
        (("a", 0, "b", "c"), None),
        (("z", "b"), None),
    ],
    ids=str,
)
def test_what_stands_at_a_path(path: tuple[str | int, ...], value: Any) -> None:
    found = {"a": [{"b": "x"}, "y"]}
    assert dig(found, *path) == value
    assert text_at(found, *path) == (value if isinstance(value, str) else "")


def test_a_text_that_is_whole_has_no_half_characters() -> None:
    assert whole_text_at({"a": f"x{HIGH}{LOW}"}, "a") == "x\U0001f600"
    assert whole_text_at({"a": f"x{HIGH}"}, "a") == "x\ufffd"
    assert whole_text_at({"a": 7}, "a") == ""


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        (["a", "é"], ["a", "é"]),
        ([f"a{HIGH}", f"{LOW}b"], ["a", "\U0001f600b"]),
        ([HIGH, "", LOW], ["", "", "\U0001f600"]),
        ([f"a{HIGH}", "b", "c"], ["a", "\ufffdb", "c"]),
        ([HIGH, f"{HIGH}", LOW], ["", "\ufffd", "\U0001f600"]),
        ([f"{LOW}a", "b"], ["\ufffda", "b"]),
        (["\ud800", "\udc00", "\udbff", "\udfff"], ["", "\U00010000", "", "\U0010ffff"]),
    ],
)
def test_a_character_that_was_cut_is_made_whole(pieces: list[str], joined: list[str]) -> None:
    joiner = Joiner()
    assert [joiner.join(each) for each in pieces] == joined


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (7, 7), (2**53 - 1, 2**53 - 1), (2**53, 0), (-1, 0), (True, 0), (1.0, 0), ("7", 0), (None, 0)],
)
def test_a_number_of_tokens(value: Any, number: int) -> None:
    assert count(value) == number


def test_a_part_is_never_more_than_all_of_it() -> None:
    assert usage(0, 0, cached=5) == []
    assert usage(0, 3) == [Usage(0, 3)]
    assert usage(3, 0) == [Usage(3, 0)]
    assert usage(100, 50, cached=60, written=30, reasoning=20) == [Usage(100, 50, 60, 30, 20)]
    assert usage(100, 50, cached=60, written=50, reasoning=51) == [Usage(100, 50, 60, 40, 50)]
    assert usage(100, 50, cached=101, written=1) == [Usage(100, 50, 100, 0, 0)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("end", "stop"),
        ("unheard of", "other"),
        ("", None),
        ("null", None),
        ("FINISH_REASON_UNSPECIFIED", None),
        ("BLOCK_REASON_UNSPECIFIED", None),
        (None, None),
        (7, None),
    ],
)
def test_why_a_model_ended(value: Any, reason: str | None) -> None:
    assert finish_reason(value, {"end": "stop"}) == reason


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("", {}),
        (" \n", {}),
        ('{"a": 1}', {"a": 1}),
        # As Anthropic's page on fine-grained tool streaming has it.
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
    ],
)
def test_arguments_are_an_object(arguments: str, found: dict[str, Any]) -> None:
    assert as_object(arguments) == found
