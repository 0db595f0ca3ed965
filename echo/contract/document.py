"""An OpenAPI document: loaded once, compiled; the two that ship with Echo are the only list of routes it has."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import orjson

from echo.contract.compiled import (
    ECHO,
    JSON,
    LIBRECHAT,
    Body,
    Operation,
    Response,
)
from echo.contract.parameters import Parameter
from echo.contract.schemas import SchemaCompiler, Validator
from echo.errors import BadRequest

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# The contracts by their names, and where each stands.
FILES = {ECHO: "openapi.json", LIBRECHAT: "openapi.librechat.json"}


@dataclass(frozen=True)
class Match:
    """The result of routing a path: the operations of the path by method, and the path parameters."""

    operations: Mapping[str, Operation]
    path_parameters: Mapping[str, str]

    @property
    def allowed(self) -> tuple[str, ...]:
        """The methods for an `Allow` header: HEAD comes with GET, OPTIONS with everything."""
        methods = set(self.operations)
        if "GET" in methods:
            methods.add("HEAD")
        return tuple(sorted(methods | {"OPTIONS"}))


@dataclass(frozen=True)
class Contract:
    """A contract as the application uses it.

    `document` is the document as written, its paths sorted so that a static path precedes a templated one:
    Connexion's security looks at paths in this order, and must never take `/x/secret` for `/x/{id}`.
    """

    document: dict[str, Any]
    operations: tuple[Operation, ...] = field(repr=False)
    name: str = ECHO

    @classmethod
    def load(cls, document: Mapping[str, Any], name: str = ECHO) -> Self:
        """Compile a document that is valid OpenAPI 3.1.

        Echo's own is held against the specification by its tests: it cannot change afterwards, and the validator
        would take a seventh of a worker's memory.
        """
        return cls._of(json.loads(json.dumps(document)), name)

    @classmethod
    def read(cls, text: bytes, name: str) -> Self:
        """The same of a document as it is written."""
        return cls._of(orjson.loads(text), name)

    @classmethod
    def _of(cls, own: dict[str, Any], name: str) -> Self:
        own["paths"] = dict(sorted(own["paths"].items(), key=lambda item: path_order(item[0])))
        return cls(own, tuple(_OperationCompiler(own, name).operations()), name)

    @cached_property
    def _static_paths(self) -> Mapping[str, Mapping[str, Operation]]:
        return {path: methods for path, methods in self._by_path.items() if "{" not in path}

    @cached_property
    def _templates(self) -> tuple[tuple[re.Pattern[str], Mapping[str, Operation]], ...]:
        return tuple(
            (template_pattern(path, _spanning(methods)), methods)
            for path, methods in self._by_path.items()
            if "{" in path
        )

    @cached_property
    def _by_path(self) -> Mapping[str, Mapping[str, Operation]]:
        found: dict[str, dict[str, Operation]] = {}
        for operation in self.operations:
            found.setdefault(operation.path, {})[operation.method] = operation
        return found

    def match(self, path: str) -> Match | None:
        """The operations at a path as it was sent (percent-encoded), None if there are none.

        A static path wins over a templated one, with all its methods (OpenAPI 3.1, Paths Object). An encoded
        slash belongs to its parameter; a bare one does where the parameter has `x-echo-slashes`. Raises `BadRequest`
        for a parameter that is not UTF-8.
        """
        if methods := self._static_paths.get(path):
            return Match(methods, {})
        for pattern, methods in self._templates:
            if found := pattern.fullmatch(path):
                return Match(methods, {name: decode(value) for name, value in found.groupdict().items()})
        return None


def decode(segment: str) -> str:
    """A percent-encoded segment as text; raises `BadRequest` if it is not UTF-8."""
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest("The path is not valid UTF-8.", code="malformed_path") from error


@cache
def load_contract(name: str = ECHO) -> Contract:
    """A contract that ships with Echo: beside the package in a checkout, inside it when installed.

    It is read and compiled once per process, for all who ask; nobody may change it.
    """
    return Contract.read(document_text(name).encode(), name)


def document_text(name: str) -> str:
    """One of the documents that ship with Echo, as it is written."""
    checkout = Path(__file__).parents[2] / FILES[name]
    installed = resources.files("echo") / FILES[name]
    source = installed if installed.is_file() else checkout
    return source.read_text(encoding="utf-8")


def path_order(path: str) -> tuple[tuple[bool, str], ...]:
    """A sort key that puts static segments before templated ones, level by level."""
    return tuple(("{" in segment, segment) for segment in path.split("/"))


def template_pattern(path: str, spanning: frozenset[str] = frozenset()) -> re.Pattern[str]:
    """The pattern of a path template; a parameter is any text, without a slash unless it is a `spanning` one."""
    parts = re.split(r"\{([^}]+)\}", path)
    return re.compile(
        "".join(
            f"(?P<{part}>{'.' if part in spanning else '[^/]'}+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
    )


def _spanning(methods: Mapping[str, Operation]) -> frozenset[str]:
    return frozenset(
        each.name for operation in methods.values() for each in operation.parameters if each.has_slashes
    )


class _OperationCompiler:
    """Turns the path items of a document into `Operation` objects."""

    def __init__(self, document: dict[str, Any], name: str) -> None:
        self._document = document
        self._name = name
        self._schemas = SchemaCompiler(document)
        self._named: dict[str, Response] = {}

    def operations(self) -> list[Operation]:
        return [
            self._operation(path, method, item[method])
            for path, item in self._document["paths"].items()
            for method in METHODS
            if method in item
        ]

    def _operation(self, path: str, method: str, raw: dict[str, Any]) -> Operation:
        security = raw.get("security", self._document.get("security", ()))
        return Operation(
            contract=self._name,
            id=raw["operationId"],
            controller=raw["x-openapi-router-controller"],
            method=method.upper(),
            path=path,
            parameters=tuple(
                Parameter.compile(self._schemas.resolve(item), self._schemas)
                for item in raw.get("parameters", [])
            ),
            body=self._body(raw),
            responses={
                int(status): self._response(response) for status, response in raw["responses"].items()
            },
            secured=bool(security) and {} not in security,
            pool=raw.get("x-echo-pool") or ("read" if method == "get" else "write"),
            rate_limits=tuple(raw.get("x-echo-rate-limits", ())),
            body_limit=raw.get("x-echo-body-limit"),
            capabilities=tuple(raw.get("x-echo-capability", ())),
            permissions={kind: tuple(names) for kind, names in raw.get("x-echo-permission", {}).items()},
        )

    def _body(self, raw: dict[str, Any]) -> Body | None:
        if "requestBody" not in raw:
            return None
        body = self._schemas.resolve(raw["requestBody"])
        schemas = {
            name: self._schemas.resolve(media.get("schema", {})) for name, media in body["content"].items()
        }
        return Body(
            required=body.get("required", False),
            media_types={name: self._schemas.compile(schema) for name, schema in schemas.items()},
            schemas=schemas,
        )

    def _response(self, raw: Mapping[str, Any]) -> Response:
        # Most are refusals, which every operation names from the same few components.
        if (name := raw.get("$ref")) is None:
            return self._read_response(raw)
        if name not in self._named:
            self._named[name] = self._read_response(self._schemas.resolve(raw))
        return self._named[name]

    def _read_response(self, raw: Mapping[str, Any]) -> Response:
        media_types = {
            name: self._validator(media.get("schema")) for name, media in raw.get("content", {}).items()
        }
        headers = (
            name.lower()
            for name, header in raw.get("headers", {}).items()
            if self._schemas.resolve(header).get("required")
        )
        schema = raw.get("content", {}).get(JSON, {}).get("schema", {})
        return Response(media_types, tuple(headers), dict(self._items(self._schemas.resolve(schema))))

    def _validator(self, schema: Mapping[str, Any] | None) -> Validator | None:
        # Bytes as they come, a file for one: what cannot be read is not held back either.
        return None if schema is None or schema.get("format") == "binary" else self._schemas.compile(schema)

    def _items(self, schema: Mapping[str, Any]) -> Iterator[tuple[str | None, Validator]]:
        named = {None: schema, **schema.get("properties", {})}
        for name, each in named.items():
            if isinstance(items := self._schemas.resolve(each).get("items"), dict):
                yield name, self._schemas.compile(items)
