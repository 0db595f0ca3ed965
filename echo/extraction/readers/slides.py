"""PowerPoint (Office Open XML), by python-pptx."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from pptx import Presentation

from echo.extraction.archives import check_archive
from echo.extraction.pages import Page

MOST_NESTED = 8


def read(stream: BinaryIO) -> Iterator[Page]:
    """Each slide with its notes."""
    check_archive(stream)
    stream.seek(0)
    for number, slide in enumerate(Presentation(stream).slides, 1):
        lines = list(_lines(slide.shapes, MOST_NESTED))
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        yield Page("\n".join([*lines, notes.text if notes is not None else ""]), number)


def _lines(shapes: Iterable[Any], depth: int) -> Iterator[str]:
    for shape in shapes:
        if shape.has_text_frame:
            yield shape.text_frame.text
        elif shape.has_table:
            for row in shape.table.rows:
                yield " | ".join(cell.text for cell in row.cells)
        elif hasattr(shape, "shapes") and depth:
            yield from _lines(shape.shapes, depth - 1)
