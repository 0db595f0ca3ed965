"""A user with one object of each kind, and requests to every operation that mean these objects."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from echo.access import ResourceType
from echo.testing import likeness
from echo.testing.bodies import with_value
from tests.conftest import PASSWORD, MakeUser, UserClient
from tests.files import samples
from tests.support.authenticator import Authenticator
from tests.support.clock import no_waiting_for_farewells
from tests.support.operations import FORM, JSON, Op, id_fields

# One pixel, so that an upload of it passes.
PNG = samples.picture("PNG", (1, 1))


# What the document's examples expect of a message.
ARTIFACT = 'private thought\n:::artifact{title="private"}\n```js\n1 + 1\n```\n:::'


# An API that nobody asks here.
ACTION = {
    "functions": [{"function": {"name": "look"}}],
    "metadata": {
        "domain": "https://weather.example.com",
        "raw_spec": json.dumps(
            {
                "openapi": "3.1.0",
                "servers": [{"url": "https://weather.example.com"}],
                "paths": {"/private": {"get": {"operationId": "look"}}},
            }
        ),
    },
}

# Where a path has one name for ids of two kinds: LibreChat makes a link at the place of a link's own id.
CALLED = {
    ("librechat.create_share", "shareId"): "conversationId",
    ("cancel_response", "response_id"): "backgroundResponseId",
    ("librechat.get_remote_agent", "model"): "agent_id",
}
# Whose bodies name an agent where others name a model, which is nobody's.
ASKS_AGENT = {"librechat.create_agent_completion", "librechat.create_agent_response"}


@pytest.fixture(scope="module", autouse=True)
def _accounts_go_at_once() -> Iterator[None]:
    with no_waiting_for_farewells():
        yield


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
        made["agent_id"] = "agent_" + "x" * 21
        made["flowId"] = f"{self.owner.id}:nothing"
        made["sessionId"] = made["passkeyId"] = uuid.uuid4().hex[:24]
        made["apiKeyId"] = uuid.uuid4().hex[:24]
        made["projectId"] = made["chatProjectId"] = "0" * 24
        # The name of an endpoint is nobody's.
        made["resourceId"] = uuid.uuid4().hex[:24]
        # Names that are nobody's.
        for name in ("roleName", "permissionType", "resourceType", "accessRoleId", "publicAccessRoleId"):
            made[name] = self.ids[name]
        for name in ("principalType", "principalId", "capability"):
            made[name] = self.ids[name]
        made |= dict.fromkeys(("accountId", "userGroupId", "memberId", "entryId"), "0" * 24)
        # The names of endpoints, models, tools and kinds of tools are nobody's.
        made |= {name: self.ids[name] for name in ("endpoint", "itemType", "model", "tool")}
        return made


def furnish(user: UserClient) -> Belongings:
    """One object of each kind, made by the operations themselves; each part below says what its ids are."""
    ids = {"userId": user.id}
    for part in PARTS:
        ids |= part(user)
    return Belongings(user, ids)


def furnish_for(user: UserClient, op: Op) -> Belongings:
    """Only those parts of it that a request to the operation can mean: each costs up to ten requests."""
    ids = {"userId": user.id}
    for part in PARTS:
        # Which ids a part makes is known once it has been made.
        if part not in NAMES or NAMES[part] & named_by(op):
            given = part(user)
            NAMES[part] = frozenset(given)
            ids |= given
    return Belongings(user, ids)


def named_by(op: Op) -> set[str]:
    """The names of the ids that the operation's path and body have."""
    in_path = {parameter["name"] for parameter in op.parameters("path")}
    in_body = {str(place[-1]) for place in id_fields(op.json_schema or {})}
    asked = {"agent_id"} if op.id in ASKS_AGENT else set[str]()
    return {CALLED.get((op.id, name), name) for name in in_path} | in_body | asked


def made(response: Any) -> Any:
    """What an operation has made."""
    assert response.is_success, response.text
    return response.json() if response.content else None


def talk(user: UserClient) -> dict[str, str]:
    """A conversation, messages, a run, a link, a bookmark, a project."""
    conversation_id = str(uuid.uuid4())
    path = f"/api/messages/{conversation_id}"
    message = made(user.post(path, json={"text": "private thought", "sender": "user"}))
    made(user.post("/api/convos/update", json={"conversationId": conversation_id, "title": "private"}))
    asked = {"text": "private question", "conversationId": conversation_id}
    chat = made(user.post("/api/agents/chat/Fake", json=asked))
    steer = made(user.post("/chat/api/agents/chat/steer", json={**asked, "text": "private hint"}))
    part = {"type": "text", "text": ARTIFACT, "agentId": f"agent of {conversation_id}"}
    answer = made(user.post(f"/chat{path}", json={"messageId": str(uuid.uuid4()), "content": [part]}))
    link = made(user.post(f"/chat/api/share/{conversation_id}", json={}))
    # A new one is for everybody.
    rights = f"/chat/api/permissions/sharedLink/{link['_id']}"
    made(user.put(rights, json={"updated": [], "removed": [], "public": False}))
    return {
        "shareId": link["shareId"],
        "targetMessageId": answer["messageId"],
        **dict.fromkeys(("conversationId", "conversation_id"), conversation_id),
        **dict.fromkeys(("messageId", "latestMessageId"), answer["messageId"]),
        **dict.fromkeys(
            ("parentMessageId", "overrideParentMessageId", "responseMessageId"), message["messageId"]
        ),
        "agentId": part["agentId"],
        "streamId": chat["streamId"],
        "clientRequestId": str(uuid.uuid4()),
        "steerId": steer["steerId"],
        # One that was sent as a turn starts nothing again.
        "recoverySteerId": str(uuid.uuid4()),
        "clientSteerId": "private",
        "actionId": str(uuid.uuid4()),
        "tag": made(user.post("/chat/api/tags", json={"tag": f"private-{user.id}"}))["tag"],
        **dict.fromkeys(
            ("projectId", "chatProjectId"),
            made(user.post("/chat/api/projects", json={"name": "private project"}))["_id"],
        ),
    }


def kept(user: UserClient) -> dict[str, str]:
    """A preset, files, an assistant, keys, a response, and names that are nobody's."""
    upload = made(user.post("/api/files", files={"file": ("private.txt", b"private file", "text/plain")}))
    assistant = made(user.post("/api/assistants", json={"name": "private assistant", "model": "gpt-4o"}))
    made(user.put("/api/keys", json={"name": "private endpoint", "value": "private"}))
    picture = made(user.post("/chat/api/files/images", files={"file": ("private.png", PNG, "image/png")}))
    for_code = {
        "files": {"file": ("private.csv", b"private,table", "text/csv")},
        "data": {"tool_resource": "execute_code", "message_file": "true"},
    }
    place = made(user.post("/chat/api/files", **for_code))["metadata"]["codeEnvRef"]
    preset = {"title": "private preset", "endpoint": "openAI"}
    asked = {"model": "openAI/gpt-4o", "input": "private question"}
    made(user.put(f"/chat/api/user/settings/favorites/tools/tool/private-{user.id}"))
    return {
        "presetId": made(user.post("/api/presets", json=preset))["presetId"],
        **dict.fromkeys(("file_id", "fileId"), upload["file_id"]),
        "session_id": place["storage_session_id"],
        "code_file_id": place["file_id"],
        "fileName": picture["filepath"].rpartition("/")[2],
        **dict.fromkeys(("id", "assistant_id"), assistant["id"]),
        "apiKeyId": made(user.post("/api/api-keys", json={"name": "private key"}))["id"],
        **dict.fromkeys(
            ("response_id", "previous_response_id"), made(user.post("/v1/responses", json=asked))["id"]
        ),
        "itemType": "tool",
        "itemId": f"private-{user.id}",
        "name": "private endpoint",
        "endpoint": "Fake",
        "tool": "execute_code",
        "model": "openAI/gpt-4o",
    }


def in_the_background(user: UserClient) -> dict[str, str]:
    """A response that is made in the background."""
    asked = {"model": "openAI/gpt-4o", "input": "private question", "background": True}
    return {"backgroundResponseId": made(user.post("/v1/responses", json=asked))["id"]}


def library(user: UserClient) -> dict[str, str]:
    """A prompt, a memory, a skill, an agent with an action."""
    prompt = {"prompt": {"prompt": "private"}, "group": {"name": "private prompt"}}
    group = made(user.post("/chat/api/prompts", json=prompt))
    # In letters only, and nobody else's.
    memory_key = "".join(letter if letter.isalpha() else "ghijklmnop"[int(letter)] for letter in user.id)
    made(user.post("/chat/api/memories", json={"key": memory_key, "value": "private memory"}))
    skill = {"name": "private-skill", "description": "private skill"}
    agent = {"provider": "openAI", "model": "gpt-4o"}
    skill_id = made(user.post("/chat/api/skills", json=skill))["_id"]
    beside = {
        "files": {"file": ("private.md", b"private file of a skill")},
        "data": {"relativePath": f"{user.id}.md"},
    }
    made(user.post(f"/chat/api/skills/{skill_id}/files", **beside))
    agent_id = made(user.post("/chat/api/agents", json=agent))["id"]
    return {
        "groupId": group["group"]["_id"],
        "promptId": group["prompt"]["_id"],
        "memoryKey": memory_key,
        "skillId": skill_id,
        "relativePath": f"{user.id}.md",
        "agent_id": agent_id,
        "action_id": made(user.post(f"/chat/api/agents/actions/{agent_id}", json=ACTION))[1]["action_id"],
    }


def shared(user: UserClient) -> dict[str, str]:
    """Something that can be shared, and the names of rights."""
    return {
        "resourceType": "sharedLink",
        "resourceId": user.put_thing(ResourceType.SHARED_LINK),
        "accessRoleId": "sharedLink_viewer",
        "publicAccessRoleId": "sharedLink_viewer",
        "roleName": "USER",
        "permissionType": "prompts",
    }


def servers(user: UserClient) -> dict[str, str]:
    """An MCP server, and a login at it."""
    name = user.put_thing(ResourceType.MCP_SERVER)
    return {"serverName": name, "flowId": f"{user.id}:{name}"}


def administered(_user: UserClient) -> dict[str, str]:
    """What only administrators see: nobody's, so that it is the same for all."""
    return {
        "accountId": "a" * 24,
        "userGroupId": "b" * 24,
        "memberId": "c" * 24,
        "entryId": "d" * 24,
        "principalType": "role",
        "principalId": "USER",
        "capability": "read:users",
    }


def logins(user: UserClient) -> dict[str, str]:
    """Another session, and a passkey."""
    made(user.post("/api/auth/login", json={"email": user.email, "password": user.password}))
    sessions = made(user.get("/api/user/sessions"))["sessions"]
    challenge = made(user.post("/api/user/passkeys/challenge", json={"password": PASSWORD}))
    credential = Authenticator().create(challenge)
    body = {"challengeId": challenge["challengeId"], "name": "private", "credential": credential}
    return {
        "sessionId": next(each["id"] for each in sessions if not each["current"]),
        "passkeyId": made(user.post("/api/user/passkeys", json=body))["id"],
    }


PARTS: tuple[Callable[[UserClient], dict[str, str]], ...] = (
    talk,
    kept,
    in_the_background,
    library,
    shared,
    servers,
    administered,
    logins,
)
NAMES: dict[Callable[[UserClient], dict[str, str]], frozenset[str]] = {}


@pytest.fixture
def furnished(make_user: MakeUser) -> Callable[[str], Belongings]:
    return lambda name: furnish(make_user(name))


@pytest.fixture
def lasting(request: pytest.FixtureRequest, make_user: MakeUser) -> Belongings:
    """A user who is furnished once for a module: for requests that leave alone what is hers."""
    module: Any = request.module
    if not hasattr(module, "_lasting"):
        module._lasting = furnish(make_user("ada"))
    kept: Belongings = module._lasting
    return kept


def send(client: Any, op: Op, ids: dict[str, str], **changes: Any) -> Any:
    """A valid request to the operation that means these ids; `body` and `path` replace what it would send."""
    path = changes.get("path") or op.path
    for parameter in op.parameters("path"):
        name = CALLED.get((op.id, parameter["name"]), parameter["name"])
        value = ids.get(name, op.example_parameter(parameter))
        path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
    options: dict[str, Any] = {}
    if "body" in changes:
        options["json"] = changes["body"]
    elif JSON in op.media:
        options["json"] = body_for(op, ids)
    elif FORM in op.media:
        options["files"] = dict.fromkeys(file_parts(op), ("pixel.png", PNG, "image/png"))
        needed = op.media[FORM]["schema"].get("required", [])
        options["data"] = {name: ids[name] for name in needed if name in ids}
    if "headers" in changes:
        options["headers"] = changes["headers"]
    return client.request(op.method, path, params=changes.get("params"), **options)


def body_for(op: Op, ids: dict[str, str]) -> Any:
    """The operation's example body, with these ids in their places."""
    body = op.example_body()
    for place in id_fields(op.json_schema or {}):
        if place[-1] in ids:
            body = with_value(body, place, ids[str(place[-1])])
    if op.id in ASKS_AGENT and "agent_id" in ids:
        body["model"] = ids["agent_id"]
    if "expectedVersion" in (body or {}):
        # A skill's, which has a file by now.
        body["expectedVersion"] = 2
    if "clientRequestId" in (body or {}):
        # One that was seen before would start nothing.
        body["clientRequestId"] = str(uuid.uuid4())
    return body


def file_parts(op: Op) -> list[str]:
    properties = op.media[FORM]["schema"].get("properties", {})
    return [name for name, schema in properties.items() if schema.get("format") == "binary"]


def faceless(response: Any, *ids: dict[str, str]) -> tuple[int, str]:
    """A response without what differs from request to request: ids, dates, tokens."""
    values = {value for mapping in ids for value in mapping.values()}
    text = likeness.faceless(response.text, values)
    return response.status_code, re.sub(r'"(generationCreatedAt|position)":\d+', "", text)
