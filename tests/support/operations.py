"""The operations of both documents as requests that a test can send, change and send again."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echo.testing import bodies
from echo.testing.bodies import Place

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))
LIBRECHAT: dict[str, Any] = json.loads((ROOT / "openapi.librechat.json").read_text(encoding="utf-8"))
# Where tests find each, as it is by default.
BASES = {"echo": "", "librechat": "/chat"}
# What has the same name in both is the same: `tests/contract/test_two_documents.py`.
_COMPONENTS: dict[str, dict[str, Any]] = {
    kind: {**LIBRECHAT["components"].get(kind, {}), **DOCUMENT["components"].get(kind, {})}
    for kind in (*DOCUMENT["components"], *LIBRECHAT["components"])
}
METHODS = ("get", "put", "post", "delete", "patch")
JSON, FORM = "application/json", "multipart/form-data"


def resolve(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node itself, or what its `$ref` points to."""
    while "$ref" in node:
        _, _, kind, name = node["$ref"].split("/")
        node = _COMPONENTS[kind][name]
    return node


@dataclass(frozen=True)
class Op:
    """One operation: `path` with the place of its document before it, `template` as the document has it."""

    method: str
    template: str
    raw: Mapping[str, Any] = field(repr=False)
    contract: str = "echo"

    @property
    def id(self) -> str:
        """Its id, with the contract before it where that is the second."""
        name = str(self.raw["operationId"])
        return name if self.contract == "echo" else f"{self.contract}.{name}"

    @property
    def path(self) -> str:
        return BASES[self.contract] + self.template

    @property
    def secured(self) -> bool:
        alternatives = self.raw.get("security", DOCUMENT.get("security"))
        # An empty alternative lets anyone in, and a token only says who it is.
        return bool(alternatives) and {} not in alternatives

    def parameters(self, location: str) -> list[Mapping[str, Any]]:
        return [p for p in map(resolve, self.raw.get("parameters", ())) if p["in"] == location]

    @property
    def media(self) -> Mapping[str, Mapping[str, Any]]:
        return resolve(self.raw["requestBody"])["content"] if "requestBody" in self.raw else {}

    @property
    def json_schema(self) -> Mapping[str, Any] | None:
        return resolve(self.media[JSON]["schema"]) if JSON in self.media else None

    def example_body(self) -> Any:
        """The first example of the JSON body."""
        return bodies.examples_of(self.media[JSON], resolve)[0]

    def example_parameter(self, parameter: Mapping[str, Any]) -> Any:
        """An example of a parameter."""
        return bodies.example_of_parameter(parameter, resolve)


def operations_of(document: Mapping[str, Any], contract: str) -> list[Op]:
    return [
        Op(method.upper(), path, item[method], contract)
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


OPERATIONS = operations_of(DOCUMENT, "echo")
LIBRECHAT_OPERATIONS = operations_of(LIBRECHAT, "librechat")
ALL_OPERATIONS = [*OPERATIONS, *LIBRECHAT_OPERATIONS]


# What belongs to one request alone: a provider's name for a call of a tool, a challenge, and what a browser calls a
# passkey; what another server calls its client. `tests/handlers/test_passkeys.py` sends others'.
NOT_OURS = frozenset({"tool_call_id", "challengeId", "rawId", "client_id", "oauth_client_id"})


def id_fields(schema: Mapping[str, Any]) -> Iterator[Place]:
    """Where in a body of this schema the ids are."""
    return bodies.id_fields(schema, resolve, NOT_OURS)


def all_fields(schema: Mapping[str, Any]) -> Iterator[Place]:
    """Every place in a body of this schema."""
    return (place for place, _ in bodies.all_fields(schema, resolve))


def free_objects(schema: Mapping[str, Any], place: Place = ()) -> Iterator[Place]:
    """Every place in a body of this schema that takes an object with names of the client's choosing."""
    of_objects = "object" in schema.get("type", "object")
    if of_objects and schema.get("additionalProperties", True) is not False:
        yield place
    for name, raw in schema.get("properties", {}).items():
        yield from free_objects(resolve(raw), (*place, name))
    if "items" in schema:
        yield from free_objects(resolve(schema["items"]), (*place, 0))


def responses(op: Op) -> dict[int, Mapping[str, Any]]:
    return {int(status): resolve(response) for status, response in op.raw["responses"].items()}


def examples(media: Mapping[str, Any]) -> list[Any]:
    return bodies.examples_of(media, resolve)
