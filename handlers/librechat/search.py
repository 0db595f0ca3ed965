"""Whether messages can be searched."""

from echo.services import Services


def get_search_enabled(services: Services) -> bool:
    """They can: Echo needs no second service for it."""
    return True
