"""Headers that name the user or the message of a request, with the operator's placeholders filled in.

What is filled in is a user's own choice: a name, an address. It becomes one value of printable ASCII, and nothing in
it is filled in again.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

from echo.settings.endpoints import HeaderTemplate
from echo.settings.librechat.placeholders import BODY_PLACEHOLDERS, USER_PLACEHOLDERS

# Of RFC 9110's values those that no server reads in another way; blanks around would be lost.
PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
# LibreChat's mark of text that no header can hold, in base64 of its UTF-8.
ENCODED = "b64:"
MAX_VALUE = 1024

Values = Mapping[str, str]


def user_values(user: Mapping[str, Any]) -> dict[str, str]:
    """The values of the placeholders for a user as they are stored; what a user does not have is empty."""
    fields = {**user, "id": str(user["_id"])}
    return {placeholder: _text(fields.get(name)) for placeholder, name in USER_PLACEHOLDERS.items()}


def body_values(ids: Mapping[str, str | None]) -> dict[str, str]:
    """The values for a message, by LibreChat's names: `conversationId`, `parentMessageId`, `messageId`."""
    return {placeholder: _text(ids.get(name)) for placeholder, name in BODY_PLACEHOLDERS.items()}


def filled(templates: Mapping[str, HeaderTemplate], values: Values) -> dict[str, str]:
    """The headers; without one of which a value is missing, and without empty ones."""
    made = {
        name: each.filled({key: encoded(value) for key, value in values.items()})
        for name, each in templates.items()
        if values.keys() >= set(each.placeholders)
    }
    return {name: text.strip() for name, text in made.items() if text.strip()}


def encoded(value: str) -> str:
    """A text as a header can hold it: as it is, or marked and in base64.

    LibreChat sends Latin-1 as it is; ASCII is what every server reads. A text that begins with the mark is encoded
    too: nobody can choose a name that decodes to another's.
    """
    text = value[:MAX_VALUE]
    if not text or (PLAIN.fullmatch(text) and not text.startswith(ENCODED)):
        return text
    return ENCODED + base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ""
