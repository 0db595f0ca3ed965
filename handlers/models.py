"""The models of each endpoint."""

from echo.services import Caller, Services


def list_models(services: Services, caller: Caller) -> dict[str, list[str]]:
    """The names of the models by endpoint."""
    return services.catalog.models()
