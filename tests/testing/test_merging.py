"""`allOf` in the comparison of two documents: what its parts say together."""

import json
from typing import Any

import pytest

from echo.testing.comparison import Comparison
from echo.testing.inclusion import Inclusion

A, B, C = ({"type": "object", "required": [name]} for name in "abc")
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
NAMED = {"type": "object", "properties": {"name": TEXT, "age": NUMBER}}
SHORT = {"properties": {"name": {"maxLength": 9}}, "required": ["name"]}


def rules_of(inner: Any, outer: Any) -> set[str]:
    return {rule for _, rule in Inclusion({}, {}).excess(inner, outer, "")}


class TestAllOf:
    @pytest.mark.parametrize(
        ("inner", "outer"),
        [
            ({"allOf": [A, B]}, {"allOf": [{**B}, {**A}]}),
            ({"allOf": [A, B, C]}, {"allOf": [A, C]}),
            ({"allOf": [A, B]}, B),
            ({"type": "object", "required": ["a", "b"]}, {"allOf": [A, B]}),
            ({"allOf": [A, B]}, {"type": "object", "required": ["a", "b"]}),
            ({**NAMED, "allOf": [SHORT]}, {**NAMED, "required": ["name"]}),
            ({"allOf": [NAMED, SHORT]}, {"properties": {"name": {"type": "string", "maxLength": 9}}}),
            ({"allOf": [NAMED, {"allOf": [SHORT]}]}, {"allOf": [{"allOf": [NAMED]}, SHORT]}),
            ({"allOf": [{"type": ["number", "null"]}, {"type": ["integer", "string"]}]}, NUMBER),
            (
                {"allOf": [{"minimum": 1}, {"minimum": 3, "maximum": 9}, {"maximum": 5}]},
                {"minimum": 3, "maximum": 5},
            ),
            ({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}]}, {"enum": [2, 3]}),
            ({"allOf": [{"items": TEXT}, {"items": {"maxLength": 3}}]}, {"items": {**TEXT, "maxLength": 3}}),
            ({"allOf": [NAMED, False]}, {"enum": []}),
            ({"allOf": [NAMED, True]}, NAMED),
            (
                {"allOf": [{**NAMED, "additionalProperties": False}, SHORT]},
                {"required": ["name"], "additionalProperties": {"type": ["string", "integer"]}},
            ),
            (NAMED, {**NAMED, "readOnly": True, "xml": {"name": "n"}, "$comment": "shown"}),
        ],
    )
    def test_what_is_within_it_is_fine(self, inner: Any, outer: Any) -> None:
        assert rules_of(inner, outer) == set()

    @pytest.mark.parametrize(
        ("inner", "outer", "rules"),
        [
            (A, {"allOf": [A, B]}, {"required"}),
            ({"allOf": [A, B]}, {"allOf": [A, B, C]}, {"required"}),
            ({"allOf": [A, B]}, {"type": "string"}, {"type"}),
            ({"allOf": [NAMED, SHORT]}, {"properties": {"name": {"maxLength": 8}}}, {"maxLength"}),
            ({**NAMED, "allOf": [A]}, {"allOf": [A], "properties": {"age": TEXT}}, {"type"}),
            ({"allOf": [{"minimum": 1}, {"minimum": 3}]}, {"minimum": 4}, {"minimum"}),
            ({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}]}, {"enum": [2]}, {"enum"}),
            (
                {"allOf": [NAMED, {"additionalProperties": TEXT}]},
                {"additionalProperties": False},
                {"additionalProperties"},
            ),
        ],
    )
    def test_what_is_not_is_found(self, inner: Any, outer: Any, rules: set[str]) -> None:
        assert rules_of(inner, outer) == rules

    def test_parts_may_lead_back_to_what_they_are_of(self) -> None:
        branch = {"properties": {"more": {"$ref": "#/tree"}}}
        document = {"tree": {"allOf": [{"type": "object"}, branch]}}
        narrower = {"tree": {"allOf": [{"type": "object"}, branch, {"required": ["more"]}]}}
        tree = {"$ref": "#/tree"}
        copied = json.loads(json.dumps(document))
        assert list(Inclusion(document, copied).excess(tree, tree, "")) == []
        assert list(Inclusion(narrower, document).excess(tree, tree, "")) == []
        assert set(Inclusion(document, narrower).excess(tree, tree, "")) == {(".more", "required")}

    @pytest.mark.parametrize("place", ["requestBody", "response"])
    def test_what_parts_lose_is_found(self, place: str) -> None:
        def document(*names: str) -> dict[str, Any]:
            parts = [{"properties": {name: {"default": 1} for name in names}}, {"properties": {"kept": {}}}]
            media = {"content": {"application/json": {"schema": {"allOf": parts}}}}
            said = (
                {"requestBody": media, "responses": {}}
                if place == "requestBody"
                else {"responses": {"200": media}}
            )
            return {"paths": {"/a": {"post": said}}}

        assert Comparison(document("b"), document("b", "c")).differences() == set()
        [lost] = Comparison(document("b", "c"), document("b")).differences()
        expected = ("body.c", "default") if place == "requestBody" else ("200.c", "removed")
        assert lost == ("POST /a", *expected)
