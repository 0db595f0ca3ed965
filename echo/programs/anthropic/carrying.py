"""What other providers want back with a next request, where Anthropic's clients keep what Anthropic signs.

They give back signatures and encrypted thinking as they came, and look into neither.
"""

import base64
import binascii

import orjson

from echo.providers.parts import Reasoning

# No text of Anthropic's own begins so: theirs are base64, which has no dot.
MARK = "echo."


def packed(**carried: str | None) -> str:
    """Texts as one text that clients carry."""
    known = {name: value for name, value in carried.items() if value is not None}
    return MARK + base64.urlsafe_b64encode(orjson.dumps(known)).decode()


def unpacked(text: str) -> dict[str, str] | None:
    """The texts again; None for a text that is not ours."""
    if not text.startswith(MARK):
        return None
    try:
        found = orjson.loads(base64.b64decode(text.removeprefix(MARK), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in items if isinstance(value, str)}


def reasoning(text: str, carried: dict[str, str]) -> Reasoning:
    """A part of another provider's reasoning."""
    return Reasoning(text, carried.get("signature"), carried.get("redacted"), carried.get("format"))
