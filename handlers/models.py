"""The models of each endpoint."""

from echo.handling.caller import Caller
from echo.services import Services


def list_models(services: Services, caller: Caller) -> dict[str, list[str]]:
    """The names of the models by endpoint, of those that are open to the caller."""
    return services.providers.catalog.models(services.models.of(caller.id))
