"""Whether all values of one schema are values of another. What is not understood counts as a difference."""

import json
from collections.abc import Iterator
from operator import eq, ge, le
from typing import Any

from echo.testing.merging import LOWER_BOUNDS, UPPER_BOUNDS, Parts, as_object
from echo.testing.references import Json, resolve

TYPES = frozenset({"null", "boolean", "object", "array", "number", "string"})
EXACT = ("format", "pattern", "multipleOf", "uniqueItems", "const")
ANNOTATIONS = {
    *("title", "description", "example", "examples", "default", "deprecated", "$comment"),
    # They say how a value is shown or passed on, not which one it is.
    *("readOnly", "writeOnly", "xml", "externalDocs", "discriminator"),
}
CONDITIONS = frozenset({"if", "then", "else", "not", "propertyNames", "dependentRequired"})
CHOICES = ("oneOf", "anyOf")
UNDERSTOOD = {
    *(*LOWER_BOUNDS, *UPPER_BOUNDS, *EXACT, *ANNOTATIONS),
    *("type", "enum", "required", "properties", "additionalProperties", "items"),
}
Found = Iterator[tuple[str, str]]


class Inclusion:
    """Whether one schema's values are all values of another; each schema has its document for `$ref`s."""

    def __init__(self, inner_document: Json, outer_document: Json) -> None:
        self._inner_document = inner_document
        self._outer_document = outer_document
        self._inner_parts, self._outer_parts = Parts(inner_document), Parts(outer_document)
        # As in `Comparison`.
        self._under_way: set[tuple[int, int]] = set()
        self._other_way: Inclusion | None = None

    def excess(self, inner: Any, outer: Any, place: str) -> Found:
        """Place and keyword of everything by which the outer schema refuses what the inner one allows."""
        inner, outer = as_object(inner), as_object(outer)
        inner, outer = resolve(self._inner_document, inner), resolve(self._outer_document, outer)
        if (pair := (id(inner), id(outer))) in self._under_way:
            return
        self._under_way.add(pair)
        yield from self._each_part(inner, outer, place)
        self._under_way.discard(pair)

    def _each_part(self, inner: Json, outer: Json, place: str) -> Found:
        """As `excess`: every part of an outer `allOf` has to hold; of an inner one, one may say enough, or all do."""
        if "allOf" in outer:
            for part in self._outer_parts.of(outer):
                yield from self.excess(inner, part, place)
        elif "allOf" not in inner:
            yield from self._excess(inner, outer, place)
        elif not any(self._is_within(part, outer) for part in self._inner_parts.of(inner)):
            yield from self._excess(self._inner_parts.whole(inner), outer, place)

    def _excess(self, inner: Json, outer: Json, place: str) -> Found:
        inner, outer = with_names(inner), with_names(outer)
        if any(each in inner or each in outer for each in CHOICES):
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
            yield from self.excess(inner.get("items", True), outer["items"], f"{place}[]")

    def _choice(self, inner: Json, outer: Json, place: str) -> Found:
        keyword = next((each for each in CHOICES if each in outer), None)
        rest, branches = split(inner)
        if keyword is None:
            # What stands beside the branches may say enough; else each of them has to.
            left = list(self._excess(rest, outer, place))
            for branch in branches if left else ():
                yield from self.excess(branch, outer, place)
            return
        beside, _ = split(outer)
        if beside.keys() - ANNOTATIONS:
            yield from self._excess(inner, beside, place)
        for index, branch in enumerate(branches or [inner]):
            # Of values of a branch of `oneOf` it is known that no other branch has them.
            excluded = [each for at, each in enumerate(branches) if at != index and "oneOf" in inner]
            if self._is_chosen(branch, index, excluded, (keyword, outer[keyword])):
                continue
            if len(branches) == len(outer[keyword]) and not self._is_within(branch, outer[keyword][index]):
                yield from self.excess(branch, outer[keyword][index], place)
            else:
                yield place, f"{keyword} is not understood"

    def _is_chosen(
        self, branch: Json, index: int, excluded: list[Json], choice: tuple[str, list[Json]]
    ) -> bool:
        """Whether a choice takes all values of a branch, the one at this place of another choice if it is in one."""
        keyword, outer = choice
        fitting = [at for at, each in enumerate(outer) if self._is_within(branch, each)]
        if not fitting or keyword == "anyOf":
            return bool(fitting)
        fits = index if index in fitting else fitting[0]
        return all(self._is_apart(branch, each, excluded) for at, each in enumerate(outer) if at != fits)

    def _is_apart(self, branch: Json, other: Json, excluded: list[Json]) -> bool:
        """Whether no value of a branch is one of another schema's; it is none of those excluded."""
        inner, outer = as_object(branch), as_object(other)
        inner, outer = resolve(self._inner_document, inner), resolve(self._outer_document, outer)
        if types(inner).isdisjoint(types(outer)) or have_different_fields(inner, outer):
            return True
        return any(self._reversed()._is_within(other, each) for each in excluded)

    def _is_within(self, inner: Json, outer: Json) -> bool:
        # To its end: a pair that is left in the middle would stay under way.
        return not list(self.excess(inner, outer, ""))

    def _reversed(self) -> "Inclusion":
        """The same for the other direction. It knows what is under way here, as schemas lead back to themselves."""
        if self._other_way is None:
            self._other_way = Inclusion(self._outer_document, self._inner_document)
            self._other_way._other_way = self
        return self._other_way

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


def split(schema: Json) -> tuple[Json, list[Json]]:
    """A schema without its choice, and the branches of that: it allows no more than either does."""
    keyword = next((each for each in CHOICES if each in schema), None)
    return {name: each for name, each in schema.items() if name != keyword}, schema.get(keyword or "", [])


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


def have_different_fields(one: Json, other: Json) -> bool:
    """Whether both are of objects of which those of one have a field that the other refuses."""
    if frozenset({"object"}) not in (types(one), types(other)):
        return False
    return needs_what_is_refused(one, other) or needs_what_is_refused(other, one)


def needs_what_is_refused(one: Json, other: Json) -> bool:
    """Whether a field that one requires is none of the other's, which takes no others."""
    if other.get("additionalProperties") is not False or "patternProperties" in other:
        return False
    return not set(one.get("required", ())) <= with_names(other).get("properties", {}).keys()


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
