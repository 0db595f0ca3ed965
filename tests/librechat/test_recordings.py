"""The second document is true of LibreChat: what its web client and its backend said to each other fits it.

`recordings.jsonl` has what LibreChat 0.8.8-rc1 answered to its own web client while a person used all of it.
Accounts, texts and files are made up, tokens shortened.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator

from echo.contract.compiled import Operation
from echo.contract.document import load_contract
from echo.contract.parameters import Fields
from tests.support.operations import JSON, LIBRECHAT, LIBRECHAT_OPERATIONS, Op, resolve, responses

RECORDINGS = [
    json.loads(line)
    for line in (Path(__file__).parent / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
]
CONTRACT = load_contract("librechat")
BY_ID = {str(op.raw["operationId"]): op for op in LIBRECHAT_OPERATIONS}
# What Echo does not have, and why.
NOT_SERVED: dict[str, str] = {
    "GET /api/admin/langfuse/connection": "not built yet",
}
# Statuses of LibreChat's that Echo does not copy: (method, template, LibreChat's status) with the reason.
OTHER_STATUS: dict[tuple[str, str, int], str] = {
    ("POST", "/api/auth/refresh", 302): "an ended session is a 401, not a redirect to a page",
}
# Bodies of LibreChat's that Echo does not copy.
OTHER_BODY: dict[tuple[str, str], str] = {
    ("POST", "/api/convos/import"): "Echo says more: what it imported, and what not",
    ("POST", "/api/auth/requestPasswordReset"): "shows the link to whoever asks",
    ("POST", "/api/auth/login"): "shows internal fields of the account",
    ("POST", "/api/auth/refresh"): "shows internal fields of the account, and lacks its `id`",
}
# Recorded requests that Echo refuses.
REFUSED: dict[tuple[str, str], str] = {}


def is_of_the_api(recording: Mapping[str, Any]) -> bool:
    return recording["path"].startswith(("/api/", "/health", "/images/"))


def name_of(recording: Mapping[str, Any]) -> str:
    return f"{recording['method']} {recording['template']}"


def operation_of(recording: Mapping[str, Any]) -> tuple[Operation, Op, dict[str, str]] | None:
    match = CONTRACT.match(urlsplit(recording["path"]).path)
    operation = match and match.operations.get(recording["method"])
    return (operation, BY_ID[operation.id], dict(match.path_parameters)) if match and operation else None


CASES = [
    pytest.param(recording, id=f"{index}-{name_of(recording)}")
    for index, recording in enumerate(RECORDINGS)
    if is_of_the_api(recording) and operation_of(recording)
]


def test_every_recorded_call_is_in_the_document_or_known_not_to_be() -> None:
    absent = {name_of(each) for each in RECORDINGS if is_of_the_api(each) and not operation_of(each)}
    assert absent == set(NOT_SERVED)


@pytest.mark.parametrize("recording", CASES)
def test_the_request_is_accepted(recording: Mapping[str, Any]) -> None:
    assert not request_errors(recording) or key_of(recording) in REFUSED


@pytest.mark.parametrize("recording", CASES)
def test_the_answer_fits(recording: Mapping[str, Any]) -> None:
    assert not answer_errors(recording) or key_of(recording) in OTHER_BODY


def test_every_exception_is_one() -> None:
    recorded = [case.values[0] for case in CASES]
    assert {key_of(each) for each in recorded if request_errors(each)} == set(REFUSED)
    assert {key_of(each) for each in recorded if answer_errors(each)} == set(OTHER_BODY)
    statuses = {(*key_of(each), each["status"]) for each in recorded if not_declared(each)}
    assert statuses == set(OTHER_STATUS)
    assert all([*NOT_SERVED.values(), *OTHER_STATUS.values(), *OTHER_BODY.values(), *REFUSED.values()])


def request_errors(recording: Mapping[str, Any]) -> list[Any]:
    """What the document finds wrong with what LibreChat's client sent."""
    found = operation_of(recording)
    assert found is not None
    operation, op, path_parameters = found
    errors: list[Any] = []
    query = Fields(parse_qsl(urlsplit(recording["path"]).query, keep_blank_values=True))
    for parameter in operation.parameters:
        source = {"path": path_parameters, "query": query}.get(parameter.location)
        if source is not None and (error := parameter.read(source, {})):
            errors.append(error)
    if recording.get("request") is not None and JSON in op.media:
        errors += validator(op.media[JSON]["schema"]).iter_errors(recording["request"])
    return errors


def answer_errors(recording: Mapping[str, Any]) -> list[str]:
    """What the document finds wrong with what LibreChat answered; errors have Echo's one body, and are not asked."""
    found = operation_of(recording)
    assert found is not None
    declared = responses(found[1]).get(recording["status"])
    if declared is None or recording["status"] >= 400 or recording.get("unread") or recording.get("cut"):
        return []
    if not recording["type"]:
        # The browser gave no type of it, so it was not read as JSON.
        return []
    content = declared.get("content", {})
    is_text = isinstance(recording["response"], str) and "text/plain" in content
    if JSON not in content or is_text:
        return []
    errors = validator(content[JSON]["schema"]).iter_errors(recording["response"])
    return [f"{error.json_path}: {error.message}" for error in errors]


def not_declared(recording: Mapping[str, Any]) -> bool:
    """Whether the document knows no such successful status of the operation."""
    found = operation_of(recording)
    assert found is not None
    return recording["status"] < 400 and recording["status"] not in responses(found[1])


def key_of(recording: Mapping[str, Any]) -> tuple[str, str]:
    return recording["method"], recording["template"]


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    root = {**resolve(schema), "components": LIBRECHAT["components"]}
    return Draft202012Validator(root, format_checker=Draft202012Validator.FORMAT_CHECKER)
