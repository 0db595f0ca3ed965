"""Names of files below /mnt/data, as LibreChat makes them: what a program calls a file is not trusted."""

import hashlib
import re

# As many bytes as a file system takes of one name, and MongoDB of the names in an index.
MAX_PART, MAX_NAME = 200, 600
MARK = 6
_UNSAFE = re.compile(r"[^\w.-]")


def safe_name(name: str) -> str:
    """A relative path of letters, digits, `_`, `-` and `.`, that leads down only.

    One that had to be changed carries a mark of what it was: two names never become one.
    """
    parts = [_UNSAFE.sub("_", each) for each in name.replace("\\", "/").split("/")]
    parts = [each.encode()[:MAX_PART].decode(errors="ignore") for each in parts if each.strip(".")]
    if parts and parts[-1].startswith("."):
        parts[-1] = f"_{parts[-1]}"
    safe = "/".join(parts)
    if safe and safe == name and len(safe.encode()) <= MAX_NAME:
        return safe
    mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:MARK]
    stem, dot, suffix = (parts[-1] if parts else "file").rpartition(".")
    last = f"{stem}-{mark}{dot}{suffix}" if stem else f"{suffix}-{mark}"
    whole = "/".join([*parts[:-1], last])
    return whole if len(whole.encode()) <= MAX_NAME else last
