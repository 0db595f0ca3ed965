"""Servers that users add, change and share: LibreChat's MCP builder."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from echo.access import Access, ResourceType
from echo.access.kinds import DELETE, EDIT
from echo.accounts.credentials_cipher import CredentialsCipher
from echo.errors import NotFound, ServiceUnavailable, Unprocessable
from echo.handling.caller import Caller
from echo.settings.mcp import McpServer, McpSettings
from echo.tools.mcp.limits import MAX_OWN_SERVERS
from echo.tools.mcp.resolving import is_web_url
from echo.tools.mcp.servers import Servers
from echo.tools.mcp.stored import config_of, server_of
from storage.agents.mcp_servers import McpServerRepository
from storage.core.database import Document
from storage.core.errors import NotFound as NoSuchDocument

Json = dict[str, Any]
# What a user says of a server; everything else is the server's own, or the operator's.
SAID = ("type", "title", "description", "iconPath", "url", "headers", "oauth", "apiKey", "obo")
# What anybody who may change a server changes of one that gets tokens in users' names; as in LibreChat nothing else.
HARMLESS = frozenset({"title", "description", "iconPath"})
TO_CONFIGURE_OBO = {"MCP_SERVERS": ("CONFIGURE_OBO",)}
ADDRESSES = ("authorization_url", "token_url")
# With these, whom a token is for would be somebody else's to say.
RESERVED = ("audience", "resource")
SECRET_PLACES = (("oauth", "client_secret"), ("apiKey", "key"))


class OwnServers:
    """Who may see, change and delete a server is what its grants say; see `Access`."""

    def __init__(
        self,
        settings: McpSettings,
        access: Access,
        stored: McpServerRepository,
        servers: Servers,
        cipher: CredentialsCipher | None,
    ) -> None:
        self._settings = settings
        self._access = access
        self._stored = stored
        self._servers = servers
        self._cipher = cipher

    def find(self, caller: Caller, name: str) -> tuple[McpServer, bool]:
        """A server that the caller has, and whether the caller may change it. Raises `NotFound`."""
        server = self._servers.named(caller.id, [name]).get(name)
        if server is None:
            raise NotFound
        return server, self.may_edit(caller, server)

    def may_edit(self, caller: Caller, server: McpServer) -> bool:
        """Whether the caller may change it; the operator's are nobody's to change."""
        if server.id is None or server.consume_only:
            return False
        return bool(self._access.bits(caller, ResourceType.MCP_SERVER, server.id) & EDIT)

    def check(self, caller: Caller, said: Mapping[str, Any], name: str | None = None) -> McpServer:
        """The server as it would be, for who looks whether it is there before it is kept.

        Raises `Unprocessable` for what can be no server, and as `update` does for one that is to be changed. One that
        is to get tokens in users' names needs MCP_SERVERS.CONFIGURE_OBO, or this raises `Forbidden`.
        """
        before = self._editable(caller, name) if name is not None else {}
        config = self._config(said, before.get("config") or {})
        self._check_obo(caller, config, before.get("config") or {})
        named = {**before, "_id": before.get("_id", ""), "serverName": name or "new", "config": config}
        made = server_of(named, self._cipher)
        if made is None:
            raise unusable("The server cannot be reached from here.")
        return made

    def create(self, caller: Caller, said: Mapping[str, Any], found: Mapping[str, Any]) -> McpServer:
        """Keep a server, the caller's; `found` is what was found out about it. Raises `Unprocessable`."""
        mine = self._access.accessible(caller, ResourceType.MCP_SERVER, DELETE)
        if len(mine) >= MAX_OWN_SERVERS:
            raise Unprocessable(f"You may have {MAX_OWN_SERVERS} MCP servers.", code="too_many_mcp_servers")
        config = self._config(said, {})
        self._check_obo(caller, config, {})
        config |= found
        new = self._stored.make(caller.id)
        self._access.own(caller.id, ResourceType.MCP_SERVER, new["_id"])
        base = _slug(str(said.get("title") or ""))
        return self._made(self._stored.insert(caller.id, new, base, config, taken=self._servers.reserved))

    def update(
        self, caller: Caller, name: str, said: Mapping[str, Any], found: Mapping[str, Any]
    ) -> McpServer:
        """Change a server. Raises `NotFound`, `Forbidden`, `Unprocessable`."""
        before = self._editable(caller, name)
        config = self._config(said, before.get("config") or {})
        self._check_obo(caller, config, before.get("config") or {})
        return self._made(self._stored.update(before["_id"], {**config, **found}))

    def delete(self, caller: Caller, name: str) -> McpServer | None:
        """Delete a server and all grants on it; the server, if it was one that can be reached."""
        document = self._get(name)
        self._access.require(caller, ResourceType.MCP_SERVER, document["_id"], DELETE)
        self._stored.delete(document["_id"])
        self._access.forget(ResourceType.MCP_SERVER, [document["_id"]])
        return server_of(document, self._cipher)

    def _editable(self, caller: Caller, name: str) -> Document:
        document = self._get(name)
        self._access.require(caller, ResourceType.MCP_SERVER, document["_id"], EDIT)
        return document

    def _get(self, name: str) -> Document:
        try:
            return self._stored.get(name)
        except NoSuchDocument as error:
            raise NotFound from error

    def _config(self, said: Mapping[str, Any], before: Mapping[str, Any]) -> Json:
        kept = {name: said[name] for name in SAID if said.get(name) is not None}
        self._check(kept, before)
        try:
            return config_of(kept, before, self._cipher)
        except KeyError as error:
            raise ServiceUnavailable(
                "Keys cannot be kept on this server.", code="keys_unavailable"
            ) from error

    def _check(self, said: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        url = said["url"]
        if not is_web_url(url) or "${" in url or not self._settings.allows(url):
            raise unusable("That address cannot be used.")
        oauth = said.get("oauth") or {}
        for name in ADDRESSES:
            address = oauth.get(name)
            if address and (not is_web_url(address) or "${" in address or _asks(address)):
                raise unusable("An address for logging in cannot be used.")
        kept_secret = not oauth.get("client_secret") and bool(
            (before.get("oauth") or {}).get("client_secret")
        )
        if (oauth.get("client_secret") or (oauth and kept_secret)) and not all(
            oauth.get(name) for name in ("client_id", *ADDRESSES)
        ):
            raise unusable("A client's secret needs client_id, authorization_url and token_url.")
        _check_kept_secrets(said, before)

    def _check_obo(self, caller: Caller, config: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """A server gets no token of a user's that the caller may not send it, and none goes elsewhere than before."""
        if before.get("obo"):
            changes = any(config.get(name) != before.get(name) for name in SAID if name not in HARMLESS)
        else:
            changes = bool(config.get("obo"))
        if changes:
            self._access.check(caller.id, TO_CONFIGURE_OBO)

    def _made(self, document: Document) -> McpServer:
        server = server_of(document, self._cipher)
        if server is None:
            raise unusable("The server cannot be reached from here.")
        return server


def _check_kept_secrets(said: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """A secret that stays goes where it went before: whoever may change a server does not know its secrets."""
    for part, name in SECRET_PLACES:
        now, then = said.get(part) or {}, before.get(part) or {}
        if not now or now.get(name) or not then.get(name):
            continue
        fields = [(said.get("url"), before.get("url"))]
        fields += [(now.get(each), then.get(each)) for each in {*now, *then} - {name}]
        if any(mine != theirs for mine, theirs in fields):
            raise Unprocessable(
                "The secret must be given again: the address or the client changes.",
                code="secret_needed",
            )


def _asks(address: str) -> bool:
    return any(name in RESERVED for name, _ in parse_qsl(urlsplit(address).query))


def _slug(title: str) -> str:
    """A name for a server with this title, as LibreChat makes it."""
    plain = re.sub(r"[^a-z0-9\s-]", "", title.lower().strip())
    return re.sub(r"-+", "-", re.sub(r"\s+", "-", plain)).strip("-")[:80] or "mcp-server"


def unusable(message: str) -> Unprocessable:
    """What is no server for Echo."""
    return Unprocessable(message, code="unusable_mcp_server")
