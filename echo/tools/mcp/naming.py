"""Names of tools: LibreChat writes `<tool>_mcp_<server>`, and both parts may hold what stands between them."""

import hashlib
import re
from collections.abc import Iterable

DELIMITER = "_mcp_"
# In the place of a tool: all of a server's, and the server itself without any.
ALL, SERVER = "sys__all__sys", "sys__server__sys"
LOGIN = "oauth"
_SAFE = re.compile(r"[a-zA-Z0-9_.-]+")
_UNSAFE = re.compile(r"[^a-zA-Z0-9_.-]")
# What every provider takes as the name of a function.
FUNCTION = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MAX_FUNCTION = 64


def normalized(server: str) -> str:
    """The name of a server as tools' names have it (LibreChat's `normalizeServerName`)."""
    if _SAFE.fullmatch(server):
        return server
    return _UNSAFE.sub("_", server).strip("_") or f"server_{abs(_hash(server))}"


def _hash(text: str) -> int:
    """JavaScript's usual hash of a text: of its UTF-16 units, in 32 bits with a sign."""
    units = text.encode("utf-16-le", "surrogatepass")
    value = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        value = (value * 31 + low + (high << 8)) & 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def key_of(tool: str, server: str) -> str:
    """A tool as agents list it."""
    return f"{tool}{DELIMITER}{normalized(server)}"


def login_name(server: str) -> str:
    """The step that asks the user to log in at a server."""
    return f"{LOGIN}{DELIMITER}{normalized(server)}"


def aliases(servers: Iterable[str]) -> dict[str, str]:
    """Each server by its normalized name; of two with one such name that which has it, else the first."""
    named = list(servers)
    found = {each: each for each in named if normalized(each) == each}
    for each in named:
        found.setdefault(normalized(each), each)
    return found


def split(key: str, servers: Iterable[str]) -> tuple[str, str] | None:
    """A tool and its server, of these: the longest name that the key ends with. None for a key of none of them."""
    best = max((each for each in servers if key.endswith(f"{DELIMITER}{each}")), key=len, default=None)
    if best is None:
        return None
    tool = key[: -len(best) - len(DELIMITER)]
    return (tool, best) if tool else None


def function_name(tool: str, server: str) -> str:
    """What a model calls the tool: its key, made to fit where no provider would take it."""
    key = key_of(tool, server)
    if FUNCTION.fullmatch(key):
        return key
    digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:8]
    end = f"_{digest}{DELIMITER}{normalized(server)}".replace(".", "_")[-40:]
    return _plain(tool)[: MAX_FUNCTION - len(end)] + end


def _plain(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text) or "tool"
