"""Event streams, held event by event against their schemas."""

import json
from collections.abc import Iterator
from dataclasses import replace

from echo.testing.events import EVENT_STREAM, sent
from echo.testing.operations import Operation
from echo.testing.sweeps.building import JSON
from echo.testing.sweeps.exchanges import Exchange, Request
from echo.testing.sweeps.findings import Finding, Kind, Result
from echo.testing.sweeps.session import ADA
from echo.testing.sweeps.world import World

NAME = "streams"
WRONG_EVENT = Kind("wrong-event", "An event stream departs from its document", "high")
NOT_STREAMED = Kind("not-streamed", "What was asked for as a stream comes as something else", "medium")
NO_END = Kind("no-end", "An event stream does not end", "medium")
NO_EVENTS = Kind("no-events", "An event stream has no events", "medium")


def sweep(world: World, result: Result) -> None:
    """Each operation that has a stream, read to its end. Raises `TimeIsUp`."""
    for operation in world.each():
        if not world.streams(operation):
            continue
        refusal = "nothing to ask it for"
        for request in requests(world, operation):
            exchange = world.session.send(ADA, request)
            if exchange.answer.ok:
                result.tried += 1
                result.found.extend(judged(world, operation, exchange))
                break
            refusal = exchange.answer.shown[:120]
        else:
            result.untried.append(f"{operation.label}: {refusal}")


def requests(world: World, operation: Operation) -> Iterator[Request]:
    """What asks for the stream: of something that Ada made, or as the document's examples do."""
    builder = world.builders[ADA]
    queries = {
        each["name"]: "true"
        for each in world.session.operations.parameters(operation, "query")
        if each["name"] == "stream"
    }
    for maker_id, things in world.things[ADA].items():
        if any(each.operation.id == operation.id for thing in things for each in thing.links):
            # What streams may be over by now: of a new one it is not.
            new = world.make_another(maker_id)
            for linked in new.links if new else ():
                if linked.operation.id == operation.id:
                    yield world.request_of(ADA, replace(linked, values={**linked.values, **queries}))
    if not world.session.operations.parameters(operation, "path"):
        for request in builder.requests(operation, queries):
            yield streaming(world, operation, request)


def streaming(world: World, operation: Operation, request: Request) -> Request:
    """A request that asks for a stream, where the body says so."""
    if request.form:
        return request.changed(form={**request.form, "stream": "true"})
    resolve = world.builders[ADA].resolve
    media = world.session.operations.body_of(operation).get(JSON, {})
    if "stream" not in resolve(media.get("schema", {})).get("properties", {}):
        return request
    return request.changed(body=json.dumps({**request.json, "stream": True}).encode())


def judged(world: World, operation: Operation, exchange: Exchange) -> Iterator[Finding]:
    """What is wrong with a stream."""
    answer = exchange.answer
    if answer.media_type != EVENT_STREAM:
        detail = f"The answer has the media type {answer.media_type or '(none)'}"
        yield Finding(NAME, NOT_STREAMED, operation.label, detail, (exchange,))
        return
    # Most events of a stream are alike: what is wrong with all of them is said once.
    if departures := list(dict.fromkeys(world.session.departures_of(operation, answer))):
        yield Finding(NAME, WRONG_EVENT, operation.label, "\n".join(departures[:5]), (exchange,))
    if answer.cut:
        yield Finding(NAME, NO_END, operation.label, "It was read for 30 seconds or 4 MiB", (exchange,))
    elif not list(sent(answer.text.replace("\r\n", "\n").split("\n"))):
        yield Finding(NAME, NO_EVENTS, operation.label, "It ended without one", (exchange,))
