"""Servers that users have added, between LibreChat's documents and what connects to them.

A user's server never sees a variable of the environment, nor anything of a user but what that user has set for it.
"""

import re
from collections.abc import Mapping
from typing import Any

import structlog

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.settings.librechat.mcp import key_header
from echo.settings.librechat.placeholders import PLACEHOLDER
from echo.settings.mcp import HTTP, SSE, USER, McpServer, Template

log = structlog.get_logger(__name__)
Json = dict[str, Any]
TYPES = {"sse": SSE, "streamable-http": HTTP, "http": HTTP}
# What would be filled in for an operator's server.
FOREIGN = re.compile(r"\$\{[^}]*\}|\{\{LIBRECHAT_[^}]*\}\}")
SECRETS = (("oauth", "client_secret"), ("apiKey", "key"))


def server_of(document: Mapping[str, Any], cipher: CredentialsCipher | None) -> McpServer | None:
    """A server as it is stored, by LibreChat or by Echo; None for one that cannot be reached from here."""
    config = document.get("config")
    if (
        not isinstance(config, Mapping)
        or config.get("type") not in TYPES
        or not isinstance(config.get("url"), str)
    ):
        return None
    variables = _mapping(config.get("customUserVars"))
    updated = document.get("updatedAt")
    said = _with_secrets(config, cipher)
    api_key, oauth = said.get("apiKey"), said.get("oauth")
    return McpServer(
        name=str(document["serverName"]),
        type=TYPES[config["type"]],
        title=_text(config.get("title")),
        description=_text(config.get("description")),
        icon_path=_text(config.get("iconPath")),
        requires_oauth=config["requiresOAuth"] if isinstance(config.get("requiresOAuth"), bool) else None,
        oauth=oauth if isinstance(oauth, Mapping) else None,
        api_key=api_key if _is_key(api_key) else None,
        variables={name: each for name, each in variables.items() if isinstance(each, Mapping)},
        url=Template((config["url"],), ()),
        headers={
            name: _template(value, variables)
            for name, value in _mapping(config.get("headers")).items()
            if isinstance(value, str)
        },
        obo=_text(_mapping(config.get("obo")).get("scopes")),
        source=USER,
        id=str(document["_id"]),
        author=str(document["author"]) if document.get("author") else None,
        updated_at=int(updated.timestamp() * 1000) if updated is not None else None,
    )


def config_of(said: Mapping[str, Any], before: Mapping[str, Any], cipher: CredentialsCipher | None) -> Json:
    """A configuration as it is stored: secrets encrypted, the header of a user's own key made, as LibreChat does it.

    A secret that is not said stays what it was `before`, as it is stored. Raises `KeyError` where there is a secret
    and nothing to encrypt it with.
    """
    config: Json = {name: value for name, value in said.items() if value is not None}
    headers = {name: FOREIGN.sub("", value) for name, value in _mapping(config.get("headers")).items()}
    key = config.get("apiKey")
    if isinstance(key, Mapping) and key.get("source") == "user":
        config["apiKey"] = {name: value for name, value in key.items() if name != "key"}
        config["customUserVars"] = {
            "MCP_API_KEY": {"title": "API Key", "description": "Your API key for this MCP server"}
        }
        headers |= {name: "{{MCP_API_KEY}}".join(each.texts) for name, each in key_header(key).items()}
    if headers:
        config["headers"] = headers
    for part, name in SECRETS:
        _keep_secret(config, before, part, name, cipher)
    return config


def _keep_secret(
    config: Json, before: Mapping[str, Any], part: str, name: str, cipher: CredentialsCipher | None
) -> None:
    said = config.get(part)
    if not isinstance(said, Mapping) or (part == "apiKey" and said.get("source") != "admin"):
        return
    if said.get(name):
        if cipher is None:
            raise KeyError(name)
        config[part] = {**said, name: cipher.encrypt_anew(said[name])}
    elif stored := _mapping(before.get(part)).get(name):
        config[part] = {**said, name: stored}


def _with_secrets(config: Mapping[str, Any], cipher: CredentialsCipher | None) -> Json:
    """With its secrets readable; without one that was not encrypted with this key."""
    made = dict(config)
    for part, name in SECRETS:
        said = _mapping(config.get(part))
        if not isinstance(said.get(name), str):
            continue
        try:
            value = cipher.decrypt(said[name]) if cipher else None
        except Undecipherable:
            log.warning("a secret of an MCP server was not encrypted with these CREDS_KEY and CREDS_IV")
            value = None
        made[part] = {
            **{key: each for key, each in said.items() if key != name},
            **({name: value} if value else {}),
        }
    return made


def _is_key(said: Any) -> bool:
    return isinstance(said, Mapping) and {"source", "authorization_type"} <= said.keys()


def _template(text: str, variables: Mapping[str, Any]) -> Template:
    """A header: of placeholders only the server's own variables."""
    texts, names = [""], []
    end = 0
    for each in PLACEHOLDER.finditer(text):
        if each[1] in variables:
            texts[-1] += text[end : each.start()]
            names.append(each[1])
            texts.append("")
            end = each.end()
    texts[-1] += text[end:]
    return Template(tuple(texts), tuple(names))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
