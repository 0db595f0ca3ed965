"""Parameters in path, query, header and cookie: from text to the typed arguments of a handler."""

import builtins
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from echo.contract.schemas import SchemaCompiler, Validator
from echo.errors import FieldError

_INTEGER = re.compile(r"[+-]?\d{1,1000}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d{1,300})?([eE][+-]?\d{1,3})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


class Fields(dict[str, str]):
    """The fields of a query: the last value of each name, and by `all` every one of them."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def all(self, name: str) -> list[str] | None:
        """Every value of a name, None if there is none; `name[]`, as axios and Express write lists, counts too."""
        return [value for key, value in self._pairs if key in (name, f"{name}[]")] or None


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; `has_slashes` if it is of the path and may have several segments of it."""

    name: str
    location: str
    argument: str
    required: bool
    type: str
    validator: Validator
    default: Any
    item_type: str = ""
    has_slashes: bool = False

    @classmethod
    def compile(cls, raw: Mapping[str, Any], compiler: SchemaCompiler) -> Self:
        """Build from a Parameter Object whose schema has a single `type`; an array is one of the query."""
        schema = compiler.resolve(raw["schema"])
        items = compiler.resolve(schema.get("items", {}))
        return cls(
            name=raw["name"],
            location=raw["in"],
            argument=argument_name(raw["name"]),
            required=raw.get("required", False),
            type=schema["type"],
            validator=compiler.compile(schema),
            default=schema.get("default"),
            item_type=items.get("type", ""),
            has_slashes=raw.get("x-echo-slashes", False),
        )

    def read(self, source: Mapping[str, str], arguments: dict[str, Any]) -> FieldError | None:
        """Put the typed value (or the default) into `arguments`; an error if it does not fit the schema."""
        text = (
            source.all(self.name) if isinstance(source, Fields) and self.item_type else source.get(self.name)
        )
        if text is None:
            if self.required:
                return FieldError(self.name, "is required")
            if self.default is not None:
                arguments[self.argument] = self.default
            return None
        value = self._convert(text)
        if value is None:
            return FieldError(self.name, "has the wrong type")
        if errors := self.validator.field_errors(value):
            return FieldError(self.name, errors[0].message)
        arguments[self.argument] = value
        return None

    def _convert(self, text: str | list[str]) -> Any:
        if isinstance(text, str):
            return convert(text, self.type)
        values = [convert(each, self.item_type) for each in text]
        return None if None in values else values


def convert(text: str, type_name: str) -> Any:
    """The value that a text stands for in a schema of that type; None if it stands for none."""
    if type_name == "integer":
        return int(text) if _INTEGER.fullmatch(text) else None
    if type_name == "number":
        return float(text) if _NUMBER.fullmatch(text) else None
    if type_name == "boolean":
        return _BOOLEANS.get(text)
    return text


def argument_name(name: str) -> str:
    """The Python argument of a parameter: `conversationId` is `conversation_id`, `id` is `id_`."""
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace("-", "_").lower()
    return f"{snake}_" if hasattr(builtins, snake) or keyword.iskeyword(snake) else snake
