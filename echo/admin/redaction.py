"""Configuration as it may be shown: without anything that opens something."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "********"
# A key whose texts are secrets, by a word in it; below `headers` and `env` every text may be one.
SECRET = re.compile(
    r"key|secret|token|password|passwd|credential|authorization|cookie|bearer|private", re.IGNORECASE
)
HOLDERS = frozenset({"headers", "env", "additionalHeaders", "customUserVars", "oauth", "obo"})
# What names a secret and is none: a variable of the environment, or that users bring their own.
HARMLESS = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|user_provided", re.ASCII)
# User and password in an address, and what its query says.
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+@|\?.*$", re.DOTALL)
# Numbers and words that only sound like secrets.
HARMLESS_KEYS = frozenset(
    {"maxTokens", "tokenLimit", "tokenConfig", "maxContextTokens", "tokenCredits", "fileTokenLimit"}
)


def redacted(value: Any, *, secret: bool = False) -> Any:
    """A copy with each secret text replaced by asterisks."""
    if isinstance(value, Mapping):
        return {
            name: redacted(each, secret=secret or (name not in HARMLESS_KEYS and _is_secret(str(name))))
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [redacted(each, secret=secret) for each in value]
    if not isinstance(value, str) or HARMLESS.fullmatch(value):
        return value
    if secret:
        return MASK if value else value
    return _IN_ADDRESS.sub("", value) if "://" in value else value


def _is_secret(name: str) -> bool:
    return name in HOLDERS or SECRET.search(name) is not None
