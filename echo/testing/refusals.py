"""Refusals of a LibreChat, which have a different form in each place, and are let pass."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import requests

from echo.contract.compiled import LIBRECHAT
from echo.testing.accounts import HEADERS, SECONDS, ServerUnusable
from echo.testing.documents import load_document

# In place of the refusals of a document: their bodies are not looked at.
REFUSED = {"4XX": {"description": "Refused"}, "5XX": {"description": "Failed"}}
# The same where a body that nothing describes would be a departure.
WITH_ANY_BODY = {status: {**answer, "content": {"*/*": {}}} for status, answer in REFUSED.items()}


def are_let_pass(url: str, document: dict[str, Any]) -> bool:
    """Whether a server is a LibreChat, by its document and its refusals. Raises `ServerUnusable`."""
    return document == load_document(LIBRECHAT) and not refuses_like_echo(url)


def refuses_like_echo(url: str) -> bool:
    """Whether the server's errors are those of the document; LibreChat has a different shape in each place."""
    try:
        answer = requests.get(f"{url}/api/user", headers=HEADERS, timeout=SECONDS)
    except requests.RequestException as error:
        raise ServerUnusable(f"{url} does not answer.") from error
    return '"code"' in answer.text


def without_refusals(
    document: dict[str, Any], refused: Mapping[str, Any] = MappingProxyType(REFUSED)
) -> dict[str, Any]:
    """The document with any refusal allowed; errors in streams need no code.

    That a server fails is found as such, and not held against the document too.
    """
    for schema in document.get("components", {}).get("schemas", {}).values():
        if "error" in schema.get("properties", {}) and "code" in schema.get("required", ()):
            schema["required"] = [name for name in schema["required"] if name != "code"]
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "responses" in operation:
                kept = {status: answer for status, answer in operation["responses"].items() if status < "4"}
                operation["responses"] = {**kept, **refused}
    return document
