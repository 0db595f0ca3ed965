"""Whom the users of an agent may turn to: its support, or else, by name alone, whose it is; as in LibreChat."""

import re
from collections.abc import Mapping
from typing import Any

_ADDRESS = re.compile(r"\S@\S")


def has_support(agent: Mapping[str, Any]) -> bool:
    """Whether an agent names somebody."""
    contact = agent.get("support_contact")
    said = contact.values() if isinstance(contact, Mapping) else ()
    return any(isinstance(each, str) and each.strip() for each in said)


def owner_contact(agent: Mapping[str, Any], owner: Mapping[str, Any]) -> dict[str, str]:
    """The owner's name; nothing where there is none that is no mail address."""
    for name in (owner.get("name"), owner.get("username"), agent.get("authorName")):
        if isinstance(name, str) and name.strip() and not _ADDRESS.search(name):
            return {"name": name.strip()}
    return {}
