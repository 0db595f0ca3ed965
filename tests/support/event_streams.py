"""What the document says of server-sent events, held against events as they were sent.

With nothing of the product's own checking, as `tests/support/contract.py`. `contentSchema` asserts nothing by itself
(JSON Schema 2020-12, Validation, section 8.2): whoever wants to know must parse the text and look.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from tests.support.operations import ALL_OPERATIONS, DOCUMENT, LIBRECHAT, responses

EVENT_STREAM = "text/event-stream"
# What OpenAPI 3.2 calls `itemSchema`.
ITEM_SCHEMA = "x-echo-item-schema"
MESSAGE = "message"
SHOWN = 2000


class EventChecker:
    """The events of one stream, by the item schema of its media type; compiled once."""

    def __init__(self, media: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        self._components = document["components"]
        item = media[ITEM_SCHEMA]
        data = item["properties"]["data"]
        branches = data.get("anyOf", [data])
        self._item = self._compiled(item)
        [said] = [branch["contentSchema"] for branch in branches if "contentSchema" in branch]
        self._said = self._compiled(said)
        # What is no JSON, such as the `[DONE]` of OpenAI's.
        self._signs = {branch["const"] for branch in branches if "const" in branch}

    def _compiled(self, schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
        root = {**schema, "components": self._components}
        return jsonschema_rs.Draft202012Validator(root, validate_formats=True)

    def check(self, name: str, data: str) -> Any:
        """Assert that the document allows the event; what it says."""
        explain(self._item, {"event": name, "data": data})
        if data in self._signs:
            return data
        try:
            said = json.loads(data)
        except ValueError as error:
            raise AssertionError(f"an event that is no JSON: {data[:SHOWN]}") from error
        explain(self._said, said)
        return said


def explain(validator: jsonschema_rs.Draft202012Validator, instance: Any) -> None:
    """Assert that it fits; of a choice, by the alternative that it comes nearest to."""
    if validator.is_valid(instance):
        return
    errors = list(validator.iter_errors(instance))
    nearest = min(
        getattr(errors[0].kind, "context", None) or [errors],
        key=lambda found: (sum(not list(each.instance_path) for each in found), len(found)),
    )
    why = "; ".join(str(error.message)[:SHOWN] for error in nearest)
    raise AssertionError(f"an event that the document does not allow: {why}: {json.dumps(instance)[:SHOWN]}")


@cache
def events_of(operation_id: str) -> EventChecker:
    """The checker of an operation's stream, by the project's documents."""
    [op] = [op for op in ALL_OPERATIONS if op.id == operation_id]
    document = DOCUMENT if op.contract == "echo" else LIBRECHAT
    return EventChecker(responses(op)[200]["content"][EVENT_STREAM], document)


def sent(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and data of each event in the lines of a stream; comments are left out."""
    name, data = MESSAGE, ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and data:
            yield name, data
            name, data = MESSAGE, ""
