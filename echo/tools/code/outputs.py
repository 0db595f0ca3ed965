"""What a program leaves, as files of the user and attachments of the answer, in LibreChat's form.

What is no file that this server keeps, by its content or its size, stays with the service for a day: its record and
its attachment lead to `/api/files/code/download/<session>/<file>`.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from uuid import uuid4

import structlog

from echo.errors import ApiError
from echo.files import FileStore
from echo.files.kinds import IMAGE_TYPES, find_type
from echo.files.text import TEXT_TYPES
from echo.handling.upload import Upload
from echo.tools.builtin.shelf import attachment_of
from echo.tools.code.names import safe_name
from echo.tools.code.service import CodeRef, CodeService, Left, metadata_of
from echo.tools.tool import RunPlace, ToolFailure
from storage.core.errors import StorageError
from storage.library.files import FileRepository

log = structlog.get_logger(__name__)

Json = dict[str, Any]
# Of one call: files that are told, files and bytes that are kept, and how long all of it may take.
MOST_TOLD, MOST_KEPT = 50, 20
MOST_BYTES = 64 * 1024 * 1024
SECONDS = 60.0
# What of a text goes with its attachment, to be shown beside the answer.
SHOWN_BYTES = 64 * 1024
IN_MEMORY = 1024 * 1024
# LibreChat's: so long a file stays with the service.
KEPT_FOR = timedelta(hours=24)
# LibreChat's name of the source of a file that only the service has.
ELSEWHERE = "execute_code"
HIDDEN = ("metadata", "textFormat", "expiresAt")


class Outputs:
    """Keeps what programs leave; work on disk and database is done in threads."""

    def __init__(self, service: CodeService, store: FileStore, files: FileRepository, base: str = "") -> None:
        """`base` is where LibreChat's contract is served: its client asks for a link as it stands."""
        self._service = service
        self._store = store
        self._files = files
        self._base = base

    async def keep(self, place: RunPlace, left: Sequence[Left]) -> list[Json]:
        """The attachments of what was left. Raises nothing: what cannot even be noted is left out."""
        attachments, room = [], MOST_BYTES
        end = asyncio.get_running_loop().time() + SECONDS
        for number, each in enumerate(left[:MOST_TOLD]):
            with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
                is_here = number < MOST_KEPT and await self._received(place, each, file, room, end)
                room -= file.tell()
                found = await asyncio.to_thread(self._noted, place, each, file if is_here else None)
            if found is not None:
                attachments.append(found)
        return attachments

    async def _received(self, place: RunPlace, left: Left, file: Any, room: int, end: float) -> bool:
        try:
            async with asyncio.timeout_at(end):
                await self._service.download(place.owner, left.session, left.file_id, file, max(0, room))
        except (ToolFailure, TimeoutError):
            return False
        return True

    def _noted(self, place: RunPlace, left: Left, file: Any) -> Json | None:
        try:
            if file is not None:
                try:
                    return self._kept(place, left, file)
                except ApiError as error:
                    log.info("what code has left stays with its service", why=error.code)
            return self._left_there(place, left)
        except (StorageError, OSError) as error:
            log.warning("what code has left cannot be noted", cause=repr(error)[:200])
            return None

    def _kept(self, place: RunPlace, left: Left, file: BinaryIO) -> Json:
        name = safe_name(left.name)
        size = file.seek(0, 2)
        is_picture = find_type(file, name) in IMAGE_TYPES
        file.seek(0)
        upload = Upload(file, name, "", size)
        with self._store.received(place.owner, upload, image=is_picture) as stored:
            text = _text(file, stored.type, size)
            more = {
                **({"text": text, "textFormat": "text"} if text is not None else {}),
                **self._about(place, left, name),
            }
            record = self._files.insert_made(place.owner, place.conversation_id, {**stored.record, **more})
        return _told(record)

    def _left_there(self, place: RunPlace, left: Left) -> Json:
        name = safe_name(left.name)
        until = datetime.now(UTC) + KEPT_FOR
        record = {
            "file_id": str(uuid4()),
            "object": "file",
            "bytes": 0,
            "type": "application/octet-stream",
            "usage": 0,
            "embedded": False,
            "source": ELSEWHERE,
            "filepath": f"{self._base}/api/files/code/download/{left.session}/{left.file_id}",
            # MongoDB deletes the record, as it deletes LibreChat's of unused uploads.
            "expiresAt": until,
            **self._about(place, left, name),
        }
        told = _told(self._files.insert_made(place.owner, place.conversation_id, record))
        return {**told, "expiresAt": int(until.timestamp() * 1000)}

    def _about(self, place: RunPlace, left: Left, name: str) -> Json:
        ref = CodeRef("user", place.owner, left.session, left.file_id, self._service.profile)
        return {"filename": name, "messageId": place.answer_id, "metadata": metadata_of({}, ref)}


def _told(record: Mapping[str, Any]) -> Json:
    """The attachment; LibreChat's client asks for the file by its owner."""
    text = {"text": record["text"]} if isinstance(record.get("text"), str) else {}
    shown = {name: value for name, value in record.items() if name not in HIDDEN}
    return {**attachment_of(shown), **text, "user": str(record["user"])}


def _text(file: BinaryIO, media_type: str, size: int) -> str | None:
    if size > SHOWN_BYTES or not (media_type in TEXT_TYPES or media_type.startswith("text/")):
        return None
    file.seek(0)
    return file.read().decode("utf-8", "replace")
