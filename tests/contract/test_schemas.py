"""Schemas, compiled: what fits them, and what people are told of what does not."""

from typing import Any

import pytest

from echo.contract.schemas import SchemaCompiler, Validator, holds_more_values, references
from echo.errors import FieldError


def validator(schema: dict[str, Any], **schemas: Any) -> Validator:
    return SchemaCompiler({"components": {"schemas": schemas}}).compile(schema)


def told(schema: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    return [(each.field, each.message) for each in validator(schema).field_errors(value)]


def test_what_is_no_json_does_not_fit() -> None:
    assert validator({"type": "string"}).is_valid("\ud800") is False


@pytest.mark.parametrize(
    ("levels", "message"),
    [(255, "has the wrong type"), (256, "is nested too deeply"), (1023, "is nested too deeply")],
)
def test_what_is_nested_too_deeply_is_told_without_its_place(levels: int, message: str) -> None:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    schema = validator({"type": "object"})
    assert schema.is_valid(value) is False
    assert schema.field_errors(value) == (FieldError("body", message),)
    [detail] = schema.details(value)
    assert (detail == "is nested too deeply") is (levels > 255)
    assert validator({"type": "array"}).field_errors(value) == ()


def test_equal_schemas_share_one_validator() -> None:
    compiler = SchemaCompiler({})
    first = compiler.compile({"type": "string", "maxLength": 5})
    assert compiler.compile({"maxLength": 5, "type": "string"}) is first
    assert compiler.compile({"type": "string", "maxLength": 6}) is not first


@pytest.mark.parametrize(
    ("schema", "value", "field", "message"),
    [
        ({"type": "string"}, 7, "body", "has the wrong type"),
        ({"required": ["a"]}, {}, "a", "is required"),
        ({"properties": {"a": {"required": ["b"]}}}, {"a": {}}, "a.b", "is required"),
        ({"items": {"enum": ["x"]}}, ["x", "y"], "1", "is not one of the allowed values"),
        ({"const": 1}, 2, "body", "is not the allowed value"),
        ({"oneOf": [{"type": "string"}]}, 1, "body", "is none of what is allowed"),
        ({"format": "date-time"}, "now", "body", "is not in the right format"),
        ({"pattern": "^a$"}, "b", "body", "does not match the pattern"),
        ({"minLength": 2}, "a", "body", "is too short"),
        ({"maxLength": 2}, "abc", "body", "is too long"),
        ({"minimum": 2}, 1, "body", "is too small"),
        ({"maximum": 2}, 3, "body", "is too large"),
        ({"minItems": 1}, [], "body", "has too few items"),
        ({"maxItems": 1}, [1, 2], "body", "has too many items"),
        (
            {"properties": {"b": {}}, "additionalProperties": False},
            {"a": 1},
            *("body", "has a property that is not allowed"),
        ),
        ({"multipleOf": 2}, 3, "body", "is not valid"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_without_the_value(
    schema: dict[str, Any], value: Any, field: str, message: str
) -> None:
    assert told(schema, value) == [(field, message)]


def test_at_most_twenty_faults_are_told() -> None:
    assert told({"items": {"type": "string"}}, [1] * 21) == [
        (str(place), "has the wrong type") for place in range(20)
    ]


def test_of_more_than_two_thousand_values_none_is_told() -> None:
    schema = validator({"items": {"type": "integer"}})
    assert schema.field_errors([*range(1999), "x"]) == (FieldError("1999", "has the wrong type"),)
    too_much = "is not valid, and holds too many values to say which is wrong"
    assert schema.field_errors([*range(2000), "x"]) == (FieldError("body", too_much),)
    assert schema.field_errors([*range(2001)]) == ()
    assert schema.details([*range(2000), "x"]) == [too_much]
    [detail] = schema.details(["x"])
    assert "x" in detail


@pytest.mark.parametrize(
    ("value", "values"),
    [(7, 0), ([], 0), ([1, 2], 2), ({"a": [1, {"b": 2}]}, 4), ([[[]]], 2), ("text", 0)],
)
def test_values_are_counted_at_any_depth(value: Any, values: int) -> None:
    assert holds_more_values(value, values) is False
    assert holds_more_values(value, max(0, values - 1)) is (values > 0)


def test_schemas_refer_to_others_and_to_themselves() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    schemas = {"Node": node, "List": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}}
    compiler = SchemaCompiler({"components": {"schemas": schemas}})
    compiled = compiler.compile({"$ref": "#/components/schemas/List"})
    assert compiled.is_valid([{"next": {"next": {}}}])
    assert not compiled.is_valid([{"next": {"next": 7}}])
    assert compiler.compile({"$ref": "#/components/schemas/List"}) is compiled
    assert compiler.resolve({"$ref": "#/components/schemas/Node"}) == node
    assert compiler.resolve(node) is node
    assert list(references([{"$ref": "a"}, {"x": [{"$ref": "b"}], "$ref": 7}])) == ["a", "b"]
