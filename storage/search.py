"""What a user searches for, as a filter: plain text, in any script, without regard to case."""

import re

from storage.database import Document

# MongoDB refuses patterns above 32 764 bytes, and what is longer than this was not typed by anyone.
MAX_CHARACTERS = 4000


def contains(field: str, text: str) -> Document:
    """The filter for a field that contains the text; every character of it stands for itself."""
    return {field: {"$regex": re.escape(text), "$options": "i"}}


def is_searchable(text: str) -> bool:
    """Whether any document could contain the text at all."""
    return "\0" not in text and len(text) <= MAX_CHARACTERS
