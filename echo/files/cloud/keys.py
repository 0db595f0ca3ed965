"""LibreChat's layout of keys, `images/<owner>/<name>`, found in what its records say.

A record may hold any address. Only a key of this layout that names the record's own user is ever taken from it; which
host it says is not looked at, and nothing is fetched from an address.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

IMAGES = "images"
MAX_KEY_BYTES = 1024
# What an address has before its key: a bucket, and for Firebase some words more.
MAX_BEFORE = 200

# No control characters, and no halves of characters, which no service can be told.
_PART = r"[^/\\\x00-\x1f\x7f\ud800-\udfff]+"
# LibreChat puts before it: `i` or `a` for CloudFront, `r/<region>`, `t/<tenant>`.
_KEY = re.compile(
    rf"(?:[ia]/)?(?:r/{_PART}/)?(?:t/{_PART}/)?"
    rf"(?P<place>images|uploads|avatars)/(?P<owner>[0-9a-f]{{24}})/(?P<name>{_PART}(?:/{_PART})*)"
)
# In an address the bucket may come first, and for Firebase `v0/b/<bucket>/o`.
_AT_THE_END = re.compile(rf"(?:.*?/)??(?P<key>{_KEY.pattern})")


def key_of(record: Mapping[str, Any]) -> str | None:
    """The key of a record's file; None where nothing in it is a key in its own user's directory."""
    owner = str(record.get("user"))
    if isinstance(stored := record.get("storageKey"), str) and stored:
        return _own(_KEY.fullmatch(stored.lstrip("/")), stored.lstrip("/"), owner)
    return key_at(record.get("filepath"), owner)


def key_at(address: object, owner: str) -> str | None:
    """The key that an address of a file of this owner ends with."""
    found = _AT_THE_END.fullmatch(_path_of(address) or "")
    return _own(found, found["key"], owner) if found else None


def picture_at(address: object) -> tuple[str, str] | None:
    """Whose picture is at an address, in a service or here, and its name; None for an address of anything else."""
    found = _AT_THE_END.fullmatch(_path_of(address) or "")
    if found is None or found["place"] == "uploads" or "/" in found["name"]:
        return None
    return found["owner"], found["name"]


def shown_picture(address: object) -> str | None:
    """Where Echo shows the picture at an address in a service, to whoever may see it; None for any other address."""
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        return None
    found = picture_at(address)
    return f"/{IMAGES}/{found[0]}/{found[1]}" if found else None


def _path_of(address: object) -> str | None:
    # A signed address has some hundred characters more than its key.
    if not isinstance(address, str) or len(address) > 8 * MAX_KEY_BYTES:
        return None
    try:
        path = unquote(urlsplit(address).path) if "://" in address else address.partition("?")[0]
    except ValueError:
        return None
    # Where a key begins is tried at each part of a path.
    return path if len(path) <= MAX_BEFORE + MAX_KEY_BYTES else None


def _own(found: re.Match[str] | None, key: str, owner: str) -> str | None:
    if found is None or found["owner"] != owner or len(key.encode()) > MAX_KEY_BYTES:
        return None
    return None if {".", ".."} & set(key.split("/")) else key
