"""One operation, bound: the handler with its services, from the arguments of a request to a reply."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import orjson

from echo.contract.compiled import JSON, Operation
from echo.contract.file_answers import disposition, empty_reply, file_reply
from echo.contract.streaming import begun, check_whole, json_pieces, sliced
from echo.errors import ServiceUnavailable, TooManyRequests
from echo.handling.caller import subscriber
from echo.handling.event_stream import HEADERS as EVENT_HEADERS
from echo.handling.event_stream import EventStream
from echo.handling.file_body import FileBody
from echo.handling.large_answers import SMALL_BYTES, LargeAnswers, Share
from echo.handling.pending import Pending
from echo.handling.reply import Reply, Unfinished, raw_headers
from echo.handling.scope import ARGUMENTS, CALLER, CLIENT, CONDITIONS
from echo.handling.stream_body import JsonItems, StreamBody

Handler = Callable[..., Any]

_INJECTED = {"services", "caller", "client"}


class HandlerMismatch(TypeError):
    """A handler's signature does not fit its operation."""


class BoundOperation:
    """The view function of an operation: built once, called for each request.

    `large` counts large answers, by default of this operation alone and without a limit. Raises `HandlerMismatch`
    when made of a handler that cannot take what the operation declares.
    """

    def __init__(
        self,
        operation: Operation,
        handler: Handler,
        services: object,
        large: LargeAnswers | None = None,
    ) -> None:
        self.operation = operation
        self._large = large or LargeAnswers(most=sys.maxsize, most_of_one=sys.maxsize)
        self._handler = handler
        parameters = parameters_of(handler)
        self._services = {"services": services} if "services" in parameters else {}
        self._wants_caller = "caller" in parameters
        self._wants_client = "client" in parameters
        check_signature(operation, handler)

    def __call__(self, request: Mapping[str, Any]) -> Reply:
        """Answer a request: its arguments, its caller and what else is known stand under `echo.handling.scope`."""
        caller = request[CALLER]
        # Who has no login is told by the address: nobody holds up all others who read what is shared.
        owner = caller.id if caller else subscriber(request[CLIENT].address)
        respond = partial(self._respond, owner, request[CONDITIONS])
        return respond(self.handle(request))

    def handle(self, request: Mapping[str, Any]) -> Any:
        """The handler's reply for the arguments, the caller and the client that stand in the request."""
        arguments = dict(request[ARGUMENTS])
        if self._wants_caller:
            arguments["caller"] = request[CALLER]
        if self._wants_client:
            arguments["client"] = request[CLIENT]
        return self._handler(**self._services, **arguments)

    def _respond(self, owner: str, asked: Mapping[str, str], reply: Any) -> Reply:
        body, status, headers = unpack(reply, self.operation.success_status)
        if isinstance(body, StreamBody | JsonItems):
            return self._streamed(owner, body, status, headers)
        if isinstance(body, FileBody):
            return file_reply(body, status, headers, asked)
        if isinstance(body, Pending):
            return Reply(status, [], pending=Unfinished(body, partial(self._respond, owner, asked)))
        if isinstance(body, EventStream):
            return Reply(status, raw_headers({**EVENT_HEADERS, **headers}), frames=body.frames)
        return empty_reply(status, headers) if body is None else self._whole(owner, body, status, headers)

    def _streamed(
        self, owner: str, body: StreamBody | JsonItems, status: int, headers: Mapping[str, str]
    ) -> Reply:
        share = self._share(owner, body.held)
        if isinstance(body, StreamBody):
            shown = {**headers, "Content-Type": body.content_type}
            shown["Content-Disposition"] = disposition("attachment", body.filename)
            return Reply(status, raw_headers(shown), pieces=begun(body.pieces, share))
        pieces = begun(json_pieces(body, self.operation.responses[status]), share)
        return checked_reply(pieces, status, headers)

    def _whole(self, owner: str, body: Any, status: int, headers: Mapping[str, str]) -> Reply:
        content, content_type = encode(body)
        if len(content) <= SMALL_BYTES or content_type != JSON:
            shown = {"Content-Type": content_type, **headers, "Content-Length": str(len(content))}
            is_checked = shown["Content-Type"] == JSON and self._keeps_contract(status, body)
            return Reply(status, raw_headers(shown), content, is_checked=is_checked)
        check_whole(self.operation, status, body)
        pieces = begun(sliced(content), self._share(owner, len(content)))
        return checked_reply(pieces, status, {"Content-Length": str(len(content)), **headers})

    def _keeps_contract(self, status: int, body: Any) -> bool:
        """Whether a body is certainly what is promised; any other is held against the contract as it leaves."""
        response = self.operation.responses.get(status)
        validator = response.media_types.get(JSON) if response else None
        return validator is not None and validator.is_valid(body)

    def _share(self, owner: str, size: int) -> Share:
        try:
            return self._large.take(owner, size)
        except TooManyRequests as error:
            if TooManyRequests.status in self.operation.responses:
                raise
            # Not a list: an account's own limit is none of those that the operation declares.
            raise ServiceUnavailable(code="overloaded", retry_after=5) from error


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
    return orjson.dumps(body), JSON


def checked_reply(pieces: Iterator[bytes], status: int, headers: Mapping[str, str]) -> Reply:
    """A reply that streams JSON which is held against the contract where it is made."""
    return Reply(status, raw_headers({**headers, "Content-Type": JSON}), pieces=pieces, is_checked=True)


def check_signature(operation: Operation, handler: Handler) -> None:
    """Raise `HandlerMismatch` unless the handler takes every declared argument and needs no other."""
    declared = declared_arguments(operation)
    parameters = parameters_of(handler)
    taken = set(parameters) - _INJECTED
    needed = {name for name in taken if parameters[name].default is inspect.Parameter.empty}
    if missing := set(declared) - taken:
        raise HandlerMismatch(f"{operation.handler_name} does not take {sorted(missing)}")
    always = {name for name, is_certain in declared.items() if is_certain}
    if extra := needed - always:
        raise HandlerMismatch(f"{operation.handler_name} needs {sorted(extra)}, which may be absent")


@cache
def parameters_of(handler: Handler) -> Mapping[str, inspect.Parameter]:
    """A function's parameters by their names, in its order; looked up once."""
    return inspect.signature(handler).parameters


def declared_arguments(operation: Operation) -> dict[str, bool]:
    """The arguments that requests to the operation can carry, and whether they always do."""
    declared = {
        parameter.argument: parameter.required or parameter.default is not None
        for parameter in operation.parameters
    }
    return declared | (operation.body.arguments if operation.body else {})
