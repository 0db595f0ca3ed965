"""Multipart forms: file parts go to disk as they arrive, text parts stay small, both are checked."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from echo.contract.compiled import FORM, Body
from echo.contract.parameters import argument_name, convert
from echo.error_causes import disk_failed
from echo.errors import BadRequest, FieldError, InvalidRequest
from echo.handling.upload import Upload

MAX_FIELDS = 50
MAX_FIELD_BYTES = 64 * 1024
SPOOL_BYTES = 128 * 1024


async def read_form(body: Body, headers: Headers, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
    """One argument for each declared part: an `Upload` for a file, a value of the declared type for the rest.

    A part that is declared as an array gives a list of such. Raises `BadRequest` for a form that cannot be parsed,
    `InvalidRequest` for one that does not fit, `OSError` or `ServiceUnavailable` where the disk takes no temporary
    file.
    """
    parser = MultiPartParser(
        headers,
        _as_generator(chunks),
        max_files=max_files(body),
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
    parts = _Parts()
    for sent, value in form.multi_items():
        # `name[]`, as axios, PHP and OpenAI's clients write lists, counts as the name itself.
        name = sent if sent in properties else sent.removesuffix("[]")
        if name in properties:
            parts.take(name, properties[name], value)
        elif isinstance(value, UploadFile):
            await value.close()
    errors = parts.errors or list(body.media_types[FORM].field_errors(parts.instance))
    if errors:
        raise InvalidRequest(errors=tuple(errors))
    return parts.arguments


class _Parts:
    """What the parts of a form come to: the arguments, what the schema is held against, and what is wrong."""

    def __init__(self) -> None:
        self.arguments: dict[str, Any] = {}
        self.instance: dict[str, Any] = {}
        self.errors: list[FieldError] = []

    def take(self, name: str, schema: Mapping[str, Any], value: UploadFile | str) -> None:
        """Take one part, by its schema: of an array it is an item. Of texts with one name the last counts."""
        is_list = schema.get("type") == "array"
        item = schema["items"] if is_list else schema
        is_file = item.get("format") == "binary"
        if is_file != isinstance(value, UploadFile):
            self.errors.append(FieldError(name, "must be a file" if is_file else "must be text"))
            return
        if isinstance(value, UploadFile):
            if not is_list and name in self.instance:
                self.errors.append(FieldError(name, "must be one file"))
            self._keep(name, "", to_upload(value), is_list)
            return
        converted = _converted(item, value)
        if converted is None:
            self.errors.append(FieldError(name, "has the wrong type"))
        self._keep(name, converted, converted, is_list)

    def _keep(self, name: str, checked: Any, argument: Any, is_list: bool) -> None:
        if is_list:
            self.instance.setdefault(name, []).append(checked)
            self.arguments.setdefault(argument_name(name), []).append(argument)
        else:
            self.instance[name] = checked
            self.arguments[argument_name(name)] = argument


def _converted(schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type", "string")
    return convert(text, kind) if isinstance(kind, str) else text


def max_files(body: Body) -> int:
    """How many files a form may have: at least one, so that one in the wrong place can be told."""
    properties = body.schemas[FORM].get("properties", {}).values()
    lists = [each for each in properties if each.get("type") == "array"]
    single = [each for each in properties if each.get("format") == "binary"]
    several = [int(each["maxItems"]) for each in lists if each["items"].get("format") == "binary"]
    return max(1, len(single) + sum(several))


def to_upload(part: UploadFile) -> Upload:
    """The file part as handlers know it."""
    return Upload(
        stream=part.file,
        filename=part.filename or "",
        content_type=part.content_type or "application/octet-stream",
        size=part.size or 0,
    )
