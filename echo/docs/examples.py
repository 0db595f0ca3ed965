"""Examples of chats that can be tried as they stand: with a model that this server has."""

from collections.abc import Mapping, Sequence
from typing import Any

from echo.settings.endpoints import ProviderSettings

# Models of the examples that chat; others speak, draw or embed.
CHATTING = ("gpt-4o", "claude-")
ENDPOINT = "openAI"
V1 = "/v1/"


def only_model(providers: Sequence[ProviderSettings]) -> tuple[str, str] | None:
    """Endpoint and name of the offline model, where no other answers: with those of the examples nobody would."""
    there = [each for each in providers if each.available or each.user_provides_key]
    if there and all(each.offline for each in there):
        return there[0].name, there[0].models[0]
    return None


def with_model(document: Mapping[str, Any], endpoint: str, model: str) -> dict[str, Any]:
    """A copy of a document in which the examples of requests name that model."""
    paths = {
        path: {
            method: _of_operation(each, endpoint, model, path) if isinstance(each, dict) else each
            for method, each in item.items()
        }
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths}


def _of_operation(operation: dict[str, Any], endpoint: str, model: str, path: str) -> dict[str, Any]:
    parameters = [
        {**each, "example": endpoint} if each.get("example") == ENDPOINT else each
        for each in operation.get("parameters", ())
    ]
    changed = {**operation, "parameters": parameters} if parameters else dict(operation)
    body = operation.get("requestBody", {})
    if "content" in body:
        content = {kind: _of_media(media, endpoint, model, path) for kind, media in body["content"].items()}
        changed["requestBody"] = {**body, "content": content}
    return changed


def _of_media(media: dict[str, Any], endpoint: str, model: str, path: str) -> dict[str, Any]:
    examples = {
        name: {**each, "value": _of_value(each["value"], endpoint, model, path)} if "value" in each else each
        for name, each in media.get("examples", {}).items()
    }
    return {**media, "examples": examples} if examples else media


def _of_value(value: Any, endpoint: str, model: str, path: str) -> Any:
    if not isinstance(value, dict):
        return value
    named = str(value.get("model", "")).rpartition("/")[2]
    changes = {name: endpoint for name in ("endpoint", "provider") if value.get(name) == ENDPOINT}
    if named.startswith(CHATTING):
        changes["model"] = f"{endpoint}/{model}" if path.startswith(V1) else model
    return {**value, **changes}
