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

from echo.contract.document import Operation, load_contract
from echo.contract.parameters import Fields
from tests.support.operations import JSON, LIBRECHAT, LIBRECHAT_OPERATIONS, Op, resolve, responses

RECORDINGS = [
    json.loads(line)
    for line in (Path(__file__).parent / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
]
CONTRACT = load_contract("librechat")
BY_ID = {str(op.raw["operationId"]): op for op in LIBRECHAT_OPERATIONS}
# The web client's own files, and a file of the browser's.
NOT_THE_API = ("/", "/login", "blob:", "http://")
# What Echo does not have, and why.
NOT_SERVED: dict[str, str] = {
    "DELETE /api/agents/{agentId}": "not built yet",
    "DELETE /api/convos": "not built yet",
    "DELETE /api/convos/all": "not built yet",
    "DELETE /api/files": "not built yet",
    "DELETE /api/memories/{key}": "not built yet",
    "DELETE /api/projects/{objectId}": "not built yet",
    "DELETE /api/prompts/{objectId}": "not built yet",
    "DELETE /api/share/{shareId}": "not built yet",
    "DELETE /api/skills/{objectId}": "not built yet",
    "DELETE /api/tags/{tag}": "not built yet",
    "DELETE /api/user/delete": "not built yet",
    "GET /api/admin/langfuse/connection": "not built yet",
    "GET /api/admin/roles": "not built yet",
    "GET /api/agents": "not built yet",
    "GET /api/agents/actions": "not built yet",
    "GET /api/agents/categories": "not built yet",
    "GET /api/agents/{agentId}": "not built yet",
    "GET /api/agents/{agentId}/expanded": "not built yet",
    "GET /api/agents/{agentId}/versions": "not built yet",
    "GET /api/balance": "not built yet",
    "GET /api/banner": "not built yet",
    "GET /api/categories": "not built yet",
    "GET /api/config": "not built yet",
    "GET /api/convos": "not built yet",
    "GET /api/convos/gen_title/{uuid}": "not built yet",
    "GET /api/convos/{uuid}": "not built yet",
    "GET /api/endpoints": "not built yet",
    "GET /api/endpoints/token-config": "not built yet",
    "GET /api/files": "not built yet",
    "GET /api/files/agent/{agentId}": "not built yet",
    "GET /api/files/config": "not built yet",
    "GET /api/files/download/{objectId}/{uuid}": "not built yet",
    "GET /api/files/speech/config/get": "not built yet",
    "GET /api/mcp/servers": "not built yet",
    "GET /api/memories": "not built yet",
    "GET /api/messages/{uuid}": "not built yet",
    "GET /api/permissions/agent/roles": "not built yet",
    "GET /api/permissions/agent/{objectId}": "not built yet",
    "GET /api/permissions/agent/{objectId}/effective": "not built yet",
    "GET /api/permissions/mcpServer/effective/all": "not built yet",
    "GET /api/permissions/promptGroup/{objectId}": "not built yet",
    "GET /api/permissions/promptGroup/{objectId}/effective": "not built yet",
    "GET /api/permissions/remoteAgent/{objectId}/effective": "not built yet",
    "GET /api/permissions/sharedLink/{objectId}": "not built yet",
    "GET /api/permissions/sharedLink/{objectId}/effective": "not built yet",
    "GET /api/permissions/skill/{objectId}": "not built yet",
    "GET /api/permissions/skill/{objectId}/effective": "not built yet",
    "GET /api/presets": "not built yet",
    "GET /api/projects": "not built yet",
    "GET /api/projects/{objectId}": "not built yet",
    "GET /api/prompts": "not built yet",
    "GET /api/prompts/all": "not built yet",
    "GET /api/prompts/groups": "not built yet",
    "GET /api/prompts/groups/{objectId}": "not built yet",
    "GET /api/roles/ADMIN": "not built yet",
    "GET /api/roles/USER": "not built yet",
    "GET /api/search/enable": "not built yet",
    "GET /api/share": "not built yet",
    "GET /api/share/link/{uuid}": "not built yet",
    "GET /api/share/{shareId}": "not built yet",
    "GET /api/share/{shareId}/config": "not built yet",
    "GET /api/skills": "not built yet",
    "GET /api/skills/{objectId}": "not built yet",
    "GET /api/skills/{objectId}/files": "not built yet",
    "GET /api/tags": "not built yet",
    "GET /api/user": "not built yet",
    "GET /api/user/settings/favorites": "not built yet",
    "GET /api/user/settings/skills/active": "not built yet",
    "GET /api/user/terms": "not built yet",
    "GET /images/{file}": "not built yet",
    "PATCH /api/agents/{agentId}": "not built yet",
    "PATCH /api/memories/preferences": "not built yet",
    "PATCH /api/memories/{key}": "not built yet",
    "POST /api/agents": "not built yet",
    "POST /api/auth/2fa/verify-temp": "not built yet",
    "POST /api/auth/login": "not built yet",
    "POST /api/auth/refresh": "not built yet",
    "POST /api/auth/register": "not built yet",
    "POST /api/auth/requestPasswordReset": "not built yet",
    "POST /api/auth/resetPassword": "not built yet",
    "POST /api/convos/archive": "not built yet",
    "POST /api/convos/archive/all": "not built yet",
    "POST /api/convos/duplicate": "not built yet",
    "POST /api/convos/fork": "not built yet",
    "POST /api/convos/import": "not built yet",
    "POST /api/convos/pin": "not built yet",
    "POST /api/convos/update": "not built yet",
    "POST /api/files": "not built yet",
    "POST /api/files/images": "not built yet",
    "POST /api/files/images/avatar": "not built yet",
    "POST /api/memories": "not built yet",
    "POST /api/presets": "not built yet",
    "POST /api/presets/delete": "not built yet",
    "POST /api/projects": "not built yet",
    "POST /api/prompts": "not built yet",
    "POST /api/prompts/groups/{objectId}/use": "not built yet",
    "POST /api/share/{uuid}": "not built yet",
    "POST /api/skills": "not built yet",
    "POST /api/tags": "not built yet",
    "POST /api/user/settings/favorites": "not built yet",
    "POST /api/user/terms/accept": "not built yet",
    "PUT /api/messages/{uuid}/{uuid}": "not built yet",
    "PUT /api/messages/{uuid}/{uuid}/feedback": "not built yet",
    "PUT /api/permissions/agent/{objectId}": "not built yet",
    "PUT /api/projects/conversations/{uuid}": "not built yet",
    "PUT /api/roles/USER/agents": "not built yet",
    "PUT /api/roles/USER/mcp-servers": "not built yet",
    "PUT /api/roles/USER/memories": "not built yet",
    "PUT /api/roles/USER/prompts": "not built yet",
    "PUT /api/roles/USER/skills": "not built yet",
    "PUT /api/tags/{tag}": "not built yet",
}
# Statuses of LibreChat's that Echo does not copy: (method, template, LibreChat's status) with the reason.
OTHER_STATUS: dict[tuple[str, str, int], str] = {}
# Bodies of LibreChat's that Echo does not copy.
OTHER_BODY: dict[tuple[str, str], str] = {}
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
    found = operation_of(recording)
    assert found is not None
    operation, op, path_parameters = found
    errors = []
    query = Fields(parse_qsl(urlsplit(recording["path"]).query, keep_blank_values=True))
    for parameter in operation.parameters:
        source = {"path": path_parameters, "query": query}.get(parameter.location)
        if source is not None and (error := parameter.read(source, {})):
            errors.append(error)
    if recording.get("request") is not None and JSON in op.media:
        errors += validator(op.media[JSON]["schema"]).iter_errors(recording["request"])
    assert bool(errors) == (key_of(recording) in REFUSED), errors


@pytest.mark.parametrize("recording", CASES)
def test_the_answer_fits(recording: Mapping[str, Any]) -> None:
    found = operation_of(recording)
    assert found is not None
    _, op, _ = found
    status = recording["status"]
    if status >= 400 or recording.get("unread") or recording.get("cut"):
        # Errors have Echo's one body.
        return
    declared = responses(op).get(status)
    assert (declared is None) == ((*key_of(recording), status) in OTHER_STATUS), f"{status} is not declared"
    if declared is None:
        return
    content = declared.get("content", {})
    if JSON not in content:
        return
    errors = [
        f"{error.json_path}: {error.message}"
        for error in validator(content[JSON]["schema"]).iter_errors(recording["response"])
    ]
    assert bool(errors) == (key_of(recording) in OTHER_BODY), errors


def test_the_lists_of_exceptions_are_true() -> None:
    names = {key_of(each) for each in RECORDINGS}
    assert set(OTHER_BODY) | set(REFUSED) | {key[:2] for key in OTHER_STATUS} <= names
    assert all([*NOT_SERVED.values(), *OTHER_STATUS.values(), *OTHER_BODY.values(), *REFUSED.values()])


def key_of(recording: Mapping[str, Any]) -> tuple[str, str]:
    return recording["method"], recording["template"]


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    root = {**resolve(schema), "components": LIBRECHAT["components"]}
    return Draft202012Validator(root, format_checker=Draft202012Validator.FORMAT_CHECKER)
