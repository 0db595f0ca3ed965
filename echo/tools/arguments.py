"""What a model wrote as arguments, read as what a tool takes; anything else is a failure that the model is told."""

from collections.abc import Mapping, Sequence
from typing import Any

from echo.tools.tool import ToolFailure

MAX_TEXT = 32_000


def text(arguments: Mapping[str, Any], name: str, most: int = MAX_TEXT) -> str:
    """A text that must be there. Raises `ToolFailure`."""
    found = optional_text(arguments, name, most)
    if not found:
        raise ToolFailure(f"The argument {name} is missing.")
    return found


def optional_text(arguments: Mapping[str, Any], name: str, most: int = MAX_TEXT) -> str | None:
    """A text of at most so many characters, None where there is none. Raises `ToolFailure`."""
    value = arguments.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most:
        raise ToolFailure(f"The argument {name} must be a text of at most {most} characters.")
    return value


def texts(arguments: Mapping[str, Any], name: str, most: int) -> list[str]:
    """A list of texts, empty where there is none. Raises `ToolFailure`."""
    value = arguments.get(name) or []
    is_list = isinstance(value, list) and len(value) <= most
    if not is_list or not all(isinstance(each, str) and len(each) <= MAX_TEXT for each in value):
        raise ToolFailure(f"The argument {name} must be a list of at most {most} texts.")
    return list(value)


def number(arguments: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """A number within bounds, None where there is none. Raises `ToolFailure`."""
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise ToolFailure(f"The argument {name} must be a number from {low} to {high}.")
    return value


def whole(arguments: Mapping[str, Any], name: str, low: int, high: int, default: int) -> int:
    """A whole number within bounds. Raises `ToolFailure`."""
    value = number(arguments, name, low, high)
    return default if value is None else int(value)


def one_of(arguments: Mapping[str, Any], name: str, among: Sequence[str], default: str) -> str:
    """One of these words, else the default. Raises `ToolFailure`."""
    value = arguments.get(name)
    if value in (None, ""):
        return default
    if value not in among:
        raise ToolFailure(f"The argument {name} must be one of {', '.join(among)}.")
    return str(value)
