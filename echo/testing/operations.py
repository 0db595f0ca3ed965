"""Operations of any OpenAPI document, found by method and path."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from echo.testing.references import METHODS, Json, is_open, parameters, resolve, whole


@dataclass(frozen=True)
class Operation:
    """One operation, and what a path has in the places of its parameters."""

    method: str
    path: str
    raw: Json
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How reports call it."""
        return f"{self.method} {self.path}"

    @property
    def id(self) -> str:
        """Its `operationId`; its label where the document gives none."""
        return str(self.raw.get("operationId", self.label))


class Operations:
    """The operations of a document; static paths win over templates, as OpenAPI 3.1 has it (section 4.8.8)."""

    def __init__(self, document: Json) -> None:
        self.document = document
        paths = sorted(document["paths"], key=lambda path: [("{" in part, part) for part in path.split("/")])
        self._patterns = [(pattern_of(path), path) for path in paths]

    def each(self) -> Iterator[Operation]:
        """All of them."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if raw := whole(item, method):
                    yield Operation(method.upper(), path, raw)

    def parameters(self, operation: Operation, place: str) -> list[Json]:
        """The parameters of an operation that stand in the path, the query, a header or a cookie."""
        found = parameters(self.document, operation.raw)
        return [parameter for (where, _), parameter in found.items() if where == place]

    def is_secured(self, operation: Operation) -> bool:
        """Whether only somebody who is known may ask."""
        alternatives = operation.raw.get("security", self.document.get("security", []))
        return not is_open(alternatives)

    def body_of(self, operation: Operation) -> Json:
        """The media types of the body that an operation takes."""
        content: Json = resolve(self.document, operation.raw.get("requestBody", {})).get("content", {})
        return content

    def successes(self, operation: Operation) -> Iterator[Json]:
        """What the document says of answers that are successes."""
        for status, answer in operation.raw["responses"].items():
            if str(status).startswith("2"):
                yield resolve(self.document, answer)

    def find(self, method: str, target: str) -> Operation | tuple[str, ...]:
        """The operation of a request, or the methods that there are at its path; none for no path of the document."""
        for pattern, path in self._patterns:
            found = pattern.fullmatch(urlsplit(target).path)
            if found is None:
                continue
            item = self.document["paths"][path]
            raw = whole(item, method.lower())
            names = re.findall(r"\{([^}]+)\}", path)
            values = dict(zip(names, map(unquote, found.groups()), strict=True))
            if raw is None:
                return tuple(each.upper() for each in METHODS if each in item)
            return Operation(method, path, raw, values)
        return ()

    def answer(self, operation: Operation, status: int) -> Json | None:
        """What the document says of a status, by its number, its class (`4XX`) or `default`."""
        answers = operation.raw["responses"]
        for name in (str(status), f"{status // 100}XX", "default"):
            if name in answers:
                return resolve(self.document, answers[name])
        return None


def pattern_of(path: str) -> re.Pattern[str]:
    """What a path looks like: a parameter is any text without a slash."""
    return re.compile(re.sub(r"\\\{[^}]+\\\}", "([^/]+)", re.escape(path)))


def media_of(content: Json, media_type: str) -> tuple[str, Json] | None:
    """The description of a media type among those of a body, by its name, its kind (`text/*`) or `*/*`."""
    name = media_type.partition(";")[0].strip().lower()
    for each in (name, f"{name.partition('/')[0]}/*", "*/*"):
        if each in content:
            return name, content[each]
    return None
