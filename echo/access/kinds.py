"""What can be shared, and how far: LibreChat's names and bits."""

from collections.abc import Mapping
from enum import StrEnum

VIEW, EDIT, DELETE, SHARE = 1, 2, 4, 8
ALL = VIEW | EDIT | DELETE | SHARE


class ResourceType(StrEnum):
    """A kind of thing that grants are about."""

    AGENT = "agent"
    PROMPT_GROUP = "promptGroup"
    MCP_SERVER = "mcpServer"
    REMOTE_AGENT = "remoteAgent"
    SKILL = "skill"
    SHARED_LINK = "sharedLink"


# The type of permission of a user's role that allows to share a kind of thing.
PERMISSION_OF: Mapping[ResourceType, str] = {
    ResourceType.AGENT: "AGENTS",
    ResourceType.PROMPT_GROUP: "PROMPTS",
    ResourceType.MCP_SERVER: "MCP_SERVERS",
    ResourceType.REMOTE_AGENT: "REMOTE_AGENTS",
    ResourceType.SKILL: "SKILLS",
    ResourceType.SHARED_LINK: "SHARED_LINKS",
}
# Roles of a grant, the least first.
ROLE_BITS: Mapping[str, int] = {"viewer": VIEW, "editor": VIEW | EDIT, "owner": ALL}


def access_role(kind: ResourceType, name: str) -> str:
    """LibreChat's id of a role of a grant: `access_role(ResourceType.AGENT, "owner")` is "agent_owner"."""
    return f"{kind}_{name}"
