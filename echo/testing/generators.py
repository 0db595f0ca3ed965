"""A document as generators of clients take it: what is allowed and stands in their way is left out."""

import copy
from collections.abc import Mapping
from typing import Any

# What the OpenAPI Initiative keeps for itself (OpenAPI 3.1, section 4.9), and what concerns our server alone.
LEFT_OUT = ("x-oai-", "x-oas-", "x-echo-", "x-openapi-router-controller")


def for_generators(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which links have no objects for bodies, media types have schemas, and no server's extensions are."""
    adapted: dict[str, Any] = _without_extensions(copy.deepcopy(dict(document)))
    for item in adapted["paths"].values():
        for operation in item.values():
            for answer in operation.get("responses", {}).values() if isinstance(operation, dict) else ():
                _adapt(answer)
    for answer in adapted.get("components", {}).get("responses", {}).values():
        _adapt(answer)
    return adapted


def _adapt(answer: dict[str, Any]) -> None:
    for link in answer.get("links", {}).values():
        # A link may say what to send as JSON; OpenAPI Generator knows texts alone.
        if not isinstance(link.get("requestBody", ""), str):
            del link["requestBody"]
    for media_type, media in answer.get("content", {}).items():
        whole = (
            {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}
        )
        media.setdefault("schema", whole)


def _without_extensions(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_extensions(each) for name, each in value.items() if not name.startswith(LEFT_OUT)
        }
    return [_without_extensions(each) for each in value] if isinstance(value, list) else value
