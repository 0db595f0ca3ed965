"""What a user searches for, as a filter: plain text, in any script, without regard to case."""

import re

from storage.database import Document

# MongoDB refuses patterns above 32 kB; so many characters stay below it in any script, escaped or not.
MAX_CHARACTERS = 2000


def contains(field: str, text: str) -> Document:
    """The filter for a field that contains the text; every character of it stands for itself.

    Of a longer text than `MAX_CHARACTERS` the beginning counts.
    """
    # A pattern cannot hold NUL itself, a stored text can.
    pattern = re.escape(text[:MAX_CHARACTERS]).replace("\0", r"\x00")
    return {field: {"$regex": pattern, "$options": "i"}}
