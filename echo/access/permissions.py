"""The permissions of roles, as LibreChat names them, and what users and administrators have of them at first."""

from collections.abc import Iterable, Mapping
from typing import Any

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
    **{name: frozenset(PERMISSIONS[name]) for name in ("REMOTE_AGENTS", "PEOPLE_PICKER", "MARKETPLACE")},
}
# What Echo does not have: nobody may use it, whatever a stored role says. The roles themselves stay as they are, for
# LibreChat.
ABSENT = frozenset(
    {"MCP_SERVERS", "REMOTE_AGENTS", "RUN_CODE", "WEB_SEARCH", "FILE_SEARCH", "FILE_CITATIONS"}
)
Permissions = dict[str, dict[str, bool]]
DEFAULTS: Mapping[str, Permissions] = {
    ADMIN: {kind: dict.fromkeys(names, True) for kind, names in PERMISSIONS.items()},
    USER: {
        kind: {name: name not in _NOT_FOR_USERS.get(kind, ()) for name in names}
        for kind, names in PERMISSIONS.items()
    },
}


def effective(stored: Mapping[str, Any] | None) -> Permissions:
    """What a role may do here: each known permission that is stored as true, and is of something that Echo has.

    As in LibreChat's server, what is missing in a role is not allowed.
    """
    known = stored or {}
    return {kind: _effective(kind, names, known.get(kind)) for kind, names in PERMISSIONS.items()}


def _effective(kind: str, names: Iterable[str], stored: Any) -> dict[str, bool]:
    said = stored if isinstance(stored, Mapping) and kind not in ABSENT else {}
    return {name: said.get(name) is True for name in names}
