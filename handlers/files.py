"""Files: keep, list, download, delete."""

from typing import Any

from echo.files import Upload
from echo.files.downloads import Download, download
from echo.handling.caller import Caller
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.paging import all_items
from handlers.schemas import files as schemas

Json = dict[str, Any]


def list_files(services: Services, caller: Caller) -> list[Json] | JsonItems:
    """All files of the caller, the last changed first."""
    return all_items(schemas.file, services.library.files.list(caller.id))


def upload_file(services: Services, caller: Caller, *, file: Upload, metadata: str | None = None) -> Json:
    """Keep a file of any allowed type; the contract takes `metadata`, and LibreChat has no use for it."""
    return schemas.file.dump_one(services.library.uploads.keep(caller, file))


def upload_image(services: Services, caller: Caller, *, file: Upload) -> Json:
    """Keep a picture."""
    return schemas.file.dump_one(services.library.uploads.keep(caller, file, image=True))


def delete_files(services: Services, caller: Caller, *, body: Json) -> Json:
    """Delete those of the named files that are the caller's; the others are answered as if they were not named."""
    deleted = services.library.uploads.delete(caller.id, schemas.named(body))
    return {"message": "Files deleted successfully", "deletedCount": deleted}


def download_file(services: Services, caller: Caller, *, user_id: str, file_id: str) -> Download:
    """The content of a file of the caller, as an attachment."""
    return download(services.library.file_store, services.library.uploads.find(caller, user_id, file_id))
