"""Reading variables one by one: converted by marshmallow fields, and every refusal names its variable."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

MAX_ARITHMETIC = 200


class SettingsError(Exception):
    """A setting cannot be used; the text is one sentence that names it, and never shows a secret."""


class ConfigFileError(SettingsError):
    """A file of configuration cannot be used; the text has a sentence on a line of its own for each fault."""

    @property
    def faults(self) -> list[str]:
        """The sentences."""
        return str(self).splitlines()


class Reader:
    """Reads an environment; `known` collects the names that were asked for, `used` are those that others ask for."""

    def __init__(self, environ: Mapping[str, str], used: frozenset[str] = frozenset()) -> None:
        self._environ = environ
        self._used = used
        self.known: list[str] = []

    def value(self, name: str) -> str | None:
        """The value of any variable, as it stands; None for one that is unset or empty."""
        return self._environ.get(name) or None

    def unused(self, names: frozenset[str]) -> list[str]:
        """Which of these names are set, although nobody asked for them."""
        return sorted(
            name for name in names - set(self.known) - self._used if self._environ.get(name, "").strip()
        )

    def unknown(self, prefix: str) -> list[str]:
        """Which names that begin so, in small letters or capitals, are set, although nobody asked for them."""
        asked = set(self.known)
        return sorted(
            name
            for name, value in self._environ.items()
            if name.upper().startswith(prefix) and name not in asked and value.strip()
        )

    def text(self, name: str, default: str | None = None, *, one_of: tuple[str, ...] | None = None) -> Any:
        """A text; unset and empty are the same, as in LibreChat."""
        checks = validate.OneOf(one_of, error=f"must be one of {', '.join(one_of)}") if one_of else None
        return self._read(name, fields.String(validate=checks), default)

    def texts(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list, separated by commas."""
        value = self.text(name)
        return tuple(part.strip() for part in value.split(",") if part.strip()) if value else default

    def whole(self, name: str, default: int, *, minimum: int, maximum: int | None = None) -> int:
        """A whole number within bounds."""
        bounds = f"must be {minimum} or more" if maximum is None else f"must be from {minimum} to {maximum}"
        check = validate.Range(minimum, maximum, error=bounds)
        field = fields.Integer(
            strict=False, validate=check, error_messages={"invalid": "must be a whole number"}
        )
        return int(self._read(name, field, default))

    def flag(self, name: str, default: bool | None) -> Any:
        """True or false; also on, off, yes, no, 1, 0."""
        field = fields.Boolean(error_messages={"invalid": "must be true or false"})
        return self._read(name, field, default)

    def milliseconds(self, name: str, default_seconds: int) -> int:
        """A time in milliseconds, as a number or as arithmetic (`1000 * 60 * 15`), in whole seconds."""
        value = self._read(name, Arithmetic(), default_seconds * 1000)
        if not 1000 <= value <= 10**13:
            raise SettingsError(f"{name} must be a time of at least 1000 milliseconds.")
        return int(value // 1000)

    def _read(self, name: str, field: fields.Field[Any], default: Any) -> Any:
        self.known.append(name)
        value = self._environ.get(name, "").strip()
        if not value:
            return default
        try:
            return field.deserialize(value)
        except ValidationError as error:
            raise SettingsError(f"{name} {error.messages[0]}.") from error


_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Arithmetic(fields.Field[float]):
    """Sums and products of numbers with parentheses, as LibreChat's `.env` has them; nothing else is evaluated."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        try:
            if len(value) > MAX_ARITHMETIC:
                raise ValueError
            return float(_evaluate(ast.parse(value, mode="eval").body))
        except (ValueError, SyntaxError, ZeroDivisionError, OverflowError, RecursionError) as error:
            raise ValidationError("must be a number of milliseconds") from error


def _evaluate(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return float(_OPERATORS[type(node.op)](_evaluate(node.left), _evaluate(node.right)))
    raise ValueError
