"""A model's call of an operation as a request: arguments where the document says, and nothing beside them."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from yarl import URL

from echo.tools.actions.document import FORM, JSON, Described, Operation
from echo.tools.outbound import Request
from echo.tools.tool import ToolFailure

SECONDS = 30.0
MAX_BYTES = 1024 * 1024
MAX_ARGUMENTS = 256 * 1024
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")
# What the connection, or the credentials of the action, decide.
OURS = frozenset(
    (
        *(
            "host",
            "content-length",
            "content-type",
            "transfer-encoding",
            "connection",
            "upgrade",
            "te",
            "trailer",
        ),
        *("authorization", "cookie", "expect", "proxy-authorization", "keep-alive", "accept-encoding"),
    )
)
NAMED = re.compile(r"\{([^{}/]+)\}")


def request_of(
    described: Described, operation: Operation, given: Mapping[str, Any], headers: Mapping[str, str]
) -> Request:
    """The request; `headers` are the action's credentials, which no argument replaces. Raises `ToolFailure`."""
    if len(orjson.dumps(dict(given), default=str)) > MAX_ARGUMENTS:
        raise ToolFailure("The arguments are too large.")
    placed = _placed(operation, given)
    own = {name.lower() for name in headers}
    said = {
        name: _header(value)
        for name, value in placed["header"].items()
        if HEADER.fullmatch(name) and name.lower() not in OURS | own
    }
    body, kind = _body(operation, placed["body"])
    return Request(
        _url(described.server, operation.path, placed["path"]),
        operation.method,
        query={name: _texts(value) for name, value in placed["query"].items()} or None,
        headers={
            **said,
            **({"Content-Type": kind} if kind else {}),
            "Accept": "application/json, text/*",
            **headers,
        },
        body=body,
        seconds=SECONDS,
        most=MAX_BYTES,
    )


def _placed(operation: Operation, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    placed: dict[str, dict[str, Any]] = {"query": {}, "path": {}, "header": {}, "body": {}}
    other = "body" if operation.body_type else "query"
    for name, value in given.items():
        if value is not None:
            placed[operation.places.get(name, other)][name] = value
    return placed


def _url(server: URL, path: str, given: Mapping[str, Any]) -> URL:
    def value(found: re.Match[str]) -> str:
        text = _text(given.get(found[1], ""))
        # A step of a path that leads elsewhere is no value of one.
        if text in ("", ".", ".."):
            raise ToolFailure(f"The argument {found[1]} is missing, or is none.")
        return quote(text, safe="")

    return URL(f"{str(server).rstrip('/')}{NAMED.sub(value, path)}", encoded=True)


def _header(value: Any) -> str:
    text = _text(value)
    if not HEADER_VALUE.fullmatch(text):
        raise ToolFailure("A header may have printable characters only.")
    return text


def _body(operation: Operation, given: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
    if operation.method == "GET" or (not given and operation.body_type is None):
        return None, None
    if operation.body_type == FORM:
        return urlencode({name: _texts(value) for name, value in given.items()}, doseq=True).encode(), FORM
    return orjson.dumps(dict(given)), operation.body_type or JSON


def _texts(value: Any) -> str | list[str]:
    return [_text(each) for each in value] if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
