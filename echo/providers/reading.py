"""Taking values out of what a provider sent, whatever it may be."""

import json
from typing import Any

import orjson

from echo.providers.chat import FinishReason, Usage
from echo.providers.failures import unusable

MAX_COUNT = 2**53
HIGH_SURROGATE = ("\ud800", "\udbff")
# What some servers send with every piece in the place of no reason.
NO_REASON = frozenset({"", "null", "FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"})


def read_object(data: bytes) -> dict[str, Any]:
    """The JSON object of an event. Raises `ProviderFailure` for anything else.

    Lone surrogates (half of a character, as JavaScript cuts it) and broken UTF-8 are taken, and made whole or
    replaced by `Joiner`; NaN and infinities are not.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _read_tolerantly(data)
    if not isinstance(value, dict):
        raise unusable("no_object")
    return value


def _read_tolerantly(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8", "replace"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise unusable("no_json") from error


def _refuse(_constant: str) -> Any:
    raise ValueError


def dig(value: Any, *path: str | int) -> Any:
    """What stands at a path in parsed JSON, None where there is nothing."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and len(value) > step:
            value = value[step]
        else:
            return None
    return value


def text_at(value: Any, *path: str | int) -> str:
    """The text at a path, empty where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def whole_text_at(value: Any, *path: str | int) -> str:
    """The text at a path that nothing more comes to: half a character in it is replaced."""
    return Joiner().join(f"{text_at(value, *path)} ")[:-1]


def count(value: Any) -> int:
    """A number of tokens; whatever is none counts as 0."""
    return value if type(value) is int and 0 <= value < MAX_COUNT else 0


def usage(
    input_tokens: int, output_tokens: int, *, cached: int = 0, written: int = 0, reasoning: int = 0
) -> list[Usage]:
    """Usage as an event, if any was told; what is a part of the input or output is never more than all of it."""
    if not (input_tokens or output_tokens):
        return []
    cached = min(cached, input_tokens)
    parts = cached, min(written, input_tokens - cached), min(reasoning, output_tokens)
    return [Usage(input_tokens, output_tokens, *parts)]


def finish_reason(value: Any, known: dict[str, FinishReason]) -> FinishReason | None:
    """Why the model ended, None if it has not."""
    return known.get(value, "other") if isinstance(value, str) and value not in NO_REASON else None


class Joiner:
    """Makes text whole that was cut inside of a character: half a surrogate pair waits for its other half."""

    def __init__(self) -> None:
        self._half = ""

    def join(self, text: str) -> str:
        """The text that is complete now, without surrogates."""
        if not self._half and (text.isascii() or not _has_surrogates(text)):
            return text
        text = self._half + text
        self._half = text[-1] if HIGH_SURROGATE[0] <= text[-1:] <= HIGH_SURROGATE[1] else ""
        whole = text[:-1] if self._half else text
        return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
