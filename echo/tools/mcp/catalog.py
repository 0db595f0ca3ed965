"""What a server says that it has, as far as it can be used: nobody vouches for a word of it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from echo.tools.mcp.limits import (
    MAX_DESCRIPTION,
    MAX_INSTRUCTIONS,
    MAX_SCHEMA_BYTES,
    MAX_SCHEMA_DEPTH,
    MAX_TOOL_NAME,
    MAX_TOOLS,
)

# What shows nothing, or turns around what is shown after it: a description is read by people too.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
EMPTY: Mapping[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class ServerTool:
    """One tool of a server: `schema` is the JSON Schema of its arguments, an object's."""

    name: str
    description: str
    schema: Mapping[str, Any]


def usable(tools: Iterable[tuple[str, str | None, Any]]) -> tuple[ServerTool, ...]:
    """Of tools as (name, description, schema) those that can be offered, each name once."""
    found: dict[str, ServerTool] = {}
    for name, description, schema in tools:
        if len(found) >= MAX_TOOLS:
            break
        if (
            0 < len(name) <= MAX_TOOL_NAME
            and name.isprintable()
            and (arguments := _object(schema)) is not None
        ):
            found.setdefault(name, ServerTool(name, plain(description or "", MAX_DESCRIPTION), arguments))
    return tuple(found.values())


def plain(text: str, most: int) -> str:
    """A text without what cannot be seen, and no longer than that."""
    return UNSEEN.sub("", text)[:most]


def instructions_of(said: bool | str | None, own: str | None) -> str | None:
    """What a model is told of a server: the operator's text, or the server's own where the operator wants it."""
    if isinstance(said, str) and said.lower() not in ("true", "false"):
        return said
    wanted = said is True or (isinstance(said, str) and said.lower() == "true")
    return plain(own, MAX_INSTRUCTIONS).strip() or None if wanted and own else None


def _object(schema: Any) -> Mapping[str, Any] | None:
    """A schema of an object's, of a size and depth that everybody can read; None for another one."""
    if not isinstance(schema, Mapping) or not _is_shallow(schema):
        return None
    try:
        size = len(json.dumps(schema, ensure_ascii=False).encode("utf-8", "strict"))
    except (ValueError, UnicodeEncodeError, TypeError):
        return None
    if size > MAX_SCHEMA_BYTES or schema.get("type", "object") != "object":
        return None
    kept = {name: value for name, value in schema.items() if name not in ("$schema", "$id")}
    return {**EMPTY, **kept, "type": "object"}


def _is_shallow(schema: Any) -> bool:
    level = [schema]
    for _ in range(MAX_SCHEMA_DEPTH):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, Mapping):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        if not inner:
            return True
        level = inner
    return False
