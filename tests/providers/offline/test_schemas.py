"""The value that the offline model makes of each kind of schema."""

from typing import Any

import pytest

from echo.providers.offline.schemas import example_of

LOOP = {"properties": {"more": {"$ref": "#"}}, "type": "object"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": None}, None),
        ({"const": 1, "enum": [2]}, 1),
        ({"enum": ["b", "a"]}, "b"),
        ({"enum": [], "type": "boolean"}, True),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, 1),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, 1),
        ({"anyOf": ["x", {"const": 2}]}, 2),
        ({"anyOf": [], "type": "boolean"}, True),
        ({"anyOf": ["x"]}, "offline"),
        ({"type": "null"}, None),
        ({"type": ["null", "boolean"]}, True),
        ({"type": ["null"]}, None),
        ({"type": 7}, "offline"),
        ({}, "offline"),
        ({"properties": {}}, {}),
        ("x", None),
        (True, None),
    ],
    ids=repr,
)
def test_a_choice_is_the_first_that_is_one(schema: Any, value: Any) -> None:
    assert example_of(schema) == value


def test_parts_are_united() -> None:
    parts = [
        {"properties": {"a": {"const": 1}}, "required": ["x"]},
        {"properties": {"b": {"const": 2}}, "required": ["y"], "type": "object"},
        "odd",
    ]
    schema = {"allOf": parts, "properties": {"c": {"const": 3}}, "required": ["z"]}
    assert example_of(schema) == {"c": 3, "a": 1, "b": 2, "z": "offline", "x": "offline", "y": "offline"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "offline"),
        ({"format": "date"}, "2026-01-01"),
        ({"format": "date-time"}, "2026-01-01T00:00:00Z"),
        ({"format": "time"}, "00:00:00Z"),
        ({"format": "email"}, "offline@example.com"),
        ({"format": "uri"}, "https://example.com/"),
        ({"format": "uuid"}, "00000000-0000-4000-8000-000000000000"),
        ({"format": "ipv4"}, "192.0.2.1"),
        ({"format": "ipv6"}, "2001:db8::1"),
        ({"format": "hostname"}, "example.com"),
        ({"format": "odd"}, "offline"),
        ({"minLength": 9}, "offline.."),
        ({"minLength": 7}, "offline"),
        ({"minLength": 10_000}, "offline" + "." * 9993),
        ({"minLength": 10_001}, "offline"),
        ({"minLength": "9"}, "offline"),
        ({"maxLength": 3}, "off"),
        ({"maxLength": 0}, ""),
        ({"maxLength": -1}, "offline"),
        ({"maxLength": "3"}, "offline"),
    ],
    ids=repr,
)
def test_a_text_has_its_format_and_length(schema: Any, value: str) -> None:
    assert example_of(schema) == value


@pytest.mark.parametrize(
    ("bounds", "whole", "number"),
    [
        ({}, 1, 1),
        ({"minimum": 5}, 5, 5),
        ({"minimum": 5, "exclusiveMinimum": 7}, 8, 7.5),
        ({"exclusiveMinimum": 0}, 1, 0.5),
        ({"exclusiveMaximum": 1}, 0, 0.5),
        ({"exclusiveMaximum": 2}, 1, 1),
        ({"exclusiveMaximum": -3}, -4, -3.5),
        ({"maximum": -3}, -3, -3),
        ({"maximum": 3}, 1, 1),
        ({"maximum": 1}, 1, 1),
        ({"minimum": "5"}, 1, 1),
    ],
    ids=repr,
)
def test_a_number_is_within_its_bounds(bounds: Any, whole: int, number: float) -> None:
    assert example_of({"type": "integer", **bounds}) == whole
    assert example_of({"type": "number", **bounds}) == number


@pytest.mark.parametrize(
    ("bounds", "length"),
    [({}, 1), ({"minItems": 0}, 1), ({"minItems": 3}, 3), ({"minItems": 101}, 100), ({"minItems": "3"}, 1)],
)
def test_a_list_is_as_short_as_it_may_be(bounds: Any, length: int) -> None:
    assert example_of({"type": "array", "items": {"const": 1}, **bounds}) == [1] * length
    assert example_of({"type": "array", **bounds}) == ["offline"] * length


def test_an_object_has_all_that_is_named() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}, "b": {}}, "required": ["c", "a", 7]}
    assert example_of(schema) == {"a": 1, "b": "offline", "c": "offline"}
    assert example_of({"type": "object", "properties": 7, "required": "a"}) == {}
    many = [str(number) for number in range(101)]
    assert list(example_of({"type": "object", "properties": {name: {} for name in many}})) == many[:100]
    assert list(example_of({"type": "object", "required": many})) == many[:100]


def depth_of(value: Any) -> int:
    depth = 0
    while value:
        value, depth = next(iter(value.values() if isinstance(value, dict) else value)), depth + 1
    return depth


class TestDepth:
    def test_of_what_leads_back_to_itself_has_an_end(self) -> None:
        # Nothing that may be left out is filled in from here on.
        assert depth_of(example_of(LOOP)) == 9
        assert depth_of(example_of({"type": "array", "items": {"$ref": "#"}})) == 9

    def test_of_what_must_be_there_has_a_later_one(self) -> None:
        assert depth_of(example_of({**LOOP, "required": ["more"]})) == 17

    @pytest.mark.parametrize("choice", ["allOf", "anyOf", "oneOf"])
    def test_of_a_choice_of_itself_is_nothing(self, choice: str) -> None:
        assert example_of({choice: [{"$ref": "#"}]}) is None

    def test_takes_the_last_choice_in_the_end(self) -> None:
        either = {
            "anyOf": [{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, {"const": 0}]
        }
        assert depth_of(example_of(either)) == 5


class TestReferences:
    def test_lead_through_the_schema(self) -> None:
        schema = {
            "properties": {
                "a": {"$ref": "#/$defs/x~1y~0z"},
                "b": {"$ref": "#/$defs/again"},
                "c": {"$ref": "#/nowhere/at/all"},
                "d": {"$ref": 7, "const": 4},
            },
            "$defs": {"x/y~z": {"const": 1}, "again": {"$ref": "#/$defs/x~1y~0z"}},
        }
        assert example_of(schema) == {"a": 1, "b": 1, "c": "offline", "d": 4}

    def test_in_a_circle_lead_nowhere(self) -> None:
        assert example_of({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}) == "offline"
