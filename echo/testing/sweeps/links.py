"""Links of a document (OpenAPI 3.1, section 4.8.20), followed: what follows from an answer, and with which values."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from echo.testing.operations import Operation, Operations
from echo.testing.references import resolve
from echo.testing.sweeps.exchanges import Answer, Exchange

POINTER = re.compile(r"\$(request|response)\.(body|path|query|header)(?:#(/.*)|\.(.+))?")


class Unlinked(Exception):
    """An answer has not what a link takes from it."""


@dataclass(frozen=True)
class Linked:
    """An operation that follows from an answer: values of its parameters by their names, and its body (None: none).

    `named` are the texts that came out of the answer, by the names of parameters and of fields of the body.
    """

    operation: Operation
    values: Mapping[str, str]
    body: Any = None
    named: Mapping[str, str] = field(default_factory=dict)

    def with_values(self, changes: Mapping[str, str]) -> "Linked":
        """The same with other values for some of the names."""
        others = {self.named[name]: value for name, value in changes.items() if name in self.named}
        values = {**self.values, **{name: each for name, each in changes.items() if name in self.values}}
        return replace(self, values=values, body=replaced(self.body, others))


def any_within(operations: Operations, ids: Collection[str]) -> bool:
    """Whether a link leads from one of these operations to one of them."""
    document = operations.document
    answers = (each.raw.get("responses", {}).values() for each in operations.each() if each.id in ids)
    links = (resolve(document, answer).get("links", {}).values() for found in answers for answer in found)
    return any(resolve(document, link).get("operationId") in ids for found in links for link in found)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a value, by the names of their fields."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from leaves(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, name)
    elif isinstance(value, str) and name:
        yield name, value


def replaced(value: Any, others: Mapping[str, str]) -> Any:
    """A value with other texts in the places of some."""
    if isinstance(value, Mapping):
        return {name: replaced(each, others) for name, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, others) for each in value]
    return others.get(value, value) if isinstance(value, str) else value


class Links:
    """The links of a document's operations."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._by_id = {operation.id: operation for operation in operations.each()}

    def declared(self, operation: Operation) -> Iterator[tuple[Operation, Mapping[str, Any]]]:
        """The operations that successes of one lead to, and the links."""
        for answer in self._operations.successes(operation):
            for raw in answer.get("links", {}).values():
                link = resolve(self._operations.document, raw)
                if (target := self._by_id.get(str(link.get("operationId")))) is not None:
                    yield target, link

    def follow(self, operation: Operation, exchange: Exchange) -> Iterator[Linked]:
        """What follows from a success; a link for which the answer has nothing is left out."""
        for target, link in self.declared(operation):
            # Echo's documents have it under a name of their own: OpenAPI Generator takes texts only in its place.
            sent = link.get("x-echo-request-body", link.get("requestBody"))
            try:
                values = {
                    name.rpartition(".")[2]: str(evaluated(each, operation, exchange))
                    for name, each in link.get("parameters", {}).items()
                }
                body = evaluated(sent, operation, exchange)
                named = {
                    name.rpartition(".")[2]: str(evaluated(each, operation, exchange))
                    for name, each in (*leaves(link.get("parameters")), *leaves(sent))
                    if each.startswith("$response.")
                }
            except Unlinked:
                continue
            yield Linked(target, values, body, named)


def evaluated(value: Any, operation: Operation, exchange: Exchange) -> Any:
    """A value of a link, with what its expressions mean. Raises `Unlinked`."""
    if isinstance(value, Mapping):
        return {name: evaluated(each, operation, exchange) for name, each in value.items()}
    if isinstance(value, list):
        return [evaluated(each, operation, exchange) for each in value]
    if not isinstance(value, str) or (found := POINTER.fullmatch(value)) is None:
        return value
    side, place, pointer, name = found.groups()
    if place == "body":
        body = exchange.answer.json if side == "response" else json.loads(exchange.request.body or b"null")
        return at(body, pointer or "")
    if place == "path":
        return of_path(operation, exchange, str(name))
    if place == "header" and side == "response" and str(name).lower() in exchange.answer.headers:
        return exchange.answer.headers[str(name).lower()]
    raise Unlinked(value)


def at(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) finds. Raises `Unlinked`, also for null."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Unlinked(pointer) from error
    if value is None:
        raise Unlinked(pointer)
    return value


def of_path(operation: Operation, exchange: Exchange, name: str) -> str:
    """What a request had in the place of a path's parameter."""
    parts = zip(operation.path.split("/"), exchange.request.target.partition("?")[0].split("/"), strict=False)
    for template, given in parts:
        if template == f"{{{name}}}":
            return unquote(given)
    raise Unlinked(name)


def of_answer(answer: Answer, pointer: str) -> Any:
    """What a pointer finds in an answer, None if nothing."""
    try:
        return at(answer.json, pointer)
    except Unlinked:
        return None
