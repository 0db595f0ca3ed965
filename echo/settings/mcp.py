"""MCP servers that the operator has configured; times in seconds. Secrets never show in a `repr`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from echo.settings.endpoints import HeaderTemplate

STDIO, SSE, HTTP = "stdio", "sse", "streamable-http"
YAML, USER = "yaml", "user"
# LibreChat's limits for calls, for the beginning of a connection, and between two events of a stream.
CALL_SECONDS, BEGIN_SECONDS, STREAM_SECONDS = 60.0, 30.0, 300.0
Template = HeaderTemplate
# An entry of `mcpSettings.allowedDomains`: a scheme and a port may narrow it, a star stands for any name below.
DOMAIN = re.compile(r"(?:(https?|wss?)://)?(\*\.)?([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/?", re.I)
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class McpServer:
    """One server, in LibreChat's terms; `source` is "yaml" or "user".

    Templates of the operator's own hold placeholders of the user (`LIBRECHAT_USER_...`), of the message
    (`LIBRECHAT_BODY_...`) and of `variables`, which each user sets; those of a user's server only of `variables`.
    """

    name: str
    type: str
    title: str | None = None
    description: str | None = None
    icon_path: str | None = None
    startup: bool = True
    chat_menu: bool | None = None
    call_seconds: float = CALL_SECONDS
    begin_seconds: float = BEGIN_SECONDS
    stream_seconds: float = STREAM_SECONDS
    # True for the server's own, or a text of the operator's.
    instructions: bool | str | None = None
    requires_oauth: bool | None = None
    oauth: Mapping[str, Any] | None = field(default=None, repr=False)
    oauth_headers: Mapping[str, Template] = field(default_factory=dict, repr=False)
    api_key: Mapping[str, str] | None = field(default=None, repr=False)
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    command: str | None = None
    arguments: tuple[Template, ...] = field(default=(), repr=False)
    environment: Mapping[str, Template] = field(default_factory=dict, repr=False)
    directory: str | None = None
    # Where the standard error output goes: "inherit", or nowhere.
    stderr: str = "inherit"
    url: Template | None = field(default=None, repr=False)
    headers: Mapping[str, Template] = field(default_factory=dict, repr=False)
    # The scopes for which a user's token of the organisation's OpenID provider is exchanged.
    obo: str | None = None
    # The URL of a proxy, of http, https or socks5, perhaps with a user and a password.
    proxy: str | None = field(default=None, repr=False)
    source: str = YAML
    # Of a user's server: the id of its document, its author, and when it was changed, in milliseconds.
    id: str | None = None
    author: str | None = None
    updated_at: int | None = None
    # Whether the user has it by an agent alone: to be used, and not to be looked into.
    consume_only: bool = False

    @property
    def placeholders(self) -> frozenset[str]:
        """Every placeholder that a connection needs a value of."""
        templates = (
            *self.arguments,
            *self.environment.values(),
            *self.headers.values(),
            *self.oauth_headers.values(),
            *((self.url,) if self.url else ()),
        )
        return frozenset(name for each in templates for name in each.placeholders)

    @property
    def uses_oauth(self) -> bool:
        """Whether it is known that users log in at the server."""
        asked = self.requires_oauth is True or (self.requires_oauth is None and self.oauth is not None)
        return asked and self.obo is None

    @property
    def may_ask_login(self) -> bool:
        """Whether it has to be found out whether users log in at the server."""
        return (
            self.type != STDIO
            and self.requires_oauth is None
            and not self.uses_oauth
            and self.api_key is None
            and self.obo is None
        )

    @property
    def per_message(self) -> bool:
        """Whether a connection is good for one message only."""
        return any(name.startswith("LIBRECHAT_BODY_") for name in self.placeholders)

    @property
    def personal(self) -> bool:
        """Whether every user needs a connection of their own."""
        own = self.uses_oauth or self.variables or self.placeholders or self.obo
        return bool(self.source == USER or own)


@dataclass(frozen=True)
class McpSettings:
    """The servers, and where those of users may be; without domains anywhere in public."""

    servers: tuple[McpServer, ...] = ()
    allowed_domains: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """Whether a server may be at an address."""
        return not self.allowed_domains or any(_matches(each, url) for each in self.allowed_domains)

    def names(self, url: str) -> bool:
        """Whether the operator names the address itself, so that it may be private."""
        return any(_matches(each, url) for each in self.allowed_domains if "*" not in each)


def _matches(entry: str, url: str) -> bool:
    shaped = DOMAIN.fullmatch(entry.strip())
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return False
    if shaped is None or not parts.hostname:
        return False
    scheme, star, host, wanted = shaped.groups()
    host, actual = host.lower().strip("[]"), parts.hostname.lower()
    fits = actual.endswith(f".{host}") if star else actual == host
    return fits and (not scheme or scheme.lower() == parts.scheme) and (not wanted or int(wanted) == port)


def host_and_port(url: str) -> Iterable[str]:
    """An address as `host:port`, as address guards have it; nothing for one that is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return
    if parts.hostname and port:
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.lower()
        yield f"{host}:{port}"
