"""Whether all values of one schema are values of another. What is not understood counts as a difference."""

import json
from collections.abc import Iterator
from operator import eq, ge, le
from typing import Any

from echo.testing.references import Json, resolve

TYPES = frozenset({"null", "boolean", "object", "array", "number", "string"})
LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT = ("format", "pattern", "multipleOf", "uniqueItems", "const")
ANNOTATIONS = {"title", "description", "example", "examples", "default", "deprecated"}
CONDITIONS = frozenset({"allOf", "if", "then", "else", "not"})
UNDERSTOOD = {
    *(*LOWER_BOUNDS, *UPPER_BOUNDS, *EXACT, *ANNOTATIONS),
    *("type", "enum", "required", "properties", "additionalProperties", "items"),
    # Of the narrower schema only: it allows no more than its branches do.
    "oneOf",
}
Found = Iterator[tuple[str, str]]


class Inclusion:
    """Whether one schema's values are all values of another; each schema has its document for `$ref`s."""

    def __init__(self, inner_document: Json, outer_document: Json) -> None:
        self._inner_document = inner_document
        self._outer_document = outer_document
        # As in `Comparison`.
        self._under_way: set[tuple[int, int]] = set()

    def excess(self, inner: Any, outer: Any, place: str) -> Found:
        """Place and keyword of everything by which the outer schema refuses what the inner one allows."""
        inner, outer = as_object(inner), as_object(outer)
        inner, outer = resolve(self._inner_document, inner), resolve(self._outer_document, outer)
        if (pair := (id(inner), id(outer))) in self._under_way:
            return
        self._under_way.add(pair)
        yield from self._excess(inner, outer, place)
        self._under_way.discard(pair)

    def _excess(self, inner: Json, outer: Json, place: str) -> Found:
        inner, outer = with_names(inner), with_names(outer)
        if "oneOf" in inner or "oneOf" in outer:
            yield from self._choice(inner, outer, place)
            return
        for keyword in sorted((inner.keys() | outer.keys()) - UNDERSTOOD):
            if not keyword.startswith("x-") and not is_common(keyword, inner, outer):
                yield place, f"{keyword} is not understood"
        yield from ((place, rule) for rule in scalar_excess(inner, outer))
        for name in sorted(set(outer.get("required", ())) - set(inner.get("required", ()))):
            yield f"{place}.{name}", "required"
        yield from self._properties(inner, outer, place)
        if outer.get("items", True) is not True:
            yield from self.excess(inner.get("items", {}), outer["items"], f"{place}[]")

    def _choice(self, inner: Json, outer: Json, place: str) -> Found:
        if inner == outer and self._inner_document is self._outer_document:
            return
        if "oneOf" in outer or inner.keys() - ANNOTATIONS != {"oneOf"}:
            yield place, "oneOf is not understood"
            return
        for branch in inner["oneOf"]:
            yield from self.excess(branch, outer, place)

    def _properties(self, inner: Json, outer: Json, place: str) -> Found:
        # What a schema does not name, it allows as its `additionalProperties` say: without one, anything.
        inner_rest, outer_rest = (
            inner.get("additionalProperties", True),
            outer.get("additionalProperties", True),
        )
        inner_named, outer_named = inner.get("properties", {}), outer.get("properties", {})
        for name, schema in outer_named.items():
            if (allowed := inner_named.get(name, inner_rest)) is not False:
                yield from self.excess(allowed, schema, f"{place}.{name}")
        if outer_rest is True:
            return
        rest = {"additionalProperties": inner_rest} | {
            name: schema for name, schema in inner_named.items() if name not in outer_named
        }
        for name, schema in rest.items():
            if schema is False:
                continue
            if outer_rest is False:
                yield place, "additionalProperties"
            else:
                yield from self.excess(schema, outer_rest, f"{place}.{name}")


def is_common(keyword: str, inner: Json, outer: Json) -> bool:
    """Whether both schemas have the very same condition, which then refuses nothing that the inner one allows.

    Of one with references that cannot be told: they may lead to different schemas.
    """
    same = keyword in CONDITIONS and inner.get(keyword) == outer.get(keyword)
    return same and "$ref" not in json.dumps(inner[keyword])


def scalar_excess(inner: Json, outer: Json) -> Iterator[str]:
    """The keywords without subschemas by which `outer` refuses what `inner` allows."""
    if not types(inner) <= types(outer):
        yield "type"
    if "enum" in outer and not ("enum" in inner and set(inner["enum"]) <= set(outer["enum"])):
        yield "enum"
    for keywords, is_within in ((LOWER_BOUNDS, ge), (UPPER_BOUNDS, le), (EXACT, eq)):
        for keyword in keywords:
            if keyword in outer and not (keyword in inner and is_within(inner[keyword], outer[keyword])):
                yield keyword


def types(schema: Json) -> frozenset[str]:
    """The types of a schema's values; numbers include integers."""
    declared = schema.get("type", TYPES)
    named = {declared} if isinstance(declared, str) else set(declared)
    return frozenset(named | ({"integer"} if "number" in named else set()))


def with_names(schema: Json) -> Json:
    """The schema with its second names among its properties.

    A second name (`topP` of `top_p`) is in `dependentSchemas`, which generators of clients pass over.
    """
    dependent = schema.get("dependentSchemas", {})
    if not dependent or any(
        said.keys() != {"properties"} or [*said["properties"]] != [name] for name, said in dependent.items()
    ):
        return schema
    named = {name: said["properties"][name] for name, said in dependent.items()}
    rest = {key: value for key, value in schema.items() if key != "dependentSchemas"}
    return {**rest, "properties": {**schema.get("properties", {}), **named}}


def as_object(schema: Any) -> Json:
    """A boolean schema as the object that means the same."""
    if isinstance(schema, bool):
        return {} if schema else {"enum": []}
    found: Json = schema
    return found
