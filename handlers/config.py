"""What a client needs to know before anyone has logged in."""

from typing import Any

from echo.services import Services
from handlers.schemas import config as schemas


def get_config(services: Services) -> dict[str, Any]:
    """What is really switched on."""
    dumped: dict[str, Any] = schemas.config.dump(services.settings)
    return dumped
