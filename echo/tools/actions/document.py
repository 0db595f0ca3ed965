"""OpenAPI documents of actions: read within bounds, and turned into operations that a model can call.

A document is a stranger's. Its size, depth and number of values are bounded, references lead within the document and
nowhere else, and a reference to itself ends where it begins again.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from yarl import URL

from echo.errors import Unprocessable
from echo.settings.librechat.document import parse
from echo.settings.reader import ConfigFileError

Json = Mapping[str, Any]
MAX_BYTES = 1_000_000
# YAML takes a hundred times as long to read.
MAX_YAML_BYTES = 128 * 1024
MAX_OPERATIONS = 128
MAX_PARAMETERS = 100
# Values in the schemas of all operations, with references followed.
MAX_VALUES = 50_000
MAX_DEPTH = 16
MAX_DESCRIPTION = 1024
METHODS = ("get", "post", "put", "patch", "delete")
PATH = re.compile(r"/[\x21\x24-\x3e\x40-\x5b\x5d\x5f\x61-\x7e]{0,2000}")
UNFIT = re.compile(r"[^A-Za-z0-9_-]")
PLACES = ("query", "path", "header")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# What of a schema a model is told, by what it must be.
KEPT: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("type", "format", "title"), (str,)),
    **dict.fromkeys(("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"), (int, float)),
    "nullable": (bool,),
}


def invalid(why: str) -> Unprocessable:
    """What a client is told of a document that cannot be used."""
    return Unprocessable(f"The OpenAPI document cannot be used: {why}.", code="invalid_action")


@dataclass(frozen=True)
class Operation:
    """One operation: `places` says of each argument where it goes ("query", "path", "header", "body")."""

    name: str
    description: str
    method: str
    path: str
    schema: Json
    places: Mapping[str, str]
    body_type: str | None = None


@dataclass(frozen=True)
class Described:
    """A document as far as it is used."""

    server: URL
    operations: Mapping[str, Operation] = field(default_factory=dict)


@lru_cache(maxsize=64)
def described(text: str) -> Described:
    """What a document describes. Raises `Unprocessable` (`invalid_action`)."""
    document = _read(text)
    if not str(document.get("openapi", "")).startswith("3."):
        raise invalid("it is not of OpenAPI 3")
    return Described(_server(document), {each.name: each for each in _Reader(document).operations()})


def _read(text: str) -> Json:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise invalid(f"it has more than {MAX_BYTES} bytes")
    try:
        if text.lstrip()[:1] == "{":
            document = orjson.loads(text)
        elif len(text) > MAX_YAML_BYTES:
            raise invalid(f"in YAML it may have {MAX_YAML_BYTES} bytes: write it as JSON")
        else:
            document = parse(text, "document").data
    except (orjson.JSONDecodeError, ConfigFileError):
        raise invalid("it is neither JSON nor YAML") from None
    if not isinstance(document, Mapping):
        raise invalid("it is no object")
    return document


def _server(document: Json) -> URL:
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else None
    address = first.get("url") if isinstance(first, Mapping) else None
    try:
        url = URL(address) if isinstance(address, str) and len(address) <= 2048 else URL()
        fits = url.scheme in ("http", "https") and url.raw_host and url.port and "{" not in str(address)
    except ValueError:
        fits = False
    if not fits or url.raw_query_string or url.raw_fragment or url.raw_user or url.raw_password:
        raise invalid("its first server has no address of http or https")
    return url


class _Reader:
    def __init__(self, document: Json) -> None:
        self._document = document
        self._left = MAX_VALUES

    def operations(self) -> Iterator[Operation]:
        paths, count = self._document.get("paths"), 0
        if not isinstance(paths, Mapping) or not paths:
            raise invalid("it has no paths")
        for path, item in paths.items():
            if not isinstance(path, str) or not PATH.fullmatch(path) or not isinstance(item, Mapping):
                raise invalid("one of its paths cannot be used")
            for method in METHODS:
                if isinstance(operation := item.get(method), Mapping):
                    count += 1
                    if count > MAX_OPERATIONS:
                        raise invalid(f"it has more than {MAX_OPERATIONS} operations")
                    yield self._operation(path, method, item, operation)

    def _operation(self, path: str, method: str, item: Json, said: Json) -> Operation:
        properties: dict[str, Any] = {}
        required: list[str] = []
        places: dict[str, str] = {}
        for parameter in (*_items(item, "parameters"), *_items(said, "parameters")):
            self._parameter(self._target(parameter), properties, required, places)
        body_type = self._body(self._target(said.get("requestBody")), properties, required, places)
        if len(properties) > MAX_PARAMETERS:
            raise invalid(f"an operation has more than {MAX_PARAMETERS} parameters")
        name = said.get("operationId")
        return Operation(
            name if isinstance(name, str) and 0 < len(name) <= 256 else UNFIT.sub("", f"{method}_{path}"),
            _text(said.get("summary")) or _text(said.get("description")),
            method.upper(),
            path,
            {"type": "object", "properties": properties, "required": list(dict.fromkeys(required))},
            places,
            body_type,
        )

    def _parameter(
        self, said: Json, properties: dict[str, Any], required: list[str], places: dict[str, str]
    ) -> None:
        name, place = said.get("name"), said.get("in")
        if not isinstance(name, str) or not name or len(name) > 256 or place not in PLACES:
            return
        schema = self._schema(said.get("schema") or {"type": "string"}, 0, ())
        if text := _text(said.get("description")):
            schema.setdefault("description", text)
        properties[name], places[name] = schema, str(place)
        if said.get("required") is True or place == "path":
            required.append(name)

    def _body(
        self, said: Json, properties: dict[str, Any], required: list[str], places: dict[str, str]
    ) -> str | None:
        content = said.get("content")
        if not isinstance(content, Mapping) or not content:
            return None
        kind = next((each for each in (JSON, FORM) if each in content), None)
        if kind is None:
            kind = next((each for each in content if isinstance(each, str) and each.endswith("+json")), None)
        media = content.get(kind) if kind else None
        schema = self._schema(media.get("schema") if isinstance(media, Mapping) else None, 0, ())
        for name, each in schema.get("properties", {}).items():
            properties.setdefault(name, each)
            places.setdefault(name, "body")
        required += schema.get("required", [])
        return kind

    def _target(self, value: Any) -> Json:
        """What is said, or what a reference within the document leads to; nothing for anything else."""
        for _ in range(MAX_DEPTH):
            if not isinstance(value, Mapping):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self._followed(reference)
        return {}

    def _followed(self, reference: str) -> Any:
        if not reference.startswith("#/") or len(reference) > 1000:
            raise invalid("a reference leads out of it")
        value: Any = self._document
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(value, Mapping) or name not in value:
                raise invalid("a reference leads to nothing")
            value = value[name]
        return value

    def _schema(self, value: Any, depth: int, within: tuple[str, ...]) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0:
            raise invalid("its schemas are too large")
        if not isinstance(value, Mapping) or depth > MAX_DEPTH:
            return {}
        reference = value.get("$ref")
        if isinstance(reference, str):
            # What holds itself has no end: a model is told that anything may stand there.
            return (
                {}
                if reference in within
                else self._schema(self._followed(reference), depth + 1, (*within, reference))
            )
        made = {name: value[name] for name, kinds in KEPT.items() if isinstance(value.get(name), kinds)}
        if text := _text(value.get("description")):
            made["description"] = text
        if isinstance(listed := value.get("enum"), list):
            made["enum"] = [
                each for each in listed[:200] if isinstance(each, str | int | float | bool | None)
            ]
        return made | self._inner(value, depth + 1, within)

    def _inner(self, value: Json, depth: int, within: tuple[str, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if isinstance(properties := value.get("properties"), Mapping):
            if len(properties) > MAX_PARAMETERS:
                raise invalid(f"an object has more than {MAX_PARAMETERS} properties")
            made["properties"] = {
                str(name)[:256]: self._schema(each, depth, within) for name, each in properties.items()
            }
            made["required"] = [
                each for each in _items(value, "required") if isinstance(each, str) and each in properties
            ]
        if isinstance(value.get("items"), Mapping):
            made["items"] = self._schema(value["items"], depth, within)
        for name in ("allOf", "anyOf", "oneOf"):
            if found := _items(value, name):
                made[name] = [self._schema(each, depth, within) for each in found[:20]]
        return _merged(made) if "allOf" in made else made


def _merged(made: dict[str, Any]) -> dict[str, Any]:
    """What `allOf` says, as one object: some providers take no other form."""
    parts = made.pop("allOf")
    merged = {name: value for part in parts for name, value in part.items()} | made
    merged["properties"] = {
        name: each for part in (*parts, made) for name, each in part.get("properties", {}).items()
    }
    merged["required"] = [name for part in (*parts, made) for name in part.get("required", [])]
    return merged


def _items(value: Json, name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str:
    return value[:MAX_DESCRIPTION] if isinstance(value, str) else ""
