"""How actions name their domain in tools, and whom they may ask.

Read in LibreChat's `api/server/services/ActionService.js` and `packages/data-provider/src/actions.ts`.
"""

import base64
import ipaddress
from collections.abc import Sequence

from yarl import URL

DELIMITER = "_action_"
# For the points of a domain that is short enough to be read.
SEPARATOR = "---"
SHORT = 10


def host_of(domain: str) -> str:
    """The host, with a port, of a domain that may have a protocol and a path."""
    return domain.partition("://")[2].partition("/")[0] if "://" in domain else domain.partition("/")[0]


def encoded(domain: str) -> str:
    """A domain as the tools of its action end: readable if it is short, else the beginning of its base64."""
    return _encoded(host_of(domain))


def encodings(domain: str) -> tuple[str, ...]:
    """All forms in which a tool may have it: older versions encoded it with its protocol."""
    return tuple(dict.fromkeys((encoded(domain), _encoded(domain))))


def tool_name(operation: str, domain: str) -> str:
    """The name of a tool in an agent's `tools`."""
    return f"{operation}{DELIMITER}{encoded(domain)}"


def split_name(name: str) -> tuple[str, str] | None:
    """The operation and the encoded domain of a tool's name; None for a tool that is no action."""
    operation, found, domain = name.rpartition(DELIMITER)
    return (operation, domain) if found and operation and domain else None


def _encoded(text: str) -> str:
    if len(text) <= SHORT:
        return text.replace(".", SEPARATOR)
    return base64.b64encode(text.encode()).decode()[:SHORT]


def is_of(domain: str, server: URL) -> bool:
    """Whether a domain, as a client names it, is that of a document's server.

    As in LibreChat a name without a protocol means https, and a number whatever the server has.
    """
    try:
        said = URL(domain if "://" in domain else f"{'http' if _is_number(domain) else 'https'}://{domain}")
        port = said.explicit_port
    except ValueError:
        return False
    scheme = server.scheme if "://" not in domain and _is_number(domain) else said.scheme
    return (scheme, said.raw_host) == (server.scheme, server.raw_host) and port in (None, server.port)


def is_named(server: URL, rules: Sequence[str]) -> bool:
    """Whether an operator's rule names this very host, and so vouches for wherever it leads."""
    return any("*" not in rule and _fits(server, rule) for rule in rules)


def is_allowed(server: URL, rules: Sequence[str] | None) -> bool:
    """Whether the operator's rules let a server be asked; None are no rules.

    A rule is a host, `*.` and a domain for all hosts below it, or either with a protocol and a port.
    """
    return rules is None or any(_fits(server, rule) for rule in rules)


def _fits(server: URL, rule: str) -> bool:
    scheme, found, rest = rule.lower().rpartition("://")
    host, _, port = rest.partition("/")[0].partition(":")
    if found and scheme != server.scheme:
        return False
    if port and port != str(server.port):
        return False
    name = (server.raw_host or "").lower()
    return name.endswith(host[1:]) and len(name) >= len(host) if host.startswith("*.") else name == host


def _is_number(domain: str) -> bool:
    try:
        ipaddress.ip_address(host_of(domain).partition(":")[0])
    except ValueError:
        return False
    return True
