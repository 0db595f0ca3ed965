"""What is sent twice does not do more than once: PUT, DELETE, and what carries a key of the client's for that."""

import json
from collections.abc import Iterator, Mapping

from echo.testing.likeness import another, faceless
from echo.testing.operations import Operation
from echo.testing.sweeps.building import CHOSEN, JSON, NAMES
from echo.testing.sweeps.exchanges import Exchange, Request
from echo.testing.sweeps.findings import Finding, Kind, Result
from echo.testing.sweeps.links import Linked
from echo.testing.sweeps.session import ADA
from echo.testing.sweeps.world import World

NAME = "idempotency"
PUT_DIFFERS = Kind("put-differs", "A PUT that is repeated has another answer", "medium")
DELETE_FAILS = Kind("delete-fails", "A DELETE that is repeated fails", "high")
STILL_THERE = Kind("still-there", "What was deleted is still there", "high")
DONE_TWICE = Kind("done-twice", "A request with the key of an earlier one is done again", "high")
KEY_HEADER = "Idempotency-Key"
GONE = (404, 410)


def sweep(world: World, result: Result) -> None:
    """Ada's last thing of each kind: put, made again with the same key, and deleted. Raises `TimeIsUp`."""
    for operation in world.each():
        if operation.method in ("POST", "PUT") and (request := keyed(world, operation)):
            result.tried += 1
            result.found.extend(done_twice(world, operation, request))
    last = [things[-1] for things in world.things[ADA].values() if things]
    for method, twice in (("PUT", put_twice), ("DELETE", deleted_twice)):
        for thing in last:
            for linked in thing.links:
                if linked.operation.method == method and world.tries(linked.operation):
                    result.tried += 1
                    result.found.extend(twice(world, linked, thing.links))


def put_twice(world: World, linked: Linked, _links: tuple[Linked, ...]) -> Iterator[Finding]:
    """The same PUT twice: the same status class, and the same body where both have one."""
    request = world.request_of(ADA, linked)
    first = world.session.send(ADA, request)
    if not first.answer.ok:
        return
    second = world.session.send(ADA, request)
    one, other = (faceless(each.answer.text) for each in (first, second))
    # The first may have made what the second finds (201, then 200).
    if not second.answer.ok or one != other:
        detail = f"First: {first.answer.shown}\nThen: {second.answer.shown}"
        yield Finding(NAME, PUT_DIFFERS, linked.operation.label, detail, (first, second))


def deleted_twice(world: World, linked: Linked, links: tuple[Linked, ...]) -> Iterator[Finding]:
    """The same DELETE twice: gone, and told so. What is read by the same values is gone, too."""
    request = world.request_of(ADA, linked)
    first = world.session.send(ADA, request)
    if not first.answer.ok:
        return
    second = world.session.send(ADA, request)
    if not second.answer.ok and second.answer.status not in GONE:
        detail = f"First: {first.answer.shown}\nThen: {second.answer.shown}"
        yield Finding(NAME, DELETE_FAILS, linked.operation.label, detail, (first, second))
    for each in links:
        if each.operation.method == "GET" and each.operation.path == linked.operation.path:
            read = world.session.send(ADA, world.request_of(ADA, each))
            if read.answer.ok and contains(read, linked):
                detail = f"DELETE: {first.answer.shown}\nGET: {read.answer.shown}"
                yield Finding(NAME, STILL_THERE, linked.operation.label, detail, (first, read))


def contains(read: Exchange, linked: Linked) -> bool:
    """Whether an answer has all ids of what was deleted."""
    return all(value in read.answer.text for value in linked.values.values())


def keyed(world: World, operation: Operation) -> Request | None:
    """A request with a key by which the server knows that it has seen it, None if the operation takes none."""
    builder = world.builders[ADA]
    headers = [each["name"] for each in world.session.operations.parameters(operation, "header")]
    if any(name.lower() == KEY_HEADER.lower() for name in headers):
        request = builder.request(operation, {}, anew=NAMES)
        return request.changed(headers={**request.headers, KEY_HEADER: another("a" * 24)})
    media = world.session.operations.body_of(operation).get(JSON, {})
    named = CHOSEN & set(builder.resolve(media.get("schema", {})).get("properties", {}))
    if "clientRequestId" not in named:
        return None
    request = builder.request(operation, {}, anew=NAMES)
    if not isinstance(request.json, Mapping):
        return None
    key = {"clientRequestId": another("0" * 8 + "-0000-0000-0000-" + "0" * 12)}
    return request.changed(body=json.dumps({**request.json, **key}).encode())


def done_twice(world: World, operation: Operation, request: Request) -> Iterator[Finding]:
    """The second answer is about the same object."""
    first = world.session.send(ADA, request)
    if not first.answer.ok:
        return
    second = world.session.send(ADA, request)
    one, other = (ids_in(world, operation, each) for each in (first, second))
    if second.answer.ok and one and one != other:
        detail = f"First: {first.answer.shown}\nThen: {second.answer.shown}"
        yield Finding(NAME, DONE_TWICE, operation.label, detail, (first, second))


def ids_in(world: World, operation: Operation, exchange: Exchange) -> set[str]:
    """The ids that the operation's links take from an answer."""
    linked = world.links.follow(operation, exchange)
    return {value for each in linked for value in each.named.values()}
