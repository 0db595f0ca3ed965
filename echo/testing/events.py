"""What a document says of server-sent events, held against events as they were sent.

`contentSchema` asserts nothing by itself (JSON Schema 2020-12, Validation, section 8.2): whoever wants to know must
parse the text and look.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema_rs

from echo.testing.references import Json, resolve

EVENT_STREAM = "text/event-stream"
# What OpenAPI 3.2 calls `itemSchema`: by Echo's name, and by that of the OpenAPI Initiative's registry.
ITEM_SCHEMA = "x-echo-item-schema"
ITEM_SCHEMAS = frozenset({ITEM_SCHEMA, "x-oai-itemSchema"})
MESSAGE = "message"
SHOWN = 2000


class EventDeparture(AssertionError):
    """An event that the document does not allow; `why` without what it was."""

    def __init__(self, why: str, event: str) -> None:
        super().__init__(f"an event that the document does not allow: {why}: {event}")
        self.why = why


class EventChecker:
    """The events of one stream, by the item schema of its media type; compiled once."""

    def __init__(self, media: Json, document: Json) -> None:
        self._components = document.get("components", {})
        item = next(media[name] for name in ITEM_SCHEMAS if name in media)
        data = resolve(document, resolve(document, item).get("properties", {}).get("data", {}))
        branches = data.get("anyOf", [data])
        self._item = self._compiled(item)
        said = [branch["contentSchema"] for branch in branches if "contentSchema" in branch]
        self._said = self._compiled({"anyOf": said}) if len(said) > 1 else self._compiled((*said, {})[0])
        self._is_json = bool(said)
        # What is no JSON, such as the `[DONE]` of OpenAI's.
        self._signs = {branch["const"] for branch in branches if "const" in branch}

    def _compiled(self, schema: Json) -> jsonschema_rs.Draft202012Validator:
        root = {**schema, "components": self._components}
        return jsonschema_rs.Draft202012Validator(root, validate_formats=True)

    def check(self, name: str, data: str) -> Any:
        """What the event says. Raises `EventDeparture` if the document does not allow it."""
        explain(self._item, {"event": name, "data": data})
        if data in self._signs or not self._is_json:
            return data
        try:
            said = json.loads(data)
        except ValueError as error:
            raise EventDeparture("it is no JSON", data[:SHOWN]) from error
        explain(self._said, said)
        return said


def explain(validator: jsonschema_rs.Draft202012Validator, instance: Any) -> None:
    """See that it fits; else raise `EventDeparture`: of a choice, by the alternative that it comes nearest to."""
    if validator.is_valid(instance):
        return
    errors = list(validator.iter_errors(instance))
    nearest = min(
        getattr(errors[0].kind, "context", None) or [errors],
        key=lambda found: (sum(not list(each.instance_path) for each in found), len(found)),
    )
    why = "; ".join(str(error.message)[:SHOWN] for error in nearest)
    raise EventDeparture(why, json.dumps(instance)[:SHOWN])


def sent(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and data of each event in the lines of a stream; comments are left out, lines of data put together.

    The standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation.
    """
    name, data = "", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not line:
            if data:
                yield name or MESSAGE, "\n".join(data)
            name, data = "", []
