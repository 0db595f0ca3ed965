"""Arguments of calls, between JSON as text and as an object."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

# As Anthropic's page on fine-grained tool streaming says to give back what a model wrote that is no JSON.
BROKEN = "INVALID_JSON"


def as_object(arguments: str) -> dict[str, Any]:
    """The arguments as an object, for providers that take no other; what is none is shown under a name of its own."""
    if not arguments.strip():
        return {}
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {BROKEN: arguments}
    return value if isinstance(value, dict) else {BROKEN: arguments}


def as_text(arguments: Any) -> str:
    """The arguments as JSON, where a provider gives an object; a text is JSON already."""
    if isinstance(arguments, str):
        return arguments or "{}"
    given = arguments if isinstance(arguments, Mapping) else {}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"))
