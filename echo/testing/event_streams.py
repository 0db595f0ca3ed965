"""Lets Schemathesis check event streams event by event, and follow links with bodies. `schemathesis.toml` names it.

Before OpenAPI 3.2 Schemathesis applies the `schema` of an event stream to each event, and finds that it is no text.
What describes an event is `x-echo-item-schema` (by the OpenAPI Initiative's registry `x-oai-itemSchema`, which
OpenAPI Generator refuses), and it knows the name of OpenAPI 3.2 alone. The body that a link sends stands in
`x-echo-request-body`: in its own place OpenAPI Generator takes texts only.

A server may refuse any request for its length before it knows the operation: documents do not say so at each.
"""

from typing import Any

import schemathesis

from echo.testing.events import EVENT_STREAM, ITEM_SCHEMAS

# RFC 9110, section 15.5.15, and RFC 6585, section 5.
TOO_LONG = {
    "414": {"description": "The address is too long"},
    "431": {"description": "The headers are too long"},
}


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Call the schema of an event as OpenAPI 3.2 does, in place of the one for the whole; give links their bodies.

    Every operation may refuse what is too long.
    """
    for media in event_streams(raw_schema):
        [name] = media.keys() & ITEM_SCHEMAS
        media["itemSchema"] = media.pop(name)
        media.pop("schema", None)
    for answer in answers(raw_schema):
        for link in answer.get("links", {}).values():
            if "x-echo-request-body" in link:
                link["requestBody"] = link.pop("x-echo-request-body")
    for operation in operations(raw_schema):
        if "responses" in operation:
            operation["responses"] = {**TOO_LONG, **operation["responses"]}


def event_streams(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The media types of a document that describe one event."""
    return [
        media
        for answer in answers(document)
        for name, media in answer.get("content", {}).items()
        if name == EVENT_STREAM and media.keys() & ITEM_SCHEMAS
    ]


def answers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What the operations of a document answer."""
    return [answer for each in operations(document) for answer in each.get("responses", {}).values()]


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations of a document."""
    return [
        operation
        for item in document.get("paths", {}).values()
        for operation in item.values()
        if isinstance(operation, dict)
    ]
