"""The caller's credits."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import balance as schemas


def get_balance(services: Services, caller: Caller) -> dict[str, Any] | tuple[None, int]:
    """What the caller may still spend; nothing where nobody's spending is limited."""
    found = services.credits.shown(caller.id)
    return (None, 204) if found is None else schemas.balance(found)
