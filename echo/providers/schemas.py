"""JSON Schemas as a provider takes them: what it does not know is told to the model in words, or left out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo.errors import Unprocessable

# Deeper ones are no schemas of arguments or answers, and would cost the stack.
MAX_DEPTH = 48
# What still tells a model something where it stands in the description.
TOLD = (
    *("format", "pattern", "minLength", "maxLength"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    *("default", "examples"),
)
LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
MAPS = ("properties", "$defs")
DEFINITIONS = "#/definitions/"


@dataclass(frozen=True)
class Rules:
    """What one provider takes.

    `keywords` are those that it knows, `formats` those of strings, None for all; `most_least` is the largest
    `minItems`. With `closed` every object must say that it takes nothing beyond its properties.
    """

    keywords: frozenset[str]
    formats: frozenset[str] | None = None
    most_least: int | None = None
    closed: bool = False


def cut(schema: Any, rules: Rules, depth: int = 0) -> dict[str, Any]:
    """The schema with what the provider knows; constraints that it does not are told in the description.

    Raises `Unprocessable` for one that is nested too deep.
    """
    if depth > MAX_DEPTH:
        raise Unprocessable("A JSON schema is nested too deep.", code="unsupported_parameter")
    if not isinstance(schema, Mapping):
        return {}
    given = _usual(schema)
    made = {
        name: _inner(name, value, rules, depth + 1)
        for name, value in given.items()
        if _takes(rules, name, value)
    }
    if "$ref" in made:
        # Beside a reference nothing else may stand, but where it finds what it refers to.
        return {name: made[name] for name in ("$ref", "$defs") if name in made}
    if rules.closed and (made.get("type") == "object" or "properties" in made):
        made.setdefault("properties", {})
        made["additionalProperties"] = False
    untold = {name: given[name] for name in TOLD if name in given and name not in made}
    return {**made, "description": _described(made.get("description"), untold)} if untold else made


def flat(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The schema of arguments as one object, for providers that take no choice at its top.

    What any of the alternatives has may be given then, and nothing of what only some of them demand must be.
    """
    given = dict(schema or {})
    parts = _mappings(given.pop("allOf", ()))
    choices = [each for name in ("anyOf", "oneOf") for each in _mappings(given.pop(name, ()))]
    loose = [{"properties": each.get("properties")} for each in choices]
    return {**_united([*loose, *parts, given]), "type": "object"}


def _takes(rules: Rules, name: str, value: Any) -> bool:
    if name == "format":
        return rules.formats is None or value in rules.formats
    if name == "minItems" and rules.most_least is not None:
        return value in range(rules.most_least + 1)
    return name in rules.keywords


def _inner(name: str, value: Any, rules: Rules, depth: int) -> Any:
    if name in MAPS and isinstance(value, Mapping):
        return {key: cut(each, rules, depth) for key, each in value.items()}
    if name in LISTS and isinstance(value, list):
        return [cut(each, rules, depth) for each in value]
    if name == "items" or (name == "additionalProperties" and isinstance(value, Mapping)):
        return cut(value, rules, depth)
    if name == "$ref" and isinstance(value, str) and value.startswith(DEFINITIONS):
        return f"#/$defs/{value.removeprefix(DEFINITIONS)}"
    return value


def _usual(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in the words that all take: parts in one, a choice by `anyOf`, one value as a list of one."""
    given = dict(schema)
    if "definitions" in given:
        given.setdefault("$defs", given.pop("definitions"))
    parts = given.get("allOf")
    if isinstance(parts, list) and (len(parts) == 1 or not any("$ref" in part for part in _mappings(parts))):
        del given["allOf"]
        given = _united([*_mappings(parts), given])
    if isinstance(given.get("oneOf"), list) and "anyOf" not in given:
        given["anyOf"] = given.pop("oneOf")
    if "const" in given and "enum" not in given:
        given["enum"] = [given.pop("const")]
    return given


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _united(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All of them in one, the last word of each keyword counting, but properties of all."""
    whole = {name: value for part in parts for name, value in part.items()}
    properties = [part["properties"] for part in parts if isinstance(part.get("properties"), Mapping)]
    required = [part["required"] for part in parts if isinstance(part.get("required"), list)]
    whole.pop("properties", None)
    if properties:
        whole["properties"] = {name: value for each in properties for name, value in each.items()}
    if required:
        whole["required"] = list(dict.fromkeys(name for each in required for name in each))
    return whole


def _described(description: Any, untold: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in untold.items())
    return f"{description}\n\n({told})" if isinstance(description, str) and description else f"({told})"
