"""Values of a JSON Schema: always the same ones, as small as the schema lets them be."""

from collections.abc import Mapping
from typing import Any

TEXT = "offline"
FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "offline@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}
# A schema may lead back to itself: below this no optional part is filled in any more.
DEEPEST = 8
MOST = 100


def example_of(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """A value that the schema allows, as far as types, bounds, names and choices tell; patterns are not read."""
    root = schema if root is None else root
    schema = _resolved(schema, root)
    if not isinstance(schema, Mapping) or depth > 2 * DEEPEST:
        return None
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(choice), list) and schema[choice]:
            return _of_choice(choice, schema, root, depth)
    return _of_type(_type_of(schema), schema, root, depth)


def _of_choice(choice: str, schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    rest = {name: value for name, value in schema.items() if name != choice}
    branches = [_resolved(each, root) for each in schema[choice]]
    mappings = [each for each in branches if isinstance(each, Mapping)]
    if choice == "allOf":
        merged: dict[str, Any] = dict(rest)
        for each in mappings:
            properties = {**(merged.get("properties") or {}), **(each.get("properties") or {})}
            required = [*(merged.get("required") or []), *(each.get("required") or [])]
            merged = {**merged, **each, "properties": properties, "required": required}
        return example_of(merged, root, depth + 1)
    # The last branch is often null, the deep end of a schema that leads back to itself.
    order = reversed(mappings) if depth > DEEPEST else iter(mappings)
    return example_of(next(order, {}), root, depth + 1)


def _of_type(kind: str, schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "array":
        least = schema.get("minItems", 0)
        count = max(least if isinstance(least, int) else 0, 0 if depth > DEEPEST else 1)
        return [example_of(schema.get("items", {}), root, depth + 1) for _ in range(min(count, MOST))]
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    return {"string": _text(schema), "boolean": True}.get(kind)


def _object(schema: Mapping[str, Any], root: Any, depth: int) -> dict[str, Any]:
    named = schema.get("properties")
    named = named if isinstance(named, Mapping) else {}
    required = schema.get("required") if isinstance(schema.get("required"), list) else []
    wanted = [name for name in named if depth <= DEEPEST or name in (required or [])]
    missing = [name for name in required or [] if name not in named and isinstance(name, str)]
    return {
        **{name: example_of(named[name], root, depth + 1) for name in wanted[:MOST]},
        **dict.fromkeys(missing[:MOST], TEXT),
    }


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    step = 1 if whole else 0.5
    if isinstance(above := schema.get("exclusiveMinimum"), int | float):
        return above + step
    if isinstance(least := schema.get("minimum"), int | float):
        return least
    if isinstance(below := schema.get("exclusiveMaximum"), int | float) and below <= 1:
        return below - step
    most = schema.get("maximum")
    return min(1, most) if isinstance(most, int | float) else 1


def _text(schema: Mapping[str, Any]) -> str:
    text = FORMATS.get(str(schema.get("format")), TEXT)
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(least, int) and len(text) < least <= 10_000:
        text = text.ljust(least, ".")
    return text[:most] if isinstance(most, int) and most >= 0 else text


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    return kind if isinstance(kind, str) else "object" if "properties" in schema else "string"


def _resolved(schema: Any, root: Any) -> Any:
    """What a `$ref` within the schema leads to; nothing for one that leads nowhere."""
    for _ in range(DEEPEST):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str):
            return schema
        schema = root
        for part in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
            schema = (
                schema.get(part.replace("~1", "/").replace("~0", "~"), {})
                if isinstance(schema, Mapping)
                else {}
            )
    return {}
