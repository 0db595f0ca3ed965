"""The operations under `/api/mcp`, as LibreChat's web client calls them."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from bson import ObjectId
from starlette.testclient import TestClient

from echo.access import ResourceType
from echo.app import assemble
from echo.settings import Settings
from echo.settings.mcp import HTTP, McpServer, McpSettings, Template
from storage.core.database import Database
from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.support.access import grant
from tests.support.contract import ProjectChecker
from tests.support.mcp.guarded import Provider, guarded
from tests.support.mcp.serving import served
from tests.support.mcp.toolbox import toolbox

BASE = "/chat/api/mcp"
KEY = {"KEY": {"title": "Key", "description": "Yours"}}


def server(name: str, port: int, **more: Any) -> McpServer:
    return McpServer(name, HTTP, url=Template((f"http://127.0.0.1:{port}/mcp",), ()), **more)


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    with (
        served(lambda _port: toolbox().streamable_http_app()) as plain,
        served(lambda port: guarded(Provider(), port)) as closed,
    ):
        yield plain, closed


@pytest.fixture(scope="module")
def http(settings: Settings, ports: tuple[int, int]) -> Iterator[TestClient]:
    """The application with servers of the operator's."""
    plain, closed = ports
    servers = (
        server("plain", plain, title="Plain", instructions=True, chat_menu=True),
        server("keyed", plain, variables=KEY, headers={"X-Key": Template(("", ""), ("KEY",))}),
        server("closed", closed, requires_oauth=True),
        server("gone", 1, begin_seconds=1.0),
        server("later", plain, headers={"X-C": Template(("", ""), ("LIBRECHAT_BODY_CONVERSATIONID",))}),
    )
    rules = McpSettings(servers, allowed_addresses=(f"127.0.0.1:{plain}",))
    application = assemble(replace(settings, mcp=rules, data_dir=Path(settings.data_dir)))
    with TestClient(application.asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture
def as_user(http: TestClient, checker: ProjectChecker) -> Callable[[UserClient], Client]:
    """The same user at that application."""

    def make(user: UserClient) -> Client:
        client = Client(http, checker)
        client.headers = dict(user.headers)
        return client

    return make


@pytest.fixture
def maker(ada: UserClient, stored: Stored) -> UserClient:
    """A user who may make servers."""
    give_role(ada, stored)
    return ada


@pytest.fixture
def lent(
    *,
    as_user: Any,
    maker: UserClient,
    bob: UserClient,
    stored: Stored,
    app_database: Database,
    new: dict[str, Any],
) -> dict[str, Any]:
    """A server of somebody's who may configure tokens in users' names, which the maker may change."""
    give_role(bob, stored, CONFIGURE_OBO=True)
    config = {**new, "title": new["title"] + "s", "obo": {"scopes": "api://crm/.default"}}
    made: dict[str, Any] = as_user(bob).post(f"{BASE}/servers", json={"config": config}).json()
    to_maker = {"principalType": "user", "principalId": ObjectId(maker.id)}
    grant(app_database, ResourceType.MCP_SERVER, made["dbId"], 3, to_maker)
    return made


def give_role(user: UserClient, stored: Stored, **more: bool) -> None:
    """A role of the user's own, which may make servers."""
    role = f"makers-{user.id}"
    permissions = {"MCP_SERVERS": {"USE": True, "CREATE": True, **more}}
    stored.roles.insert_one({"name": role, "permissions": permissions})
    stored.users.update_one({"_id": ObjectId(user.id)}, {"$set": {"role": role}})


@pytest.fixture
def new(ports: tuple[int, int]) -> dict[str, Any]:
    url = f"http://127.0.0.1:{ports[0]}/mcp"
    return {"type": "streamable-http", "url": url, "title": f"Own {secrets.token_hex(4)}"}


class TestWithoutAny:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(f"{BASE}/servers").status_code == 401

    def test_there_are_none(self, ada: UserClient) -> None:
        assert ada.get(f"{BASE}/servers").json() == {}
        assert ada.get(f"{BASE}/tools").json() == {"servers": {}}
        nothing = {"success": True, "connectionStatus": {}, "oauthTimeout": 600_000}
        assert ada.get(f"{BASE}/connection/status").json() == nothing


class TestOperatorsServers:
    def test_are_listed_without_addresses(self, as_user: Any, ada: UserClient) -> None:
        listed = as_user(ada).get(f"{BASE}/servers").json()
        assert set(listed) >= {"plain", "keyed", "closed", "gone", "later"}
        assert listed["plain"] == {
            "type": "streamable-http",
            "title": "Plain",
            "chatMenu": True,
            "requiresOAuth": False,
            "source": "yaml",
            "serverInstructions": True,
        }
        assert listed["keyed"]["customUserVars"]["KEY"] == {**KEY["KEY"], "sensitive": True}
        assert listed["later"]["requestScoped"] is True

    def test_cannot_be_changed(self, as_user: Any, maker: UserClient, new: dict[str, Any]) -> None:
        client = as_user(maker)
        assert client.patch(f"{BASE}/servers/plain", json={"config": new}).status_code == 404
        assert client.delete(f"{BASE}/servers/plain").status_code == 404

    def test_say_their_tools_where_nothing_is_missing(self, as_user: Any, ada: UserClient) -> None:
        found = as_user(ada).get(f"{BASE}/tools").json()["servers"]
        assert {"name": "echo", "pluginKey": "echo_mcp_plain", "description": "Says it back"} in found[
            "plain"
        ]["tools"]
        assert (found["keyed"]["tools"], found["keyed"]["authenticated"]) == ([], False)
        assert found["gone"]["tools"] == []

    def test_are_connected_to(self, as_user: Any, ada: UserClient) -> None:
        client = as_user(ada)
        assert client.post(f"{BASE}/plain/reinitialize").json() == {
            "success": True,
            "message": "MCP server 'plain' reinitialized successfully",
            "serverName": "plain",
            "oauthRequired": False,
        }
        assert client.get(f"{BASE}/connection/status/plain").json()["connectionStatus"] == "connected"
        states = client.get(f"{BASE}/connection/status").json()["connectionStatus"]
        assert states["closed"]["authorizationState"] == "needs_authorization"
        assert client.post(f"{BASE}/gone/reinitialize").json()["failureReason"] == "initialization_failed"
        assert client.post(f"{BASE}/later/reinitialize").json()["connectionDeferred"] is True
        assert client.post(f"{BASE}/nothing/reinitialize").status_code == 404

    def test_take_values_of_a_user(self, as_user: Any, ada: UserClient, bob: UserClient) -> None:
        client = as_user(ada)
        missing = client.post(f"{BASE}/keyed/reinitialize").json()
        assert (missing["failureReason"], missing["missingUserVars"]) == ("missing_custom_user_vars", ["KEY"])
        said = {"pluginKey": "mcp_keyed", "action": "install", "auth": {"KEY": "k"}, "isEntityTool": True}
        assert client.post("/chat/api/user/plugins", json=said).status_code == 200
        assert client.get(f"{BASE}/keyed/auth-values").json()["authValueFlags"] == {"KEY": True}
        assert as_user(bob).get(f"{BASE}/keyed/auth-values").json()["authValueFlags"] == {"KEY": False}
        assert client.post(f"{BASE}/keyed/reinitialize").json()["success"] is True
        assert client.post(
            "/chat/api/user/plugins", json={**said, "action": "uninstall", "auth": {}}
        ).is_success
        assert client.post(f"{BASE}/keyed/reinitialize").json()["success"] is False


class TestLogin:
    def test_goes_by_the_browser_that_began_it(
        self, as_user: Any, http: TestClient, ada: UserClient, bob: UserClient
    ) -> None:
        client = as_user(ada)
        answer = client.post(f"{BASE}/closed/reinitialize")
        asked = answer.json()
        assert (asked["success"], asked["oauthRequired"], asked["flowId"]) == (True, True, f"{ada.id}:closed")
        flow = f"{BASE}/oauth/status/{ada.id}%3Aclosed"
        assert client.get(flow).json() == {"status": "PENDING", "completed": False, "failed": False}
        assert as_user(bob).get(flow).status_code == 404
        assert client.get(f"{BASE}/oauth/tokens/{ada.id}%3Aclosed").status_code == 404
        where = http.get(
            f"{BASE}/closed/oauth/initiate",
            params={"userId": ada.id, "flowId": asked["flowId"]},
            headers=ada.headers,
            follow_redirects=False,
        )
        assert (where.status_code, where.headers["location"]) == (302, asked["oauthUrl"])
        back = urlsplit(httpx2.get(asked["oauthUrl"]).headers["location"])
        query = {name: values[0] for name, values in parse_qs(back.query).items()}
        assert back.path == f"{BASE}/closed/oauth/callback"
        cookie = answer.headers["set-cookie"].partition(";")[0]
        for headers, page in (({}, "error"), ({"Cookie": cookie}, "success")):
            http.cookies.clear()
            came = http.get(back.path, params=query, headers=headers, follow_redirects=False)
            assert f"/oauth/{page}?" in came.headers["location"]
        assert client.get(flow).json()["completed"] is True
        tokens = client.get(f"{BASE}/oauth/tokens/{ada.id}%3Aclosed").json()["tokens"]
        assert tokens.keys() == {"token_type", "obtained_at"}
        state = client.get(f"{BASE}/connection/status/closed").json()
        assert (state["connectionStatus"], state["authorizationState"]) == ("connected", "authorized")
        assert client.post(f"{BASE}/closed/reinitialize").json()["oauthRequired"] is False

    def test_is_given_up(self, as_user: Any, ada: UserClient) -> None:
        client = as_user(ada)
        assert client.post(f"{BASE}/closed/oauth/bind").headers["set-cookie"].startswith("echo_mcp_login=")
        assert (
            client.post(f"{BASE}/oauth/cancel/closed").json()["message"] == "No active OAuth flow to cancel"
        )
        client.post(f"{BASE}/closed/reinitialize")
        assert "cancelled" in client.post(f"{BASE}/oauth/cancel/closed").json()["message"]
        assert client.get(f"{BASE}/oauth/status/{ada.id}%3Aclosed").json()["error"] == "cancelled"


class TestOwnServers:
    def test_are_made_shared_changed_and_deleted(
        self, as_user: Any, maker: UserClient, bob: UserClient, new: dict[str, Any], app_database: Database
    ) -> None:
        stored, grants = app_database.collection("mcpservers"), app_database.collection("aclentries")
        client, other = as_user(maker), as_user(bob)
        config = {**new, "apiKey": {"source": "admin", "authorization_type": "bearer", "key": "canary-key"}}
        answer = client.post(f"{BASE}/servers", json={"config": config})
        made = answer.json()
        assert (answer.status_code, made["url"], made["source"]) == (201, new["url"], "user")
        assert made["serverName"] == new["title"].lower().replace(" ", "-")
        assert "canary" not in answer.text
        path = f"{BASE}/servers/{made['serverName']}"
        kept = stored.find_one({"serverName": made["serverName"]}) or {}
        assert (str(kept["author"]), "canary" in str(kept["config"])) == (maker.id, False)
        assert other.get(path).status_code == 404
        to_bob = {"principalType": "user", "principalId": ObjectId(bob.id)}
        grant(app_database, ResourceType.MCP_SERVER, made["dbId"], 1, to_bob)
        seen = other.get(path).json()
        assert (seen["title"], "url" in seen) == (new["title"], False)
        moved = {
            **config,
            "url": new["url"] + "/x",
            "apiKey": {"source": "admin", "authorization_type": "bearer"},
        }
        assert client.patch(path, json={"config": moved}).json()["code"] == "secret_needed"
        changed = client.patch(path, json={"config": {**new, "description": "Mine"}})
        assert changed.json()["description"] == "Mine"
        assert client.delete(path).json() == {"message": "MCP server deleted successfully"}
        assert client.get(path).status_code == other.get(path).status_code == 404
        assert grants.count_documents({"resourceId": ObjectId(made["dbId"])}) == 0

    def test_get_tokens_in_users_names_only_from_who_may_configure_that(
        self, as_user: Any, maker: UserClient, new: dict[str, Any], lent: dict[str, Any]
    ) -> None:
        """Who may not, but may change the server, changes nothing that says where a token goes."""
        client, config = as_user(maker), {**new, "obo": lent["obo"]}
        assert lent["obo"] == {"scopes": "api://crm/.default"}
        refused = client.post(f"{BASE}/servers", json={"config": config})
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_permissions")
        own = client.post(f"{BASE}/servers", json={"config": new}).json()["serverName"]
        assert client.patch(f"{BASE}/servers/{own}", json={"config": config}).status_code == 403
        path = f"{BASE}/servers/{lent['serverName']}"
        for changes in ({"url": new["url"] + "/x"}, {"headers": {"X-A": "1"}}, {"obo": {"scopes": "more"}}):
            assert client.patch(path, json={"config": {**config, **changes}}).status_code == 403
        assert client.patch(path, json={"config": new}).status_code == 403
        changed = client.patch(path, json={"config": {**config, "description": "Ours"}}).json()
        assert (changed["description"], changed["obo"]) == ("Ours", lent["obo"])

    def test_have_names_of_their_own(self, as_user: Any, maker: UserClient, new: dict[str, Any]) -> None:
        client = as_user(maker)
        config = {**new, "apiKey": {"source": "user", "authorization_type": "bearer"}, "title": "Plain"}
        names = [
            client.post(f"{BASE}/servers", json={"config": config}).json()["serverName"] for _ in range(2)
        ]
        assert "plain" not in names
        assert len(set(names)) == 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"url": "http://127.0.0.1:2/mcp"},
            {"url": "http://169.254.169.254/latest"},
            {"url": "http://x.example/${JWT_SECRET}"},
            {"url": "http://a@127.0.0.1/"},
            {"oauth": {"authorization_url": "javascript:alert(1)"}},
            {"oauth": {"authorization_url": "https://a.example/?resource=x"}},
            {"oauth": {"client_id": "c", "client_secret": "s"}},
        ],
    )
    def test_that_cannot_be_are_refused(
        self, as_user: Any, maker: UserClient, new: dict[str, Any], changes: dict[str, Any]
    ) -> None:
        answer = as_user(maker).post(f"{BASE}/servers", json={"config": {**new, **changes}})
        assert (answer.status_code, answer.json()["code"]) == (422, "unusable_mcp_server")

    @pytest.mark.parametrize(
        "config", [{"type": "stdio", "command": "sh", "url": "x"}, {"type": "websocket", "url": "ws://x"}]
    )
    def test_are_over_http_alone(self, as_user: Any, maker: UserClient, config: dict[str, Any]) -> None:
        assert as_user(maker).post(f"{BASE}/servers", json={"config": config}).status_code == 400
