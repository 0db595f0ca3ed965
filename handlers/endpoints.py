"""The AI endpoints that this server offers."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import endpoints as schemas


def list_endpoints(services: Services, caller: Caller) -> list[dict[str, Any]]:
    """Every endpoint, and whether the server has a key for it."""
    dumped: list[dict[str, Any]] = schemas.endpoint.dump(services.providers.catalog.endpoints(), many=True)
    return dumped
