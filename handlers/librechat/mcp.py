"""MCP servers: the operator's, the caller's own, and those that others share."""

from typing import Any

from echo.accounts.cookies import must_be_secure
from echo.handling.caller import Caller, ClientInfo
from echo.handling.pending import Pending
from echo.services import Services
from echo.tools.mcp.service import TIMEOUT_MS
from handlers.librechat.schemas import mcp as schemas

Json = dict[str, Any]
Reply = tuple[Json | None, int, dict[str, Any]]
Said = str | None


def list_mcp_servers(services: Services, caller: Caller) -> Json:
    """The servers by name."""
    return {name: schemas.shown(each) for name, each in services.mcp.list(caller).items()}


def create_mcp_server(services: Services, caller: Caller, *, body: Json) -> Pending:
    """Keep a server."""

    async def make() -> tuple[Json, int]:
        made = await services.mcp.create(caller, body["config"])
        return {"serverName": made.server.name, **schemas.shown(made)}, 201

    return Pending(make)


def get_mcp_server(services: Services, caller: Caller, *, server_name: str) -> Json:
    """One server."""
    return schemas.shown(services.mcp.get(caller, server_name))


def update_mcp_server(services: Services, caller: Caller, *, server_name: str, body: Json) -> Pending:
    """Change a server."""

    async def make() -> Json:
        return schemas.shown(await services.mcp.update(caller, server_name, body["config"]))

    return Pending(make)


def delete_mcp_server(services: Services, caller: Caller, *, server_name: str) -> Pending:
    """Delete a server."""

    async def make() -> Json:
        await services.mcp.delete(caller, server_name)
        return {"message": "MCP server deleted successfully"}

    return Pending(make)


def list_mcp_tools(services: Services, caller: Caller) -> Pending:
    """The tools of the servers that can be reached."""

    async def make() -> Json:
        found = await services.mcp.list_tools(caller)
        return {"servers": {name: schemas.with_tools(*each) for name, each in found.items()}}

    return Pending(make)


def get_mcp_connection_status(services: Services, caller: Caller) -> Json:
    """Which of them are connected."""
    states = {name: schemas.state(each) for name, each in services.mcp.standings.states(caller).items()}
    return {"success": True, "connectionStatus": states, "oauthTimeout": TIMEOUT_MS}


def get_mcp_server_status(services: Services, caller: Caller, *, server_name: str) -> Json:
    """Whether one is connected."""
    said = schemas.state(services.mcp.standings.state(caller, server_name))
    connection = said.pop("connectionState")
    return {"success": True, "serverName": server_name, "connectionStatus": connection, **said}


def reinitialize_mcp_server(
    services: Services, caller: Caller, client: ClientInfo, *, server_name: str
) -> Pending:
    """Connect anew, or say where to log in first."""

    async def make() -> Reply:
        done = await services.mcp.initialize(caller, server_name)
        said = schemas.initialized(done, server_name, services.mcp.standings.flow_id(caller, server_name))
        return said, 200, _bound(services, caller, client) if done.asked else {}

    return Pending(make)


def get_mcp_auth_values(services: Services, caller: Caller, *, server_name: str) -> Json:
    """Which of a server's variables the caller has set."""
    flags = services.mcp.set_variables(caller, server_name)
    return {"success": True, "serverName": server_name, "authValueFlags": flags}


def bind_mcp_oauth(services: Services, caller: Caller, client: ClientInfo, *, server_name: str) -> Reply:
    """Let the browser end a login that it did not begin itself."""
    services.mcp.get(caller, server_name)
    return {"success": True}, 200, _bound(services, caller, client)


def initiate_mcp_oauth(
    services: Services, caller: Caller, client: ClientInfo, *, server_name: str, user_id: str, flow_id: str
) -> Reply:
    """Send the browser to where the user logs in."""
    url = services.mcp.standings.pending_url(caller, server_name, user_id, flow_id)
    return None, 302, {"Location": url, "Cache-Control": "no-store", **_bound(services, caller, client)}


def finish_mcp_oauth(
    services: Services,
    *,
    server_name: str,
    code: Said = None,
    state: Said = None,
    error: Said = None,
    iss: Said = None,
    echo_mcp_login: Said = None,
) -> Pending:
    """Take a browser that comes back from a login on to the client."""

    async def make() -> Reply:
        answer = {"code": code, "state": state, "error": error, "iss": iss}
        location = await services.mcp.logins.come_back(server_name, answer, echo_mcp_login)
        return (
            None,
            302,
            {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
        )

    return Pending(make)


def get_mcp_oauth_tokens(services: Services, caller: Caller, *, flow_id: str) -> Json:
    """That a login has come to tokens; never the tokens themselves."""
    return {"tokens": schemas.token(services.mcp.standings.completed(caller, flow_id))}


def get_mcp_oauth_status(services: Services, caller: Caller, *, flow_id: str) -> Json:
    """What became of a login."""
    return schemas.login(services.mcp.standings.login(caller, flow_id))


def cancel_mcp_oauth(services: Services, caller: Caller, *, server_name: str) -> Json:
    """Give a login up."""
    there_was = services.mcp.logins.cancel(caller.id, server_name)
    told = (
        f"OAuth flow for {server_name} cancelled successfully"
        if there_was
        else "No active OAuth flow to cancel"
    )
    return {"success": True, "message": told}


def _bound(services: Services, caller: Caller, client: ClientInfo) -> dict[str, Any]:
    secure = must_be_secure(client, services.settings.secure_cookies)
    return {"Set-Cookie": services.mcp.logins.cookie(caller.id, secure=secure)}
