"""Pictures that tools made, as files of the user: LibreChat's record, and its attachment beside the answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, TypeVar

from echo.errors import ApiError
from echo.files import FileStore
from echo.files.kinds import IMAGE_TYPES
from echo.handling.upload import Upload
from echo.tools.tool import RunPlace, ToolFailure
from storage.core.errors import StorageError
from storage.library.files import FileRepository

Json = dict[str, Any]
Made = TypeVar("Made")
# LibreChat's word for what the file is for.
CONTEXT = "image_generation"
MAX_PICTURE_BYTES = 32 * 1024 * 1024
# What may be given to a service to be changed, together.
MAX_GIVEN_BYTES = 64 * 1024 * 1024
# Fields of a record that are the server's own business.
HIDDEN = frozenset({"_id", "__v", "user", "text", "storageKey", "tenantId"})


class PictureShelf:
    """Keeps and finds pictures of the user of a run; work on disk and database is done in threads."""

    def __init__(self, store: FileStore, files: FileRepository) -> None:
        self._store = store
        self._files = files

    async def keep(self, place: RunPlace, name: str, content: bytes) -> Json:
        """Keep a picture; its attachment. Raises `ToolFailure` for what is none, or too large."""
        if len(content) > MAX_PICTURE_BYTES:
            raise ToolFailure("The picture is larger than this server takes.")
        return await _in_thread(lambda: self._keep(place, name, content))

    async def find(self, owner: str, file_ids: Sequence[str]) -> list[tuple[Json, bytes]]:
        """The owner's pictures of these ids, with their records. Raises `ToolFailure` where one is not there."""
        return await _in_thread(lambda: self._find(owner, file_ids))

    def _keep(self, place: RunPlace, name: str, content: bytes) -> Json:
        upload = Upload(BytesIO(content), name, "", len(content))
        with self._store.received(place.owner, upload, image=True) as stored:
            more = {"context": CONTEXT, "conversationId": place.conversation_id, "messageId": place.answer_id}
            return attachment_of(self._files.insert(place.owner, {**stored.record, **more}))

    def _find(self, owner: str, file_ids: Sequence[str]) -> list[tuple[Json, bytes]]:
        found, size = [], 0
        for file_id in file_ids:
            record = self._files.find(owner, file_id)
            if record is None or record.get("type") not in IMAGE_TYPES:
                raise ToolFailure(f"There is no picture with the id {file_id[:100]}.")
            with self._store.opened(record) as stream:
                content = stream.read(MAX_PICTURE_BYTES + 1)
            size += len(content)
            if len(content) > MAX_PICTURE_BYTES or size > MAX_GIVEN_BYTES:
                raise ToolFailure("The pictures are too large.")
            found.append((record, content))
        return found


def attachment_of(record: Mapping[str, Any]) -> Json:
    """A record as an attachment of an answer: what clients show, in values that JSON has."""
    return {name: _json(value) for name, value in record.items() if name not in HIDDEN}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


async def _in_thread(work: Callable[[], Made]) -> Made:
    try:
        return await asyncio.to_thread(work)
    except ApiError as error:
        raise ToolFailure(error.message) from error
    except StorageError as error:
        raise ToolFailure("The files are not available at the moment.") from error
