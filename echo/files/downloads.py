"""What a download answers with."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from echo.files.kinds import served_type
from echo.files.names import shown_name
from echo.files.store import FileStore
from echo.handling.file_body import FileBody

Download = FileBody | tuple[str, int, dict[str, str]]


def download(store: FileStore, record: Mapping[str, Any]) -> Download:
    """The content of a stored file, always as an attachment: nothing that a user stored is ever shown in place.

    Of a file that LibreChat kept as text only (`source: "text"`), that text. Raises `NotFound` for a record
    whose file is not here.
    """
    name = shown_name(str(record.get("filename", "")))
    text = record.get("text")
    if record.get("source") == "text" and isinstance(text, str):
        return text, 200, {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return FileBody(store.find(record), served_type(str(record.get("type"))), name)
