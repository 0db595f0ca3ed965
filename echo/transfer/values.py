"""Values from a file that anybody may have written: each function takes anything, and gives what it promises."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

# As LibreChat cuts them.
MAX_TITLE = 1024
# Names of models, endpoints and people: longer than any, shorter than a nuisance.
MAX_NAME = 256
MAX_ID = 512
MAX_DEPTH = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Dates outside of these are a mistake of somebody's: chats are younger, and lists sort by their dates.
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# From here on a number is JavaScript's milliseconds: of 1985, where as seconds it would be of the year 17814.
JAVASCRIPT = 500_000_000_000
WHOLE_64 = range(-(2**63), 2**63)


def text_of(value: Any) -> str:
    """The value, if it is a string; else nothing."""
    return value if isinstance(value, str) else ""


def name_of(value: Any, length: int = MAX_NAME) -> str | None:
    """A short string without the spaces around it, cut to a length; None for anything else and for nothing."""
    return (value.strip()[:length].strip() or None) if isinstance(value, str) else None


def id_of(value: Any) -> str | None:
    """An id; None for anything else. A number is taken for its digits."""
    if isinstance(value, int) and not isinstance(value, bool) and value in WHOLE_64:
        return str(value)
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ID else None


def mapping_of(value: Any) -> Mapping[str, Any]:
    """The value, if it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The value, if it is a list; else an empty one."""
    return value if isinstance(value, list) else []


def number_of(value: Any) -> int | float | None:
    """A number that MongoDB can hold; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, int):
        return value if value in WHOLE_64 else None
    number = float(value)
    return number if math.isfinite(number) else None


def moment_of(value: Any) -> datetime | None:
    """A time in UTC to the millisecond, from RFC 3339, or seconds or milliseconds since 1970; None for all else."""
    if isinstance(value, str):
        moment = _parsed(value)
    elif (seconds := number_of(value)) is not None:
        moment = _since_epoch(seconds)
    else:
        return None
    if moment is None or not EPOCH < moment < LATEST:
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _parsed(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value.strip()[:64])
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _since_epoch(seconds: float) -> datetime | None:
    if seconds >= JAVASCRIPT:
        seconds /= 1000
    try:
        # Rounded, or a double's .123 would become 122 milliseconds.
        return EPOCH + timedelta(milliseconds=round(seconds * 1000))
    except (OverflowError, ValueError):
        return None


def plain(value: Any, depth: int = MAX_DEPTH) -> Any:
    """JSON that MongoDB can hold and that means nothing to it; what it cannot becomes None.

    Names with a `$` in front, a dot or a NUL are left out, as LibreChat does.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float | Decimal):
        return number_of(value)
    if depth == 0:
        return None
    if isinstance(value, dict):
        return {
            name: plain(child, depth - 1)
            for name, child in value.items()
            if not (name.startswith("$") or "." in name or "\0" in name)
        }
    return [plain(child, depth - 1) for child in value] if isinstance(value, list) else None


def shown(value: Any) -> str:
    """A value for people: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(plain(value), option=orjson.OPT_INDENT_2).decode()
