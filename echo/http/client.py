"""Who is calling: the client's address behind the proxies that the operator trusts."""

import ipaddress
from typing import Any

from starlette.datastructures import Headers

from echo.handling.caller import ClientInfo

SCHEMES = ("http", "https")
# Browsers have half of it.
MAX_DEVICE = 300


def read_client(scope: dict[str, Any], trusted_proxies: int) -> ClientInfo:
    """The client of a request.

    With n trusted proxies the n-th entry from the right of `X-Forwarded-For` counts, and of `X-Forwarded-Proto`, as
    Express counts for LibreChat's `TRUST_PROXY`: each of them wrote one. What a client itself put further left is
    never believed. An entry that makes no sense counts as one, and then the connection itself says who is there.
    """
    headers = Headers(scope=scope)
    address, scheme = (scope.get("client") or ("unknown",))[0], scope["scheme"]
    if trusted_proxies > 0:
        address = _address(_entry(headers, "x-forwarded-for", trusted_proxies)) or address
        claimed = _entry(headers, "x-forwarded-proto", trusted_proxies).lower()
        scheme = claimed if claimed in SCHEMES else scheme
    return ClientInfo(address, scheme == "https", _shown(headers.get("user-agent", "")))


def _shown(agent: str) -> str:
    shown = agent[:MAX_DEVICE]
    return shown if shown.isprintable() else "".join(filter(str.isprintable, shown))


def _entry(headers: Headers, name: str, position: int) -> str:
    """The entry of a list at this place from the right, the first of a shorter list, "" of an empty one.

    Several lines are one list (RFC 9110, section 5.3): a proxy may append to the line that it got, or add its own,
    as HAProxy does. Empty entries are none.
    """
    entries = [entry for line in headers.getlist(name) for part in line.split(",") if (entry := part.strip())]
    return entries[max(0, len(entries) - position)] if entries else ""


def _address(hop: str) -> str | None:
    try:
        # Without a zone, which is a name on the machine that wrote it.
        return str(ipaddress.ip_address(_without_port(hop).partition("%")[0]))
    except ValueError:
        return None


def _without_port(hop: str) -> str:
    """The address of a hop, to which some proxies add the port of its connection, as RFC 7239 writes it."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
