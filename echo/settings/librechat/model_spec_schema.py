"""The section `modelSpecs` of `librechat.yaml`."""

from typing import Any

from marshmallow import post_load

from echo.settings.endpoints import normal_name
from echo.settings.librechat.fields import (
    MISSING,
    Flag,
    Listed,
    Mapped,
    Number,
    OneOrOther,
    Part,
    Section,
    Text,
)


class ModelSpec(Section):
    """A choice of endpoint, model and parameters under a name."""

    name = Text(required=True)
    label = Text(required=True)
    preset = Mapped(required=True, error_messages={"required": MISSING})
    order = Number(minimum=-(2**31))
    default = Flag()
    softDefault = Flag()
    description = Text()
    group = Text()
    groupIcon = Text()
    showIconInMenu = Flag()
    showIconInHeader = Flag()
    showOnLanding = Flag()
    showInMenu = Flag()
    conversation_starters = Listed(Text())
    iconURL = Text()
    authType = Text()
    hideBadgeRow = Flag()
    webSearch = Flag()
    fileSearch = Flag()
    executeCode = Flag()
    memory = Flag()
    mcpServers = Listed(Text())
    artifacts = OneOrOther(Flag(), Text(), expected="must be true, false or the name of a mode")

    ignored = frozenset({"askUserQuestion", "runInBackground", "describeIntent", "skills", "subagents"})

    @post_load
    def with_normal_endpoint(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The preset names its endpoint as LibreChat stores it, and as `Endpoints.custom` has it."""
        preset = data["preset"]
        if isinstance(endpoint := preset.get("endpoint"), str):
            preset = {**preset, "endpoint": normal_name(endpoint.strip())}
        return {**data, "preset": preset}


class ModelSpecs(Section):
    """The choices that users are offered."""

    enforce = Flag(load_default=False)
    prioritize = Flag(load_default=True)
    list = Listed(Part(ModelSpec), load_default=[])
    addedEndpoints = Listed(Text())
