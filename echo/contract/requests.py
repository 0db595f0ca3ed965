"""Request validation: a request becomes the typed arguments of its handler, or an error of ours.

This replaces Connexion's stock request validation, which builds Draft 4 validators for each request, checks
hardly any format, answers malformed input with a 500 and knows no chunked bodies.
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope
from werkzeug.sansio.http import parse_cookie

from echo.contract.compiled import FORM, URLENCODED, Body, Operation
from echo.contract.forms import read_form
from echo.contract.parameters import Fields
from echo.errors import BadRequest, FieldError, InvalidRequest, UnsupportedMediaType

# As many as Express reads, and far more than any operation has: each costs memory many times its own length.
MAX_QUERY_FIELDS = 1000
MAX_FORM_FIELDS = 100
# Up to here a double has every integer.
MAX_EXACT = 2**53


async def read_arguments(operation: Operation, scope: Scope, receive: Receive) -> dict[str, Any]:
    """The arguments for the operation's handler.

    Raises `InvalidRequest`, `BadRequest` or `UnsupportedMediaType`; whatever the body reader raises
    (`PayloadTooLarge`) passes through.
    """
    headers = Headers(scope=scope)
    arguments = read_parameters(operation, scope, headers)
    if operation.body is not None:
        arguments |= await _read_body(operation.body, headers, receive)
    return arguments


def read_parameters(operation: Operation, scope: Scope, headers: Headers) -> dict[str, Any]:
    """The declared parameters, converted and checked; raises `InvalidRequest`."""
    if not operation.parameters:
        return {}
    sources = {
        "path": scope["path_params"],
        "query": _query(scope),
        "header": headers,
        "cookie": read_cookies(headers),
    }
    arguments: dict[str, Any] = {}
    errors = [
        error
        for parameter in operation.parameters
        if (error := parameter.read(sources[parameter.location], arguments))
    ]
    if errors:
        raise InvalidRequest(errors=tuple(errors))
    return arguments


def read_cookies(headers: Headers) -> dict[str, str]:
    """The cookies of a request, those of several lines together (RFC 9113, section 8.2.3).

    Of several with one name the first counts, as in Express: the browser puts the most specific one there (RFC 6265,
    section 5.4). Takes time in proportion to what was sent, which the standard library's parser does not
    (CVE-2024-7592).
    """
    lines = headers.getlist("cookie")
    return parse_cookie("; ".join(lines)).to_dict() if lines else {}


def _query(scope: Scope) -> Fields:
    if not scope["query_string"]:
        return Fields([])
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_FIELDS,
        )
    except ValueError as error:
        raise BadRequest("The query string is not valid.", code="malformed_query") from error
    return Fields(pairs)


async def _read_body(body: Body, headers: Headers, receive: Receive) -> dict[str, Any]:
    media_type = _media_type(headers)
    if media_type is None:
        # Without a Content-Type there should be no body; what is there is taken for the first declared type.
        content = await read_all(receive)
        return _json_arguments(body, next(iter(body.media_types)), content)
    if media_type not in body.media_types:
        if not body.required and headers.get("content-length", "") in ("", "0"):
            content = await read_all(receive)
            if not content:
                return {"body": {}}
        raise UnsupportedMediaType(f"This operation takes {', '.join(body.media_types)}.")
    if media_type == FORM:
        return await read_form(body, headers, stream(receive))
    return _json_arguments(body, media_type, await read_all(receive))


def _media_type(headers: Headers) -> str | None:
    content_type = headers.get("content-type")
    if content_type is None:
        return None
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.lower().partition("charset=")[2].partition(";")[0].strip(' "')
    if charset and charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("Bodies are read as UTF-8 only.")
    return media_type.strip().lower()


def _json_arguments(body: Body, media_type: str, content: bytes) -> dict[str, Any]:
    if not content:
        if body.required:
            raise InvalidRequest(errors=(FieldError("body", "is required"),))
        return {"body": {}}
    if media_type == FORM:
        raise UnsupportedMediaType(f"This operation takes {FORM}.")
    parsed = _fields(content) if media_type == URLENCODED else _json(content)
    validator = body.media_types[media_type]
    if not validator.is_valid(parsed):
        raise InvalidRequest(errors=validator.field_errors(parsed))
    return {"body": _with_integers(parsed)}


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest("The body is not valid JSON in UTF-8.", code="malformed_json") from error


def _with_integers(parsed: Any) -> Any:
    """The same with `1.0` as 1, in place: to JSON Schema, which has let it pass, it is an integer.

    Those stay that are larger than a double can count.
    """
    whole = [parsed]
    left: list[Any] = [whole]
    while left:
        part = left.pop()
        for place, value in part.items() if type(part) is dict else enumerate(part):
            kind = type(value)
            if kind is dict or kind is list:
                left.append(value)
            elif kind is float and value.is_integer() and abs(value) <= MAX_EXACT:
                part[place] = int(value)
    return whole[0]


def _fields(content: bytes) -> dict[str, str]:
    """The fields of a form, all of them text; of several with one name the last counts."""
    try:
        pairs = parse_qsl(
            content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError as error:
        raise BadRequest("The form is malformed.", code="malformed_form") from error
    return dict(pairs)


async def read_all(receive: Receive) -> bytes:
    """The whole body; its size is bounded by the body limit in front."""
    chunks = [chunk async for chunk in stream(receive)]
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def stream(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises `BadRequest` when the client goes away in the middle."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The body ended too early.", code="incomplete_body")
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body", False):
            return
