"""Files that go with a message: only its owner's own, as pictures and texts that a model can be sent."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from echo.chat.context import picture_tokens
from echo.errors import FieldError, NotFound, PayloadTooLarge, Unprocessable
from echo.files import FileStore
from echo.files.kinds import IMAGE_TYPES
from echo.files.text import TEXT_TYPES
from echo.providers.chat import Attachment
from storage.core.errors import NotFound as NotStored
from storage.library.files import FileRepository

Record = Mapping[str, Any]
# In one request to a model, those of earlier messages included. Providers take about as much.
MAX_FILES = 20
MAX_BYTES = 20 * 1024 * 1024
# Of one conversation.
MAX_FOR_CODE = 100
# Where a message names files: those of a question, and what tools have made of an answer.
WITH_FILES = ("files", "attachments")
# What a message keeps of each of its files, as LibreChat has it.
SHOWN = ("type", "file_id", "filepath", "filename", "embedded", "height", "width")


class Attachments:
    """The files of one owner, read for one request."""

    def __init__(self, files: FileRepository, store: FileStore, owner: str) -> None:
        self._files = files
        self._store = store
        self._owner = owner
        self._left = MAX_BYTES
        self._count = 0

    def records(self, file_ids: Sequence[str]) -> list[Record]:
        """The records of files that a new message names. Raises `Unprocessable` for one that is not there."""
        found: list[Record] = []
        for index, file_id in enumerate(dict.fromkeys(file_ids)):
            try:
                found.append(self._files.get(self._owner, file_id))
            except NotStored as error:
                place = FieldError(f"files.{index}.file_id", "names no file")
                raise Unprocessable(
                    "A file of the message is not there.", code="unknown_file", errors=(place,)
                ) from error
        return found

    def load(self, records: Sequence[Record]) -> tuple[Attachment, ...]:
        """The contents, for a new message. Raises `Unprocessable` and `PayloadTooLarge`."""
        loaded = []
        for record in records:
            attachment = self._load(record)
            if attachment is None:
                raise Unprocessable(
                    "A model can be sent pictures and text files only.", code="unsupported_attachment"
                )
            if not self._take(attachment):
                raise PayloadTooLarge(
                    f"A message may have {MAX_FILES} files of {MAX_BYTES} bytes in all.",
                    code="too_many_attachments",
                )
            loaded.append(attachment)
        return tuple(loaded)

    def load_earlier(self, message: Mapping[str, Any]) -> tuple[Attachment, ...]:
        """The files of an earlier message, as far as they are still there and there is room."""
        loaded = []
        for file_id in ids_in(message.get("files")):
            try:
                record = self._files.get(self._owner, file_id)
                attachment = None if purposes_of(record) else self._load(record)
            except (NotStored, NotFound, Unprocessable):
                continue
            if attachment is not None and self._take(attachment):
                loaded.append(attachment)
        return tuple(loaded)

    def for_code(self, messages: Iterable[Record]) -> Sequence[Record]:
        """The files of earlier messages that programs find: what was uploaded for them, and what they have left."""
        ids = [
            each
            for message in messages
            for name in WITH_FILES
            for each in ids_in(message.get(name), MAX_FOR_CODE)
        ]
        return self._files.for_code(self._owner, [*dict.fromkeys(ids)][-MAX_FOR_CODE:])

    def again(self) -> "Attachments":
        """The same with as much room as is left now, for one of several requests that each have it."""
        other = Attachments(self._files, self._store, self._owner)
        other._left, other._count = self._left, self._count
        return other

    def texts(self, records: Iterable[Record]) -> Iterator[tuple[str, str]]:
        """Those of the records that are texts: name and content of each that is still there and not too large."""
        for record in records:
            size = record.get("bytes")
            if isinstance(size, int | float) and size > MAX_BYTES:
                continue
            try:
                attachment = self._load(record)
            except (NotFound, Unprocessable):
                continue
            if attachment is not None and attachment.media_type == "text/plain":
                yield attachment.filename, attachment.content.decode("utf-8", "replace")

    def _take(self, attachment: Attachment) -> bool:
        size = len(attachment.content)
        if self._count >= MAX_FILES or size > self._left:
            return False
        self._count, self._left = self._count + 1, self._left - size
        return True

    def _load(self, record: Record) -> Attachment | None:
        name, kind = str(record.get("filename") or "file"), str(record.get("type"))
        text = record.get("text")
        if record.get("source") == "text" and isinstance(text, str):
            return Attachment(name, "text/plain", text.encode("utf-8", "replace"))
        is_text = kind in TEXT_TYPES or kind.startswith("text/")
        if not is_text and kind not in IMAGE_TYPES:
            return None
        try:
            with self._store.opened(record) as file:
                return Attachment(name, "text/plain" if is_text else kind, file.read())
        except (NotFound, OSError) as error:
            raise Unprocessable("A file of the message is not there.", code="unknown_file") from error


def purposes_of(record: Record) -> list[str]:
    """For which tools a file was uploaded, by LibreChat's records; none for one that the model itself reads."""
    about = record.get("metadata")
    is_for_code = isinstance(about, Mapping) and (about.get("fileIdentifier") or about.get("codeEnvRef"))
    found = ["file_search"] if record.get("embedded") is True else []
    return [*found, "execute_code"] if is_for_code else found


def for_model(records: Sequence[Record]) -> list[Record]:
    """Those that the model itself reads."""
    return [each for each in records if not purposes_of(each)]


def shown_files(message: Record) -> list[Record]:
    """What a stored message says of its files, which may be anything."""
    files = message.get("files")
    found = [each for each in files if isinstance(each, Mapping)] if isinstance(files, list) else []
    return [each for each in found if isinstance(each.get("file_id"), str)][:MAX_FILES]


def shown(record: Record) -> dict[str, Any]:
    """What a message keeps of its file."""
    return {name: record[name] for name in SHOWN if record.get(name) is not None}


def ids_in(files: Any, most: int = MAX_FILES) -> Iterable[str]:
    """The ids of the files of a stored message, which may hold anything."""
    listed = files if isinstance(files, list) else []
    ids = (each.get("file_id") for each in listed if isinstance(each, Mapping))
    return [each for each in ids if isinstance(each, str)][:most]


def tokens_of(
    attachments: Sequence[Attachment], records: Sequence[Record], count: Callable[[str], int]
) -> int:
    """What the files of a message cost."""
    return sum(
        picture_tokens(record.get("width"), record.get("height"))
        if attachment.media_type in IMAGE_TYPES
        else count(attachment.content.decode("utf-8", "replace"))
        for attachment, record in zip(attachments, records, strict=True)
    )
