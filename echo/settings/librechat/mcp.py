"""The MCP servers of `librechat.yaml`."""

import re
from collections.abc import Mapping
from importlib.util import find_spec

from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.document import Place
from echo.settings.librechat.fields import Loaded
from echo.settings.librechat.placeholders import PLACEHOLDER, PLACEHOLDERS
from echo.settings.mcp import (
    BEGIN_SECONDS,
    CALL_SECONDS,
    DOMAIN,
    HTTP,
    SSE,
    STDIO,
    STREAM_SECONDS,
    McpServer,
    McpSettings,
    Template,
)
from echo.settings.providers import ADDRESS

WEB_SOCKET = "websocket"
MAX_SERVERS, MAX_NAME, MAX_VARIABLES = 200, 100, 50
TITLE = re.compile(r"[A-Za-z0-9 ]+")
VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
URL = re.compile(r"https?://[^\s\x00-\x1f\\]+", re.IGNORECASE)
PROXY = re.compile(
    r"(https?|socks5?)://([^\s/@\x00-\x1f]+@)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/?", re.IGNORECASE
)
# In the place of a placeholder while variables are expanded: what a variable holds is no placeholder.
MARK = "\0"
# It is in version 1 of the SDK, and not in version 2.
WEB_SOCKETS = (
    "is reached by WebSockets, which the MCP SDK has not spoken since its version 2.0: the server is left out"
    " (give its address for streamable-http or sse)"
)
NEEDED = "needs the extra `mcp`: pip install 'echo-api[mcp]'"


def has_mcp() -> bool:
    """Whether the extra `mcp` is installed."""
    return find_spec("mcp") is not None


def read_mcp(config: ConfigFile) -> McpSettings:
    """The servers and the rules for them; one whose variables are not set is left out, with a warning."""
    listed, rules = config.section("mcpServers"), config.section("mcpSettings")
    if listed and not has_mcp():
        config.refuse(("mcpServers",), NEEDED)
    if len(listed) > MAX_SERVERS:
        config.refuse(("mcpServers",), f"has more than {MAX_SERVERS} servers")
    domains, addresses = rules.get("allowedDomains", ()), rules.get("allowedAddresses", ())
    for index, each in enumerate(domains):
        if not DOMAIN.fullmatch(each.strip()):
            config.refuse(("mcpSettings", "allowedDomains", index), "must be a domain, such as *.example.com")
    for index, each in enumerate(addresses):
        if not ADDRESS.fullmatch(each):
            config.refuse(("mcpSettings", "allowedAddresses", index), "must be host:port")
    found = (_server(config, name, said) for name, said in listed.items())
    return McpSettings(tuple(each for each in found if each), tuple(domains), tuple(addresses))


def _server(config: ConfigFile, name: str, said: Loaded) -> McpServer | None:
    place: Place = ("mcpServers", name)
    kind = _kind(said)
    if kind == WEB_SOCKET:
        config.warn(place, WEB_SOCKETS)
        return None
    _check(config, place, name, said)
    reader = _Templates(config, frozenset(said.get("customUserVars", ())))
    remote = kind != STDIO
    server = McpServer(
        name=name,
        type=kind,
        title=said.get("title"),
        description=said.get("description"),
        icon_path=said.get("iconPath"),
        startup=said.get("startup", True),
        chat_menu=said.get("chatMenu"),
        call_seconds=(said.get("timeout") or CALL_SECONDS * 1000) / 1000,
        begin_seconds=(said.get("initTimeout") or BEGIN_SECONDS * 1000) / 1000,
        stream_seconds=(said.get("sseReadTimeout") or STREAM_SECONDS * 1000) / 1000,
        instructions=said.get("serverInstructions"),
        requires_oauth=said.get("requiresOAuth") if remote else False,
        oauth=_login(config, (*place, "oauth"), said["oauth"]) if "oauth" in said and remote else None,
        oauth_headers=reader.several((*place, "oauth_headers"), said.get("oauth_headers", {})),
        api_key=_api_key(config, (*place, "apiKey"), said.get("apiKey")),
        variables=_variables(said),
        command=reader.text((*place, "command"), said.get("command")),
        arguments=tuple(
            reader.one((*place, "args", index), each) for index, each in enumerate(said.get("args", ()))
        ),
        environment=reader.several((*place, "env"), said.get("env", {})),
        directory=said.get("cwd"),
        stderr=str(said.get("stderr", "inherit")),
        url=reader.address((*place, "url"), said["url"]) if remote else None,
        headers={
            **reader.several((*place, "headers"), said.get("headers", {})),
            **_key_header(said.get("apiKey")),
        }
        if remote
        else {},
        obo=said["obo"]["scopes"] if "obo" in said and remote else None,
        proxy=_proxy(config, (*place, "proxy"), said["proxy"]) if "proxy" in said and remote else None,
    )
    return None if reader.lacking else server


def _kind(said: Loaded) -> str:
    """The type; without one as LibreChat takes it: a command, a WebSocket's address, or else events."""
    named = said.get("type")
    if named:
        return HTTP if named == "http" else str(named)
    url = said.get("url")
    if url is None or "command" in said:
        return STDIO
    return WEB_SOCKET if url.lower().startswith(("ws:", "wss:")) else SSE


def _check(config: ConfigFile, place: Place, name: str, said: Loaded) -> None:
    if len(name) > MAX_NAME or "/" in name:
        config.refuse(place, f"must have a name of at most {MAX_NAME} characters without a slash")
    if (title := said.get("title")) is not None and not TITLE.fullmatch(title):
        config.refuse((*place, "title"), "must be of letters, digits and spaces")
    names = said.get("customUserVars", {})
    if len(names) > MAX_VARIABLES or not all(map(VARIABLE_NAME.fullmatch, names)):
        config.refuse((*place, "customUserVars"), "must have plain names, 50 at most")


def _variables(said: Loaded) -> dict[str, Mapping[str, object]]:
    own: dict[str, Mapping[str, object]] = {
        name: dict(each) for name, each in said.get("customUserVars", {}).items()
    }
    if said.get("apiKey", {}).get("source") == "user":
        own["MCP_API_KEY"] = {"title": "API Key", "description": "Your API key for this MCP server"}
    return own


def _api_key(config: ConfigFile, place: Place, said: Loaded | None) -> Mapping[str, str] | None:
    if said is None:
        return None
    key = config.expand((*place, "key"), said.get("key"), "the key is not sent")
    return {**said, **({"key": key} if key else {})}


def _key_header(said: Loaded | None) -> dict[str, Template]:
    return key_header(said) if said and said["source"] == "user" else {}


def key_header(said: Mapping[str, str]) -> dict[str, Template]:
    """The header for a key that each user sets, as a variable of LibreChat's name."""
    kind = said["authorization_type"]
    prefix = {"basic": "Basic ", "bearer": "Bearer "}.get(kind, "")
    name = "Authorization" if prefix else said.get("custom_header") or "X-Api-Key"
    return {name: Template((prefix, ""), ("MCP_API_KEY",))}


def _proxy(config: ConfigFile, place: Place, said: str) -> str | None:
    """The URL of a proxy; LibreChat's `socks:` is SOCKS 5."""
    url = config.expand(place, said, "the server is reached without a proxy")
    if url is None:
        return None
    if not PROXY.fullmatch(url):
        config.refuse(place, "must be a URL of http, https, socks or socks5 with a host")
    return re.sub(r"^socks:", "socks5:", url, flags=re.IGNORECASE)


def _login(config: ConfigFile, place: Place, said: Loaded) -> dict[str, object]:
    texts = {
        name: config.expand((*place, name), value, "it is not used")
        for name, value in said.items()
        if isinstance(value, str)
    }
    for name in ("authorization_url", "token_url", "redirect_uri", "revocation_endpoint"):
        if (url := texts.get(name)) and not URL.fullmatch(url):
            config.refuse((*place, name), "must be an http or https URL")
    return {**said, **texts}


class _Templates:
    """Reads the templates of one server; `lacking` says whether a variable is not set."""

    def __init__(self, config: ConfigFile, variables: frozenset[str]) -> None:
        self._config = config
        self._known = variables | PLACEHOLDERS
        self.lacking = False

    def text(self, place: Place, said: str | None) -> str | None:
        """A text without placeholders."""
        value = self._config.expand(place, said, "the server is left out")
        self.lacking |= said is not None and value is None
        return value

    def several(self, place: Place, said: Loaded) -> dict[str, Template]:
        """Templates by name."""
        return {name: self.one((*place, name), each) for name, each in said.items()}

    def address(self, place: Place, said: str) -> Template:
        """A URL."""
        made = self.one(place, said)
        if not made.placeholders and not self.lacking and not URL.fullmatch(made.texts[0]):
            self._config.refuse(place, "must be an http or https URL")
        return made

    def one(self, place: Place, said: str) -> Template:
        """One template; what looks like a placeholder and is none stays as it is."""
        names: list[str] = []

        def mark(found: re.Match[str]) -> str:
            if found[1] not in self._known:
                return found[0]
            names.append(found[1])
            return MARK

        text = self.text(place, PLACEHOLDER.sub(mark, said))
        texts = tuple(text.split(MARK)) if text is not None else ()
        if len(texts) != len(names) + 1:
            if text is not None:
                self._config.refuse(place, "holds what is no text")
            return Template(("",), ())
        return Template(texts, tuple(names))
