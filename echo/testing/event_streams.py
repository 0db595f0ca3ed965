"""Lets Schemathesis check event streams event by event. `schemathesis.toml` names it.

Before OpenAPI 3.2 Schemathesis applies the `schema` of an event stream to each event, and finds that it is no text.
What describes an event is `x-oai-itemSchema`, which it knows by its name in OpenAPI 3.2 alone.
"""

from typing import Any

import schemathesis


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Call the schema of an event as OpenAPI 3.2 does, in place of the one for the whole."""
    for media in event_streams(raw_schema):
        media["itemSchema"] = media.pop("x-oai-itemSchema")
        media.pop("schema", None)


def event_streams(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The media types of a document that describe one event."""
    operations = [
        operation
        for item in document.get("paths", {}).values()
        for operation in item.values()
        if isinstance(operation, dict)
    ]
    contents = [
        answer.get("content", {})
        for operation in operations
        for answer in operation.get("responses", {}).values()
    ]
    return [
        media
        for content in contents
        for name, media in content.items()
        if name == "text/event-stream" and "x-oai-itemSchema" in media
    ]
