"""The AI endpoints that this server offers."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import endpoints as schemas


def list_endpoints(services: Services, caller: Caller) -> list[dict[str, Any]]:
    """Every endpoint that is open to the caller, and whether the server has a key for it."""
    offered = services.providers.catalog.endpoints(services.models.of(caller.id))
    dumped: list[dict[str, Any]] = schemas.endpoint.dump(offered, many=True)
    return dumped
