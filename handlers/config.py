"""What a client needs to know before anyone has logged in, and some more afterwards."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from echo.settings.model_access import EVERYTHING
from echo.settings.startup import narrowed
from handlers.schemas import config as schemas


def get_config(services: Services, caller: Caller | None) -> dict[str, Any]:
    """What is really switched on; what the interface and the models are like is for those who have logged in."""
    opened = EVERYTHING if caller is None else services.models.of(caller.id)
    told = services.administration.live.startup(caller.id if caller else None)
    return schemas.config(narrowed(told, opened), signed_in=caller is not None)
