"""What LibreChat's client needs to know before it shows anything."""

from typing import Any

from echo.agents import agents_endpoint
from echo.handling.caller import Caller
from echo.services import Services
from echo.settings.startup import narrowed
from handlers.librechat.schemas import config as schemas

Json = dict[str, Any]


def get_config(services: Services, caller: Caller | None, *, context: str | None = None) -> Json:
    """What is really switched on; what the interface and the models are like is for those who have logged in."""
    told = services.administration.live.startup(caller.id if caller else None)
    if caller is None:
        return told.librechat_anyone
    return narrowed(told, services.models.of(caller.id)).librechat_signed_in


def get_banner(services: Services, caller: Caller | None) -> Json | tuple[str, int, dict[str, str]]:
    """The banner of the hour, an empty text if there is none."""
    banner = services.library.banners.current(public_only=caller is None)
    if banner is None:
        return "", 200, {"Content-Type": "text/plain; charset=utf-8"}
    return schemas.banner.dump_one(banner)


def list_endpoints(services: Services, caller: Caller) -> dict[str, Json]:
    """Every endpoint that can be used, by its name, and agents."""
    offered = services.providers.catalog.endpoints(services.models.of(caller.id))
    return schemas.endpoints(offered, agents_endpoint(services.settings))


def get_token_config(services: Services, caller: Caller) -> dict[str, dict[str, Json]]:
    """The windows of the models that are known, by endpoint, and what they cost where clients show it."""
    offered = services.providers.catalog.endpoints(services.models.of(caller.id))
    shows = services.administration.live.settings(caller.id).client.tells_cost
    return schemas.windows(offered, services.credits.prices if shows else None)
