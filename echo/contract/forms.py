"""Multipart forms: file parts go to disk as they arrive, text parts stay small, both are checked."""

from collections.abc import AsyncIterator
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from echo.contract.document import FORM, Body
from echo.contract.parameters import argument_name
from echo.errors import BadRequest, FieldError, InvalidRequest, disk_failed
from echo.handling.upload import Upload

MAX_FILES = 1
MAX_FIELDS = 50
MAX_FIELD_BYTES = 64 * 1024
SPOOL_BYTES = 128 * 1024


async def read_form(body: Body, headers: Headers, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
    """One argument for each declared part: an `Upload` for a file, text for the rest.

    Raises `BadRequest` for a form that cannot be parsed, `InvalidRequest` for one that does not fit, `OSError` or
    `ServiceUnavailable` where the disk takes no temporary file.
    """
    parser = MultiPartParser(
        headers,
        _as_generator(chunks),
        max_files=MAX_FILES,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    # A file goes to disk sooner than Starlette's 1 MiB: sixteen uploads at once left 30 MB behind in a worker.
    parser.spool_max_size = SPOOL_BYTES
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, KeyError, UnicodeError, ValueError) as error:
        raise BadRequest("The multipart form is malformed.", code="malformed_form") from error
    except FileNotFoundError as error:
        # So says the standard library where no temporary directory takes a file, for whatever reason.
        raise disk_failed() from error
    try:
        return await _arguments(body, form)
    except InvalidRequest:
        await form.close()
        raise


async def _as_generator(chunks: AsyncIterator[bytes]) -> Any:
    async for chunk in chunks:
        yield chunk
    yield b""


async def _arguments(body: Body, form: FormData) -> dict[str, Any]:
    properties = body.schemas[FORM].get("properties", {})
    instance: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, value in form.multi_items():
        schema = properties.get(name)
        if schema is None:
            continue
        if (schema.get("format") == "binary") != isinstance(value, UploadFile):
            errors.append(
                FieldError(name, "must be a file" if schema.get("format") == "binary" else "must be text")
            )
            continue
        instance[name] = "" if isinstance(value, UploadFile) else value
        arguments[argument_name(name)] = to_upload(value) if isinstance(value, UploadFile) else value
    errors.extend(body.media_types[FORM].field_errors(instance) if not errors else ())
    if errors:
        raise InvalidRequest(errors=tuple(errors))
    return arguments


def to_upload(part: UploadFile) -> Upload:
    """The file part as handlers know it."""
    return Upload(
        stream=part.file,
        filename=part.filename or "",
        content_type=part.content_type or "application/octet-stream",
        size=part.size or 0,
    )
