"""What clients are told of the endpoint `agents`."""

from typing import Any

from echo.settings import Settings

# Of LibreChat's capabilities those that Echo has. Agents run no tools here.
CAPABILITIES = ("context",)


def agents_endpoint(settings: Settings) -> dict[str, Any]:
    """The entry of LibreChat's `GET /api/endpoints`; `order` is for who puts the list together.

    Agents are of all endpoints that have a model to chat with.
    """
    return {
        "userProvide": False,
        "disableBuilder": False,
        "allowedProviders": [each.name for each in settings.providers],
        "capabilities": list(CAPABILITIES),
    }
