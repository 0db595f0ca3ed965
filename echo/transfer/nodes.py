"""A tree that is written as a mapping of nodes, each with its parent, its children, or both."""

from collections.abc import Mapping
from typing import Any

from echo.transfer.values import id_of, list_of


def parents_of(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """The parent of each node: the one that it names, and if it says nothing of one, the node that names it."""
    named = {
        child: name
        for name, node in nodes.items()
        for child in map(id_of, list_of(node.get("children")))
        if child is not None and child != name
    }
    return {
        name: id_of(node["parent"]) if "parent" in node else named.get(name) for name, node in nodes.items()
    }
