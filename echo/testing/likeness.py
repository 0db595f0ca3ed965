"""Answers without what differs from request to request, so that two can be told apart by what they mean."""

import re
import secrets
import string
import uuid
from collections.abc import Iterable

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OBJECT_ID = r"\b[0-9a-f]{24}\b"
_DATE = r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"
_SUFFIX = r"\.[a-z]{1,5}$"


def faceless(text: str, ids: Iterable[str] = ()) -> str:
    """A text without ids, dates and the ids of requests."""
    # The longer ones first: one may be part of another.
    for value in sorted(set(ids), key=len, reverse=True):
        text = text.replace(value, "<id>")
    text = re.sub(r'"requestId":\s*"[^"]*"', "", text)
    text = re.sub(_DATE, "<date>", text)
    return re.sub(f"{_UUID}|{_OBJECT_ID}", "<id>", text)


def another(value: str) -> str:
    """A value of the same form, which nothing has: a UUID for one, letters for letters, digits for digits."""

    def replaced(found: re.Match[str]) -> str:
        text = found.group()
        if len(text) == 36:
            return str(uuid.uuid4())
        if len(text) == 24:
            return secrets.token_hex(12)
        if len(text) > 1:
            # What kind of file it is.
            return text
        kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
        return secrets.choice(next(kind for kind in kinds if text in kind))

    return re.sub(f"{_UUID}|{_OBJECT_ID}|{_SUFFIX}|[0-9A-Za-z]", replaced, value)


def letters(count: int = 8) -> str:
    """Some random letters, for names that must not be there yet."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(count))
