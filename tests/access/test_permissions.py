"""What roles have at first, as LibreChat has it, and what of a stored role counts."""

from echo.access.permissions import DEFAULTS, PERMISSIONS, effective, held

# LibreChat's `roleDefaults`: what a plain user may do from the beginning.
USERS = {
    "BOOKMARKS": {"USE"},
    "PROMPTS": {"USE", "CREATE"},
    "MEMORIES": {"USE", "CREATE", "UPDATE", "READ", "OPT_OUT"},
    "AGENTS": {"USE", "CREATE"},
    "MULTI_CONVO": {"USE"},
    "TEMPORARY_CHAT": {"USE"},
    "RUN_CODE": {"USE"},
    "WEB_SEARCH": {"USE"},
    "PEOPLE_PICKER": set(),
    "MARKETPLACE": set(),
    "FILE_SEARCH": {"USE"},
    "FILE_CITATIONS": {"USE"},
    "MCP_SERVERS": {"USE"},
    "REMOTE_AGENTS": {"USE"},
    "SKILLS": {"USE", "CREATE"},
    "SHARED_LINKS": {"CREATE", "SHARE", "SHARE_PUBLIC"},
}


def allowed(permissions: dict[str, dict[str, bool]]) -> dict[str, set[str]]:
    assert {kind: tuple(names) for kind, names in permissions.items()} == PERMISSIONS
    return {kind: {name for name, value in names.items() if value} for kind, names in permissions.items()}


def test_of_plain_users_and_administrators_at_first() -> None:
    assert allowed(DEFAULTS["USER"]) == USERS
    everything = allowed(DEFAULTS["ADMIN"])
    assert everything == {kind: set(names) for kind, names in PERMISSIONS.items()}
    assert len(everything["MCP_SERVERS"]) == 5


def test_only_what_is_stored_as_true_counts() -> None:
    stored = {
        "PROMPTS": {"USE": True, "CREATE": False, "SHARE": 1, "SHARE_PUBLIC": "true", "OTHER": True},
        "AGENTS": "all",
        "SKILLS": None,
        "OTHER": {"USE": True},
    }
    nothing = {kind: set() for kind in PERMISSIONS}
    assert allowed(held(stored)) == {**nothing, "PROMPTS": {"USE"}}
    assert allowed(held(None)) == nothing


def test_clients_are_not_offered_what_there_is_not() -> None:
    shown = allowed(effective(DEFAULTS["ADMIN"]))
    assert shown["REMOTE_AGENTS"] == {"USE"}
    assert shown["MCP_SERVERS"] == {"USE", "CREATE", "SHARE", "SHARE_PUBLIC", "CONFIGURE_OBO"}
    rest = {kind: names for kind, names in shown.items() if kind not in ("REMOTE_AGENTS", "MCP_SERVERS")}
    assert rest == {kind: set(PERMISSIONS[kind]) for kind in rest}
    assert allowed(effective(DEFAULTS["USER"])) == USERS
    assert allowed(effective(None)) == {kind: set() for kind in PERMISSIONS}
