"""Whose request it is, and where it comes from."""

import ipaddress
from dataclasses import dataclass, field

# What one subscriber has of IPv6 (RFC 6177).
IPV6_PREFIX = 64


@dataclass(frozen=True)
class KeyGrant:
    """What the API key of a request opens: the models of these names, all with None; `is_counted` has other limits.

    A name is `endpoint/model`, `endpoint/*` for all that an endpoint has, or without a slash a model wherever it is.
    """

    id: str
    models: tuple[str, ...] | None = None
    is_counted: bool = False

    def may_ask(self, endpoint: str, model: str) -> bool:
        """Whether the key opens a model of an endpoint."""
        # A model's own name may look like an endpoint with a model of its own: then it counts only in full.
        bare = set() if "/" in model else {model}
        return self.models is None or not bare.union((f"{endpoint}/{model}", f"{endpoint}/*")).isdisjoint(
            self.models
        )


@dataclass(frozen=True)
class Caller:
    """The authenticated user of a request: in a session, or with an API key, of which this is the hash."""

    id: str
    session_id: str
    email: str
    username: str
    provider: str
    role: str
    key_hash: str = field(default="", repr=False)
    key: KeyGrant | None = None

    def may_ask(self, endpoint: str, model: str) -> bool:
        """Whether nothing that the request came with is in the way of a model; what the user reaches is not asked."""
        return self.key is None or self.key.may_ask(endpoint, model)


@dataclass(frozen=True)
class ClientInfo:
    """Where a request came from: the address behind trusted proxies, and whether it came over TLS.

    `device` is what the client says of itself, as far as that can be shown.
    """

    address: str
    secure: bool
    device: str = ""


def subscriber(address: str) -> str:
    """What one subscriber has of addresses: an IPv4 address, or the /64 in which an IPv6 one lies (RFC 6177).

    Within it anybody takes as many as there are, and would have each limit as many times.
    """
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
