"""All conversations in and out of an account."""

from typing import Any

from echo.files import Upload
from echo.handling.caller import Caller
from echo.handling.stream_body import StreamBody
from echo.services import Services
from handlers.schemas import transfer as schemas

Json = dict[str, Any]


def import_conversations(services: Services, caller: Caller, *, file: Upload) -> Json:
    """Add the conversations of an export file; those that are there already stay as they are."""
    summary = services.conversations.transfers.import_file(caller.id, file)
    return schemas.summary.dump_one(summary.counts())


def export_conversations(services: Services, caller: Caller, *, format_: str) -> StreamBody:
    """All conversations of the caller as one file, sent as it is made."""
    return services.conversations.transfers.export(caller.id, format_)
