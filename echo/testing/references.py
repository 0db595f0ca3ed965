"""Any OpenAPI document read by its parts: what a `$ref` points to, and what belongs to an operation."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Uncomparable(Exception):
    """A document leads to what it does not hold; one sentence for people."""


def whole(item: Json, method: str) -> Json | None:
    """An operation with the parameters that all operations of its path have, its own winning."""
    if method not in item:
        return None
    return {**item[method], "parameters": [*item.get("parameters", ()), *item[method].get("parameters", ())]}


def is_open(alternatives: list[Any]) -> bool:
    """Whether anyone may ask, with credentials or without."""
    return not alternatives or {} in alternatives


def parameters(document: Json, operation: Json) -> dict[tuple[str, str], Json]:
    """The operation's parameters by place and name."""
    resolved = (resolve(document, raw) for raw in operation.get("parameters", ()))
    return {(parameter["in"], parameter["name"]): parameter for parameter in resolved}


def resolve(document: Json, node: Json) -> Json:
    """The node itself, or what its `$ref` points to."""
    while "$ref" in node:
        target: Any = document
        try:
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
        except (KeyError, TypeError) as error:
            raise Uncomparable(f"{node['$ref']} leads nowhere in its document.") from error
        node = target
    return node
