"""Which reader reads a kind of document; each imports its library when it is asked, in the process that reads."""

import importlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from echo.extraction.pages import Page

_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
# The module of each, and the libraries that it needs: of the extra `[documents]`.
READERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "application/pdf": ("pdf", ("pypdfium2",)),
    f"{_OPEN_XML}wordprocessingml.document": ("word", ("docx",)),
    f"{_OPEN_XML}presentationml.presentation": ("slides", ("pptx",)),
    f"{_OPEN_XML}spreadsheetml.sheet": ("sheets", ("python_calamine",)),
    "application/vnd.ms-excel": ("sheets", ("python_calamine",)),
    f"{_OPEN_DOCUMENT}spreadsheet": ("sheets", ("python_calamine",)),
    f"{_OPEN_DOCUMENT}text": ("open_document", ("lxml",)),
    f"{_OPEN_DOCUMENT}presentation": ("open_document", ("lxml",)),
    "text/html": ("markup", ("inscriptis",)),
    "message/rfc822": ("mail", ("inscriptis",)),
}


def read(stream: BinaryIO, media_type: str) -> Iterator[Page]:
    """The pages of a document. Raises `Unreadable`, and whatever the library raises for what it cannot read."""
    module = importlib.import_module(f"echo.extraction.readers.{READERS[media_type][0]}")
    pages: Iterator[Page] = module.read(stream)
    return pages
