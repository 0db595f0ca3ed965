"""The permissions of roles, as LibreChat names them, and what users and administrators have of them at first."""

from collections.abc import Iterable, Mapping
from typing import Any

from echo.settings.librechat.mcp import has_mcp

USER, ADMIN = "USER", "ADMIN"
_MAKING = ("USE", "CREATE", "SHARE", "SHARE_PUBLIC")
_USING = ("USE",)
# Every type and what it has, in LibreChat's order (`librechat-data-provider`, permissions and roles).
PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "BOOKMARKS": _USING,
    "PROMPTS": _MAKING,
    "MEMORIES": ("USE", "CREATE", "UPDATE", "READ", "OPT_OUT"),
    "AGENTS": _MAKING,
    "MULTI_CONVO": _USING,
    "TEMPORARY_CHAT": _USING,
    "RUN_CODE": _USING,
    "WEB_SEARCH": _USING,
    "PEOPLE_PICKER": ("VIEW_USERS", "VIEW_GROUPS", "VIEW_ROLES"),
    "MARKETPLACE": _USING,
    "FILE_SEARCH": _USING,
    "FILE_CITATIONS": _USING,
    "MCP_SERVERS": (*_MAKING, "CONFIGURE_OBO"),
    "REMOTE_AGENTS": _MAKING,
    "SKILLS": _MAKING,
    "SHARED_LINKS": ("CREATE", "SHARE", "SHARE_PUBLIC"),
}
# What a plain user may not do unless somebody says so; administrators may do everything.
_NOT_FOR_USERS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("PROMPTS", "AGENTS", "SKILLS"), frozenset({"SHARE", "SHARE_PUBLIC"})),
    "MCP_SERVERS": frozenset({"CREATE", "SHARE", "SHARE_PUBLIC", "CONFIGURE_OBO"}),
    # LibreChat's users may not use it either. Here it is what API keys need, which open no more than a chat does.
    "REMOTE_AGENTS": frozenset({"CREATE", "SHARE", "SHARE_PUBLIC"}),
    **{name: frozenset(PERMISSIONS[name]) for name in ("PEOPLE_PICKER", "MARKETPLACE")},
}
# What Echo does not have: clients are told that nobody may do it, so that they do not offer it. The roles themselves
# say what an operator lets them say, and that is asked.
ABSENT: Mapping[str, frozenset[str]] = {
    # Without its extra there are no servers.
    "MCP_SERVERS": frozenset(() if has_mcp() else PERMISSIONS["MCP_SERVERS"]),
    "REMOTE_AGENTS": frozenset({"CREATE", "SHARE", "SHARE_PUBLIC"}),
}
Permissions = dict[str, dict[str, bool]]
# What is needed: permissions by their types, all of them.
Needs = Mapping[str, Iterable[str]]
DEFAULTS: Mapping[str, Permissions] = {
    ADMIN: {kind: dict.fromkeys(names, True) for kind, names in PERMISSIONS.items()},
    USER: {
        kind: {name: name not in _NOT_FOR_USERS.get(kind, ()) for name in names}
        for kind, names in PERMISSIONS.items()
    },
}


def held(stored: Mapping[str, Any] | None) -> Permissions:
    """What a role may do: each known permission that is stored as true.

    As in LibreChat's server, what is missing in a role is not allowed.
    """
    known = stored or {}
    return {kind: _held(names, known.get(kind)) for kind, names in PERMISSIONS.items()}


def effective(stored: Mapping[str, Any] | None) -> Permissions:
    """The same for clients: what Echo does not have is nobody's."""
    return {
        kind: {name: value and name not in ABSENT.get(kind, ()) for name, value in permissions.items()}
        for kind, permissions in held(stored).items()
    }


def _held(names: Iterable[str], stored: Any) -> dict[str, bool]:
    said = stored if isinstance(stored, Mapping) else {}
    return {name: said.get(name) is True for name in names}
