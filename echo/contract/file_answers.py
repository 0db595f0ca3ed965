"""Answers that are a file: whole, a range of it, or only that it has not changed (RFC 9110, sections 13 and 14)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wrappers import Response
from werkzeug.wsgi import FileWrapper

from echo.errors import RangeNotSatisfiable
from echo.handling.conditions import etag, is_same
from echo.handling.file_body import FileBody
from echo.handling.reply import Reply, raw_headers

CHUNK_BYTES = 256 * 1024
WITHOUT_LENGTH = (204, 304)


def file_reply(body: FileBody, status: int, headers: Mapping[str, str], asked: Mapping[str, str]) -> Reply:
    """A reply that streams the file, or what was `asked` of it: see `echo.handling.conditions`.

    Raises `RangeNotSatisfiable` for a range behind its end.
    """
    size, tag = _size_and_tag(body)
    if is_same(asked, tag):
        return empty_reply(304, {**headers, "ETag": tag})
    own = {
        **headers,
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Type": body.content_type,
        "Content-Length": str(size),
        "Content-Disposition": disposition("inline" if body.inline else "attachment", body.filename),
    }
    if asked["REQUEST_METHOD"] == "HEAD":
        # Not read: its length is known.
        return Reply(status, raw_headers(own))
    file = body.path.open("rb") if isinstance(body.path, Path) else body.path.open()
    stream = FileWrapper(file, CHUNK_BYTES)
    if "HTTP_RANGE" not in asked:
        return Reply(status, raw_headers(own), pieces=stream)
    return _ranged(Response(stream, status, own, direct_passthrough=True), asked, size)


def _size_and_tag(body: FileBody) -> tuple[int, str]:
    if isinstance(body.path, Path):
        found = body.path.stat()
        return found.st_size, etag(found)
    # A service's own tag may hold anything; what an entity tag may hold is in RFC 9110, section 8.8.3.
    return body.path.size, f'"{quote(body.path.tag, safe="")}"'


def _ranged(response: Response, asked: Mapping[str, str], size: int) -> Reply:
    try:
        response.make_conditional(dict(asked), accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        response.close()
        raise RangeNotSatisfiable(size) from None
    # The server writes its own.
    response.headers.remove("Date")
    pieces: Any = response.response
    return Reply(response.status_code, raw_headers(dict(response.headers)), pieces=pieces)


def empty_reply(status: int, headers: Mapping[str, str]) -> Reply:
    """A reply without a body, which has no media type either.

    Of a 204 or a 304 no length is told: in the latter it would be that of the file (RFC 9110, section 8.6).
    """
    told = {} if status in WITHOUT_LENGTH else {"Content-Length": "0"}
    return Reply(status, raw_headers({**headers, **told}))


def disposition(kind: str, filename: str) -> str:
    """The header's value; the name is given in RFC 6266's extended form, so any script works."""
    return f"{kind}; filename*=UTF-8''{quote(filename, safe='')}"
