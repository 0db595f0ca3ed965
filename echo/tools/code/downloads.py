"""Files that programs left, by the code interpreter's own names for them."""

import tempfile
from collections.abc import Iterator
from typing import Any

from echo.errors import BadGateway, NotFound
from echo.files import FileStore
from echo.files.downloads import Download, download
from echo.files.names import shown_name
from echo.handling.pending import Pending
from echo.handling.stream_body import StreamBody
from echo.tools.code.outputs import ELSEWHERE
from echo.tools.code.service import LASTING, PROFILE, CodeService, ref_of
from echo.tools.tool import ToolFailure
from storage.library.files import FileRepository

# LibreChat's most; what goes into memory of it, and into one piece.
MOST_BYTES = 150 * 1024 * 1024
IN_MEMORY = 1024 * 1024
PIECE = 256 * 1024


class CodeDownloads:
    """Gives them to the user whose run left them, and to nobody else who knows their names."""

    def __init__(self, service: CodeService | None, store: FileStore, files: FileRepository) -> None:
        self._service = service
        self._store = store
        self._files = files

    def find(self, owner: str, session: str, file_id: str) -> Download | Pending:
        """A file of the owner's: from here, or else from the service. Raises `NotFound`.

        The pending one raises `BadGateway` (`code_interpreter_failed`).
        """
        record = self._files.find_made(owner, session, file_id)
        if record.get("source") != ELSEWHERE:
            return download(self._store, record)
        profile = LASTING if ref_of(record, LASTING) and not ref_of(record) else PROFILE
        service = self._service.of(profile) if self._service else None
        if service is None:
            raise NotFound
        name = shown_name(str(record.get("filename", "")))
        return Pending(lambda: _fetched(service, owner, (session, file_id), name))


async def _fetched(service: CodeService, owner: str, ref: tuple[str, str], name: str) -> StreamBody:
    file: Any = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    try:
        await service.download(owner, *ref, file, MOST_BYTES)
    except ToolFailure as error:
        file.close()
        raise BadGateway(
            "The code interpreter did not give the file.", code="code_interpreter_failed"
        ) from error
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return StreamBody(_pieces(file), "application/octet-stream", name, held=IN_MEMORY)


def _pieces(file: Any) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
