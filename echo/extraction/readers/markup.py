"""HTML, by inscriptis: as a browser without pictures would show it."""

from collections.abc import Iterator
from typing import BinaryIO

from inscriptis import get_text
from inscriptis.model.config import ParserConfig

from echo.extraction.pages import Page


def read(stream: BinaryIO) -> Iterator[Page]:
    """What a page shows, without scripts and styles."""
    yield Page(shown(stream.read().decode("utf-8-sig", "replace")))


def shown(html: str) -> str:
    """The text of a page, or of a part of one."""
    return get_text(html, ParserConfig(display_links=False, display_images=False)) if html.strip() else ""
