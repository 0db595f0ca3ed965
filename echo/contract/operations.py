"""One operation, bound: the handler with its services, from the arguments of a request to a Flask response."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import flask
import orjson
from werkzeug.wsgi import FileWrapper

from echo.contract.document import Operation
from echo.http.event_stream import EventStream, EventStreamResponse
from echo.http.file_body import FileBody
from echo.http.pending import Pending, PendingResponse
from echo.http.stream_body import StreamBody
from echo.services import Services

Handler = Callable[..., Any]

# What the request's scope hands over to the handler's thread; see `echo.http.bridge`.
ARGUMENTS = "echo.arguments"
CALLER = "echo.caller"
CLIENT = "echo.client"
OPERATION = "echo.operation"
REQUEST_ID = "echo.request_id"
CHUNK_BYTES = 256 * 1024

_INJECTED = {"services", "caller", "client"}


class HandlerMismatch(TypeError):
    """A handler's signature does not fit its operation."""


class BoundOperation:
    """The view function of an operation: built once, called for each request.

    Raises `HandlerMismatch` when made of a handler that cannot take what the operation declares.
    """

    def __init__(self, operation: Operation, handler: Handler, services: Services) -> None:
        self.operation = operation
        self._handler = handler
        parameters = inspect.signature(handler).parameters
        self._services = {"services": services} if "services" in parameters else {}
        self._wants_caller = "caller" in parameters
        self._wants_client = "client" in parameters
        check_signature(operation, handler)

    def __call__(self) -> flask.Response:
        """Answer the request whose arguments stand in the WSGI environment."""
        return self._respond(self.handle(flask.request.environ))

    def handle(self, request: Mapping[str, Any]) -> Any:
        """The handler's reply for the arguments, the caller and the client that stand in the request."""
        arguments = dict(request[ARGUMENTS])
        if self._wants_caller:
            arguments["caller"] = request[CALLER]
        if self._wants_client:
            arguments["client"] = request[CLIENT]
        return self._handler(**self._services, **arguments)

    def _respond(self, reply: Any) -> flask.Response:
        body, status, headers = unpack(reply, self.operation.success_status)
        if isinstance(body, FileBody):
            return file_response(body, status, headers)
        if isinstance(body, StreamBody):
            return stream_response(body, status, headers)
        if isinstance(body, Pending):
            return PendingResponse(body, self._respond)
        if isinstance(body, EventStream):
            return EventStreamResponse(body, status, dict(headers))
        if body is None:
            return empty_response(status, headers)
        content, content_type = encode(body)
        return flask.Response(content, status, {"Content-Type": content_type, **headers})


def unpack(reply: Any, default_status: int) -> tuple[Any, int, Mapping[str, str]]:
    """A handler's reply is a body, or a body with a status, or a body with status and headers; None is no body."""
    if not isinstance(reply, tuple):
        return reply, default_status, {}
    body, status, *rest = reply
    return body, status, rest[0] if rest else {}


def encode(body: Any) -> tuple[bytes, str]:
    """The bytes of a body and their media type: text is plain text, everything else JSON."""
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return orjson.dumps(body), "application/json"


def empty_response(status: int, headers: Mapping[str, str]) -> flask.Response:
    """A response without a body, which has no media type either."""
    response = flask.Response(b"", status, headers)
    response.headers.remove("Content-Type")
    return response


def file_response(body: FileBody, status: int, headers: Mapping[str, str]) -> flask.Response:
    """A response that streams the file."""
    stream = FileWrapper(body.path.open("rb"), CHUNK_BYTES)
    response = flask.Response(stream, status, headers, direct_passthrough=True)
    response.headers["Content-Type"] = body.content_type
    response.headers["Content-Length"] = str(body.path.stat().st_size)
    response.headers["Content-Disposition"] = disposition(
        "inline" if body.inline else "attachment", body.filename
    )
    return response


def stream_response(body: StreamBody, status: int, headers: Mapping[str, str]) -> flask.Response:
    """A response that streams what is still to be made; how long it is nobody knows."""
    response = flask.Response(body.pieces, status, headers, direct_passthrough=True)
    response.headers["Content-Type"] = body.content_type
    response.headers["Content-Disposition"] = disposition("attachment", body.filename)
    return response


def disposition(kind: str, filename: str) -> str:
    """The header's value; the name is given in RFC 6266's extended form, so any script works."""
    return f"{kind}; filename*=UTF-8''{quote(filename, safe='')}"


def check_signature(operation: Operation, handler: Handler) -> None:
    """Raise `HandlerMismatch` unless the handler takes every declared argument and needs no other."""
    declared = declared_arguments(operation)
    parameters = inspect.signature(handler).parameters
    taken = set(parameters) - _INJECTED
    needed = {name for name in taken if parameters[name].default is inspect.Parameter.empty}
    if missing := set(declared) - taken:
        raise HandlerMismatch(f"{operation.handler_name} does not take {sorted(missing)}")
    always = {name for name, is_certain in declared.items() if is_certain}
    if extra := needed - always:
        raise HandlerMismatch(f"{operation.handler_name} needs {sorted(extra)}, which may be absent")


def declared_arguments(operation: Operation) -> dict[str, bool]:
    """The arguments that requests to the operation can carry, and whether they always do."""
    declared = {
        parameter.argument: parameter.required or parameter.default is not None
        for parameter in operation.parameters
    }
    return declared | (operation.body.arguments if operation.body else {})
