"""JSON Schemas, cut to what a provider knows."""

from typing import Any

import pytest

from echo.errors import Unprocessable
from echo.providers import anthropic_options, google_options
from echo.providers.schemas import MAX_DEPTH, cut

PERSON = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "In full."},
        "born": {"type": "string", "format": "date"},
        "age": {"type": "integer", "minimum": 0, "default": 1},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^a"}, "minItems": 2},
        "kind": {"const": "person"},
        "boss": {"anyOf": [{"$ref": "#/$defs/Boss", "description": "x"}, {"type": "null"}]},
    },
    "required": ["name"],
    "$defs": {"Boss": {"type": "object", "properties": {"id": {"type": ["string", "null"]}}}},
}


def test_anthropic_is_told_in_words_what_it_does_not_know() -> None:
    assert cut(PERSON, anthropic_options.SCHEMAS) == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "In full.\n\n(minLength: 1)"},
            "born": {"type": "string", "format": "date"},
            "age": {"type": "integer", "description": "(minimum: 0, default: 1)"},
            "tags": {
                "type": "array",
                "items": {"type": "string", "description": '(pattern: "^a")'},
                "description": "(minItems: 2)",
            },
            "kind": {"enum": ["person"]},
            "boss": {"anyOf": [{"$ref": "#/$defs/Boss"}, {"type": "null"}]},
        },
        "required": ["name"],
        "additionalProperties": False,
        "$defs": {
            "Boss": {
                "type": "object",
                "properties": {"id": {"type": ["string", "null"]}},
                "additionalProperties": False,
            }
        },
    }


def test_google_knows_bounds_and_open_objects() -> None:
    made = cut(PERSON, google_options.SCHEMAS)
    assert set(made) == {"type", "properties", "required", "$defs"}
    assert made["properties"]["age"] == {"type": "integer", "minimum": 0, "description": "(default: 1)"}
    assert made["properties"]["tags"]["minItems"] == 2
    assert made["properties"]["kind"] == {"enum": ["person"]}
    open_one = {"type": "object", "additionalProperties": {"type": "integer", "multipleOf": 2}}
    assert cut(open_one, google_options.SCHEMAS) == {
        "type": "object",
        "additionalProperties": {"type": "integer", "description": "(multipleOf: 2)"},
    }


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (True, {}),
        ({}, {}),
        ({"type": "string", "minLength": None}, {"type": "string", "description": "(minLength: null)"}),
        ({"type": "string", "pattern": "^ü"}, {"type": "string", "description": '(pattern: "^ü")'}),
        ({"oneOf": [{"type": "string"}, True]}, {"anyOf": [{"type": "string"}, {}]}),
        ({"allOf": [{"$ref": "#/definitions/A"}], "title": "T"}, {"$ref": "#/$defs/A"}),
        (
            {
                "allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}],
                "type": "object",
            },
            {"properties": {"a": {}, "b": {}}, "required": ["a"], "type": "object"},
        ),
        ({"$ref": "#/definitions/A", "definitions": {"A": {}}}, {"$ref": "#/$defs/A", "$defs": {"A": {}}}),
        ({"properties": [], "anyOf": 5, "items": [{}]}, {"properties": [], "anyOf": 5, "items": {}}),
    ],
)
def test_other_ways_to_write_the_same(given: Any, made: Any) -> None:
    assert cut(given, google_options.SCHEMAS) == made


def test_one_that_is_too_deep_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 1):
        deep = {"items": deep}
    with pytest.raises(Unprocessable, match="nested too deep"):
        cut(deep, google_options.SCHEMAS)
    assert cut(deep["items"], google_options.SCHEMAS)
