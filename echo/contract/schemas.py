"""JSON Schema 2020-12, compiled once: the validators of requests and responses."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from echo.errors import FieldError

MAX_FIELD_ERRORS = 20
# The validator finds all errors before it gives the first, each with a copy of what is wrong: for a body of 3 MB that
# stopped the event loop for ten seconds and more. Whether something is valid takes a thousandth of that.
MAX_EXPLAINED_VALUES = 2000
TOO_MUCH = "is not valid, and holds too many values to say which is wrong"
# An error has a copy of what is wrong, which the validator makes of 255 levels at most.
TOO_DEEP = "is nested too deeply"


class Validator:
    """A schema, compiled when it is first needed, formats checked.

    To compile those of both documents took a tenth of a start; most of them are never asked.
    """

    def __init__(self, schema: Callable[[], dict[str, Any]]) -> None:
        self._schema = schema

    @cached_property
    def compiled(self) -> jsonschema_rs.Draft202012Validator:
        """The validator itself. Two threads may make it at the same time, to the same effect."""
        return jsonschema_rs.Draft202012Validator(self._schema(), validate_formats=True)

    def is_valid(self, instance: Any) -> bool:
        """Whether the instance fits the schema; what is no JSON, such as half of a surrogate pair, does not."""
        try:
            return self.compiled.is_valid(instance)
        except ValueError:
            return False

    def field_errors(self, instance: Any) -> tuple[FieldError, ...]:
        """What is wrong and where, for people: at most twenty, never the schema or the value itself.

        Of what holds more than two thousand values it is only said that it is not valid.
        """
        if holds_more_values(instance, MAX_EXPLAINED_VALUES):
            return () if self.is_valid(instance) else (FieldError("body", TOO_MUCH),)
        try:
            errors = islice(self.compiled.iter_errors(instance), MAX_FIELD_ERRORS)
            return tuple(FieldError(_field_name(error), _explain(error)) for error in errors)
        except ValueError:
            return (FieldError("body", TOO_DEEP),)

    def details(self, instance: Any) -> list[str]:
        """What is wrong, with the values, for the log of the server only."""
        if holds_more_values(instance, MAX_EXPLAINED_VALUES):
            return [TOO_MUCH]
        try:
            return [str(error) for error in self.compiled.iter_errors(instance)]
        except ValueError:
            return [TOO_DEEP]


def holds_more_values(instance: Any, most: int) -> bool:
    """Whether a JSON value holds more values than that, at any depth; looks at no more than it takes to know."""
    seen, pending = 0, [instance]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            seen += len(value)
            if seen > most:
                return True
            pending += value.values() if isinstance(value, dict) else value
    return False


class SchemaCompiler:
    """Compiles the schemas of one document; `$ref`s point into its components."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._compiled: dict[bytes, Validator] = {}

    def compile(self, schema: Mapping[str, Any]) -> Validator:
        """A validator for a schema that may refer to the document's components; equal schemas share one.

        A validator holds all that it was compiled with. Given every component each time, those of one worker took
        85 MB; given what they refer to, less than 1 MB.
        """
        key = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
        if key not in self._compiled:
            self._compiled[key] = Validator(
                lambda: {**schema, "components": {"schemas": self._referenced(schema)}}
            )
        return self._compiled[key]

    def _referenced(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        pending = list(references(schema))
        while pending:
            reference = pending.pop()
            name = reference.removeprefix("#/components/schemas/")
            if name not in found:
                found[name] = self.resolve({"$ref": reference})
                pending += references(found[name])
        return found

    def resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The object itself, or what its `$ref` points to."""
        while "$ref" in node:
            target: Any = self._document
            for part in str(node["$ref"]).removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a schema, at any depth."""
    if isinstance(node, Mapping):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def _field_name(error: jsonschema_rs.ValidationError) -> str:
    path: Iterable[str | int] = error.instance_path
    name = ".".join(str(part) for part in path)
    # Of what is required and not there; no other kind of error has it.
    missing = getattr(error.kind, "property", None)
    return ".".join(part for part in (name, missing) if part) or "body"


_EXPLANATIONS = {
    "required": "is required",
    "type": "has the wrong type",
    "enum": "is not one of the allowed values",
    "const": "is not the allowed value",
    "oneOf": "is none of what is allowed",
    "format": "is not in the right format",
    "pattern": "does not match the pattern",
    "minLength": "is too short",
    "maxLength": "is too long",
    "minimum": "is too small",
    "maximum": "is too large",
    "minItems": "has too few items",
    "maxItems": "has too many items",
    "additionalProperties": "has a property that is not allowed",
}


def _explain(error: jsonschema_rs.ValidationError) -> str:
    """A sentence of ours: a validator's own message would repeat the schema and what was sent."""
    return _EXPLANATIONS.get(error.kind.name, "is not valid")
