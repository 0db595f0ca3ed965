"""What `interface` and `memory` of `librechat.yaml` say of the permissions of roles."""

from collections.abc import Mapping

from echo.settings.librechat.config import ConfigFile

Permissions = dict[str, dict[str, bool]]
MEMORIES = ("USE", "CREATE", "UPDATE", "READ", "OPT_OUT")
# The keys of `interface` that are true or false, and their types of permission.
SWITCHES = {
    "bookmarks": "BOOKMARKS",
    "fileCitations": "FILE_CITATIONS",
    "fileSearch": "FILE_SEARCH",
    "memories": "MEMORIES",
    "multiConvo": "MULTI_CONVO",
    "runCode": "RUN_CODE",
    "temporaryChat": "TEMPORARY_CHAT",
    "webSearch": "WEB_SEARCH",
}
_USE = {"use": "USE", "create": "CREATE", "share": "SHARE", "public": "SHARE_PUBLIC"}
# Those that can also say what of a feature is meant, and the permission that each of their keys sets.
PARTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "agents": ("AGENTS", _USE),
    "marketplace": ("MARKETPLACE", {"use": "USE"}),
    "mcpServers": ("MCP_SERVERS", {**_USE, "configureObo": "CONFIGURE_OBO"}),
    "peoplePicker": (
        "PEOPLE_PICKER",
        {"users": "VIEW_USERS", "groups": "VIEW_GROUPS", "roles": "VIEW_ROLES"},
    ),
    "prompts": ("PROMPTS", _USE),
    "remoteAgents": ("REMOTE_AGENTS", _USE),
    "sharedLinks": ("SHARED_LINKS", {"create": "CREATE", "share": "SHARE", "public": "SHARE_PUBLIC"}),
    "skills": ("SKILLS", _USE),
}


def read_permissions(config: ConfigFile) -> Permissions:
    """Only what the file names, by type: as in LibreChat, everything else stays as administrators set it.

    True or false alone is about USE; for shared links, which have no such permission, about all of theirs.
    """
    interface = config.section("interface")
    said: Permissions = {
        kind: {"USE": interface[name]} for name, kind in SWITCHES.items() if name in interface
    }
    for name, (kind, keys) in PARTS.items():
        value = interface.get(name)
        if isinstance(value, Mapping):
            said[kind] = {permission: value[key] for key, permission in keys.items() if key in value}
        elif isinstance(value, bool):
            said[kind] = dict.fromkeys(("USE",) if "use" in keys else keys.values(), value)
    said.update(_of_memory(config, said))
    return {kind: permissions for kind, permissions in said.items() if permissions}


def _of_memory(config: ConfigFile, said: Permissions) -> Permissions:
    memory = config.section("memory")
    if memory.get("disabled"):
        return {"MEMORIES": dict.fromkeys(MEMORIES, False)}
    if memory.get("personalize") is False:
        return {"MEMORIES": {**said.get("MEMORIES", {}), "OPT_OUT": False}}
    return {}
