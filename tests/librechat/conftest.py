"""A database that LibreChat wrote (`database.json`, extended JSON with made-up content), and Echo on it."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from bson import ObjectId, json_util
from pymongo import MongoClient
from starlette.testclient import TestClient

from echo.access import ResourceType
from echo.app import Application, assemble
from echo.serving.preparing import prepare
from echo.settings import Settings
from echo.settings.mcp import McpSettings
from tests.conftest import Client, make_settings
from tests.librechat.models import Models, install
from tests.support.asgi import QuickClient
from tests.support.code_interpreter import KEY, code_interpreter
from tests.support.contract import ProjectChecker
from tests.support.database import named_database
from tests.support.librechat import Document, Documents
from tests.support.mcp.serving import served
from tests.support.mcp.toolbox import toolbox
from tests.support.presets import EVERYTHING
from tests.support.providers import openai_server

HERE = Path(__file__).parent
PASSWORDS = {"ada": "password-ada1", "bob": "password-bob1"}


@pytest.fixture(scope="session")
def dump() -> dict[str, Any]:
    text = (HERE / "database.json").read_text(encoding="utf-8")
    collections: dict[str, Any] = json_util.loads(text)["collections"]
    return collections


@dataclass(frozen=True)
class Snapshot:
    """What a database has: the documents of each collection, and MongoDB's hash of them."""

    documents: Mapping[str, list[Document]]
    hashes: Mapping[str, str]

    @classmethod
    def of(cls, raw: Any, last: "Snapshot | None" = None) -> "Snapshot":
        """What it has now; collections that are as they were at the `last` one are not read again."""
        hashes: dict[str, str] = raw.command("dbHash")["collections"]
        documents = {
            name: last.documents[name] if last and last.hashes.get(name) == found else list(raw[name].find())
            for name, found in hashes.items()
        }
        return cls(documents, hashes)

    def restore(self, raw: Any) -> None:
        """Give the database these documents and no other."""
        for name, found in raw.command("dbHash")["collections"].items():
            if found != self.hashes.get(name):
                raw[name].delete_many({})
                if documents := self.documents.get(name):
                    raw[name].insert_many(documents)


@dataclass(frozen=True)
class Copy:
    """A copy of the dump: its URI, the database, and what is in it."""

    uri: str
    raw: Any
    dumped: Snapshot


@pytest.fixture(scope="session")
def copy(mongo_uri: str, dump: dict[str, Any]) -> Iterator[Copy]:
    """A copy, indexes included. To make the indexes takes seconds, so there is one copy for all tests."""
    with named_database(mongo_uri, "echo_librechat") as uri, MongoClient[dict[str, Any]](uri) as client:
        raw = client.get_default_database()
        for name, saved in dump.items():
            raw.create_collection(name)
            for index in saved["indexes"]:
                restore_index(raw[name], index)
            if documents := [each for each in saved["documents"] if not expires(each, saved["indexes"])]:
                raw[name].insert_many(documents)
        yield Copy(uri, raw, Snapshot.of(raw))


@pytest.fixture
def librechat_uri(copy: Copy) -> str:
    """The URI of the copy, with the documents of the dump and no other."""
    copy.dumped.restore(copy.raw)
    return copy.uri


def restore_index(collection: Any, saved: dict[str, Any]) -> None:
    options = {name: value for name, value in saved.items() if name not in {"key", "v", "ns"}}
    if options["name"] != "_id_":
        collection.create_index([tuple(each) for each in saved["key"]], **options)


def expires(document: Document, indexes: list[dict[str, Any]]) -> bool:
    """Whether MongoDB would remove a document in the middle of a test: the dump does not get younger."""
    soon = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    timed = [
        (index["key"][0][0], index["expireAfterSeconds"])
        for index in indexes
        if "expireAfterSeconds" in index
    ]
    return any(
        isinstance(document.get(field), datetime)
        and document[field].replace(tzinfo=None) + timedelta(seconds=seconds) < soon
        for field, seconds in timed
    )


@pytest.fixture
def content(librechat_uri: str, copy: Copy) -> Callable[[], Documents]:
    """Reads the whole database: each document by collection and `_id`."""
    assert librechat_uri == copy.uri
    last = copy.dumped

    def read() -> Documents:
        nonlocal last
        last = Snapshot.of(copy.raw, last)
        return {name: {each["_id"]: dict(each) for each in found} for name, found in last.documents.items()}

    return read


@pytest.fixture(scope="session")
def moved(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of an Echo in LibreChat's place."""
    place = tmp_path_factory.mktemp("moved")
    directory = place / "librechat"
    return make_settings(
        copy.uri, place / "data", SESSION_EXPIRY="3600000", ECHO_LIBRECHAT_DIR=str(directory)
    )


@pytest.fixture
def librechat_dir(moved: Settings) -> Path:
    """LibreChat's own directory, with the files of the database's records and no other."""
    directory = moved.librechat_dir
    assert directory
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(HERE / "files" / "uploads", directory / "uploads")
    shutil.copytree(HERE / "files" / "images", directory / "client" / "public" / "images")
    return directory


@dataclass(frozen=True)
class Started:
    """An Echo on the copy, and what the database had when it began."""

    http: TestClient
    prepared: Snapshot


@pytest.fixture(scope="session")
def started(copy: Copy, moved: Settings) -> Iterator[Started]:
    """One for all tests; `anonymous` gives it to a test as it began."""
    copy.dumped.restore(copy.raw)
    prepare(moved)
    prepared = Snapshot.of(copy.raw)
    with QuickClient(
        assemble(moved).asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000)
    ) as http:
        yield Started(http, prepared)


@pytest.fixture
def anonymous(
    started: Started, librechat_uri: str, librechat_dir: Path, copy: Copy, checker: ProjectChecker
) -> Client:
    """A client of an Echo that has just begun on what LibreChat has left."""
    assert librechat_uri == copy.uri
    assert librechat_dir.is_dir()
    started.prepared.restore(copy.raw)
    return Client(started.http, checker)


@pytest.fixture
def log_in(anonymous: Client) -> Callable[..., Client]:
    """Logs a user of LibreChat's in."""

    def login(name: str, password: str | None = None) -> Client:
        body = {"email": f"{name}@example.test", "password": password or PASSWORDS[name]}
        answer = anonymous.post("/api/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        return anonymous.with_token(answer.json()["token"])

    return login


@pytest.fixture(scope="session")
def written_uri(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a database on which only an Echo has ever worked, with something of everything that it writes."""
    directory = tmp_path_factory.mktemp("written")
    with (
        named_database(mongo_uri, "echo_written") as uri,
        openai_server() as server,
        code_interpreter() as (code, _),
        served(lambda _port: toolbox().streamable_http_app()) as port,
    ):
        address = {
            "OPENAI_API_KEY": "sk-tests-only",
            "OPENAI_REVERSE_PROXY": server.url,
            "OPENAI_MODELS": "gpt-4o",
            "LIBRECHAT_CODE_BASEURL": code.url,
            "LIBRECHAT_CODE_API_KEY": KEY,
        }
        limited = {"CHECK_BALANCE": "true", "START_BALANCE": "20000"}
        settings = make_settings(uri, directory, TITLE_CONVO="false", **limited, **address)
        settings = replace(settings, mcp=McpSettings((), allowed_addresses=(f"127.0.0.1:{port}",)))
        prepare(settings)
        application = assemble(settings)
        with QuickClient(application.asgi, client=("127.0.0.1", 50000)) as http:
            client = write_everything(Client(http, ProjectChecker()))
            write_for_tools(client, f"http://127.0.0.1:{port}/mcp")
            grant_everything(application)
        yield uri


def grant_everything(application: Application) -> None:
    """What is shared, with one and with all."""
    access, owner = application.services.access, str(ObjectId())
    for kind in ResourceType:
        resource = ObjectId()
        access.own(owner, kind, resource)
        access.share_publicly(owner, kind, resource)


def write_for_tools(client: Client, address: str) -> None:
    """What agents and their tools keep: an action, an MCP server, keys, files for programs and from programs."""
    made = client.post("/chat/api/agents", json={"provider": "openAI", "model": "gpt-4o"}).json()["id"]
    document = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://weather.example.com"}],
        "paths": {"/now": {"get": {"operationId": "now"}}},
    }
    metadata = {
        "domain": "https://weather.example.com",
        "raw_spec": json.dumps(document),
        "privacy_policy_url": "https://weather.example.com/privacy",
        "auth": {"type": "service_http", "authorization_type": "bearer"},
        "api_key": "secret",
    }
    action = {"functions": [{"type": "function", "function": {"name": "now"}}], "metadata": metadata}
    server = {"type": "streamable-http", "url": address, "title": "Tools", "description": "Has tools"}
    key = {"source": "admin", "authorization_type": "bearer", "key": "secret"}
    keys = {"pluginKey": "google", "action": "install", "auth": {"GOOGLE_CSE_ID": "x"}}
    requests = (
        (f"agents/actions/{made}", action),
        (f"agents/{made}/duplicate", None),
        ("mcp/servers", {"config": {**server, "apiKey": key}}),
        ("user/plugins", keys),
    )
    for path, body in requests:
        response = client.post(f"/chat/api/{path}", json=body)
        assert response.is_success, response.text
    of_agent = {"tool_resource": "execute_code", "agent_id": made}
    for purpose in (of_agent, {"tool_resource": "execute_code", "message_file": "true"}):
        sent = {"files": {"file": ("data.csv", b"1,2", "text/csv")}, "data": purpose}
        assert client.post("/chat/api/files", **sent).is_success
    message = client.post("/api/messages/with-code", json={"text": "`print 1`", "sender": "user"}).json()
    where = {
        "messageId": message["messageId"],
        "conversationId": "with-code",
        "partIndex": 0,
        "blockIndex": 0,
    }
    run = {**where, "code": "print 1\nwrite sum.txt 3\nwrite blob.bin \0\1\npicture dot.png"}
    assert len(client.post("/chat/api/agents/tools/execute_code/call", json=run).json()["attachments"]) == 3


def write_everything(anonymous: Client) -> Client:
    account = {"name": "Wanda", "email": "Wanda@example.test", "username": "Wanda"}
    secret = {"password": "correct horse 1 battery", "confirm_password": "correct horse 1 battery"}
    anonymous.post("/api/auth/register", json={**account, **secret})
    anonymous.post("/api/auth/register", json={**account, **secret, "email": "second@example.test"})
    login = anonymous.post(
        "/api/auth/login", json={"email": account["email"], "password": secret["password"]}
    )
    client = anonymous.with_token(login.json()["token"])
    guard_second(anonymous, secret["password"])
    first = client.post("/api/messages/a-first-one", json={"text": "Why?", "sender": "user"}).json()
    for text in ("Because.", "Just so."):
        body = {"text": text, "sender": "assistant", "parentMessageId": first["messageId"], "model": "gpt-5"}
        client.post("/api/messages/a-first-one", json=body)
    client.put(f"/api/messages/a-first-one/{first['messageId']}", json={"text": "Why not?"})
    client.post("/api/messages/a-second-one", json={"text": "Hm", "sender": "user"})
    client.post("/api/convos/gen_title", json={"conversationId": "a-first-one"})
    client.post("/api/convos/fork", json={"conversationId": "a-first-one", "messageId": first["messageId"]})
    for archived in (True, False):
        client.post("/api/convos/update", json={"conversationId": "a-second-one", "isArchived": archived})
    client.post("/api/convos/update", json={"conversationId": "a-first-one", "isArchived": True})
    write_what_librechats_contract_has(client)
    preset = {"title": "Mine", "endpoint": "openAI", "model": "gpt-5", "promptPrefix": "Be brief."}
    client.post("/api/presets", json={**preset, "temperature": 0.5, "top_p": 1, "maxOutputTokens": 100})
    write_library(client)
    client.post("/api/files", files={"file": ("note.txt", b"a note", "text/plain")})
    image = next((HERE / "files" / "images").rglob("*.png")).read_bytes()
    client.post("/api/files/images", files={"file": ("dot.png", image, "image/png")})
    sent = {"files": {"file": ("note.txt", b"a note", "text/plain")}, "data": {"file_id": "mine"}}
    client.post("/chat/api/files", **sent)
    sent["data"] |= {"tool_resource": "context", "message_file": "true"}
    client.post("/chat/api/files", **sent)
    avatar = {"files": {"file": ("dot.png", image, "image/png")}, "data": {"manual": "true"}}
    client.post("/chat/api/files/images/avatar", **avatar)
    made = client.post("/chat/api/share/a-first-one", json={"targetMessageId": first["messageId"]})
    assert made.status_code == 200, made.text
    assistant = {"name": "Ann", "model": "gpt-5", "instructions": "Help.", "description": "Helps"}
    client.post("/api/assistants", json={**assistant, "tools": [{"type": "code_interpreter"}]})
    about = {"name": "Poet", "description": "Rhymes", "instructions": "Rhyme.", "category": "hr"}
    agent = {**about, "provider": "openAI", "model": "gpt-4o", "model_parameters": {"temperature": 0.5}}
    more = {
        "tools": ["web_search"],
        "conversation_starters": ["A poem?"],
        "support_contact": {"name": "Wanda"},
    }
    made = client.post("/chat/api/agents", json={**agent, **more}).json()["id"]
    assert client.patch(f"/chat/api/agents/{made}", json={"recursion_limit": 9}).status_code == 200
    assert client.post(f"/chat/api/agents/{made}/duplicate").status_code == 201
    for expiry in ("2099-01-01T00:00:00Z", None):
        client.put("/api/keys", json={"name": f"Fake {expiry}", "value": "sk-fake", "expiresAt": expiry})
        key = client.post("/api/api-keys", json={"name": "script", "expiresAt": expiry}).json()["key"]
    asked = {"role": "user", "content": "Why?"}
    messages = [{"role": "system", "content": "Be brief."}, asked]
    body = {"model": "openAI/gpt-4o", "messages": messages, "store": True}
    kept = anonymous.with_token(key).post("/v1/chat/completions", json=body).json()["conversation_id"]
    again = {**body, "messages": [asked], "conversation_id": kept}
    assert client.post("/v1/chat/completions", json=again).status_code == 200
    return client


def write_library(client: Client) -> None:
    """What only LibreChat's contract keeps: a preset with everything in it, a prompt, memories, a skill."""
    client.post("/chat/api/presets", json={**EVERYTHING, "defaultPreset": True})
    prompt = {"prompt": {"prompt": "Say {{x}}", "type": "text"}, "group": {"name": "Sayer", "command": "say"}}
    group = client.post("/chat/api/prompts", json=prompt).json()["group"]["_id"]
    client.post(f"/chat/api/prompts/groups/{group}/prompts", json={"prompt": {"prompt": "Say it twice"}})
    client.patch(f"/chat/api/prompts/groups/{group}", json={"category": "idea", "oneliner": "Says it"})
    client.post(f"/chat/api/prompts/groups/{group}/use")
    for agent in (None, "agent_1"):
        client.post("/chat/api/memories", json={"key": "likes", "value": "tea", "agentId": agent})
    client.patch("/chat/api/memories/likes", json={"key": "drinks", "value": "green tea"})
    client.patch("/chat/api/memories/preferences", json={"memories": True})
    skill = {"name": "walk", "description": "When somebody wants to walk.", "displayTitle": "Walk"}
    made = client.post(
        "/chat/api/skills", json={**skill, "frontmatter": {"allowed-tools": ["search"]}}
    ).json()
    client.patch(f"/chat/api/skills/{made['_id']}", json={"expectedVersion": 1, "body": "# Walk"})
    states = {"skillStates": {made["_id"]: False}}
    assert client.post("/chat/api/user/settings/skills/active", json=states).json() == states["skillStates"]


def write_what_librechats_contract_has(client: Client) -> None:
    parts = [
        {"type": "text", "text": ":::artifact\n1\n:::", "agentId": "agent"},
        {"type": "think", "think": "Hm"},
    ]
    answer = {"messageId": "an-answer", "sender": "Agent", "content": parts}
    requests = (
        ("POST", "messages/a-second-one", answer),
        ("PUT", "messages/a-second-one/an-answer", {"text": "Hm?", "index": 1}),
        ("POST", "messages/artifact/an-answer", {"index": 0, "original": "1", "updated": "2"}),
        ("POST", "messages/branch", {"messageId": "an-answer", "agentId": "agent"}),
        ("POST", "convos/pin", {"arg": {"conversationId": "a-second-one", "pinned": True}}),
        ("POST", "tags", {"tag": "work", "conversationId": "a-second-one", "addToConversation": True}),
        ("PUT", "tags/work", {"tag": "office", "description": "Desk", "position": 1}),
        ("PUT", "tags/convo/a-second-one", {"tags": ["office", "new"]}),
        ("POST", "projects", {"name": "Empty"}),
        ("POST", "convos/duplicate", {"conversationId": "a-second-one"}),
    )
    for method, path, body in requests:
        response = client.request(method, f"/chat/api/{path}", json=body)
        assert response.is_success, response.text
    project = client.post("/chat/api/projects", json={"name": "Garden", "description": "Beds"}).json()["_id"]
    moved = {"projectId": project}
    assert client.put("/chat/api/projects/conversations/a-second-one", json=moved).is_success


def guard_second(anonymous: Client, password: str) -> None:
    """Let the second user have a second factor, and one more that waits for its confirmation."""
    login = anonymous.post("/api/auth/login", json={"email": "second@example.test", "password": password})
    client = anonymous.with_token(login.json()["token"])
    setup = client.post("/api/auth/2fa/enable").json()
    app = pyotp.parse_uri(setup["otpauthUrl"])
    assert isinstance(app, pyotp.TOTP)
    assert client.post("/api/auth/2fa/confirm", json={"token": app.now()}).status_code == 200
    again = client.post("/api/auth/2fa/enable", json={"backupCode": setup["backupCodes"][0]})
    assert again.status_code == 200


@pytest.fixture(scope="session")
def models(request: pytest.FixtureRequest) -> Models:
    """LibreChat's published models."""
    return install(Path(request.config.cache.mkdir("librechat-models")))
