"""Uploads of which the text is kept, and no file."""

from typing import Any
from uuid import uuid4

from echo.errors import ApiError, PayloadTooLarge, ServiceUnavailable, Unprocessable
from echo.extraction import Unreadable
from echo.files import FileStore
from echo.files.kinds import find_type, unsupported
from echo.files.names import shown_name
from echo.files.store import UPLOADS
from echo.files.text import PLAIN, TEXT_TYPES
from echo.handling.upload import Upload
from echo.indexing.texts import Texts

# LibreChat's limit for a text in a record; MongoDB's for a whole document is one more MiB.
MAX_TEXT_BYTES = 15 * 1024 * 1024
_SAID = {
    "broken": "The document is broken, or it is not what it says.",
    "locked": "The document is locked by a password.",
    "empty": "There is no text in the document, perhaps only pictures of text.",
    "too_slow": "It takes too long to read the document.",
}


class UploadTexts:
    """Makes records of texts."""

    def __init__(self, store: FileStore, texts: Texts) -> None:
        self._store = store
        self._texts = texts

    def record(self, owner: str, upload: Upload) -> dict[str, Any]:
        """The record of an upload's text.

        Raises `UnsupportedMediaType` for what has none, `Unprocessable` (`unreadable_document`) for a document whose
        text cannot be had, `PayloadTooLarge`.
        """
        size = self._store.check_size(upload.stream)
        kind = find_type(upload.stream, upload.filename)
        if kind in TEXT_TYPES:
            # As it is: a model is to see the markup of a page that somebody writes.
            text = self._plain(upload, size)
        else:
            text = self._of_document(upload, kind)
            size = len(text.encode())
        file_id = str(uuid4())
        return {
            "file_id": file_id,
            "filename": shown_name(upload.filename),
            # LibreChat has a path here that leads nowhere; its model wants one.
            "filepath": f"/{UPLOADS}/{owner}/{file_id}",
            "object": "file",
            "bytes": size,
            "type": PLAIN,
            "source": "text",
            "usage": 0,
            "embedded": False,
            "text": text,
        }

    @staticmethod
    def _plain(upload: Upload, size: int) -> str:
        if size > MAX_TEXT_BYTES:
            raise PayloadTooLarge(f"A text may have at most {MAX_TEXT_BYTES} bytes.")
        upload.stream.seek(0)
        return upload.stream.read().decode("utf-8-sig")

    def _of_document(self, upload: Upload, kind: str) -> str:
        try:
            return "\n\n".join(page.text for page in self._texts.pages_of(upload.stream, kind))
        except Unreadable as error:
            raise refused(error) from error


def refused(error: Unreadable) -> ApiError:
    """What a text that cannot be had means for the one who sent it."""
    if error.reason in {"unsupported", "missing"}:
        return unsupported("Only of texts, in UTF-8, and of documents can the text be kept.")
    if error.reason == "too_large":
        return PayloadTooLarge(f"A text may have at most {MAX_TEXT_BYTES} bytes.")
    if error.reason == "busy":
        return ServiceUnavailable("The server reads other documents.", code="overloaded", retry_after=10)
    return Unprocessable(_SAID[error.reason], code="unreadable_document")
