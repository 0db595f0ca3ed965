"""What a request asks of a file beside the file itself: only another one than it has, only a range of its bytes."""

import os
import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Scope
from werkzeug.http import is_resource_modified

from echo.handling.scope import IS_HEAD

# One range; all others are ignored, as RFC 9110, section 14.2 allows.
_ONE_RANGE = re.compile(r"bytes=(?:(\d{1,15})-(\d{0,15})|-\d{1,15})")


def is_range(value: str) -> bool:
    """Whether the value of `Range` asks for one range of bytes, there or not; any other is as if it were not sent."""
    asked = _ONE_RANGE.fullmatch(value.replace(" ", ""))
    return asked is not None and not (asked[2] and int(asked[2]) < int(asked[1]))


def etag(found: os.stat_result, variant: str | None = None) -> str:
    """The strong tag of a file as it lies there, in its quotes; `variant` names the encoding of what is sent."""
    return f'"{found.st_mtime_ns:x}-{found.st_size:x}{"-" + variant if variant else ""}"'


def conditions(scope: Scope) -> Mapping[str, str]:
    """The request's method and conditions, by the names of a WSGI environment."""
    headers = Headers(scope=scope)
    asked = {"REQUEST_METHOD": "HEAD" if scope.get(IS_HEAD) else scope["method"]}
    if "if-none-match" in headers:
        asked["HTTP_IF_NONE_MATCH"] = headers["if-none-match"]
    if "range" in headers and asked["REQUEST_METHOD"] == "GET":
        asked |= _range(headers["range"], headers.get("if-range"))
    return asked


def _range(value: str, same: str | None) -> dict[str, str]:
    # Weak tags name no bytes (RFC 9110, section 13.1.5).
    if not is_range(value) or (same is not None and same.startswith("W/")):
        return {}
    return {"HTTP_RANGE": value.replace(" ", "")} | ({"HTTP_IF_RANGE": same} if same is not None else {})


def is_same(asked: Mapping[str, str], tag: str) -> bool:
    """Whether the client says that it has what has this tag; asked before any range (RFC 9110, section 13.2.2)."""
    return "HTTP_IF_NONE_MATCH" in asked and not is_resource_modified(dict(asked), etag=tag)
