"""What clients are told of the endpoint `agents`."""

from typing import Any

from echo.settings import Settings

# Of LibreChat's capabilities those that Echo has.
CAPABILITIES = (
    "tools",
    "artifacts",
    "context",
    "file_search",
    "chain",
    "hide_sequential_outputs",
    "end_after_tools",
)


def agents_endpoint(settings: Settings) -> dict[str, Any]:
    """The entry of LibreChat's `GET /api/endpoints`, without `order`, which is for who puts the list together."""
    rules = settings.agents
    return {
        "userProvide": False,
        "disableBuilder": not rules.show_builder,
        "allowedProviders": [each.name for each in settings.providers if rules.may_ask(each.name)],
        "capabilities": [each for each in CAPABILITIES if rules.can(each)],
    }
