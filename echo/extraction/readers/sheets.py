"""Excel, old and new, and OpenDocument's sheets, by calamine."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from echo.extraction.archives import check_archive
from echo.extraction.pages import Page, Unreadable

ZIP = b"PK"


def read(stream: BinaryIO) -> Iterator[Page]:
    """Each sheet: its name, and a line for each row that is not empty, its cells apart by tabs."""
    if stream.read(len(ZIP)) == ZIP:
        check_archive(stream)
    stream.seek(0)
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        for number, name in enumerate(workbook.sheet_names, 1):
            rows = workbook.get_sheet_by_name(name).iter_rows()
            lines = [line for row in rows if (line := _line(row))]
            if lines:
                yield Page("\n".join([name, *lines]), number)
    except PasswordError as error:
        raise Unreadable("locked") from error
    except CalamineError as error:
        raise Unreadable("broken") from error


def _line(row: Sequence[Any]) -> str:
    cells = [_shown(cell) for cell in row]
    return "\t".join(cells).rstrip("\t") if any(cells) else ""


def _shown(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).replace("\n", " ").replace("\t", " ")
