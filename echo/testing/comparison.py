"""Structural comparison of two OpenAPI documents: what the older one accepts and promises must hold in the newer.

Requests may only become wider: every value that the floor accepts, the current document accepts too. Responses may
only become narrower: every value that the current document allows, the floor allows too, and every property of the
floor is still there. A keyword that the comparison does not know counts as a difference, so that it fails closed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from echo.testing.inclusion import Found, Inclusion, with_names
from echo.testing.merging import Parts
from echo.testing.references import METHODS, Json, is_open, parameters, resolve, whole


class Difference(NamedTuple):
    """A broken promise: of which operation, where in it, and by which rule."""

    operation: str
    place: str
    rule: str


class Comparison:
    """Compares the current document with the floor. Schemas may lead back to themselves.

    Raises `Uncomparable` for a `$ref` that leads out of its document, or nowhere.
    """

    def __init__(self, floor: Json, current: Json) -> None:
        self._floor = floor
        self._current = current
        self._old_parts, self._new_parts = Parts(floor), Parts(current)
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
        old, new = self._old_parts.whole(old), self._new_parts.whole(new)
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
        old, new = self._old_parts.whole(old), self._new_parts.whole(new)
        if "oneOf" in new:
            # The first is the floor's own; the others are for clients that know them.
            new = self._new_parts.whole(new["oneOf"][0])
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
