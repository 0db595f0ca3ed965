"""Valid requests to any operation: the document's examples, with the values that are known of a server."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from echo.testing.bodies import (
    Place,
    all_fields,
    example_of_parameter,
    examples_of,
    is_id,
    value_at,
    with_value,
    without,
)
from echo.testing.likeness import another, letters
from echo.testing.operations import Operation, Operations
from echo.testing.references import Json, resolve
from echo.testing.stub import example_in
from echo.testing.sweeps.exchanges import Request

JSON, FORM = "application/json", "multipart/form-data"
# What is wanted new, so that a second one can be made: names, and ids that the client chooses.
NAMES = frozenset({"name", "title", "tag", "key", "username", "label"})
CHOSEN = frozenset({"clientRequestId", "clientSteerId"})
# LibreChat's clients say beside the model where it is.
WHERE = ("endpoint", "endpointType")
# The name of a model there, which differs from that below `/api`.
V1_MODEL = "/v1 model"
# A part of the form of a file that goes with a message. LibreChat needs two more things beside it, for which Echo has
# no use: where the chat is, and how large a picture is.
FOR_A_CHAT = "message_file"
SIZE = {"width": "1", "height": "1"}
# One pixel, so that an upload of it passes.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FILES = (("pixel.png", PNG, "image/png"), ("notes.md", b"# Notes\n", "text/markdown"))


Names = frozenset[str]


class Builder:
    """Makes requests. `known` are values by the names of parameters and fields; those given with a request win."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self.known: dict[str, str] = {}

    def resolve(self, node: Json) -> Json:
        """The node itself, or what its `$ref` points to."""
        return resolve(self._operations.document, node)

    def request(
        self, operation: Operation, values: Mapping[str, str], body: Any = None, anew: Names = frozenset()
    ) -> Request:
        """The first of those that the document shows."""
        return next(self.requests(operation, values, body, anew))

    def requests(
        self, operation: Operation, values: Mapping[str, str], body: Any = None, anew: Names = frozenset()
    ) -> Iterator[Request]:
        """One for each example of the body, in the document's order, with new texts in the fields of `anew`."""
        known = {**self.known, **values}
        if operation.path.startswith("/v1/"):
            known["model"] = known.get(V1_MODEL, known.get("model", ""))
        target = self.target(operation, known, set(values))
        headers = self._headers(operation)
        bare = Request(operation.method, target, headers)
        content = self._operations.body_of(operation)
        if body is not None:
            yield _with_json(bare, body)
        elif JSON in content:
            for example in self._bodies(content[JSON]):
                yield _with_json(bare, self.filled(content[JSON], example, known, anew))
        elif FORM in content:
            for file in FILES:
                yield bare.changed(form=self._form(content[FORM], known, file, anew))
        else:
            yield bare

    def target(self, operation: Operation, known: Mapping[str, str], given: set[str]) -> str:
        """Path and query. An id that nobody knows is a new one: some are the client's to choose."""
        path = operation.path
        for parameter in self._operations.parameters(operation, "path"):
            name = parameter["name"]
            value = known[name] if name in known else self._example(parameter)
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        query = {}
        for parameter in self._operations.parameters(operation, "query"):
            name = parameter["name"]
            if name in given:
                query[name] = known[name]
            elif parameter.get("required"):
                query[name] = known[name] if name in known else str(self._example(parameter))
        return f"{path}?{urlencode(query)}" if query else path

    def _example(self, parameter: Json) -> str:
        example = str(example_of_parameter(parameter, self.resolve))
        schema = self.resolve(parameter.get("schema", {}))
        return another(example) if is_id(parameter["name"]) and "enum" not in schema else example

    def _headers(self, operation: Operation) -> dict[str, str]:
        return {
            parameter["name"]: str(example_of_parameter(parameter, self.resolve))
            for parameter in self._operations.parameters(operation, "header")
            if parameter.get("required")
        }

    def _bodies(self, media: Json) -> list[Any]:
        return examples_of(media, self.resolve) or [example_in(self._operations.document, media)]

    def filled(self, media: Json, body: Any, known: Mapping[str, str], anew: Names = frozenset()) -> Any:
        """An example with the ids that are known; those that are not, and need not be there, are left out."""
        schema = self.resolve(media.get("schema", {}))
        for place, name in all_fields(schema, self.resolve):
            told = value_at(body, place)
            if name == "model" and known.get(name) and len(place) == 1:
                body = with_value(body, place, known[name])
            elif isinstance(told, str) and (name in CHOSEN or name in anew):
                body = with_value(body, place, another(told) if is_id(name) else told + letters())
            elif (is_id(name) or name in self.known) and isinstance(told, str):
                body = self._with_id(schema, body, place, known)
        properties = schema.get("properties", {})
        if isinstance(body, dict) and {"model", "endpoint"} <= set(properties):
            asked = properties if schema.get("additionalProperties") is False else WHERE
            body |= {name: known[name] for name in WHERE if name in asked and known.get(name)}
        return body

    def _with_id(self, schema: Json, body: Any, place: Place, known: Mapping[str, str]) -> Any:
        name = str(place[-1])
        if name in known:
            return with_value(body, place, known[name])
        needed = len(place) > 1 or name in schema.get("required", ())
        return body if needed else without(body, place)

    def _form(
        self, media: Json, known: Mapping[str, str], file: tuple[str, bytes, str], anew: Names
    ) -> dict[str, str | tuple[str, bytes, str]]:
        schema = self.resolve(media.get("schema", {}))
        parts: dict[str, str | tuple[str, bytes, str]] = {}
        for name, raw in schema.get("properties", {}).items():
            child = self.resolve(raw)
            if child.get("format") == "binary" or child.get("contentMediaType"):
                parts[name] = file
            elif name in schema.get("required", ()):
                example = str(example_of_parameter({"schema": child}, self.resolve))
                new = name in anew and "enum" not in child
                parts[name] = letters() + example if new else known.get(name, example)
            elif "example" in child:
                # An id that need not be there is the client's own to choose.
                example = str(child["example"])
                parts[name] = another(example) if is_id(name) else known.get(name, example)
        if FOR_A_CHAT in parts and known.get("endpoint"):
            parts |= {"endpoint": known["endpoint"], **SIZE}
        return parts


def _with_json(bare: Request, body: Any) -> Request:
    made = Request.of_json(bare.method, bare.target, body)
    return made.changed(headers={**bare.headers, **made.headers})
