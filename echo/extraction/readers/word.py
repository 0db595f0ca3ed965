"""Word (Office Open XML), by python-docx."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from docx import Document
from docx.table import Table

from echo.extraction.archives import check_archive
from echo.extraction.pages import Page

# A table in a table in a table: nobody writes more.
MOST_NESTED = 8


def read(stream: BinaryIO) -> Iterator[Page]:
    """All paragraphs and tables in their order, as one page: where pages end Word finds out when it prints."""
    check_archive(stream)
    stream.seek(0)
    yield Page("\n".join(_lines(Document(stream), MOST_NESTED)))


def _lines(container: Any, depth: int) -> Iterator[str]:
    for block in container.iter_inner_content():
        if not isinstance(block, Table):
            yield block.text
        elif depth:
            for row in block.rows:
                # A cell that spans several columns is there once for each.
                cells = {id(cell._tc): cell for cell in row.cells}.values()
                yield " | ".join(" ".join(_lines(cell, depth - 1)) for cell in cells)
