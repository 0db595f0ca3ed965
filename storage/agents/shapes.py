"""The fields of an agent, as LibreChat has them: what editors may set, what lists show, what tools say of servers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storage.core.database import Document

# What those who may edit an agent set (LibreChat's `agentCreateSchema` and `agentUpdateSchema`). All else in a
# document is the server's or an administrator's, such as `is_promoted`.
EDITABLE = (
    "name",
    "description",
    "instructions",
    "avatar",
    "provider",
    "model",
    "model_parameters",
    "tools",
    "skills",
    "skills_enabled",
    "memory_scope",
    "agent_ids",
    "edges",
    "end_after_tools",
    "hide_sequential_outputs",
    "stateful_code_sessions",
    "stateful_code_environment",
    "artifacts",
    "recursion_limit",
    "conversation_starters",
    "tool_resources",
    "tool_options",
    "subagents",
    "support_contact",
    "category",
)
# What a version gives back besides these.
DERIVED = ("mcpServerNames", "tool_kwargs", "actions")
# What a list has of each agent.
LISTED = dict.fromkeys(
    (
        "id",
        "name",
        "avatar",
        "author",
        "description",
        "conversation_starters",
        "updatedAt",
        "category",
        "support_contact",
        "is_promoted",
    ),
    1,
)
# What programs are told of each.
SUMMARY = dict.fromkeys(("id", "name", "description", "provider", "createdAt"), 1)
GENERAL = "general"
# Where an agent's resources name files.
RESOURCES = ("context", "execute_code", "file_search", "image_edit", "ocr")
_SERVER, _ACTION = "_mcp_", "_action_"


def editable(fields: Mapping[str, Any]) -> Document:
    """Those of the fields that an editor may set."""
    return {name: fields[name] for name in EDITABLE if name in fields}


def with_actions(agent: Document, actions: Sequence[str]) -> Document:
    """An agent that is not stored yet with actions, which its first version has as well."""
    versions = [{**each, "actions": [*actions]} for each in agent["versions"]]
    return {**agent, "actions": [*actions], "versions": versions} if actions else agent


def server_names(tools: Iterable[Any]) -> list[str]:
    """The MCP servers that tools are of: LibreChat's names of such tools end in `_mcp_<server>`."""
    named = (each for each in tools if isinstance(each, str) and _SERVER in each and _ACTION not in each)
    return list(dict.fromkeys(each.rpartition(_SERVER)[2] for each in named))


def files_of(agent: Mapping[str, Any], resources: Iterable[str] = RESOURCES) -> list[str]:
    """The ids of the files that an agent has for these purposes; old documents may hold anything."""
    by_purpose = files_by_purpose(agent)
    return list(dict.fromkeys(each for name in resources for each in by_purpose.get(name, ())))


def files_by_purpose(agent: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ids of an agent's files by LibreChat's words for what they are for."""
    stored = agent.get("tool_resources")
    found: dict[str, list[str]] = {}
    for name in RESOURCES:
        resource = stored.get(name) if isinstance(stored, Mapping) else None
        ids = resource.get("file_ids") if isinstance(resource, Mapping) else None
        if isinstance(ids, list):
            found[name] = [each for each in ids if isinstance(each, str)]
    return found


def with_source(edges: Any, agent_id: str) -> list[Any]:
    """Edges of an agent that its maker could not name yet: LibreChat's client sends an empty text for it."""
    return [
        {
            **edge,
            "from": [each or agent_id for each in source] if isinstance(source, list) else source or agent_id,
        }
        for edge in edges
        if isinstance(edge, Mapping)
        for source in (edge.get("from"),)
    ]


def without_agent(edges: Any, agent_id: str) -> list[Any]:
    """Edges without an agent that is gone: an edge that has others at both of its ends stays with these."""
    kept = []
    for edge in edges if isinstance(edges, list) else []:
        if not isinstance(edge, Mapping):
            continue
        ends = {end: _without(edge.get(end), agent_id) for end in ("from", "to")}
        if all(ends.values()):
            kept.append({**edge, **ends})
    return kept


def _without(end: Any, agent_id: str) -> Any:
    if isinstance(end, list):
        return [each for each in end if each != agent_id]
    return None if end == agent_id else end
