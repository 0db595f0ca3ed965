"""ChatGPT's marks in texts: characters of Unicode's private use area, which its client shows as links and chips.

A mark is U+E200, its kind, its fields, each after U+E202, and U+E201. What it shows stands beside the text, in the
message's `content_references`.
"""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from echo.transfer.values import mapping_of, text_of

BEGIN, END, FIELD = "\ue200", "\ue201", "\ue202"
# No mark holds another one, so that each character is looked at once.
_MARK = re.compile(f"( ?){BEGIN}([^{BEGIN}{END}]*){END}")
# What is left where a text was cut, and the ends of a passage that a source was found for.
_LOOSE = re.compile("[\ue200-\ue204\ue206]")


def without_marks(text: str, references: Iterable[Any], *, is_user: bool) -> str:
    """The text with what its marks show in their place; a mark of which nothing is known is left out.

    Each of the `references` is used once, so that a text cannot grow beyond what a file holds. In what a user wrote
    only whole marks are taken away: the same characters are symbols in some fonts.
    """
    if BEGIN not in text and (is_user or not _LOOSE.search(text)):
        return text
    shown: dict[str, list[str]] = {}
    for each in map(mapping_of, references):
        shown.setdefault(text_of(each.get("matched_text")), []).append(text_of(each.get("alt")))
    for waiting in shown.values():
        waiting.reverse()

    def replaced(mark: re.Match[str]) -> str:
        space, inner = mark.groups()
        known = shown.get(mark[0][len(space) :])
        told = _LOOSE.sub("", known.pop()).strip() if known else ""
        told = told or _name_in(inner)
        return space + told if told else ""

    text = _MARK.sub(replaced, text)
    return text if is_user else _LOOSE.sub("", text)


def _name_in(inner: str) -> str:
    """What a mark says itself: the name of an entity, the title of a link; of a source it says only a number."""
    kind, _, rest = inner.partition(FIELD)
    if kind == "url":
        return rest.partition(FIELD)[0]
    if kind.startswith("entity"):
        try:
            fields = orjson.loads(rest or kind.removeprefix("entity"))
        except orjson.JSONDecodeError:
            return ""
        return text_of(fields[1]) if isinstance(fields, list) and len(fields) > 1 else ""
    return ""
