"""Who is calling: the client's address behind the proxies that the operator trusts."""

import ipaddress
from typing import Any

from starlette.datastructures import Headers

from echo.services import ClientInfo

MAX_USER_AGENT = 256


def read_client(scope: dict[str, Any], trusted_proxies: int) -> ClientInfo:
    """The client of a request.

    With n trusted proxies the n-th address from the right of `X-Forwarded-For` counts, as Express counts for
    LibreChat's `TRUST_PROXY`; what a client itself put further left is never believed.
    """
    headers = Headers(scope=scope)
    address, scheme = (scope.get("client") or ("unknown", 0))[0], scope["scheme"]
    if trusted_proxies > 0:
        address = _forwarded(headers.get("x-forwarded-for", ""), trusted_proxies) or address
        scheme = headers.get("x-forwarded-proto", scheme).rpartition(",")[2].strip().lower()
    return ClientInfo(address, headers.get("user-agent", "")[:MAX_USER_AGENT], scheme == "https")


def _forwarded(header: str, trusted_proxies: int) -> str | None:
    hops = [hop.strip() for hop in header.split(",") if hop.strip()]
    if not hops:
        return None
    candidate = hops[max(0, len(hops) - trusted_proxies)]
    try:
        return str(ipaddress.ip_address(_without_port(candidate)))
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
