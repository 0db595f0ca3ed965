"""OpenAPI documents by what the command line calls them: a file, an address, or one of those that ship with Echo."""

import json
from pathlib import Path
from typing import Any

from echo.contract.compiled import LIBRECHAT
from echo.contract.document import FILES, document_text

MAX_BYTES = 64 * 1024 * 1024
SECONDS = 30


class DocumentUnusable(Exception):
    """A document cannot be had, or is none; one sentence for people."""


class DocumentUnreachable(DocumentUnusable):
    """Nothing answers at the document's address."""


def load_document(name: str) -> dict[str, Any]:
    """The document in a file or at an address; `echo` and `librechat` are those of this Echo.

    Raises `DocumentUnusable`. YAML is not read.
    """
    try:
        document = json.loads(_text(name))
    except ValueError as error:
        raise DocumentUnusable(f"{name} is no JSON.") from error
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise DocumentUnusable(f"{name} is no OpenAPI document: it has no paths.")
    return document


def claimed_document(url: str, name: str | None = None) -> dict[str, Any]:
    """The contract that a server claims: the named one, else the one that it serves, else LibreChat's.

    Raises `DocumentUnusable`, and `DocumentUnreachable` where no server answers: what it claims is not known then.
    """
    if name is not None:
        return load_document(name)
    try:
        return load_document(f"{url}/openapi.json")
    except DocumentUnreachable as error:
        raise DocumentUnreachable(f"{url} does not answer.") from error
    except DocumentUnusable:
        return load_document(LIBRECHAT)


def _text(name: str) -> str:
    if name in FILES:
        return document_text(name)
    try:
        return _fetched(name) if name.startswith(("http://", "https://")) else Path(name).read_text("utf-8")
    except OSError as error:
        # Those of `requests` are such as well.
        raise DocumentUnusable(
            f"{name} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error


def _fetched(address: str) -> str:
    # Imported here: most commands need no client.
    import requests  # noqa: PLC0415

    try:
        answer = requests.get(address, timeout=SECONDS, headers={"Accept": "application/json"})
    except (requests.ConnectionError, requests.Timeout) as error:
        raise DocumentUnreachable(f"{address} cannot be read: {error}.") from error
    answer.raise_for_status()
    return answer.text
