"""The text of stored files, by pages."""

from collections.abc import Mapping
from typing import Any, BinaryIO

from echo.extraction import Extractor, Page, Unreadable
from echo.extraction.pages import MOST_BYTES, tidy
from echo.files import FileStore
from echo.files.text import TEXT_TYPES

# Of what is text, but not what people read of it.
_MARKUP = ("text/html", "message/rfc822")


class Texts:
    """Reads files that are kept, whatever kind they are of."""

    def __init__(self, store: FileStore, extractor: Extractor) -> None:
        self._store = store
        self._extractor = extractor

    def reads(self, media_type: str) -> bool:
        """Whether there may be text in files of this type."""
        return media_type in TEXT_TYPES or self._extractor.reads(media_type)

    def pages(self, record: Mapping[str, Any]) -> tuple[Page, ...]:
        """The pages of a record's file. It blocks.

        Raises `Unreadable`, and as `FileStore.opened` does.
        """
        text, kind = record.get("text"), str(record.get("type"))
        if record.get("source") == "text" and isinstance(text, str):
            return _one(text)
        with self._store.opened(record) as stream:
            return self.pages_of(stream, kind)

    def pages_of(self, stream: BinaryIO, media_type: str) -> tuple[Page, ...]:
        """The pages of a file of this type. Raises `Unreadable`."""
        if media_type in TEXT_TYPES and media_type not in _MARKUP:
            return _one(_read(stream))
        try:
            return self._extractor.extract(stream, media_type).pages
        except Unreadable as error:
            # Without the libraries markup is searched as it is.
            if error.reason != "missing" or media_type not in _MARKUP:
                raise
            return _one(_read(stream))


def _read(stream: BinaryIO) -> str:
    stream.seek(0)
    content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Unreadable("too_large")
    return content.decode("utf-8-sig", "replace")


def _one(text: str) -> tuple[Page, ...]:
    said = tidy(text)
    if not said:
        raise Unreadable("empty")
    return (Page(said),)
