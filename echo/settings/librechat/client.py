"""What `/api/config` tells clients from `librechat.yaml`."""

from collections.abc import Mapping
from typing import Any

from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.mcp import has_mcp
from echo.settings.model import ClientSettings

# What a client may show, unless the operator switches it off.
OFFERED = dict.fromkeys(
    ("modelSelect", "parameters", "presets", "multiConvo", "feedback", "temporaryChat"), True
)
# Features of LibreChat's that this server does not have: told, so that a client does not show what would fail.
ABSENT = dict.fromkeys(
    (
        *("agents", "bookmarks", "contextCost", "contextUsage", "fileCitations", "fileSearch", "marketplace"),
        *("mcpServers", "memories", "peoplePicker", "prompts", "remoteAgents", "runCode", "schedules"),
        *("sharedLinks", "skills", "webSearch"),
    ),
    False,
)
# The same for LibreChat's own contract.
OFFERED_TO_LIBRECHAT = {
    **OFFERED,
    **dict.fromkeys(("autoSubmitFromUrl", "bookmarks", "buildInfo", "contextUsage", "memories"), True),
    **dict.fromkeys(("fileCitations", "fileSearch", "webSearch"), True),
    "contextCost": False,
    "agents": {"use": True, "create": True, "share": False, "public": False},
    "prompts": {"use": True, "create": True, "share": False, "public": False},
    "skills": {"use": True, "create": True, "share": False, "public": False},
    "mcpServers": {"use": True, "create": True, "share": False, "public": False},
    "marketplace": {"use": False},
    "peoplePicker": {"users": False, "groups": False, "roles": False},
}
NO_SERVERS = {"use": False, "create": False, "share": False, "public": False}
ABSENT_FROM_LIBRECHAT = {
    **dict.fromkeys(("runCode", "schedules"), False),
    **({} if has_mcp() else {"mcpServers": NO_SERVERS}),
}
# Shown on the page where one logs in.
FOR_ANYONE = ("privacyPolicy", "termsOfService")
# Parts of a preset that steer the model and are the operator's alone, as in LibreChat.
PRIVATE = frozenset(
    {"promptPrefix", "instructions", "additional_instructions", "system", "context", "examples"}
)


def read_client(
    config: ConfigFile,
    *,
    balance: Mapping[str, Any],
    custom_footer: str | None,
    help_url: str | None,
    build: Mapping[str, str | None],
) -> ClientSettings:
    """What clients are told."""
    own = config.section("interface")
    specs = config.section("modelSpecs")
    if specs:
        _check_specs(config, specs["list"])
    told = {**OFFERED, **own, **ABSENT}
    return ClientSettings(
        interface=told,
        librechat_interface={**OFFERED_TO_LIBRECHAT, **own, **ABSENT_FROM_LIBRECHAT},
        anyone={name: own[name] for name in FOR_ANYONE if name in own},
        model_specs={
            **specs,
            "list": [_shown(spec) for spec in specs["list"] if spec.get("showInMenu", True)],
        }
        if specs
        else None,
        balance=balance,
        custom_footer=custom_footer,
        help_url=help_url,
        build=build if own.get("buildInfo", True) else {},
    )


def _check_specs(config: ConfigFile, specs: list[Mapping[str, Any]]) -> None:
    seen: set[str] = set()
    for index, spec in enumerate(specs):
        if spec["name"] in seen:
            config.refuse(("modelSpecs", "list", index, "name"), "stands in the list twice")
        seen.add(spec["name"])


def _shown(spec: Mapping[str, Any]) -> dict[str, Any]:
    preset = {name: value for name, value in spec["preset"].items() if name not in PRIVATE}
    return {**spec, "preset": preset}
