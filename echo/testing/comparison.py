"""Structural comparison of two OpenAPI documents: what the older one accepts and promises must hold in the newer.

Requests may only become wider: every value that the floor accepts, the current document accepts too. Responses may
only become narrower: every value that the current document allows, the floor allows too, and every property of the
floor is still there. A keyword that the comparison does not know counts as a difference, so that it fails closed.
"""

import json
from collections.abc import Iterator, Mapping
from operator import eq, ge, le
from typing import Any, NamedTuple

Json = Mapping[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
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


class Difference(NamedTuple):
    """A broken promise: of which operation, where in it, and by which rule."""

    operation: str
    place: str
    rule: str


Found = Iterator[tuple[str, str]]


def whole(item: Json, method: str) -> Json | None:
    """An operation with the parameters that all operations of its path have, its own winning."""
    if method not in item:
        return None
    return {**item[method], "parameters": [*item.get("parameters", ()), *item[method].get("parameters", ())]}


def is_open(alternatives: list[Any]) -> bool:
    """Whether anyone may ask, with credentials or without."""
    return not alternatives or {} in alternatives


class Uncomparable(Exception):
    """A document leads to what it does not hold; one sentence for people."""


class Comparison:
    """Compares the current document with the floor. Schemas may lead back to themselves.

    Raises `Uncomparable` for a `$ref` that leads out of its document, or nowhere.
    """

    def __init__(self, floor: Json, current: Json) -> None:
        self._floor = floor
        self._current = current
        # Pairs of schemas that are being compared: one that comes again within itself says nothing new.
        self._under_way: set[tuple[int, int]] = set()

    def differences(self) -> set[Difference]:
        """Every place where the current document breaks the floor."""
        found = {
            Difference(f"{method.upper()} {path}", place, rule)
            for path, item in self._floor["paths"].items()
            for method in METHODS
            if method in item
            for place, rule in self._operation(
                whole(item, method) or {}, whole(self._current["paths"].get(path, {}), method)
            )
        }
        for name, scheme in self._floor.get("components", {}).get("securitySchemes", {}).items():
            ours = self._current.get("components", {}).get("securitySchemes", {}).get(name, {})
            found |= {
                Difference("*", f"security.{name}", key)
                for key in scheme
                if key != "description" and ours.get(key) != scheme[key]
            }
        return found

    def _operation(self, old: Json, new: Json | None) -> Found:
        if new is None:
            yield "operation", "removed"
            return
        yield from self._security(old, new)
        yield from self._parameters(old, new)
        yield from self._request_body(old, new)
        yield from self._responses(old, new)

    def _security(self, old: Json, new: Json) -> Found:
        before = old.get("security", self._floor.get("security", []))
        after = new.get("security", self._current.get("security", []))
        # An empty alternative is open to anyone, as no alternatives are.
        if is_open(before) != is_open(after) or any(alternative not in after for alternative in before):
            yield "security", "changed"

    def _parameters(self, old: Json, new: Json) -> Found:
        before, after = parameters(self._floor, old), parameters(self._current, new)
        for key, parameter in before.items():
            if key not in after:
                yield ".".join(key), "removed"
                continue
            if after[key].get("required", False) and not parameter.get("required", False):
                yield ".".join(key), "required"
            yield from self._accepts(parameter.get("schema", {}), after[key].get("schema", {}), ".".join(key))
        for key in after.keys() - before.keys():
            if after[key].get("required", False):
                yield ".".join(key), "required"
            # The floor ignores what it does not declare, whatever text it is.
            yield from self._accepts({"type": "string"}, after[key].get("schema", {}), ".".join(key))

    def _request_body(self, old: Json, new: Json) -> Found:
        before = resolve(self._floor, old.get("requestBody", {}))
        after = resolve(self._current, new.get("requestBody", {}))
        if after.get("required", False) and not before.get("required", False):
            yield "body", "required"
        for media_type, media in before.get("content", {}).items():
            if media_type not in after.get("content", {}):
                yield "body", f"media type {media_type} removed"
                continue
            yield from self._accepts(
                media.get("schema", {}), after["content"][media_type].get("schema", {}), "body"
            )

    def _accepts(self, old: Json, new: Json, place: str) -> Found:
        yield from Inclusion(self._floor, self._current).excess(old, new, place)
        yield from self._defaults(old, new, place)

    def _defaults(self, old: Json, new: Json, place: str) -> Found:
        old, new = resolve(self._floor, old), resolve(self._current, new)
        if (pair := (id(old), id(new))) in self._under_way:
            return
        self._under_way.add(pair)
        if "default" in old and new.get("default") != old["default"]:
            yield place, "default"
        for name, schema in old.get("properties", {}).items():
            yield from self._defaults(schema, new.get("properties", {}).get(name, {}), f"{place}.{name}")
        self._under_way.discard(pair)

    def _responses(self, old: Json, new: Json) -> Found:
        for status, raw in old["responses"].items():
            if status not in new["responses"]:
                yield status, "removed"
                continue
            before = resolve(self._floor, raw)
            after = resolve(self._current, new["responses"][status])
            for name in before.get("headers", {}).keys() - after.get("headers", {}).keys():
                yield f"{status}.{name}", "removed"
            yield from self._contents(before.get("content", {}), after.get("content", {}), status)

    def _contents(self, old: Json, new: Json, status: str) -> Found:
        for media_type in old.keys() - new.keys():
            yield status, f"media type {media_type} removed"
        if old:
            for media_type in new.keys() - old.keys():
                yield status, f"media type {media_type} added"
        for media_type in old.keys() & new.keys():
            before, after = old[media_type].get("schema", {}), new[media_type].get("schema", {})
            yield from Inclusion(self._current, self._floor).excess(after, before, status)
            yield from self._lost(before, after, status)

    def _lost(self, old: Json, new: Json, place: str) -> Found:
        old, new = resolve(self._floor, old), resolve(self._current, new)
        if "oneOf" in new:
            # The first is the floor's own; the others are for clients that know them.
            new = resolve(self._current, new["oneOf"][0])
        if (pair := (id(old), id(new))) in self._under_way:
            return
        self._under_way.add(pair)
        old, new = with_names(old), with_names(new)
        for name, schema in old.get("properties", {}).items():
            if name not in new.get("properties", {}):
                yield f"{place}.{name}", "removed"
            else:
                yield from self._lost(schema, new["properties"][name], f"{place}.{name}")
        if isinstance(old.get("items"), Mapping):
            yield from self._lost(old["items"], new.get("items", {}), f"{place}[]")
        self._under_way.discard(pair)


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
    """The schema with its second names among its properties: said of a field where it is there.

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


def parameters(document: Json, operation: Json) -> dict[tuple[str, str], Json]:
    """The operation's parameters by place and name."""
    resolved = (resolve(document, raw) for raw in operation.get("parameters", ()))
    return {(parameter["in"], parameter["name"]): parameter for parameter in resolved}


def resolve(document: Json, node: Json) -> Json:
    """The node itself, or what its `$ref` points to."""
    while "$ref" in node:
        target: Any = document
        try:
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
        except (KeyError, TypeError) as error:
            raise Uncomparable(f"{node['$ref']} leads nowhere in its document.") from error
        node = target
    return node
