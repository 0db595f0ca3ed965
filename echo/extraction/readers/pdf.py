"""PDF, by PDFium: what Chrome shows them with."""

from collections.abc import Iterator
from typing import BinaryIO

import pypdfium2

from echo.extraction.pages import Page, Unreadable

MOST_PAGES = 20_000


def read(stream: BinaryIO) -> Iterator[Page]:
    """The text of each page; pictures of text have none."""
    try:
        document = pypdfium2.PdfDocument(stream.read())
    except pypdfium2.PdfiumError as error:
        raise Unreadable("locked" if "password" in str(error).lower() else "broken") from error
    if len(document) > MOST_PAGES:
        raise Unreadable("too_large")
    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            continue
        text = page.get_textpage()
        yield Page(text.get_text_bounded(), index + 1)
        text.close()
        page.close()
