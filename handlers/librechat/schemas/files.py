"""Files as LibreChat's client has them, and what may be uploaded."""

from typing import Any
from urllib.parse import quote

from marshmallow import fields

from echo.chat.attachments import MAX_BYTES, MAX_FILES
from echo.files.cloud.keys import shown_picture
from echo.files.kinds import IMAGE_TYPES
from echo.library.pictures import MAX_AVATAR_BYTES
from echo.settings import FileRules, Settings
from echo.settings.cloud import AZURE, CLOUDFRONT, FIREBASE, S3
from echo.tools.code.outputs import ELSEWHERE
from handlers.schemas.base import Flag, Identifier, Moment, Output, Plain, Text, Whole

Json = dict[str, Any]
MIB = 1024 * 1024
# What the `source` of a file in a service is.
CLOUDS = frozenset({S3, CLOUDFRONT, AZURE, FIREBASE})
KNOWN_PLACES = ("/images/", "/uploads/", "https://", "http://")
# Where the code interpreter has a file, below wherever LibreChat's API is.
AT_INTERPRETER = "/api/files/code/download/"


class Place(fields.Field[str]):
    """Where a client finds a picture; of all else where it gets the file, not where LibreChat's server had it.

    An address at a service runs out, or is not for everybody: clients get files in services from here.
    """

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        is_ours = obj.get("source") in CLOUDS
        if is_ours and str(obj.get("type")) in IMAGE_TYPES and (shown := shown_picture(value)):
            return shown
        if isinstance(value, str) and value.startswith(KNOWN_PLACES) and not (is_ours and "://" in value):
            return value
        if obj.get("source") == ELSEWHERE and AT_INTERPRETER in str(value):
            return str(value)
        return f"/api/files/download/{obj.get('user')}/{quote(str(obj.get('file_id')), safe='')}"


class FileSchema(Output):
    """A document of `files` as the contract's TFile."""

    id_ = Identifier(data_key="_id")
    user = Identifier()
    file_id = Text()
    temp_file_id = Text()
    conversation_id = Text(data_key="conversationId")
    message_id = Text(data_key="messageId")
    filename = Text(dump_default="file")
    filepath = Place(dump_default="")
    object = Text(dump_default="file")
    bytes = Whole(dump_default=0)
    type = Text(dump_default="application/octet-stream")
    source = Text(dump_default="local")
    context = Text()
    usage = Whole(dump_default=0)
    embedded = Flag(dump_default=False)
    model = Text()
    width = Whole()
    height = Whole()
    text = Text()
    text_format = Text(data_key="textFormat")
    status = Text()
    preview_error = Text(data_key="previewError")
    metadata = Plain(dict)
    expires_at = Moment(data_key="expiresAt")
    created_at = Moment(data_key="createdAt")
    updated_at = Moment(data_key="updatedAt")
    version = Whole(data_key="__v")


class PreviewSchema(Output):
    """What of a file can be shown as text."""

    file_id = Text()
    status = Text(dump_default="ready")
    text = Text()
    text_format = Text(data_key="textFormat")
    preview_error = Text(data_key="previewError")


def download_url(record: Json, url: str) -> Json:
    """Where a file is to be had for a while, and what it is; the record as the client knows it."""
    known = file.dump_one(record)
    known.pop("text", None)
    return {"url": url, "filename": known["filename"], "type": known["type"], "metadata": known}


def limits(settings: Settings) -> Json:
    """What may be uploaded, as LibreChat's `fileConfig`; sizes are in MiB."""
    default = {
        "fileLimit": MAX_FILES,
        "fileSizeLimit": settings.max_upload_bytes / MIB,
        "totalSizeLimit": MAX_BYTES / MIB,
        **_rules(settings.file_rules.get("default", FileRules()), settings),
    }
    others = {name: _rules(rules, settings) for name, rules in settings.file_rules.items()}
    return {
        "serverFileSizeLimit": settings.max_upload_bytes / MIB,
        "avatarSizeLimit": MAX_AVATAR_BYTES / MIB,
        "endpoints": {**others, "default": default},
    }


def _rules(rules: FileRules, settings: Settings) -> Json:
    said = {
        "fileLimit": rules.max_files,
        "fileSizeLimit": rules.max_bytes and min(rules.max_bytes, settings.max_upload_bytes) / MIB,
        "totalSizeLimit": rules.max_total_bytes and rules.max_total_bytes / MIB,
        "supportedMimeTypes": None if rules.media_types is None else list(rules.media_types),
    }
    return {name: value for name, value in said.items() if value is not None}


file = FileSchema()
preview = PreviewSchema()
