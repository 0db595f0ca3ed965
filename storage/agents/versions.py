"""The versions of an agent: a whole copy of it for each change, within its document, as in LibreChat."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import bson

from storage.agents.shapes import DERIVED, editable
from storage.core.database import Document
from storage.core.repository import owner_id
from storage.core.translation import translated

# MongoDB's documents have 16 MB at most: this much is for the versions, and the oldest go when they have more.
# LibreChat keeps all, and cannot store such an agent any more one day.
VERSIONS_BYTES = 8 * 1024 * 1024
# Not of the agent, but of the document or of the copy.
_NOT_COPIED = ("_id", "id", "__v", "versions", "author", "tenantId")
_NOT_COMPARED = {
    *_NOT_COPIED,
    "createdAt",
    "updatedAt",
    "updatedBy",
    "actionsHash",
    "created_at",
    "updated_at",
}


def first_version(agent: Mapping[str, Any], fields: Mapping[str, Any]) -> Document:
    """What a new agent begins with: what its maker said, and its category, which it has in any case."""
    return {**fields, **{name: agent[name] for name in ("id", "category", "createdAt", "updatedAt")}}


def next_version(
    agent: Mapping[str, Any], changes: Mapping[str, Any], editor: str, moment: datetime
) -> Document:
    """The copy for an agent with these changes."""
    copied = {name: value for name, value in agent.items() if name not in _NOT_COPIED}
    return {**copied, **changes, "updatedAt": moment, "updatedBy": owner_id(editor)}


def says_the_same(version: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Whether a copy adds nothing to the last one.

    LibreChat's rule: dates and editors do not count, nothing is the same as empty, and lists are compared without
    their order.
    """
    names = (version.keys() | last.keys()) - _NOT_COMPARED
    return all(_is_same(version.get(name), last.get(name)) for name in names)


def _is_same(one: Any, other: Any) -> bool:
    if not one and not other:
        return True
    if isinstance(one, list) and isinstance(other, list):
        return sorted(one, key=_text) == sorted(other, key=_text)
    return bool(one == other)


def _text(value: Any) -> str:
    return json.dumps(value, default=str)


def kept(versions: Sequence[Any]) -> int:
    """How many of the versions stay, counted from the newest, which always does.

    Raises `InvalidDocument` where one cannot be stored.
    """
    left, count = VERSIONS_BYTES, 0
    for version in reversed(versions):
        with translated():
            left -= len(bson.encode({"": version}))
        if left < 0 and count:
            break
        count += 1
    return count


def restored(version: Mapping[str, Any]) -> Document:
    """The fields that an agent takes over from one of its versions."""
    return editable(version) | {name: version[name] for name in DERIVED if name in version}
