"""A server as one user reaches it: every placeholder has a value, written so that it cannot be more than that."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from echo.providers.personal import encoded
from echo.settings.mcp import McpServer, Template

MAX_VALUE = 8192
# What can stand in a header (RFC 9110, section 5.5), in ASCII.
PRINTABLE = re.compile(r"[\t\x20-\x7e]*")
# The beginning of a URL whose host no value can change any more.
FIXED_HOST = re.compile(r"https?://[^/?#]+[/?#].*", re.IGNORECASE | re.DOTALL)
OF_ECHO = ("LIBRECHAT_USER_", "LIBRECHAT_BODY_")


class MissingValues(Exception):
    """Placeholders without a value; `names` are the user's own variables among them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class UnusableValue(Exception):
    """A user's value cannot stand where the server has it."""


@dataclass(frozen=True)
class Reached:
    """What a connection is made of. `own_host` says that a value of the user's chose the host."""

    command: tuple[str, ...] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    oauth_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    own_host: bool = False

    @property
    def mark(self) -> str:
        """The same for two that are the same, and telling nothing of what they are."""
        said = [self.command, dict(self.environment), self.url, dict(self.headers), dict(self.oauth_headers)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8", "replace")).hexdigest()


def missing(server: McpServer, values: Mapping[str, str]) -> list[str]:
    """The variables of a server that the user has not set."""
    return [name for name in server.variables if not values.get(name, "").strip()]


def reach(server: McpServer, values: Mapping[str, str]) -> Reached:
    """The server with values for its placeholders, by name. Raises `MissingValues`, `UnusableValue`."""
    lacking = missing(server, values)
    if lacking or not server.placeholders <= values.keys():
        raise MissingValues(lacking)
    headers = {name: _header(each, values) for name, each in server.headers.items()}
    if server.api_key and server.api_key["source"] == "admin" and (key := server.api_key.get("key")):
        name, value = _key(server.api_key, key)
        headers[name] = value
    url, own_host = _url(server.url, values) if server.url else ("", False)
    return Reached(
        command=(server.command, *(_argument(each, values) for each in server.arguments))
        if server.command
        else (),
        environment={name: _plain(each, values) for name, each in server.environment.items()},
        url=url,
        headers={name: value for name, value in headers.items() if value},
        oauth_headers={name: _header(each, values) for name, each in server.oauth_headers.items()},
        own_host=own_host,
    )


def _key(said: Mapping[str, str], key: str) -> tuple[str, str]:
    prefix = {"basic": "Basic ", "bearer": "Bearer "}.get(said["authorization_type"], "")
    return ("Authorization" if prefix else said.get("custom_header") or "X-Api-Key"), prefix + key


def _plain(template: Template, values: Mapping[str, str]) -> str:
    """For a process: one argument, or one variable of its environment."""
    text = template.filled(values)
    if "\0" in text or any(len(values[name]) > MAX_VALUE for name in template.placeholders):
        raise UnusableValue
    return text


def _argument(template: Template, values: Mapping[str, str]) -> str:
    text = _plain(template, values)
    # Where a value stands first it could be an option that the operator did not mean.
    if template.placeholders and not template.texts[0] and text.startswith("-"):
        raise UnusableValue
    return text


def _header(template: Template, values: Mapping[str, str]) -> str:
    """Names of people may hold any character; what else does is no value of a header."""
    safe = {
        name: encoded(values[name]) if name.startswith(OF_ECHO) else values[name]
        for name in template.placeholders
    }
    text = template.filled(safe).strip()
    if not PRINTABLE.fullmatch(text) or len(text) > MAX_VALUE:
        raise UnusableValue
    return text


def _url(template: Template, values: Mapping[str, str]) -> tuple[str, bool]:
    """Behind the host a value is one piece of a path or a query; in front of it, it is a part of the address."""
    text, own_host = template.texts[0], False
    for name, following in zip(template.placeholders, template.texts[1:], strict=True):
        fixed = FIXED_HOST.match(text) is not None
        own_host |= not fixed
        text += (quote(values[name], safe="") if fixed else values[name].strip()) + following
    if not is_web_url(text):
        raise UnusableValue
    return text, own_host


def is_web_url(text: str) -> bool:
    """Whether a text is an address of http or https, of printable ASCII and without a user."""
    try:
        parts = urlsplit(text)
        return (
            len(text) <= MAX_VALUE
            and text.isascii()
            and re.search(r"[\x00-\x20\\\x7f]", text) is None
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and (parts.port or 1) > 0
        )
    except ValueError:
        return False
