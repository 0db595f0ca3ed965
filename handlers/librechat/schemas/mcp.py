"""MCP servers as LibreChat's clients read them: never a secret, and of addresses no more than one may change."""

from collections.abc import Mapping
from typing import Any, cast

from marshmallow import fields

from echo.settings.mcp import USER, McpServer
from echo.tools.mcp.manager import Listing
from echo.tools.mcp.service import Initialized, Shown, tools_of
from echo.tools.mcp.standings import State
from handlers.schemas.base import Flag, Moment, Output, Text, Whole

Json = dict[str, Any]
# What of a login's settings is no secret; those who may not change the server see no addresses.
OAUTH = ("client_id", "scope", "token_exchange_method")
OAUTH_ADDRESSES = ("authorization_url", "token_url")
API_KEY = ("source", "authorization_type", "custom_header")

ServerSchema = Output.from_dict(
    {
        "type": Text(),
        "url": Text(),
        "title": Text(),
        "description": Text(),
        "iconPath": Text(),
        "chatMenu": Flag(),
        "requiresOAuth": Flag(),
        "updatedAt": Whole(),
        "dbId": Text(),
        "source": Text(),
        "consumeOnly": Flag(),
        "customUserVars": fields.Raw(),
        "serverInstructions": fields.Raw(),
        "requestScoped": Flag(),
        "apiKey": fields.Raw(),
        "oauth": fields.Raw(),
        "obo": fields.Raw(),
    },
    name="McpServerSchema",
)
TokenSchema = Output.from_dict(
    {"token_type": Text(dump_default="Bearer"), "obtained_at": Moment()}, name="McpTokenSchema"
)
server = cast("Output", ServerSchema())
given_token = cast("Output", TokenSchema())


def shown(each: Shown) -> Json:
    """A server."""
    one = each.server
    oauth = {
        name: (one.oauth or {}).get(name) for name in (*OAUTH, *(OAUTH_ADDRESSES if each.may_edit else ()))
    }
    said: Json = {
        "type": one.type,
        "url": one.url.texts[0] if one.url and each.may_edit else None,
        "title": one.title,
        "description": one.description,
        "iconPath": one.icon_path,
        "chatMenu": one.chat_menu,
        "requiresOAuth": each.oauth,
        "updatedAt": one.updated_at,
        "dbId": one.id,
        "source": one.source,
        "consumeOnly": one.consume_only or None,
        "customUserVars": _variables(one) or None,
        "serverInstructions": one.instructions if one.source != USER else None,
        "requestScoped": one.per_message or None,
        "apiKey": _named(one.api_key, API_KEY),
        "oauth": _named(oauth, oauth) if one.oauth is not None else None,
        "obo": {"scopes": one.obo} if one.obo else None,
    }
    return server.dump_one(said)


def with_tools(one: McpServer, listing: Listing) -> Json:
    """A server with its tools, for who chooses among them."""
    wanted = [
        {
            "authField": name,
            "label": said["title"],
            "description": said["description"],
            "sensitive": said["sensitive"],
        }
        for name, said in _variables(one).items()
    ]
    return {
        "name": one.name,
        "icon": one.icon_path or "",
        "authenticated": not wanted,
        "authConfig": wanted,
        "tools": tools_of(one, listing),
    }


def state(each: State) -> Json:
    """A state in LibreChat's words."""
    return {
        "requiresOAuth": each.oauth,
        "connectionState": each.connection,
        "authorizationState": each.authorization,
    }


def initialized(done: Initialized, name: str, flow_id: str) -> Json:
    """What became of an attempt to connect."""
    said: Json = {
        "success": done.success,
        "message": done.message,
        "serverName": name,
        "oauthRequired": done.asked is not None or done.failure == "oauth_required",
    }
    if done.asked is not None:
        said |= {"oauthUrl": done.asked.url, "flowId": flow_id, "oauthTimeout": done.asked.milliseconds_left}
    if done.failure is not None:
        said["failureReason"] = done.failure
    if done.missing:
        said["missingUserVars"] = list(done.missing)
    if done.deferred:
        said["connectionDeferred"] = True
    return said


def login(document: Mapping[str, Any]) -> Json:
    """A login and what became of it."""
    status = document["status"]
    said = {"status": status, "completed": status == "COMPLETED", "failed": status == "FAILED"}
    return {**said, "error": document["error"]} if document.get("error") else said


def token(document: Mapping[str, Any]) -> Json:
    """That there is a token."""
    return given_token.dump_one({"obtained_at": document.get("createdAt")})


def _variables(one: McpServer) -> dict[str, Json]:
    return {
        name: {
            "title": str(each.get("title") or name),
            "description": str(each.get("description") or ""),
            "sensitive": each.get("sensitive") is not False,
        }
        for name, each in one.variables.items()
    }


def _named(said: Mapping[str, Any] | None, names: Any) -> Json | None:
    if said is None:
        return None
    return {name: said[name] for name in names if isinstance(said.get(name), str)}
