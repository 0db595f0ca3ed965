"""Artifacts: documents and programs that an answer holds in full between two marks, and that a person may edit.

LibreChat's form: a line that begins with `:::artifact`, the content, nearly always in a fence of Markdown, and a line
`:::`. A text is read line by line, at most once for each of its artifacts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from echo.conversations.message_size import check_size
from echo.errors import Unprocessable
from storage.conversations.revisions import RevisionRepository
from storage.core.database import Document

OPENING, CLOSING = ":::artifact", ":::"
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
# LibreChat's client escapes the signs of currencies before it shows a text.
_ESCAPED_DOLLAR = re.compile(r"\\{1,2}\$")


@dataclass(frozen=True)
class Artifact:
    """Where the content of an artifact begins and ends in its text, without a fence around it."""

    begin: int
    end: int


class ArtifactEditor:
    """Edits artifacts of stored messages; none grows over `max_bytes`."""

    def __init__(self, revisions: RevisionRepository, max_bytes: int) -> None:
        self._revisions = revisions
        self._max_bytes = max_bytes

    def edit(self, owner: str, message_id: str, index: int, *, original: str, updated: str) -> Document:
        """Put `updated` in place of `original` in the artifact with this number of a message; the message.

        Raises `NotFound`, `PayloadTooLarge`, `UnknownPart` when the message is changed meanwhile, and
        `Unprocessable` when there is no such artifact, or not with this content.
        """
        message = self._revisions.text_of(owner, message_id)
        # Not all of them: each may take a look at the whole text.
        found = next(islice(_artifacts(message), index, None), None)
        if found is None:
            raise Unprocessable("The message has no such artifact.", code="unknown_part")
        place, text, artifact = found
        changed = replaced(text, artifact, original, updated)
        if changed is None:
            raise Unprocessable("The artifact does not have this content.", code="unknown_part")
        check_size(changed, self._max_bytes)
        return self._revisions.replace_text(owner, message, place, text, changed)


def _artifacts(message: Document) -> Iterator[tuple[int | None, str, Artifact]]:
    """The artifacts of a message, each with its part's number and the text; those of `text` where no part has any."""
    content = message.get("content")
    texts: list[tuple[int | None, str]] = [
        (place, _text(part)) for place, part in enumerate(content if isinstance(content, list) else ())
    ]
    if not any(OPENING in text for _, text in texts):
        texts = [(None, _text({**message, "type": "text"}))]
    for place, text in texts:
        yield from ((place, text, artifact) for artifact in find_all(text))


def _text(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    return text if isinstance(text, str) else ""


def find_all(text: str) -> Iterator[Artifact]:
    """The artifacts in a text, in order. One that is not closed goes to the end."""
    start = text.find(OPENING)
    while start != -1:
        begin = _line_end(text, start)
        close = _close(text, begin)
        yield _within_fence(text, begin, close)
        start = text.find(OPENING, max(close, start + len(OPENING)))


def replaced(text: str, artifact: Artifact, original: str, updated: str) -> str | None:
    """The text with `updated` in place of `original` in the artifact; None where the artifact does not have that.

    As the client shows it, where it is not there as it stands: with signs of currencies escaped.
    """
    inner = text[artifact.begin : artifact.end]
    for shown, edited in ((original, updated), (_unescaped(original), _unescaped(updated))):
        old, new = shown.removesuffix("\n"), edited
        offset = inner.find(old)
        if offset == -1 or (not old and inner.strip()):
            continue
        begin, end = artifact.begin + offset, artifact.begin + offset + len(old)
        # What ends the content stays on a line of its own, with no empty ones before it.
        if end == artifact.end and end < len(text):
            new = new.rstrip("\n") + ("" if text.startswith("\n", end) else "\n")
        return text[:begin] + new + text[end:]
    return None


def _unescaped(text: str) -> str:
    return _ESCAPED_DOLLAR.sub("$", text)


def _line_end(text: str, start: int) -> int:
    """Where the line after this place begins."""
    end = text.find("\n", start)
    return len(text) if end == -1 else end + 1


def _lines(text: str, begin: int, end: int) -> Iterator[tuple[int, str]]:
    while begin < end:
        after = _line_end(text, begin)
        yield begin, text[begin:after]
        begin = after


def _close(text: str, begin: int) -> int:
    """Where the line is that closes an artifact: the first outside of a fence, or within one that is never closed."""
    fence, within = "", -1
    for at, line in _lines(text, begin, len(text)):
        bare = line.strip()
        if bare.startswith(CLOSING) and not bare.startswith(OPENING):
            if not fence:
                return at
            within = at if within == -1 else within
        elif fence and _closes(line, fence):
            fence, within = "", -1
        elif not fence:
            fence = _fence(line)
    return len(text) if within == -1 else within


def _within_fence(text: str, begin: int, close: int) -> Artifact:
    """The content without the fence around it; with it, if something stands after that."""
    lines = [(at, line) for at, line in _lines(text, begin, close) if line.strip()]
    fence = _fence(lines[0][1]) if lines else ""
    if not fence:
        return Artifact(begin, close)
    inner = lines[0][0] + len(lines[0][1])
    ends = next((number for number, (_, line) in enumerate(lines[1:], 1) if _closes(line, fence)), None)
    if ends is None:
        return Artifact(inner, close)
    if ends < len(lines) - 1:
        return Artifact(begin, close)
    end = lines[ends][0]
    # The end of the last line is the fence's.
    return Artifact(inner, max(inner, end - 1))


def _fence(line: str) -> str:
    found = _FENCE.match(line)
    return found[1] if found else ""


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(fence) and not bare.strip(fence[0])
