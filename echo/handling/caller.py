"""Whose request it is, and where it comes from."""

from dataclasses import dataclass, field


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


@dataclass(frozen=True)
class ClientInfo:
    """Where a request came from: the address behind trusted proxies, and whether it came over TLS."""

    address: str
    secure: bool
