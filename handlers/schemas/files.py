"""Files: LibreChat's records as the contract's File."""

from typing import Any
from urllib.parse import quote

from marshmallow import fields

from handlers.schemas.base import Identifier, Moment, Output, Text, Whole


class DownloadPath(fields.Field[str]):
    """Where a client with a token gets the file; where it lies on disk is nobody's business."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str:
        return f"/api/files/download/{obj['user']}/{quote(str(obj['file_id']), safe='')}"


class FileSchema(Output):
    """A document of `files` as the contract's File."""

    file_id = Text()
    filename = Text(dump_default="file")
    type = Text(dump_default="application/octet-stream")
    filepath = DownloadPath(dump_default="")
    bytes = Whole(dump_default=0)
    width = Whole()
    height = Whole()
    created_at = Moment(data_key="createdAt")
    user = Identifier()


def named(body: dict[str, Any]) -> list[str]:
    """The ids in a deletion, each once."""
    return list(dict.fromkeys(file["file_id"] for file in body["files"]))


file = FileSchema()
