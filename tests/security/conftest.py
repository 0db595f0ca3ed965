"""A user with one object of each kind, and requests to every operation that mean these objects."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import MakeUser, UserClient
from tests.support.operations import FORM, JSON, Op, id_fields, with_value

# One pixel, so that an upload of it passes.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf"
    "c0000000030001012a0d0d0d0000000049454e44ae426082"
)


@dataclass
class Belongings:
    """What a user owns, by the names that the contract's ids have."""

    owner: UserClient
    ids: dict[str, str]

    @property
    def missing(self) -> dict[str, str]:
        """Ids of the same form that nothing has."""
        made = {name: str(uuid.uuid4()) for name in self.ids}
        made["userId"] = made["user"] = "0" * 24
        made["id"] = made["assistant_id"] = f"asst_{uuid.uuid4().hex[:24]}"
        made["apiKeyId"] = uuid.uuid4().hex[:24]
        # The names of endpoints and tools are nobody's.
        made |= {name: self.ids[name] for name in ("endpoint", "toolId")}
        return made


def furnish(user: UserClient) -> Belongings:
    conversation_id = str(uuid.uuid4())
    message = user.post(
        f"/api/messages/{conversation_id}", json={"text": "private thought", "sender": "user"}
    )
    preset = user.post("/api/presets", json={"title": "private preset", "endpoint": "openAI"})
    upload = user.post("/api/files", files={"file": ("private.txt", b"private file", "text/plain")})
    assistant = user.post("/api/assistants", json={"name": "private assistant", "model": "gpt-4o"})
    api_key = user.post("/api/api-keys", json={"name": "private key"})
    provider_key = user.put("/api/keys", json={"name": "private endpoint", "value": "private"})
    title = user.post("/api/convos/update", json={"conversationId": conversation_id, "title": "private"})
    chat = user.post(
        "/api/agents/chat/Fake", json={"text": "private question", "conversationId": conversation_id}
    )
    steer = user.post(
        "/chat/api/agents/chat/steer",
        json={"text": "private hint", "conversationId": conversation_id},
    )
    for response in (message, preset, upload, assistant, api_key, provider_key, title, chat, steer):
        assert response.is_success, response.text
    ids = {
        "conversationId": conversation_id,
        "conversation_id": conversation_id,
        "messageId": message.json()["messageId"],
        "parentMessageId": message.json()["messageId"],
        "overrideParentMessageId": message.json()["messageId"],
        "responseMessageId": message.json()["messageId"],
        "streamId": chat.json()["streamId"],
        "steerId": steer.json()["steerId"],
        # One that was sent as a turn starts nothing again.
        "recoverySteerId": str(uuid.uuid4()),
        "clientSteerId": "private",
        "actionId": str(uuid.uuid4()),
        "agent_id": "agent_private",
        "chatProjectId": "0" * 24,
        "endpoint": "Fake",
        "toolId": "web_search",
        "clientRequestId": str(uuid.uuid4()),
        "presetId": preset.json()["presetId"],
        "file_id": upload.json()["file_id"],
        "fileId": upload.json()["file_id"],
        "userId": user.id,
        "id": assistant.json()["id"],
        "assistant_id": assistant.json()["id"],
        "apiKeyId": api_key.json()["id"],
        "name": "private endpoint",
    }
    return Belongings(user, ids)


@pytest.fixture
def furnished(make_user: MakeUser) -> Callable[[str], Belongings]:
    return lambda name: furnish(make_user(name))


def send(client: Any, op: Op, ids: dict[str, str], **changes: Any) -> Any:
    """A valid request to the operation that means these ids; `body` and `path` replace what it would send."""
    path = changes.get("path") or op.path
    for parameter in op.parameters("path"):
        value = ids.get(parameter["name"], op.example_parameter(parameter))
        path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
    options: dict[str, Any] = {}
    if "body" in changes:
        options["json"] = changes["body"]
    elif JSON in op.media:
        options["json"] = body_for(op, ids)
    elif FORM in op.media:
        options["files"] = dict.fromkeys(file_parts(op), ("pixel.png", PNG, "image/png"))
    if "headers" in changes:
        options["headers"] = changes["headers"]
    return client.request(op.method, path, params=changes.get("params"), **options)


def body_for(op: Op, ids: dict[str, str]) -> Any:
    """The operation's example body, with these ids in their places."""
    body = op.example_body()
    for place in id_fields(op.json_schema or {}):
        if place[-1] in ids:
            body = with_value(body, place, ids[str(place[-1])])
    if "clientRequestId" in (body or {}):
        # One that was seen before would start nothing.
        body["clientRequestId"] = str(uuid.uuid4())
    return body


def file_parts(op: Op) -> list[str]:
    properties = op.media[FORM]["schema"].get("properties", {})
    return [name for name, schema in properties.items() if schema.get("format") == "binary"]


def faceless(response: Any, *ids: dict[str, str]) -> tuple[int, str]:
    """A response without what differs from request to request: ids, dates, tokens."""
    text = response.text
    for value in {value for mapping in ids for value in mapping.values()}:
        text = text.replace(value, "<id>")
    text = re.sub(r'"requestId":"[^"]*"|"generationCreatedAt":\d+', "", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "<date>", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{24}\b", "<id>", text)
    return response.status_code, text
