"""Arguments of calls for providers that take an object; `call_pieces` has the other way."""

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
