"""`allOf` as one schema: what its parts say together."""

from collections.abc import Callable
from functools import reduce
from typing import Any

from echo.testing.references import Json, resolve

LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
# One object each, by which they are known again where schemas lead back to themselves.
ANYTHING: Json = {}
NOTHING: Json = {"enum": []}


class Parts:
    """The schemas of a document with the parts of each `allOf` in one.

    The same object each time for the same schema: by that those that lead back to themselves are known again.
    """

    def __init__(self, document: Json) -> None:
        self._document = document
        # With the schema that each was made of, so that its id stays its own.
        self._made: dict[int, tuple[Json, Json]] = {}

    def of(self, schema: Json) -> list[Json]:
        """The parts of a schema, what stands beside its `allOf` among them; itself where it has none."""
        found = resolve(self._document, schema)
        if "allOf" not in found:
            return [found]
        beside = {name: each for name, each in found.items() if name != "allOf"}
        return [*([beside] if beside else ()), *found["allOf"]]

    def whole(self, schema: Json) -> Json:
        """A schema in which no `allOf` stands, for this one: every value that all parts take, it takes too.

        It may take more, where two parts have a keyword of which both cannot be said in one schema.
        """
        found = resolve(self._document, schema)
        if "allOf" not in found:
            return found
        if id(found) not in self._made:
            # Before its parts are looked at: they may lead back to it.
            self._made[id(found)] = (found, {})
            self._made[id(found)] = (found, reduce(both, map(self.whole, map(as_object, self.of(found)))))
        return self._made[id(found)][1]


def both(one: Json, other: Json) -> Json:
    """One schema of two."""
    shared = {name: JOINS[name](one[name], other[name]) for name in one.keys() & other.keys() & JOINS.keys()}
    return {**other, **one, **shared}


def _types(one: Any, other: Any) -> list[str]:
    """The types in both; an integer is a number."""
    named = [[each] if isinstance(each, str) else [*each] for each in (one, other)]
    wide = [{*each, *(("integer",) if "number" in each else ())} for each in named]
    return sorted(wide[0] & wide[1])


def _each(one: Json, other: Json) -> Json:
    """What either names; of what both name, what both say."""
    return {**other, **one, **{name: _one_of(one[name], other[name]) for name in one.keys() & other.keys()}}


def _one_of(one: Any, other: Any) -> Any:
    return one if one == other else {"allOf": [one, other]}


# What two schemas say of one keyword, as one says it; of any other keyword the first one is heard.
JOINS: dict[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(LOWER_BOUNDS, max),
    **dict.fromkeys(UPPER_BOUNDS, min),
    "type": _types,
    "enum": lambda one, other: [each for each in one if each in other],
    "required": lambda one, other: [*dict.fromkeys((*one, *other))],
    "properties": _each,
    "items": _one_of,
    "additionalProperties": _one_of,
}


def as_object(schema: Any) -> Json:
    """A boolean schema as the object that means the same."""
    if isinstance(schema, bool):
        return ANYTHING if schema else NOTHING
    found: Json = schema
    return found
