"""Which addresses a user's own base URL may lead to: the public ones, and what the operator allows by name.

The URL is checked before anything is looked up, and each address that its host resolves to before a connection: the
connection goes to exactly the addresses that were checked, so a name that resolves differently a moment later (DNS
rebinding) gains nothing. Numbers are those of IANA's special-purpose registries (RFC 6890 and what updates it).
"""

import ipaddress
import re
import socket
from collections.abc import Iterable

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from echo.errors import Unprocessable

MAX_URL = 2048
# A scheme, a host with neither user nor escapes, printable ASCII without a query, a fragment or a backslash.
SHAPE = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?(?:/[!\"$->@-\[\]-~]*)?",
    re.ASCII | re.IGNORECASE,
)
# A label of a host name as DNS has them, plus the underscore that some private zones use.
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
# What a browser, libc or curl would read as an IPv4 address: decimal, octal, hexadecimal, of one to four parts.
NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.ASCII)
# Below 1024 only those of the web: others belong to services that must not be spoken to in HTTP.
LOW_PORTS = (80, 443)

_GLOBAL_6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Within 2000::/3, but no ordinary hosts: protocol assignments with Teredo, documentation, 6to4.
_SPECIAL_6 = tuple(map(ipaddress.ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_SPECIAL_4 = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
            # Public by its number, but Azure's own metadata service inside of Azure.
            "168.63.129.16/32",
        ),
    )
)


class AddressRefused(OSError):
    """A host resolves to an address that may not be connected to."""


class AddressGuard:
    """Checks URLs of users, and resolves their hosts; `allowed` are `host:port` pairs that may be private."""

    def __init__(self, allowed: Iterable[str] = (), resolver: AbstractResolver | None = None) -> None:
        self._allowed = frozenset(entry.strip().lower() for entry in allowed)
        self._resolver = resolver

    def check_url(self, text: str) -> URL:
        """The base URL as it may be used, without a slash at its end. Raises `Unprocessable` (`base_url_refused`)."""
        url = _parse(text)
        if url is None or not self.admits(url):
            raise address_refused()
        return url

    def admits(self, url: URL) -> bool:
        """Whether a URL of http or https is of a host that may be asked; its addresses are checked later."""
        # As it goes over the wire: `xn--...` and not what that stands for.
        host, port = url.raw_host, url.port
        if url.scheme not in ("http", "https") or not host or not port:
            return False
        if url.raw_user is not None or url.raw_password is not None:
            return False
        return self.may_name(host, port)

    def may_name(self, host: str, port: int) -> bool:
        """Whether a host and port may be asked for, by their name or number alone."""
        return self.allows(host, port) or (_is_open_port(port) and is_public_host(host))

    def allows(self, host: str, port: int) -> bool:
        """Whether the operator has allowed this host and port by name."""
        return (
            f"[{host}]:{port}" in self._allowed if ":" in host else f"{host.lower()}:{port}" in self._allowed
        )

    def resolver(self, inner: AbstractResolver) -> "GuardedResolver":
        """A resolver for connections to users' hosts, on top of another one."""
        return GuardedResolver(self, self._resolver or inner)


class GuardedResolver(AbstractResolver):
    """Resolves a host if every address that it has is public: one private among them is no accident."""

    def __init__(self, guard: AddressGuard, inner: AbstractResolver) -> None:
        self._guard = guard
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of the host. Raises `AddressRefused`, and `OSError` for one that cannot be found."""
        found = await self._inner.resolve(host, port, family)
        if not self._guard.allows(host, port) and not all(is_public(each["host"]) for each in found):
            raise AddressRefused(f"{len(found)} addresses")
        return found

    async def close(self) -> None:
        """Close the resolver below."""
        await self._inner.close()


def is_public(address: str) -> bool:
    """Whether an IP address is one of an ordinary host on the internet; what is no address is not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _SPECIAL_4)
    if parsed.scope_id is not None:
        return False
    if parsed.ipv4_mapped is not None:
        return is_public(str(parsed.ipv4_mapped))
    if parsed in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    return parsed in _GLOBAL_6 and not any(parsed in network for network in _SPECIAL_6)


def _parse(text: str) -> URL | None:
    """The URL, if it is one of http or https with a plain host and nothing that could hide another."""
    shaped = SHAPE.fullmatch(text) if len(text) <= MAX_URL else None
    try:
        url = URL(text.rstrip("/")) if shaped else None
        return url if url is not None and url.port else None
    except ValueError:
        return None


def is_public_host(host: str) -> bool:
    """Whether a host, by its name or number alone, is an ordinary one on the internet."""
    if ":" in host:
        return is_public(host)
    labels = host.split(".")
    if NUMERIC.fullmatch(labels[-1]):
        return _is_canonical(host) and is_public(host)
    # A name of one label, such as `localhost` or a container's, is of the operator's own network.
    return len(host) <= 253 and len(labels) > 1 and all(map(LABEL.fullmatch, labels))


def _is_canonical(host: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def _is_open_port(port: int) -> bool:
    return port in LOW_PORTS or 1024 <= port <= 65535


def address_refused() -> Unprocessable:
    """What a user is told about an address, whatever is wrong with it: no more, or it would be a port scanner."""
    return Unprocessable(
        "That base URL cannot be used: it must be a public http or https address.", code="base_url_refused"
    )
