"""How images are named, as Docker reads their names."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

DOCKER_HUB = "docker.io"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    r"(?:(?P<host>[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?)/)?"
    rf"(?P<repository>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True)
class Reference:
    """Which image: where, what, and which version of it."""

    host: str
    repository: str
    tag: str
    digest: str | None = None

    def __str__(self) -> str:
        version = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{self.host}/{self.repository}{version}"


def parse_reference(text: str) -> Reference | None:
    """The image that a text names, as Docker reads it; None for a text that names none."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        return None
    host, repository = found["host"], found["repository"]
    if host is not None and not ("." in host or ":" in host or host == "localhost"):
        host, repository = None, f"{host}/{repository}"
    if host is None:
        host, repository = DOCKER_HUB, repository if "/" in repository else f"library/{repository}"
    return Reference(host, repository, found["tag"] or "latest", found["digest"])


def is_this_machine(netloc: str) -> bool:
    """Whether a host, with a port or without, is on loopback by its name alone."""
    host = urlsplit(f"//{netloc}").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
