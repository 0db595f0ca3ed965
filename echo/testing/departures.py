"""How requests and answers depart from a document; nothing is changed or refused for that."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs

from echo.testing.events import EVENT_STREAM, ITEM_SCHEMAS, EventChecker, EventDeparture, sent
from echo.testing.operations import Operation, Operations, media_of
from echo.testing.references import Json, parameters, resolve

SHOWN = 200


class Departures:
    """Finds them, by a document; each is a sentence."""

    def __init__(self, document: Json) -> None:
        self.operations = Operations(document)
        self._document = document
        self._validator = cache(self._make_validator)
        self._checker = cache(self._make_checker)

    def of_request(
        self, operation: Operation, target: str, headers: Mapping[str, str], body: bytes
    ) -> Iterator[str]:
        """Of a request; `headers` by their names in lower case."""
        query = parse_qs(urlsplit(target).query, keep_blank_values=True)
        declared = parameters(self._document, operation.raw)
        sent = {"query": query, "path": operation.values, "header": headers}
        for (place, name), parameter in declared.items():
            value = sent.get(place, {}).get(name.lower() if place == "header" else name)
            if place in sent and value is None and parameter.get("required"):
                yield f"the request has no {place} parameter {name}"
        for name in query.keys() - {name for place, name in declared if place == "query"}:
            yield f"the request has a query parameter {name[:SHOWN]}, which the document does not have"
        expected = resolve(self._document, operation.raw.get("requestBody", {}))
        if not body and expected.get("required"):
            yield "the request has no body"
        if body:
            yield from self._of_body("request", expected.get("content", {}), headers, body)

    def of_answer(
        self, operation: Operation, status: int, headers: Mapping[str, str], body: bytes
    ) -> Iterator[str]:
        """Of an answer; `headers` by their names in lower case."""
        answer = self.operations.answer(operation, status)
        if answer is None:
            yield f"the answer has the status {status}, which the document does not have"
            return
        for name, header in answer.get("headers", {}).items():
            if resolve(self._document, header).get("required") and name.lower() not in headers:
                yield f"the answer has no header {name}"
        if body:
            yield from self._of_body("answer", answer.get("content", {}), headers, body)

    def _of_body(self, what: str, content: Json, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
        found = media_of(content, headers.get("content-type", ""))
        if found is None:
            told = headers.get("content-type", "no media type")
            yield f"the {what} has a body of {told[:SHOWN]}, which the document does not have"
            return
        media_type, media = found
        if media_type == EVENT_STREAM and media.keys() & ITEM_SCHEMAS:
            yield from self._of_events(media, body)
        elif media_type.partition(";")[0].endswith("json") and "schema" in media:
            yield from self._of_json(what, media["schema"], body)

    def _of_json(self, what: str, schema: Any, body: bytes) -> Iterator[str]:
        try:
            value = json.loads(body)
        except ValueError:
            yield f"the {what} is no JSON"
            return
        yield from self._of_value(what, schema, value)

    def _of_events(self, media: Json, body: bytes) -> Iterator[str]:
        checker = self._checker(json.dumps(media))
        for name, data in sent(body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")):
            try:
                checker.check(name, data)
            except EventDeparture as departure:
                yield f"an event does not fit its schema: {departure.why[:SHOWN]}"

    def _of_value(self, what: str, schema: Any, value: Any) -> Iterator[str]:
        for error in self._validator(json.dumps(schema)).iter_errors(value):
            where = "/".join(map(str, error.instance_path)) or "all of it"
            yield f"the {what} does not fit its schema: {where}: {error.message[:SHOWN]}"
            return

    def _make_validator(self, schema: str) -> jsonschema_rs.Draft202012Validator:
        whole = json.loads(schema)
        root = {"components": self._document.get("components", {}), "allOf": [whole]}
        return jsonschema_rs.Draft202012Validator(root)

    def _make_checker(self, media: str) -> EventChecker:
        return EventChecker(json.loads(media), self._document)
