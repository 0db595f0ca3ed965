"""HEAD answers as GET does, OPTIONS and 405 name the methods that a path has, and no others."""

import re
from collections.abc import Iterator

from echo.testing.operations import Operation
from echo.testing.references import METHODS
from echo.testing.sweeps.exchanges import Exchange, Request
from echo.testing.sweeps.findings import Finding, Kind, Result
from echo.testing.sweeps.session import ADA
from echo.testing.sweeps.world import World

NAME = "methods"
HEAD_DIFFERS = Kind("head-differs", "HEAD answers otherwise than GET", "low")
NOT_REFUSED = Kind(
    "method-not-refused", "A method that the path does not have is not refused with 405", "low", True
)
UNTRUE_ALLOW = Kind("untrue-allow", "`Allow` does not name the methods that the path has", "low", True)
OPTIONS_FAILS = Kind("options-fails", "OPTIONS is neither answered nor refused", "low")
# A server may answer these for every path (RFC 9110, sections 9.3.2 and 9.3.7).
ANYWHERE = {"HEAD", "OPTIONS"}
TRIED = ("PATCH", "PUT", "DELETE", "POST", "GET")


def sweep(world: World, result: Result) -> None:
    """Each path, by methods that it has and has not. Raises `TimeIsUp`."""
    by_path: dict[str, list[Operation]] = {}
    for operation in world.each():
        by_path.setdefault(operation.path, []).append(operation)
    for operations in by_path.values():
        result.tried += 1
        result.found.extend(refused(world, operations[0]))
        result.found.extend(optional(world, operations[0]))
        for operation in operations:
            if world.reads(operation):
                result.found.extend(headed(world, operation))


def methods_of(world: World, operation: Operation) -> set[str]:
    """The methods that the document has for a path, and for others of the same form."""
    item = world.session.document["paths"]
    form = re.sub(r"\{[^}]+\}", "{}", operation.path)
    return {
        method.upper()
        for path, each in item.items()
        if re.sub(r"\{[^}]+\}", "{}", path) == form
        for method in METHODS
        if method in each
    }


def refused(world: World, operation: Operation) -> Iterator[Finding]:
    """A method that the path does not have."""
    declared = methods_of(world, operation)
    target = world.builders[ADA].request(operation, {}).target
    for method in TRIED:
        # Another path may have the same form where a parameter has a certain value.
        if method in declared or isinstance(world.session.operations.find(method, target), Operation):
            continue
        exchange = world.session.send(ADA, plain(world, operation, method))
        if exchange.answer.status != 405:
            detail = f"{method} is answered with {exchange.answer.shown}"
            yield Finding(NAME, NOT_REFUSED, f"{method} {operation.path}", detail, (exchange,))
        else:
            yield from untrue(operation, declared, exchange)
        return


def plain(world: World, operation: Operation, method: str) -> Request:
    """A request without a body to the path of an operation."""
    return Request(method, world.builders[ADA].request(operation, {}).target)


def untrue(operation: Operation, declared: set[str], exchange: Exchange) -> Iterator[Finding]:
    """An `Allow` that leaves a method out, or names one that the document does not have."""
    told = {each.strip().upper() for each in exchange.answer.headers.get("allow", "").split(",")} - {""}
    if told - ANYWHERE != declared - ANYWHERE:
        detail = (
            f"Allow: {', '.join(sorted(told)) or '(none)'}; the document has {', '.join(sorted(declared))}"
        )
        yield Finding(NAME, UNTRUE_ALLOW, f"{exchange.request.method} {operation.path}", detail, (exchange,))


def optional(world: World, operation: Operation) -> Iterator[Finding]:
    """OPTIONS, which a server may leave to others, and may refuse."""
    exchange = world.session.send(ADA, plain(world, operation, "OPTIONS"))
    answer = exchange.answer
    if answer.ok and "allow" in answer.headers:
        yield from untrue(operation, methods_of(world, operation), exchange)
    elif not answer.ok and answer.status not in (401, 404, 405):
        yield Finding(NAME, OPTIONS_FAILS, f"OPTIONS {operation.path}", answer.shown, (exchange,))


def headed(world: World, operation: Operation) -> Iterator[Finding]:
    """HEAD has the status and the media type of GET, and no body (RFC 9110, section 9.3.2)."""
    request = world.builders[ADA].request(operation, {})
    got = world.session.send(ADA, request)
    if not got.answer.ok:
        return
    head = world.session.send(ADA, request.changed(method="HEAD"))
    one, other = ((each.answer.status, each.answer.media_type) for each in (got, head))
    if one != other or head.answer.body:
        detail = f"GET: {one[0]} {one[1]}; HEAD: {other[0]} {other[1]}, {len(head.answer.body)} bytes of body"
        yield Finding(NAME, HEAD_DIFFERS, f"HEAD {operation.path}", detail, (got, head))
